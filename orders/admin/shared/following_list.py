"""Lists whose rows follow: a page asks for those of its rows that still go on, and no others."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from orders.admin.shared import versions
from orders.admin.shared.markup import joined, put
from orders.admin.shared.screens import Screen, fragment
from orders.admin.shared.unfold import Row
from orders.models.lookups import is_row_id

HOLDS_S = 5  # how long what no record tells of may stand there unchanged


class FollowingList(Screen[Row]):
    """A list that tells an open page what its rows say now; those that ended stay."""

    follows = ""  # the kind of changes that the page is told of; where it is empty the page asks

    def goes_on(self, row: Row) -> bool:
        """Whether the row may still change by itself."""
        raise NotImplementedError

    def told(self, request: HttpRequest) -> "QuerySet[Any]":
        """The rows that a page may ask for: those of the person's desks, ended ones too."""
        rows: QuerySet[Any] = self.get_queryset(request)
        return rows

    @property
    def rows_address(self) -> str:
        """Where an open page asks for its rows."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_rows")

    def opening_of(self, row: Row) -> SafeString:
        """The row's tag, by which a page finds it and knows whether to ask for it."""
        mark = SafeString(" data-goes" if self.goes_on(row) else "")
        return put('<tr data-row="{}"{}>', row.pk, mark)

    @method_decorator(require_safe)
    def rows_view(self, request: HttpRequest) -> HttpResponse:
        """The rows named, as they are now."""
        self.guard_view(request)
        moment = int(timezone.now().timestamp()) // HOLDS_S
        if same := versions.unchanged(request, moment):
            return same
        wanted = [pk for pk in request.GET.getlist("row")[: self.list_per_page] if is_row_id(pk)]
        rows = list(self.told(request).select_related(*_joined(self)).filter(pk__in=wanted))
        self.complete_rows(request, rows)
        html = joined(self.row_html(row, has_box=False) for row in rows)
        return versions.versioned(fragment(html), request, moment)


def _joined(screen: Screen[Any]) -> tuple[str, ...]:
    """What the list reads with its rows."""
    named = screen.list_select_related
    return () if isinstance(named, bool) else tuple(named)
