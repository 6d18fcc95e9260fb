"""What the exchange says of single orders, and which of them an edit put in another's place."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orders.pacifica.rows import HistoryOrder, OpenOrder, OrderEvent, TwapOrder
from orders.reconcile import closures

OPEN = {"", "open", "partially_filled", "in_execution"}
SAME_MOMENT = timedelta(seconds=1)  # an edit closes one order and makes the next
# Where no client order id says that it is the next: times have whole milliseconds, and a bot places
# anew within a few of them.
SAME_INSTANT = timedelta(milliseconds=2)


@dataclass(frozen=True)
class OrderPast:
    """What the exchange says of one order. ``status``: its word; ``ending``: None unless an end."""

    order_id: int
    client_order_id: str | None
    symbol: str
    created_at: datetime | None
    ending: closures.Closure | None
    status: str = ""
    side: str | None = None

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


def _past(row: Any, made_at: datetime, ending: closures.Closure | None, status: str) -> OrderPast:
    about = (row.order_id, row.client_order_id, row.symbol, made_at, ending)
    return OrderPast(*about, status or "", row.side)


class Edits:
    """Which order came in the place of which, among some.

    An edit closes an order and makes a new one at that moment, of the same client order id where
    there is one, and else of the same symbol and side (docs.pacifica.fi edit-order page).
    """

    def __init__(self, pasts: list[OrderPast]) -> None:
        self._made = {}
        for past in sorted(
            (one for one in pasts if one.created_at), key=lambda one: one.created_at
        ):
            self._made.setdefault(_kin(past), []).append(past)

    def last_of(self, past: OrderPast) -> OrderPast | None:
        """The order that stands, or ended, in the place of this one; None where there is none."""
        last = None
        while past is not None and past.may_be_edited:
            past = self._next_of(past)
            last = past or last
        return last

    def _next_of(self, past: OrderPast) -> OrderPast | None:
        at, made = past.ending.at, self._made.get(_kin(past), [])
        span = SAME_MOMENT if past.name else SAME_INSTANT
        first = bisect_left(made, at - span, key=lambda one: one.created_at)
        for one in made[first:]:
            if one.created_at > at + span:
                return None
            if one.order_id > past.order_id:
                return one
        return None


def _kin(past: OrderPast) -> str | tuple[str, str]:
    return past.name or (past.symbol, past.side)
