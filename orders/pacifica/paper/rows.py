"""Orders and their events as the reading routes show them (docs.pacifica.fi, CCXT's captures)."""

from dataclasses import replace
from typing import Any

from .book import TWAP, Event, PaperOrder
from .envelopes import as_json

SUB_ORDERS = 100
TWAP_LIFE_MS = 3_600_000
CLOSED_BY_EVENT = frozenset({"cancelled", "rejected"})


def open_row(order: PaperOrder) -> bytes:
    """Spell one row of GET /orders as JSON; keep it with the order until it changes."""
    if order.row is None:
        order.row = as_json(_open_row(order, order.filled_amount, order.updated_at))
    return order.row


def open_row_then(order: PaperOrder, event: Event) -> bytes:
    """Spell the same row as it was right after an earlier event."""
    return as_json(_open_row(order, event.filled_amount, event.created_at))


def history_row(order: PaperOrder) -> dict[str, Any]:
    """Make one row of GET /orders/history: an order as it stands."""
    return _identity(order) | {
        "initial_price": order.price,
        "average_filled_price": order.average_filled_price,
        "amount": order.initial_amount,
        "filled_amount": order.filled_amount,
        "order_status": order.order_status,
        "order_type": order.order_type,
        **_tail(order),
        "reason": order.reason,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


def as_mcp_names_it(row: dict[str, Any]) -> dict[str, Any]:
    """Name the row's fields as the exchange's own MCP server does (pacifica-fi/pacifica-mcp)."""
    row = dict(row)
    row["initial_amount"], row["price"] = row.pop("amount"), row.pop("initial_price")
    return row | {"cancelled_amount": "0", "history_id": row["order_id"]}


def event_row(order: PaperOrder, event: Event) -> dict[str, Any]:
    """Make one row of GET /orders/history_by_id: the order's state after one event."""
    return (
        {"history_id": event.history_id}
        | _identity(order)
        | {
            "price": order.price,
            "initial_amount": order.initial_amount,
            "filled_amount": event.filled_amount,
            "cancelled_amount": event.cancelled_amount,
            "event_type": event.event_type,
            "order_type": order.order_type,
            "order_status": event.order_status,
            **_tail(order),
            "created_at": event.created_at,
        }
    )


def twap_row(order: PaperOrder) -> dict[str, Any]:
    """Make one row of GET /orders/twap."""
    return _twap(order, order.filled_amount) | {
        "planned_sub_order_amount": order.initial_amount,
        "planned_sub_order_count": SUB_ORDERS,
        "past_sub_order_count": 0,
        "total_filled_value": "0",
        "expiration": order.created_at + TWAP_LIFE_MS,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


def twap_history_row(order: PaperOrder) -> dict[str, Any]:
    """Make one row of GET /orders/twap/history."""
    return twap_row(order) | {"order_status": order.order_status} | _last_sub_order(order)


def twap_event_row(order: PaperOrder, event: Event) -> dict[str, Any]:
    """Make one row of GET /orders/twap/history_by_id."""
    return (
        {"history_id": event.history_id}
        | _twap(order, event.filled_amount)
        | _last_sub_order(order)
        | {
            "event_type": event.event_type,
            "order_status": event.order_status,
            "planned_sub_order_count": SUB_ORDERS,
            "past_sub_order_count": 0,
            "created_at": event.created_at,
        }
    )


def as_it_was(order: PaperOrder, seen: list[Event]) -> PaperOrder | None:
    """Copy the order as the events seen so far left it; None where none was seen yet."""
    if not seen:
        return None
    last = seen[-1]
    return replace(
        order,
        order_status=last.order_status,
        filled_amount=last.filled_amount,
        cancelled_amount=last.cancelled_amount,
        reason=last.event_type if last.order_status in CLOSED_BY_EVENT else None,
        updated_at=last.created_at,
        row=None,
    )


def truth(order: PaperOrder) -> dict[str, Any]:
    """Tell everything about an order, for checkers; not a route of the real exchange."""
    return {
        "account": order.account,
        "kind": order.kind,
        "is_open": order.is_open,
        "strategy_id": order.strategy_id,
        "cancelled_amount": order.cancelled_amount,
        **history_row(order),
        "events": [event._asdict() for event in order.events],
    }


def is_twap(order: PaperOrder) -> bool:
    """Whether it belongs to the TWAP routes and not to the order routes."""
    return order.kind == TWAP


def _identity(order: PaperOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
    }


def _tail(order: PaperOrder) -> dict[str, Any]:
    tail: dict[str, Any] = {
        "stop_price": order.stop_price,
        "stop_parent_order_id": order.stop_parent_order_id,
        "reduce_only": order.reduce_only,
    }
    if order.strategy_id is not None:
        tail["parent_id"] = order.strategy_id
    return tail


def _open_row(order: PaperOrder, filled_amount: str, updated_at: int) -> dict[str, Any]:
    return _identity(order) | {
        "price": order.price,
        "initial_amount": order.initial_amount,
        "filled_amount": filled_amount,
        "cancelled_amount": "0",
        "order_type": order.order_type,
        **_tail(order),
        "trigger_price_type": order.trigger_price_type,
        "created_at": order.created_at,
        "updated_at": updated_at,
    }


def _twap(order: PaperOrder, filled_amount: str) -> dict[str, Any]:
    return _identity(order) | {
        "initial_amount": order.initial_amount,
        "filled_amount": filled_amount,
        "reduce_only": order.reduce_only,
        "slippage_percent": "0.5",
    }


def _last_sub_order(order: PaperOrder) -> dict[str, str | None]:
    price = order.average_filled_price
    return {
        "average_price_of_last_filled_sub_order": None if price == "0" else price,
        "value_of_last_filled_sub_order": None,
    }
