"""The pages of a list that grows without end: its first rows, and no total."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from orders.models.newest import NEWEST_FIRST, Parts, count_up_to, newest

MAX_COUNTED = 1_000  # rows; older ones are reached by a filter, a search or the time

if TYPE_CHECKING:
    RowPaginator = Paginator[Any]
else:
    RowPaginator = Paginator


class CappedPaginator(RowPaginator):
    """Walks no further than anyone pages: of a million rows nobody waits for the total."""

    object_list: QuerySet[Any]

    def counted(self, many: int) -> int:
        """Return how many rows there are, or ``many`` where there are more."""
        return min(many, len(self._all))

    def pks(self, first: int, last: int) -> list[int]:
        """Return the rows between these two places."""
        return self._all[first:last]

    @cached_property
    def _all(self) -> list[int]:
        return list(self.object_list.values_list("pk", flat=True)[: MAX_COUNTED + 1])

    @cached_property
    def _counted(self) -> int:
        return self.counted(MAX_COUNTED + 1)

    @cached_property
    def count(self) -> int:
        return min(self._counted, MAX_COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more than the pages hold."""
        return self._counted > MAX_COUNTED

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        last = min(number * self.per_page, self.count)
        shown = self.pks((number - 1) * self.per_page, last)
        found = self.object_list.model._default_manager.filter(pk__in=shown)
        found.query.select_related = self.object_list.query.select_related
        by_pk = {row.pk: row for row in found}
        return Page([by_pk[pk] for pk in shown if pk in by_pk], number, self)


class NewestPaginator(CappedPaginator):
    """The same for the newest rows of several owners, which an index leads to."""

    def __init__(self, rows: QuerySet[Any], per_page: int, *, parts: Parts) -> None:
        super().__init__(rows, per_page)
        self.parts = parts

    def counted(self, many: int) -> int:
        return count_up_to(self.object_list, parts=self.parts, many=many)

    def pks(self, first: int, last: int) -> list[int]:
        return newest(self.object_list, parts=self.parts, many=last)[first:]


def is_newest_first(rows: QuerySet[Any]) -> bool:
    """Whether a list is sorted as nobody chose it."""
    return tuple(rows.query.order_by) == NEWEST_FIRST
