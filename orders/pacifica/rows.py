"""Rows of the exchange's reads: each field checked, the exchange's text kept exactly.

Source: docs.pacifica.fi get-open-orders, get-order-history and get-order-history-by-id pages.
Fields we do not know are ignored and kept in ``raw``; enumerations are plain text, for they have
grown before. Amounts and prices stay the exchange's decimal text; times are integer ms.
"""

import re
from dataclasses import dataclass, field

from .strict_json import Unreadable

MAX_ORDER_ID = 2**53
MAX_TEXT_CHARS = 128
MAX_NAME_CHARS = 64  # symbols, client order ids, and decimals as text
_DECIMAL = re.compile(r"(?=.{,64}\Z)-?[0-9]{1,40}(\.[0-9]{1,40})?")


def _is_order_id(value):
    return type(value) is int and 0 < value <= MAX_ORDER_ID


def _is_whole_number(value):
    return type(value) is int and 0 <= value < 2**63


def _is_flag(value):
    return type(value) is bool


def _is_decimal(value):
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None


def _is_text(value):
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARS and value.isprintable()


def _is_name(value):
    return _is_text(value) and len(value) <= MAX_NAME_CHARS


def _is_object(value):
    return isinstance(value, dict)


def _of(check, *, is_nullable=False):
    """A dataclass field that a row must fill; a nullable one may be null or missing."""
    return field(metadata={"check": check, "is_nullable": is_nullable})


@dataclass(frozen=True, kw_only=True)
class OpenOrder:
    """One row of GET ``/orders``: listed means open. Open amount = initial - filled - cancelled.

    Stop orders are in the same list; a stop that becomes a market order may have no price.
    """

    order_id: int = _of(_is_order_id)
    client_order_id: str | None = _of(_is_name, is_nullable=True)
    symbol: str = _of(_is_name)
    side: str = _of(_is_text)
    price: str | None = _of(_is_decimal, is_nullable=True)
    initial_amount: str = _of(_is_decimal)
    filled_amount: str = _of(_is_decimal)
    cancelled_amount: str = _of(_is_decimal)
    stop_price: str | None = _of(_is_decimal, is_nullable=True)
    order_type: str = _of(_is_text)
    stop_parent_order_id: int | None = _of(_is_order_id, is_nullable=True)
    trigger_price_type: str | None = _of(_is_text, is_nullable=True)
    reduce_only: bool = _of(_is_flag)
    created_at: int = _of(_is_whole_number)
    updated_at: int = _of(_is_whole_number)
    raw: dict = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class HistoryOrder:
    """One row of GET ``/orders/history``: an order as it stands or ended."""

    order_id: int = _of(_is_order_id)
    client_order_id: str | None = _of(_is_name, is_nullable=True)
    symbol: str = _of(_is_name)
    side: str = _of(_is_text)
    initial_price: str | None = _of(_is_decimal, is_nullable=True)
    average_filled_price: str | None = _of(_is_decimal, is_nullable=True)
    amount: str = _of(_is_decimal)
    filled_amount: str = _of(_is_decimal)
    order_status: str = _of(_is_text)
    order_type: str = _of(_is_text)
    stop_price: str | None = _of(_is_decimal, is_nullable=True)
    stop_parent_order_id: int | None = _of(_is_order_id, is_nullable=True)
    reduce_only: bool = _of(_is_flag)
    reason: str | None = _of(_is_text, is_nullable=True)
    created_at: int = _of(_is_whole_number)
    updated_at: int = _of(_is_whole_number)
    raw: dict = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OrderEvent:
    """One row of GET ``/orders/history_by_id``: one thing that happened to the order."""

    history_id: int = _of(_is_whole_number)
    order_id: int = _of(_is_order_id)
    client_order_id: str | None = _of(_is_name, is_nullable=True)
    symbol: str = _of(_is_name)
    side: str = _of(_is_text)
    price: str | None = _of(_is_decimal, is_nullable=True)
    initial_amount: str = _of(_is_decimal)
    filled_amount: str = _of(_is_decimal)
    cancelled_amount: str = _of(_is_decimal)
    event_type: str = _of(_is_text)
    order_type: str = _of(_is_text)
    order_status: str = _of(_is_text)
    stop_price: str | None = _of(_is_decimal, is_nullable=True)
    stop_parent_order_id: int | None = _of(_is_order_id, is_nullable=True)
    reduce_only: bool = _of(_is_flag)
    created_at: int = _of(_is_whole_number)
    raw: dict = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TwapOrder:
    """The fields of a TWAP's open, history and event rows that settle it; the rest is in ``raw``.

    The docs name the statuses (``in_execution``, ``completed``, ``cancelled``, ``expired``) but
    the field's presence in open rows is not certain.
    """

    order_id: int = _of(_is_order_id)
    history_id: int | None = _of(_is_whole_number, is_nullable=True)
    client_order_id: str | None = _of(_is_name, is_nullable=True)
    symbol: str = _of(_is_name)
    side: str | None = _of(_is_text, is_nullable=True)
    initial_amount: str | None = _of(_is_decimal, is_nullable=True)
    filled_amount: str | None = _of(_is_decimal, is_nullable=True)
    order_status: str | None = _of(_is_text, is_nullable=True)
    event_type: str | None = _of(_is_text, is_nullable=True)
    raw: dict = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OrderStrategy:
    """What an emptied book must know of a strategy: that it stands, and how to cancel it.

    Source: docs.pacifica.fi get-order-strategy page; it can place orders again after a cancel-all.
    """

    strategy_id: str = _of(_is_text)
    lifecycle: str = _of(_is_text)
    definition: dict | None = _of(_is_object, is_nullable=True)  # noqa: RUF009 a field
    raw: dict = field(repr=False)

    @property
    def symbol(self):
        """The symbol it trades, or empty where it does not say."""
        params = (self.definition or {}).get("params")
        symbol = params.get("symbol") if isinstance(params, dict) else None
        return symbol if isinstance(symbol, str) else ""


def _checks(kind):
    return [
        (name, each.metadata["check"], each.metadata["is_nullable"])
        for name, each in kind.__dataclass_fields__.items()
        if each.metadata
    ]


_KINDS = (OpenOrder, HistoryOrder, OrderEvent, TwapOrder, OrderStrategy)
_CHECKS = {kind: _checks(kind) for kind in _KINDS}


def rows_of(kind, items):
    """A tuple of ``kind``, one per item. One ill-formed row makes all `Unreadable`.

    Leaving a row out would make its order seem to have vanished from the book.
    """
    if not isinstance(items, list):
        raise Unreadable("the rows are no list")
    return tuple(_row(kind, _CHECKS[kind], number, item) for number, item in enumerate(items, 1))


def _row(kind, checks, number, item):
    if not isinstance(item, dict):
        raise Unreadable(f"row {number} is no object")
    values = {}
    for name, check, is_nullable in checks:
        value = item.get(name)
        if not (check(value) or (value is None and is_nullable)):
            raise Unreadable(f"row {number}: {name} is missing or ill-formed")
        values[name] = value
    return kind(**values, raw=item)
