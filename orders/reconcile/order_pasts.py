"""What the exchange says of single orders, and which of them an edit put in another's place."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter

from orders.lifecycle.order_closure import Closure
from orders.pacifica.rows import AnyOrder, HistoryOrder, OpenOrder, OrderEvent, TwapOrder
from orders.pacifica.stream_rows import OrderUpdate
from orders.reconcile import closures

OPEN = {"", "open", "partially_filled", "in_execution"}
SAME_MOMENT = timedelta(seconds=1)  # an edit closes one order and makes the next
# Where no client order id says that it is the next: times have whole milliseconds, and a bot places
# anew within a few of them.
SAME_INSTANT = timedelta(milliseconds=2)
Kin = str | tuple[str, str | None]  # a client order id, else symbol and side


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
    odd_fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The client order id in lower case, or empty."""
        return (self.client_order_id or "").lower()

    @property
    def is_in_doubt(self) -> bool:
        """Neither an end nor open, by any word that we know."""
        return self.ending is None and self.status not in OPEN

    @property
    def edited_at(self) -> datetime | None:
        """When it closed, where it closed as an edit closes an order, at a moment that is known."""
        end = self.ending
        if end is None or end.status != "cancelled" or end.event not in closures.OURS:
            return None
        return end.at

    @property
    def may_be_edited(self) -> bool:
        """Whether it closed as an edit closes an order, at a moment that is known."""
        return self.edited_at is not None


def of_row(row: HistoryOrder | TwapOrder) -> OrderPast:
    """Take what one row of the paged history says."""
    return _past(row, closures.made_at(row), closures.of_history_row(row), row.order_status)


def of_events(events: Sequence[OrderEvent | TwapOrder]) -> OrderPast:
    """Take what one order's events say, newest first."""
    newest, made_at = events[0], closures.made_at(events[-1])
    return _past(newest, made_at, closures.of_events(events), newest.order_status)


def of_update(row: OrderUpdate, order_id: int, symbol: str) -> OrderPast:
    """Take what one update of the stream says. ``symbol``: the update's, or the known order's."""
    return OrderPast(
        order_id=order_id,
        client_order_id=row.client_order_id,
        symbol=symbol,
        created_at=closures.made_at(row),
        ending=closures.of_update(row),
        status=row.order_status or "",
        side=row.side,
        odd_fields=row.odd_fields,
    )


def of_open_row(row: OpenOrder | TwapOrder) -> OrderPast:
    """Take what one row of the open orders says."""
    return _past(row, closures.made_at(row), None, "open")


def _past(
    row: AnyOrder, made_at: datetime | None, ending: Closure | None, status: str | None
) -> OrderPast:
    return OrderPast(
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        created_at=made_at,
        ending=ending,
        status=status or "",
        side=row.side,
        odd_fields=row.odd_fields,
    )


class Edits:
    """Which order came in the place of which, among some.

    An edit closes an order and makes a new one at that moment, of the same client order id where
    there is one, and else of the same symbol and side (docs.pacifica.fi edit-order page).
    """

    def __init__(self, pasts: Iterable[OrderPast]) -> None:
        pasts = list(pasts)
        made = ((past.created_at, past) for past in pasts if past.created_at)
        self._made = sorted(made, key=itemgetter(0))
        self._named: dict[str, list[OrderPast]] = {}
        for past in sorted(pasts, key=attrgetter("order_id")):
            self._named.setdefault(past.name, []).append(past)
        self._closed: dict[Kin, list[datetime]] = {}
        for past in pasts:
            if not past.name and past.edited_at is not None:
                self._closed.setdefault(_kin(past), []).append(past.edited_at)
        for moments in self._closed.values():
            moments.sort()

    def last_of(self, past: OrderPast | None) -> OrderPast | None:
        """The order that stands, or ended, in the place of this one; None where there is none."""
        last = None
        while past is not None and (at := past.edited_at) is not None:
            past = None if self._is_one_of_several(past, at) else self._next_of(past, at)
            if past is not None and not _is_at(past, at):
                break
            last = past or last
        return last

    def maybe_of(self, past: OrderPast) -> OrderPast | None:
        """An order that an edit may have put in this one's place: others closed too as it was
        made, or it bears the same client order id and was made within a second."""
        at = past.edited_at
        made = None if at is None else self._next_of(past, at)
        if at is None or made is None:
            return None
        is_sure = _is_at(made, at) and not self._is_one_of_several(past, at)
        return None if is_sure else made

    def _is_one_of_several(self, past: OrderPast, at: datetime) -> bool:
        """Whether others of its kin closed so near that times cannot tell which was edited.

        ``at``: when it closed.
        """
        moments = self._closed.get(_kin(past), [])
        near = bisect_right(moments, at + 2 * SAME_INSTANT)
        return not past.name and near - bisect_left(moments, at - 2 * SAME_INSTANT) > 1

    def _next_of(self, past: OrderPast, at: datetime) -> OrderPast | None:
        """The order that was made as this one closed, in its place. ``at``: when it closed."""
        if past.name:
            named = self._named.get(past.name, [])
            for other in named[bisect_right(named, past.order_id, key=attrgetter("order_id")) :]:
                if other.created_at is None or abs(other.created_at - at) <= SAME_MOMENT:
                    return other
        first = bisect_left(self._made, at - SAME_INSTANT, key=itemgetter(0))
        for index in range(first, len(self._made)):
            made_at, other = self._made[index]
            if made_at > at + SAME_INSTANT:
                return None
            if other.order_id > past.order_id and _may_be_kin(past, other):
                return other
        return None


def _is_at(made: OrderPast, at: datetime) -> bool:
    """Whether an order was made so exactly then that no bot placed it anew, having seen the end."""
    return made.created_at is not None and abs(made.created_at - at) <= SAME_INSTANT


def _kin(past: OrderPast) -> Kin:
    """What an order has in common with the one that an edit puts in its place."""
    return past.name or (past.symbol, past.side)


def _may_be_kin(past: OrderPast, other: OrderPast) -> bool:
    """Whether what was made is such as an edit of the other makes; what nobody can read may be."""
    is_odd = "client_order_id" in (*past.odd_fields, *other.odd_fields)
    if not is_odd and (past.name or other.name):
        return False
    told = [(getattr(past, name), getattr(other, name)) for name in ("symbol", "side")]
    return all(one == another or None in (one, another) for one, another in told)
