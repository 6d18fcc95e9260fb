"""What the exchange says of single orders, and which of them an edit put in another's place."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from orders.lifecycle.order_closure import Closure
from orders.pacifica.rows import HistoryOrder, OpenOrder, OrderEvent, TwapOrder
from orders.reconcile import closures

OPEN = {"", "open", "partially_filled", "in_execution"}
SAME_MOMENT = timedelta(seconds=1)  # an edit closes one order and makes the next
# Where no client order id says that it is the next: times have whole milliseconds, and a bot places
# anew within a few of them.
SAME_INSTANT = timedelta(milliseconds=2)


@dataclass(frozen=True)
class OrderPast:
    """What the exchange says of one order. ``status``: its word; ``ending``: None unless an end.

    ``odd_fields``: names of what it said that could not be read.
    """

    order_id: int
    client_order_id: str | None
    symbol: str
    created_at: datetime | None
    ending: Closure | None
    status: str = ""
    side: str | None = None
    odd_fields: tuple = ()

    @property
    def name(self) -> str:
        """The client order id in lower case, or empty."""
        return (self.client_order_id or "").lower()

    @property
    def is_in_doubt(self) -> bool:
        """Neither an end nor open, by any word that we know."""
        return self.ending is None and self.status not in OPEN

    @property
    def may_be_edited(self) -> bool:
        """Closed as an edit closes an order, at a moment that is known."""
        end = self.ending
        is_cancelled = end is not None and end.status == "cancelled" and end.event in closures.OURS
        return is_cancelled and end.at is not None


def of_row(row: HistoryOrder | TwapOrder) -> OrderPast:
    """From one row of the paged history."""
    return _past(row, closures.made_at(row), closures.of_history_row(row), row.order_status)


def of_events(events: tuple[OrderEvent | TwapOrder, ...]) -> OrderPast:
    """From one order's events, newest first."""
    newest, made_at = events[0], closures.made_at(events[-1])
    return _past(newest, made_at, closures.of_events(events), newest.order_status)


def of_open_row(row: OpenOrder | TwapOrder) -> OrderPast:
    """From one row of the open orders."""
    return _past(row, closures.made_at(row), None, "open")


def _past(row: Any, made_at: datetime, ending: Closure | None, status: str) -> OrderPast:
    about = (row.order_id, row.client_order_id, row.symbol, made_at, ending)
    return OrderPast(*about, status or "", row.side, row.odd_fields)


class Edits:
    """Which order came in the place of which, among some.

    An edit closes an order and makes a new one at that moment, of the same client order id where
    there is one, and else of the same symbol and side (docs.pacifica.fi edit-order page).
    """

    def __init__(self, pasts: Iterable[OrderPast]) -> None:
        pasts = list(pasts)
        self._made = sorted((one for one in pasts if one.created_at), key=_created_at)
        self._named = {}
        for one in sorted(pasts, key=lambda one: one.order_id):
            self._named.setdefault(one.name, []).append(one)
        self._closed = {}
        for one in pasts:
            if not one.name and one.may_be_edited:
                self._closed.setdefault(_kin(one), []).append(one.ending.at)
        for moments in self._closed.values():
            moments.sort()

    def last_of(self, past: OrderPast | None) -> OrderPast | None:
        """The order that stands, or ended, in the place of this one; None where there is none."""
        last = None
        while past is not None and past.may_be_edited and not self._is_one_of_several(past):
            past = self._next_of(past)
            last = past or last
        return last

    def maybe_of(self, past: OrderPast) -> OrderPast | None:
        """An order made as this one closed, where others closed too: it came in the place of one
        of them."""
        if not past.may_be_edited or not self._is_one_of_several(past):
            return None
        return self._next_of(past)

    def _is_one_of_several(self, past: OrderPast) -> bool:
        """Whether others of its kin closed so near that times cannot tell which was edited."""
        at, moments = past.ending.at, self._closed.get(_kin(past), [])
        near = bisect_right(moments, at + 2 * SAME_INSTANT)
        return not past.name and near - bisect_left(moments, at - 2 * SAME_INSTANT) > 1

    def _next_of(self, past: OrderPast) -> OrderPast | None:
        if past.name:
            named = self._named.get(past.name, [])
            later = named[bisect_right(named, past.order_id, key=lambda one: one.order_id) :]
            for one in later:
                if one.created_at is None or abs(one.created_at - past.ending.at) <= SAME_MOMENT:
                    return one
        at = past.ending.at
        first = bisect_left(self._made, at - SAME_INSTANT, key=_created_at)
        for one in islice(self._made, first, None):
            if one.created_at > at + SAME_INSTANT:
                return None
            if one.order_id > past.order_id and _may_be_kin(past, one):
                return one
        return None


def _created_at(past: OrderPast) -> datetime | None:
    return past.created_at


def _kin(past: OrderPast) -> Any:
    return past.name or (past.symbol, past.side)


def _may_be_kin(past: OrderPast, other: OrderPast) -> bool:
    """Whether what was made is such as an edit of the other makes; what nobody can read may be."""
    is_odd = "client_order_id" in (*past.odd_fields, *other.odd_fields)
    if not is_odd and (past.name or other.name):
        return False
    told = [(getattr(past, name), getattr(other, name)) for name in ("symbol", "side")]
    return all(one == another or None in (one, another) for one, another in told)
