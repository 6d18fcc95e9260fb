"""What rows that are none of the open orders make of an order that we hold. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders.lifecycle.order_closure import Closure
from orders.lifecycle.transitions import ending_values
from orders.models import Order, OrderState
from orders.pacifica.rows import HistoryOrder, OpenOrder
from orders.pacifica.stream_rows import OrderUpdate
from orders.reconcile.closures import OURS
from orders.reconcile.order_pasts import SAME_MOMENT

NAMES = {"price": "initial_price", "initial_amount": "amount"}  # an open row's, and the other's


def as_open(row: OrderUpdate | HistoryOrder, order_id: int, symbol: str) -> OpenOrder:
    """Make the row with which a read of the open orders would list the order."""
    names = [one.name for one in fields(OpenOrder) if one.metadata]
    values: dict[str, Any] = {name: getattr(row, NAMES.get(name, name), None) for name in names}
    odd = [name for name in names if NAMES.get(name, name) in row.odd_fields]
    values |= {"order_id": order_id, "symbol": symbol, "cancelled_amount": "0"}
    return OpenOrder(
        **values, odd_fields=tuple(name for name in odd if name != "symbol"), raw=row.raw
    )


def close(order: Order, ending: Closure, at: datetime) -> None:
    """Take in how an order ended. ``at``: when we learned it."""
    for name, value in ending_values(ending).items():
        setattr(order, name, value)
    order.state, order.next_lookup_at = OrderState.CLOSED, None
    order.closed_at = order.closed_at or at
    order.open_amount_number = Decimal(0)


def edits_among(orders: Iterable[Order]) -> Iterator[tuple[Order, Order]]:
    """Pair each order that an edit closed with the one that it put in its place.

    Told by the client order id that both have, and by the moment at which both happened.
    """
    named: dict[str, list[Order]] = {}
    for order in orders:
        if order.client_order_id:
            named.setdefault(order.client_order_id, []).append(order)
    for same in named.values():
        for old in filter(_may_be_edited, same):
            yield from ((old, new) for new in same if _is_edit(old, new))


def _may_be_edited(order: Order) -> bool:
    is_cancelled = order.state == OrderState.CLOSED and order.order_status == "cancelled"
    return is_cancelled and order.reason in OURS


def _is_edit(old: Order, new: Order) -> bool:
    if new.order_id <= old.order_id or old.updated_at is None or new.created_at is None:
        return False
    return abs(old.updated_at - new.created_at) <= SAME_MOMENT
