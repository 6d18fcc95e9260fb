"""What the stream says of orders, TWAP orders and strategies (docs.pacifica.fi subscriptions)."""

from typing import Any

from .book import TWAP, Event, PaperOrder
from .envelopes import as_json
from .rows import SUB_ORDERS, TWAP_LIFE_MS
from .strategies import Strategy

ORDERS = "account_order_updates"
TWAPS = "account_twap_order_updates"
STRATEGIES = "account_order_strategy_updates"
OPEN_ORDERS = "account_orders"
OPEN_TWAPS = "account_twap_orders"
SOURCES = frozenset({ORDERS, TWAPS, STRATEGIES, OPEN_ORDERS, OPEN_TWAPS})


def order_update(order: PaperOrder, event: Event) -> dict[str, Any]:
    """Make one row of ``account_order_updates``: the order right after the event."""
    return {
        "i": order.order_id,
        "I": order.client_order_id,
        "u": order.account,
        "s": order.symbol,
        "d": order.side,
        "p": order.average_filled_price,
        "ip": order.price,
        "lp": order.last_filled_price,
        "a": order.initial_amount,
        "f": event.filled_amount,
        "oe": event.event_type,
        "os": event.order_status,
        "ot": order.order_type,
        "sp": order.stop_price,
        "si": order.stop_parent_order_id,
        "tp": order.trigger_price_type,
        "r": order.reduce_only,
        "ct": order.created_at,
        "ut": event.created_at,
        "li": event.li,
    }


def twap_update(order: PaperOrder, event: Event) -> dict[str, Any]:
    """Make one row of ``account_twap_order_updates``; its names differ from an order's."""
    return {
        "i": order.order_id,
        "I": order.client_order_id,
        "u": order.account,
        "s": order.symbol,
        "d": order.side,
        "ta": order.initial_amount,
        "fa": event.filled_amount,
        "lp": order.last_filled_price,
        "lv": "0",
        "tv": "0",
        "oe": event.event_type,
        "os": event.order_status,
        "r": order.reduce_only,
        "sp": "0.5",
        "psa": order.initial_amount,
        "psc": SUB_ORDERS,
        "pasc": 0,
        "et": order.created_at + TWAP_LIFE_MS,
        "ct": order.created_at,
        "ut": event.created_at,
    }


def strategy_update(strategy: Strategy, event_id: int) -> dict[str, Any]:
    """Make the one object of an ``account_order_strategy_updates`` frame: no list, no ``li``."""
    return {
        "event_id": event_id,
        "account": strategy.account,
        "strategy_id": strategy.strategy_id,
        "state": strategy.lifecycle,
        "phase": "running" if strategy.is_unfinished else strategy.lifecycle,
        "at_ms": strategy.updated_at,
    }


def open_orders(orders: list[PaperOrder], li: int) -> bytes:
    """Make a frame of ``account_orders``: all open orders but TWAP orders."""
    rows = [_open_order(order) for order in orders if order.kind != TWAP]
    return as_json({"channel": OPEN_ORDERS, "data": rows, "li": li})


def open_twaps(orders: list[PaperOrder], li: int) -> bytes:
    """Make a frame of ``account_twap_orders``: all TWAP orders in execution."""
    rows = [_open_twap(order) for order in orders if order.kind == TWAP]
    return as_json({"channel": OPEN_TWAPS, "data": rows, "li": li})


def frame(source: str, data: list[dict[str, Any]] | dict[str, Any]) -> bytes:
    """Make the frame of one channel around its rows."""
    return as_json({"channel": source, "data": data})


def _open_order(order: PaperOrder) -> dict[str, Any]:
    return {
        "i": order.order_id,
        "I": order.client_order_id,
        "s": order.symbol,
        "d": order.side,
        "ip": order.price,
        "p": order.average_filled_price,
        "a": order.initial_amount,
        "f": order.filled_amount,
        "c": order.cancelled_amount,
        "ot": order.order_type,
        "sp": order.stop_price,
        "st": order.trigger_price_type,
        "ro": order.reduce_only,
        "t": order.updated_at,
    }


def _open_twap(order: PaperOrder) -> dict[str, Any]:
    return {
        "i": order.order_id,
        "I": order.client_order_id,
        "s": order.symbol,
        "d": order.side,
        "a": order.initial_amount,
        "f": order.filled_amount,
        "tv": "0",
        "ro": order.reduce_only,
        "sp": "0.5",
        "psa": order.initial_amount,
        "psc": SUB_ORDERS,
        "poc": 0,
        "e": order.created_at + TWAP_LIFE_MS,
        "t": order.updated_at,
    }
