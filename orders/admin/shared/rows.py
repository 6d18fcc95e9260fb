"""The rows of a list: sorted by the name of a column, read once, drawn lean."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import Expression, OrderBy
from django.http import HttpRequest
from django.utils.safestring import SafeString

from orders.admin.shared.markup import joined, put
from orders.admin.shared.pages import CappedPaginator
from orders.admin.shared.unfold import ChangeList
from orders.templatetags.desk import zone

if TYPE_CHECKING:
    from orders.admin.shared.filters import Choice
    from orders.admin.shared.screens import Screen

BOX = "action_checkbox"  # Django's name of the column of boxes
MAX_SORTED = 3
FILTER_ALONE = "filter_alone"  # where a request says that nobody looks at the rows


@dataclass(frozen=True)
class Head:
    """The head of a column. ``sorting``: *ascending*, *descending* or nothing, as ARIA has it.

    ``title``: what it explains; ``note``: what it says beside its name.
    """

    label: str
    css: str
    link: str = ""
    sorting: str = ""
    title: str = ""
    note: str = ""


class Rows(ChangeList):
    """A change list that sorts by names, and lets its screen add to the rows of the page."""

    model_admin: "Screen[Any]"

    def get_results(self, request: HttpRequest) -> None:
        if getattr(request, FILTER_ALONE, False):
            return
        try:
            super().get_results(request)
        except IncorrectLookupParameters:  # of a page that is no more
            self._go_to_last_page(request)
        self.result_list = list(self._shown())
        self.full_result_count = self.result_count  # no second count, no second total
        self.model_admin.complete_rows(request, self.result_list)

    def _go_to_last_page(self, request: HttpRequest) -> None:
        """Show the last page in place of one that is no more, with filter and sorting kept."""
        wanted, self.page_num = self.page_num, 1
        super().get_results(request)
        self.page_num = self.paginator.num_pages
        if self.page_num > 1:
            super().get_results(request)
        messages.info(request, f"There is no page {wanted} any more. This is the last one.")

    def _shown(self) -> Iterable[Any]:
        """The rows of the page, not read yet."""
        rows: Iterable[Any] = self.result_list
        if isinstance(self.paginator, CappedPaginator):
            # Django would ask a list that fits one page anew, without the limit.
            rows = self.paginator.page(self.page_num if self.multi_page else 1).object_list
        return rows

    # Sorting: `?o=price.-age`, so that a link sorts the same for whoever opens it

    @property
    def sorted_by(self) -> dict[str, bool]:
        """Whether it goes down, by column, the first one first; what cannot be sorted is left."""
        found: dict[str, bool] = {}
        for part in self.sorting_asked.split("."):
            column = f"{part.removeprefix('-')}_column"
            if column in self.model_admin.sortable_by:
                found.setdefault(column, part.startswith("-"))
        return dict(list(found.items())[:MAX_SORTED])

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """As was chosen, then as usual; rows without a value come last."""
        chosen = [self._ordering(column, is_down) for column, is_down in self.sorted_by.items()]
        usual = self.model_admin.get_ordering(request) or self.lookup_opts.ordering or ()
        return [*chosen, *usual, "-pk"]

    def _ordering(self, column: str, is_down: bool) -> OrderBy:
        by = self.get_ordering_field(column)
        by = by() if callable(by) else by
        if isinstance(by, str) and by.startswith("-"):
            by, is_down = by.removeprefix("-"), not is_down
        expression = F(by) if isinstance(by, str) else cast(Expression, by)
        return OrderBy(expression, descending=is_down, nulls_last=True)

    @property
    def sorting_asked(self) -> str:
        """The sorting in the address line, for links and forms that keep it."""
        return str(self.params.get(ORDER_VAR, ""))

    # The filter bar

    @property
    def choices(self) -> "list[Choice]":
        """The filters; those of every list are of our own kind."""
        return cast("list[Choice]", self.filter_specs)

    @property
    def often(self) -> "list[Choice]":
        """The filters that stand in the bar."""
        return [spec for spec in self.choices if not spec.is_rare]

    @property
    def rare(self) -> "list[Choice]":
        """The filters that stand behind *More*."""
        return [spec for spec in self.choices if spec.is_rare]

    @property
    def rare_chosen(self) -> int:
        """How many of the filters behind *More* are in use."""
        return sum(bool(spec.value()) for spec in self.rare)

    @property
    def cleared(self) -> str:
        """The address of the list without any filter, sorted as it is."""
        sorting = self.sorting_asked
        return f"?{urlencode({ORDER_VAR: sorting})}" if sorting else "?"

    # Pages

    @property
    def row_name(self) -> str:
        """What the rows are called beside their count."""
        names = self.model_admin.row_names
        one, many = names or (self.opts.verbose_name, self.opts.verbose_name_plural)
        return str(one if self.result_count == 1 else many)

    @property
    def pages(self) -> Iterator[tuple[str, str]]:
        """The label of each page beside this one, and its link; without one for this page."""
        if not self.multi_page:
            return
        held = {name: value for spec in self.choices for name, value in spec.held.items()}
        for page in self.paginator.get_elided_page_range(self.page_num, on_each_side=2):
            is_link = isinstance(page, int) and page != self.page_num
            yield str(page), self.get_query_string(held | {PAGE_VAR: page}) if is_link else ""

    # The table

    @property
    def columns(self) -> list[str]:
        """The columns but for the boxes."""
        return [str(column) for column in self.list_display if column != BOX]

    @property
    def has_boxes(self) -> bool:
        """Whether rows can be selected."""
        return BOX in self.list_display

    @property
    def heads(self) -> Iterator[Head]:
        """The heads of the columns, drawn once a page."""
        for column in self.columns:
            label = str(label_for_field(column, self.model, self.model_admin))
            label = label.replace("(UTC)", f"({zone()})")
            css = self.model_admin.column_css.get(column, "")
            link = self._link(column) if column in self.model_admin.sortable_by else ("", "")
            yield Head(label, css, *link, *self.model_admin.head_note(column, self.result_list))

    def _link(self, column: str) -> tuple[str, str]:
        """Where a click on the head leads, and how the column is sorted now.

        A first click sorts, the second turns round, the third lets go.
        """
        now = self.sorted_by
        others = {name: is_down for name, is_down in now.items() if name != column}
        first_down = column in self.model_admin.largest_first
        if column not in now:
            others = {column: first_down} | others
        elif now[column] == first_down:
            others = {column: not first_down} | others
        words = ".".join(
            f"{'-' if is_down else ''}{name.removesuffix('_column')}"
            for name, is_down in list(others.items())[:MAX_SORTED]
        )
        link = self.get_query_string({ORDER_VAR: words or None})
        sorting = {None: "", False: "ascending", True: "descending"}[now.get(column)]
        return link, sorting

    @property
    def drawn(self) -> SafeString:
        """The rows of the page as markup."""
        draw = self.model_admin.row_html
        return joined(draw(row, has_box=self.has_boxes) for row in self.result_list)


def box(name: str, pk: int) -> SafeString:
    """The box by which a row is selected, named for those who hear it."""
    return put(
        '<td><input type="checkbox" class="action-select" name="{}" value="{}"'
        ' aria-label="Select {}"></td>',
        ACTION_CHECKBOX_NAME,
        pk,
        name,
    )


def row_html(screen: "Screen[Any]", row: Model, *, has_box: bool) -> SafeString:
    """A row of a list: what the screen's columns say, and nothing beside."""
    cells = [box(screen.name_of(row), row.pk)] if has_box else []
    columns = [str(column) for column in screen.list_display]
    links = columns[:1] if screen.list_display_links == () else screen.list_display_links or ()
    for column in columns:
        shown = getattr(screen, column)(row)
        css = screen.column_css.get(column, "")
        if column in links:
            shown = put('<a href="{}">{}</a>', screen.address_of(row), shown)
        cells.append(cell(shown, css, tag="th" if column in links else "td"))
    return put("{}{}</tr>", screen.opening_of(row), joined(cells))


def cell(shown: str | None, css: str = "", *, tag: str = "td") -> SafeString:
    """A cell of a row; with the tag ``th`` the one that names the row."""
    opening = '<th scope="row"' if tag == "th" else f"<{tag}"
    shown = "–" if shown is None else shown
    if not css:
        return put(f"{opening}>{{}}</{tag}>", shown)
    return put(f'{opening} class="{{}}">{{}}</{tag}>', css, shown)
