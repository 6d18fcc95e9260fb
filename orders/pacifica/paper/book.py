"""The orders that exist, and the indexes that find them."""

import re
from collections import defaultdict
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

# Above 2^31, so that a 32-bit column anywhere shows itself.
FIRST_ORDER_ID = 28_000_000_000
FIRST_HISTORY_ID = 641_000_000
OPEN_STATUSES = frozenset({"open", "partially_filled", "in_execution"})
ORDER, STOP, TWAP = "order", "stop", "twap"
WAITING = re.compile("stop|take|trigger|trailing|conditional")  # in a type: it waits for a price


class Event(NamedTuple):
    """One thing that happened to an order, and the order's state after it. Times in ms."""

    history_id: int
    event_type: str
    order_status: str
    filled_amount: str
    cancelled_amount: str
    created_at: int
    # The exchange's last order id when it happened; 0 where nobody noted it.
    li: int = 0


@dataclass(slots=True)
class PaperOrder:
    """One order. Names as on the wire; prices and amounts are decimal strings, times ms.

    ``order_id``: 0 for the exchange's next one; `Engine.place` gives it, and the times.
    """

    account: str
    symbol: str
    side: str
    price: str
    initial_amount: str
    order_id: int = 0
    created_at: int = 0
    updated_at: int = 0
    client_order_id: str | None = None
    order_type: str = "limit"
    reduce_only: bool = False
    stop_price: str | None = None
    stop_parent_order_id: int | None = None
    trigger_price_type: str | None = None
    strategy_id: str | None = None
    filled_amount: str = "0"
    cancelled_amount: str = "0"
    average_filled_price: str = "0"
    last_filled_price: str = "0"
    order_status: str = "open"
    reason: str | None = None
    events: list[Event] = field(default_factory=list)
    # The row of GET /orders as JSON bytes, until the order changes.
    row: bytes | None = None

    @property
    def kind(self) -> str:
        """Which cancel route and which lists it belongs to."""
        if WAITING.search((self.order_type or "").lower()) or (self.stop_price or "").strip("0."):
            return STOP
        return TWAP if self.order_type == "twap" else ORDER

    @property
    def is_open(self) -> bool:
        """Whether it can still fill or be cancelled."""
        return self.order_status in OPEN_STATUSES


class Book:
    """All orders of all accounts, open and closed."""

    def __init__(self) -> None:
        self.orders: dict[int, PaperOrder] = {}
        self.by_account: dict[str, list[PaperOrder]] = defaultdict(list)
        self.open: dict[str, dict[int, PaperOrder]] = defaultdict(dict)
        self.open_client_ids: dict[tuple[str, str], PaperOrder] = {}
        self.last_order_id = FIRST_ORDER_ID - 1
        self.last_history_id = FIRST_HISTORY_ID - 1

    def add(self, order: PaperOrder) -> None:
        """Take in a new order; the highest id ever seen is the exchange's last one."""
        self.orders[order.order_id] = order
        self.by_account[order.account].append(order)
        self.last_order_id = max(self.last_order_id, order.order_id)
        if order.is_open:
            self.open[order.account][order.order_id] = order
            if order.client_order_id is not None:
                self.open_client_ids[order.account, order.client_order_id] = order

    def remove_closed(self, order: PaperOrder) -> None:
        """Take a closed order off the open ones; its past stays."""
        self.open[order.account].pop(order.order_id, None)
        if order.client_order_id is None:
            return
        key = (order.account, order.client_order_id)
        if self.open_client_ids.get(key) is order:
            del self.open_client_ids[key]

    def is_in_use(self, account: str, client_order_id: str | None) -> bool:
        """Whether an open order of the account carries this client order id."""
        return (account, client_order_id) in self.open_client_ids

    def find_open(
        self,
        *,
        account: str,
        kind: str,
        symbol: str,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> PaperOrder | None:
        """Find the open order so named, or None; no other account's, kind's or symbol's will do."""
        if client_order_id is not None:
            order = self.open_client_ids.get((account, client_order_id))
        elif order_id is not None and account in self.open:
            order = self.open[account].get(order_id)
        else:
            order = None
        if order is None or order.kind != kind or order.symbol != symbol:
            return None
        return order

    def as_plain(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "orders": [_plain(order) for order in self.orders.values()],
            "last_order_id": self.last_order_id,
            "last_history_id": self.last_history_id,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Book":
        """Make the same again from what `as_plain` returned."""
        book = cls()
        for stored in plain["orders"]:
            events = [Event(*event) for event in stored["events"]]
            book.add(PaperOrder(**(stored | {"events": events})))
        book.last_order_id = plain["last_order_id"]
        book.last_history_id = plain["last_history_id"]
        return book


STORED = tuple(each.name for each in fields(PaperOrder) if each.name != "row")


def _plain(order: PaperOrder) -> dict[str, Any]:
    return {name: getattr(order, name) for name in STORED}
