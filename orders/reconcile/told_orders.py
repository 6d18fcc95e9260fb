"""What updates of the stream make of the orders that we hold, by the words that a sync has."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orders.lifecycle.order_closure import Closure
from orders.models import Account, AmountsState, Order, OrderState
from orders.pacifica.rows import OpenOrder
from orders.pacifica.stream_rows import OrderUpdate
from orders.reconcile import closures, order_pasts, order_rows, update_order
from orders.reconcile.diff import COMPARED, Changes, refresh, values_of
from orders.reconcile.order_pasts import OPEN, OrderPast
from orders.reconcile.received_frames import ToldUpdate

NEW, CHANGED, CLOSED = "new", "changed", "closed"


@dataclass
class ToldOrders:
    """What updates made of one account's orders.

    ``known``: those that we hold, by order id. ``outcomes``: what became of an order that changed,
    as a sync's record calls it. ``shown_by``: the update that changed it last. ``endings``: how
    those ended that were known. ``edited``: orders that an edit closed, as it showed now.
    """

    account: Account
    offset: timedelta
    now: datetime
    known: dict[int, Order]
    outcomes: dict[int, str] = field(default_factory=dict)
    shown_by: dict[int, ToldUpdate] = field(default_factory=dict)
    changing: list[ToldUpdate] = field(default_factory=list)
    endings: dict[int, Closure] = field(default_factory=dict)
    edited: set[int] = field(default_factory=set)
    _linked: set[int] = field(default_factory=set)
    _born: set[int] = field(default_factory=set)  # ids of orders that nobody here saw before

    def take(self, told: Iterable[ToldUpdate]) -> None:
        """Take the updates in, each order's in the exchange's own order."""
        orders = [each for each in told if not each.is_twap]
        for each in sorted(orders, key=lambda each: update_order.place(each.row)):
            ending = closures.of_update(each.row)
            outcome = self._stand(each) if ending is None else self._end(each, ending)
            if outcome:
                self.outcomes[each.order_id] = outcome
                self.shown_by[each.order_id] = each
                self.changing.append(each)
        self._link_edits()

    def changed(self) -> list[Order]:
        """Return the orders to be written."""
        ids = sorted(self.outcomes.keys() | self._linked)
        return [self.known[order_id] for order_id in ids]

    def changes(self) -> Changes:
        """Return the same as a sync's changes, for the discrepancies that they make."""
        closed = [(self.known[pk], end) for pk, end in self.endings.items()]
        new: list[tuple[Order, dict[str, Any]]] = [
            (order, {}) for order in self.known.values() if order.replaces_order_id
        ]
        return Changes(new=new, closed=closed)

    def outcomes_of(self, outcome: str) -> list[int]:
        """Return the ids of the orders with this outcome."""
        return [order_id for order_id, each in self.outcomes.items() if each == outcome]

    def is_news(self, order_id: int) -> bool:
        """Whether this burst told news of the order; of one that we do not hold, always."""
        return order_id in self.outcomes or order_id not in self.known

    def past_of(self, order_id: int) -> OrderPast:
        """Return what was told last of an order that changed."""
        row = self.shown_by[order_id].row
        return order_pasts.of_update(row, order_id, self.known[order_id].symbol)

    def _stand(self, each: ToldUpdate) -> str:
        """Take in that an order stands, by whatever word that is no end."""
        order, row = self.known.get(each.order_id), each.row
        if order is None:
            return self._begin(each)
        if order.state == OrderState.CLOSED:
            return ""
        if not update_order.is_later(row, order, self.account, self.offset):
            return ""
        values, word = values_of(_open_row(each, order), order), _word(row)
        before = [getattr(order, name) for name in COMPARED], order.state, order.order_status
        self._place(refresh(order, values), each)
        order.order_status = word
        now = [getattr(order, name) for name in COMPARED], order.state, order.order_status
        if before == now:
            return ""
        return NEW if self.outcomes.get(each.order_id) == NEW else CHANGED

    def _begin(self, each: ToldUpdate) -> str:
        """Take in an order that was never seen.

        One that is said to stand not where a read since would have listed it; an end is an end.
        """
        row, seen_at = each.row, each.frame.received_at
        is_end = closures.of_update(row) is not None
        is_news = is_end or update_order.is_after_book(row, self.account, self.offset)
        if row.symbol is None or not is_news:
            return ""
        order = Order(
            account=self.account,
            order_id=each.order_id,
            first_seen_at=seen_at,
            last_seen_at=seen_at,
            **values_of(_open_row(each, None)),
        )
        order.order_status = _word(row)
        self.known[each.order_id] = order
        self._born.add(each.order_id)
        self._place(order, each)
        return NEW

    def _end(self, each: ToldUpdate, ending: Closure) -> str:
        """Take in how an order ended, unless that is known, or a read contradicts it."""
        if each.order_id not in self.known:
            self._begin(each)  # so that an earlier update that comes later opens nothing
        order, row = self.known.get(each.order_id), each.row
        if order is None or not self._is_news(order, row, ending):
            return ""
        was_open = order.state != OrderState.CLOSED and each.order_id not in self._born
        order_rows.close(order, ending, self.now)
        self._place(order, each)
        if was_open:
            self.endings[each.order_id] = ending
        return CLOSED

    def _is_news(self, order: Order, row: OrderUpdate, ending: Closure) -> bool:
        if order.state != OrderState.CLOSED:
            return update_order.is_end_believed(row, order, self.account, self.offset)
        is_told = bool(ending.filled_amount and ending.cancelled_amount)
        if order.amounts_state != AmountsState.TOLD:
            return is_told
        is_another = order.order_status != ending.status
        return is_another and update_order.is_later(row, order, self.account, self.offset)

    def _place(self, order: Order, each: ToldUpdate) -> None:
        """Keep where what we know of the order stands now."""
        li, at = each.row.last_order_id, closures.changed_at(each.row)
        order.told_li = max(filter(None, (order.told_li, li)), default=None)
        order.updated_at = at or order.updated_at
        order.last_seen_at = max(order.last_seen_at, each.frame.received_at)

    def _link_edits(self) -> None:
        """Link orders to those they were edited from, whichever of the two was told first."""
        for old, new in order_rows.edits_among(self.known.values()):
            if new.replaces_order_id != old.order_id:
                new.replaces_order_id = old.order_id
                self._linked.add(new.order_id)
                self.edited.add(old.order_id)


def _word(row: OrderUpdate) -> str:
    """What an order that stands is called: open, as in reads, or a word that we do not know."""
    status = row.order_status or ""
    return "open" if status in OPEN else status


def _open_row(each: ToldUpdate, order: Order | None) -> OpenOrder:
    symbol = each.row.symbol or (order.symbol if order else "")
    return order_rows.as_open(each.row, each.order_id, symbol)
