"""The pages of a list that grows without end: its first rows, and no total."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from orders.models.newest import NEWEST_FIRST, newest

MAX_COUNTED = 1_000  # rows; older ones are reached by a filter, a search or the time

if TYPE_CHECKING:
    RowPaginator = Paginator[Any]
else:
    RowPaginator = Paginator


class Owners(NamedTuple):
    """Whose rows a list holds, and the column of a row that names its owner."""

    rows: QuerySet[Any]
    link: str


class CappedPaginator(RowPaginator):
    """Walks no further than anyone pages: of a million rows nobody waits for the total."""

    object_list: QuerySet[Any]

    def first(self, many: int) -> QuerySet[Any]:
        """Return so many rows of the list."""
        return self.object_list[:many]

    @cached_property
    def pks(self) -> list[int]:
        """The rows of every page; one more than is shown tells that there are more."""
        return list(self.first(MAX_COUNTED + 1).values_list("pk", flat=True))

    @cached_property
    def count(self) -> int:
        return min(len(self.pks), MAX_COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more than the pages hold."""
        return len(self.pks) > MAX_COUNTED

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        shown = self.pks[: self.count][(number - 1) * self.per_page : number * self.per_page]
        found = self.object_list.model._default_manager.filter(pk__in=shown)
        found.query.select_related = self.object_list.query.select_related
        by_pk = {row.pk: row for row in found}
        return Page([by_pk[pk] for pk in shown if pk in by_pk], number, self)


class NewestPaginator(CappedPaginator):
    """Finds the newest rows of several owners by an index, as long as the newest come first."""

    def __init__(self, rows: QuerySet[Any], per_page: int, *, owners: Owners) -> None:
        super().__init__(rows, per_page)
        self.owners = owners

    def first(self, many: int) -> QuerySet[Any]:
        if tuple(self.object_list.query.order_by) != NEWEST_FIRST:
            return super().first(many)
        owners, link = self.owners
        return newest(self.object_list, owners=owners, link=link, many=many)[:many]
