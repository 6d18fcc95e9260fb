"""Look up in the exchange's history what became of orders: page by page, or by their ids."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from orders.exchange import credits, readings
from orders.exchange.reader import Parse, ParseOfOrder
from orders.models import Cancel, CancelKind
from orders.pacifica.reads import HistoryPage, Listed, OpenOrders
from orders.pacifica.rows import OpenOrder, OrderEvent, TwapOrder
from orders.reconcile import history_pages, order_pasts
from orders.reconcile.history_pages import HistoryRow

if TYPE_CHECKING:
    from orders.reconcile.findings import Findings


@dataclass(frozen=True)
class Limits:
    """Pages that one question is worth, over its whole life less than a hundred.

    Many are worth as many as reach them all, while that is cheaper than to look each up by its id.
    """

    #: At the first look, at the second and so on: deep ones once the reads had time to catch up.
    pages: tuple[int, ...] = (5, 2, 2, 2, 3, 15, 20)
    pages_later: int = 2  # at each look after those

    def pages_of(self, cancels: list[Cancel]) -> int:
        """Return how many pages are read for these: as many as for the one that is worth most."""
        return max(self._at(one.checks) for one in cancels)

    def _at(self, look: int) -> int:
        return self.pages[look - 1] if 0 < look <= len(self.pages) else self.pages_later


LIMITS = Limits()
DEEP = len(LIMITS.pages)  # looks after which the history was read as deep as it ever is
PAGE = 100  # rows of one, where longer ones are refused
MANY_THRESHOLD = 100  # questions whose reading leaves what is kept for urgent cancels


@dataclass(frozen=True)
class Routes:
    """Where one kind of order is read, and how."""

    book: str
    open_rows: Parse[OpenOrders[OpenOrder | TwapOrder]]
    history: str
    page: Parse[HistoryPage[HistoryRow]]
    by_id: str
    events: ParseOfOrder[Listed[OrderEvent | TwapOrder]]


class LookUp:
    """One round of looking up. ``evidence``: takes what is told; ``is_late``: asked before each."""

    def __init__(
        self,
        evidence: "Findings",
        routes: Routes,
        params: dict[str, str],
        is_late: Callable[[], bool],
        limits: Limits = LIMITS,
    ) -> None:
        self._evidence, self._routes, self._params = evidence, routes, params
        self._is_late, self._limits = is_late, limits

    def through_history(self, cancels: list[Cancel]) -> None:
        """Read pages until all are found, and what edits put in their places.

        Read as deep as the oldest of them needs.
        """
        left, edits, read = _Left(cancels), _Edited(), 0

        def needed(rows: list[HistoryRow]) -> int:
            nonlocal read
            edits.look_at(left.take(rows[read:]))
            read, reach = len(rows), history_pages.Reach(rows)
            is_over = rows and self._is_late()
            if is_over or ((not left or left.is_past(reach)) and edits.is_past(reach)):
                return 0
            return 1 + len(left) // (10 * PAGE)

        most = self._limits.pages_of(cancels)
        if len(cancels) > most:
            reach = most + 3 * _asked_since(cancels) // (2 * PAGE)
            most = reach if reach <= len(cancels) else most
        purpose = credits.PROOF if len(cancels) <= MANY_THRESHOLD else credits.BULK
        self._pages(needed, most, purpose)

    def for_edits(self, cancels: list[Cancel]) -> None:
        """Look for what edits put in the place of orders that closed as an edit closes one."""
        edits = _Edited()
        closed = [one for one in cancels if self._may_be_edited(one)]
        edits.look_at(self._evidence.past_of(one) for one in closed)
        if not closed or self._is_late():
            return

        def needed(rows: list[HistoryRow]) -> int:
            is_over = rows and (self._is_late() or edits.is_past(history_pages.Reach(rows)))
            return 0 if is_over else 1

        self._pages(needed, self._limits.pages_of(closed), credits.PROOF)

    def by_id(self, cancel: Cancel) -> None:
        """Ask for the events of one order, which the cancel names by its order id."""
        evidence, routes, order_id = self._evidence, self._routes, cancel.order_id
        if order_id is None or self._is_late():
            return
        answer = evidence.reader.ask_of_order(routes.by_id, order_id, routes.events)
        evidence.readings.append(answer)
        if answer.is_unknown:
            evidence.unknown.add(order_id)
        elif answer.value is None:
            evidence.unread_ids[order_id] = answer.why
        else:
            past = order_pasts.of_events(answer.value.rows)
            if answer.value.odd:  # its first event may be among them, and its last
                past = replace(past, created_at=None)
            if answer.value.odd and past.ending is None:
                evidence.unread_ids[order_id] = readings.UNREADABLE
            elif evidence.is_ours(cancel) or order_id in evidence.pasts:
                evidence.add(past)
            else:
                evidence.unowned[order_id] = past

    def _pages(self, needed: Callable[[list[HistoryRow]], int], most: int, purpose: str) -> None:
        evidence, routes = self._evidence, self._routes
        reader = evidence.reader.for_purpose(purpose)
        pages = reader.pages(routes.history, self._params, routes.page, needed, most=most)
        evidence.pages = pages
        evidence.readings += pages.readings
        for row in pages.rows:
            evidence.add(order_pasts.of_row(row))

    def _may_be_edited(self, cancel: Cancel) -> bool:
        past = self._evidence.past_of(cancel)
        if cancel.kind != CancelKind.ORDER or past is None or not past.may_be_edited:
            return False
        return self._evidence.last_edit_of(past) is None


def _asked_since(cancels: list[Cancel]) -> int:
    """Count the account's cancels asked for since the first of these: they may stand as deep."""
    first = min(cancel.pk for cancel in cancels)
    return Cancel.objects.filter(account=cancels[0].account_id, pk__gte=first).count()


def name_of(cancel: Cancel) -> str:
    """The client order id in lower case, or empty where the cancel has none."""
    return (cancel.client_order_id or "").lower()


class _Left:
    """Names of orders that are still looked for, and how long ago the oldest of them was made."""

    def __init__(self, cancels: list[Cancel]) -> None:
        self._ids = {one.order_id: one for one in cancels if one.order_id}
        self._names = {name_of(one) for one in cancels if not one.order_id}

    def __len__(self) -> int:
        return len(self._ids) + len(self._names)

    def take(self, rows: Iterable[HistoryRow]) -> Iterator[order_pasts.OrderPast]:
        """Look no longer for the orders of these rows; what they say of those that were."""
        for row in rows:
            name = (row.client_order_id or "").lower()
            if self._ids.pop(row.order_id, None) or name in self._names:
                self._names.discard(name)
                yield order_pasts.of_row(row)

    def is_past(self, reach: history_pages.Reach) -> bool:
        """Whether the rows were read past where each of the others would stand."""
        orders = [cancel.known_order for cancel in self._ids.values()]
        made_at = [order.created_at for order in orders if order and order.created_at]
        if self._names or len(made_at) < len(orders):
            return False
        return reach.is_past(min(made_at))


class _Edited:
    """When orders closed that an edit may have closed: what it made was made at that moment."""

    def __init__(self) -> None:
        self._first: datetime | None = None

    def look_at(self, pasts: Iterable[order_pasts.OrderPast | None]) -> None:
        """Take in what was told of some orders."""
        moments = [past.edited_at for past in pasts if past and past.edited_at]
        self._first = min([*moments, *filter(None, [self._first])], default=None)

    def is_past(self, reach: history_pages.Reach) -> bool:
        """Whether the rows were read past all that was made at those moments."""
        return self._first is None or reach.is_past(self._first - order_pasts.SAME_MOMENT)
