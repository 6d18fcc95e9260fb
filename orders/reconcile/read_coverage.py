"""Which read shows what of which order, for the record: of many pages each order is in few."""

from typing import Any

from orders.audit import log
from orders.exchange.readings import Reading
from orders.models import Cancel
from orders.pacifica.client import Answer
from orders.pacifica.strict_json import spelled
from orders.reconcile.findings import Findings


class ReadCoverage:
    """The reads of one round, by the orders they speak of. ``found``: what was read."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._pages = found.pages.readings if found.pages is not None else []
        self._is_page = {id(each) for each in self._pages}
        self._rows = {id(each): _by_order_id(each) for each in found.readings}

    def tells_of(self, each: Reading[Any], cancel: Cancel) -> bool:
        """Whether this read is evidence about this cancel's order.

        Of the pages those that show it, or what came in its place; where none does, the last.
        """
        order_id = self._found.meant(cancel)
        if "order_id" in each.params:
            return each.params["order_id"] == order_id
        if id(each) not in self._is_page:
            return True
        if {order_id, self._came_after(order_id)} & self._rows[id(each)].keys():
            return True
        return each is self._pages[-1] and order_id not in self._found.pasts

    def page_of(self, cancel: Cancel) -> int:
        """Which page first shows this cancel's order; one after the last where none does."""
        order_id = self._found.meant(cancel)
        shows = (n for n, each in enumerate(self._pages) if order_id in self._rows[id(each)])
        return next(shows, len(self._pages))

    def kept_row(self, each: Reading[Any], cancel: Cancel) -> str:
        """The exchange's row about this cancel's order, as JSON, where the log cuts this answer."""
        body = each.result.body if isinstance(each.result, Answer) else b""
        if len(body) <= log.KEPT_BYTES:
            return ""
        order_id = self._found.meant(cancel)
        row = None if order_id is None else self._rows[id(each)].get(order_id)
        return "" if row is None else spelled(row.raw)

    def _came_after(self, order_id: int | None) -> int | None:
        past = None if order_id is None else self._found.pasts.get(order_id)
        last = None
        if past is not None:
            last = self._found.last_edit_of(past) or self._found.maybe_edit_of(past)
        return last.order_id if last is not None else order_id


def _by_order_id(each: Reading[Any]) -> dict[int, Any]:
    rows = getattr(each.value, "rows", each.value) or ()
    return {row.order_id: row for row in reversed(rows)}
