"""Rows of the exchange's reads, each read by itself: fields checked, its text kept exactly.

Source: docs.pacifica.fi get-open-orders, get-order-history and get-order-history-by-id pages.
Fields we do not know are ignored and kept in ``raw``; enumerations are plain text, for they have
grown before. Amounts and prices stay the exchange's decimal text; times are integer ms.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .fields import (
    is_decimal,
    is_flag,
    is_name,
    is_object,
    is_order_id,
    is_text,
    is_whole_number,
    mended,
)
from .strict_json import Unreadable, spelled
from .verdicts import safe_text


def _of(
    check: Callable[..., Any], *, is_nullable: bool = False, also: dict[str, Any] | None = None
):
    """A dataclass field that a row should fill; a nullable one may be null or missing.

    ``also``: another name that it goes by.
    """
    about = {"check": check, "is_nullable": is_nullable, "also": also}
    return field(metadata=about, default=None)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What every kind of row has beside its own fields.

    ``odd_fields``: names of those that could not be read, and are None. ``differing``: those of
    them in which two rows of one order say different things. ``raw``: the row as it came.
    """

    odd_fields: tuple = ()
    differing: tuple = ()
    raw: dict = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OpenOrder(Row):
    """One row of GET ``/orders``: listed means open. Open amount = initial - filled - cancelled.

    Stop orders are in the same list; a stop that becomes a market order may have no price.
    """

    order_id: int = _of(is_order_id)
    client_order_id: str | None = _of(is_name, is_nullable=True)
    symbol: str = _of(is_name)
    side: str = _of(is_text)
    price: str | None = _of(is_decimal, is_nullable=True)
    initial_amount: str = _of(is_decimal)
    filled_amount: str = _of(is_decimal)
    cancelled_amount: str = _of(is_decimal)
    stop_price: str | None = _of(is_decimal, is_nullable=True)
    order_type: str = _of(is_text)
    stop_parent_order_id: int | None = _of(is_order_id, is_nullable=True)
    trigger_price_type: str | None = _of(is_text, is_nullable=True)
    reduce_only: bool = _of(is_flag)
    created_at: int = _of(is_whole_number)
    updated_at: int = _of(is_whole_number)


@dataclass(frozen=True, kw_only=True)
class HistoryOrder(Row):
    """One row of GET ``/orders/history``: an order as it stands or ended.

    By the docs' names, or by those that pacifica-fi/pacifica-mcp and the web app read.
    """

    order_id: int = _of(is_order_id)
    history_id: int | None = _of(is_whole_number, is_nullable=True)
    client_order_id: str | None = _of(is_name, is_nullable=True)
    symbol: str = _of(is_name)
    side: str = _of(is_text)
    initial_price: str | None = _of(is_decimal, is_nullable=True, also="price")
    average_filled_price: str | None = _of(is_decimal, is_nullable=True)
    amount: str = _of(is_decimal, also="initial_amount")
    filled_amount: str = _of(is_decimal)
    cancelled_amount: str | None = _of(is_decimal, is_nullable=True)
    order_status: str = _of(is_text)
    order_type: str = _of(is_text)
    stop_price: str | None = _of(is_decimal, is_nullable=True)
    stop_parent_order_id: int | None = _of(is_order_id, is_nullable=True)
    reduce_only: bool = _of(is_flag)
    reason: str | None = _of(is_text, is_nullable=True)
    created_at: int = _of(is_whole_number)
    updated_at: int = _of(is_whole_number)


@dataclass(frozen=True, kw_only=True)
class OrderEvent(Row):
    """One row of GET ``/orders/history_by_id``: one thing that happened to the order."""

    history_id: int = _of(is_whole_number)
    order_id: int = _of(is_order_id)
    client_order_id: str | None = _of(is_name, is_nullable=True)
    symbol: str = _of(is_name)
    side: str = _of(is_text)
    price: str | None = _of(is_decimal, is_nullable=True)
    initial_amount: str = _of(is_decimal)
    filled_amount: str = _of(is_decimal)
    cancelled_amount: str = _of(is_decimal)
    event_type: str = _of(is_text)
    order_type: str = _of(is_text)
    order_status: str = _of(is_text)
    stop_price: str | None = _of(is_decimal, is_nullable=True)
    stop_parent_order_id: int | None = _of(is_order_id, is_nullable=True)
    reduce_only: bool = _of(is_flag)
    created_at: int = _of(is_whole_number)


@dataclass(frozen=True, kw_only=True)
class TwapOrder(Row):
    """The fields of a TWAP's open, history and event rows that settle it; the rest is in ``raw``.

    The docs name the statuses (``in_execution``, ``completed``, ``cancelled``, ``expired``) but
    the field's presence in open rows is not certain.
    """

    order_id: int = _of(is_order_id)
    history_id: int | None = _of(is_whole_number, is_nullable=True)
    client_order_id: str | None = _of(is_name, is_nullable=True)
    symbol: str = _of(is_name)
    side: str | None = _of(is_text, is_nullable=True)
    initial_amount: str | None = _of(is_decimal, is_nullable=True)
    filled_amount: str | None = _of(is_decimal, is_nullable=True)
    order_status: str | None = _of(is_text, is_nullable=True)
    event_type: str | None = _of(is_text, is_nullable=True)
    created_at: int | None = _of(is_whole_number, is_nullable=True)
    updated_at: int | None = _of(is_whole_number, is_nullable=True)


@dataclass(frozen=True, kw_only=True)
class OrderStrategy(Row):
    """What an emptied book must know of a strategy: that it stands, and how to cancel it.

    Source: docs.pacifica.fi get-order-strategy page; it can place orders again after a cancel-all.
    """

    strategy_id: str = _of(is_text)
    lifecycle: str = _of(is_text)
    definition: dict | None = _of(is_object, is_nullable=True)  # noqa: RUF009 a field

    @property
    def symbol(self) -> str:
        """The symbol it trades, or empty where it does not say."""
        params = (self.definition or {}).get("params")
        symbol = params.get("symbol") if isinstance(params, dict) else None
        return symbol if isinstance(symbol, str) else ""


@dataclass(frozen=True)
class OddRow:
    """A row that names no order one could act on, or no object at all.

    ``position``: from 1. ``raw``: its JSON text, cut, fit to show. ``why``: in words.
    ``order_id``, ``symbol``: what of them could be read. ``row``: the row as far as it could be
    read, where its order id could.
    """

    position: int
    raw: str
    why: str
    order_id: int | None = None
    symbol: str | None = None
    row: object = field(default=None, repr=False)


def _checks(kind):
    return [
        (name, each.metadata["check"], each.metadata["is_nullable"], each.metadata["also"])
        for name, each in kind.__dataclass_fields__.items()
        if each.metadata
    ]


_KINDS = (OpenOrder, HistoryOrder, OrderEvent, TwapOrder, OrderStrategy)
_CHECKS = {kind: _checks(kind) for kind in _KINDS}
_NEEDED = dict.fromkeys(_KINDS, ("order_id", "symbol")) | {OrderStrategy: ("strategy_id",)}


def rows_of(
    kind: Any,
    items: dict[str, Any] | list[int | dict[str, Any] | list[Any]],
    *,
    key: tuple[str, ...] | None = None,
) -> tuple[tuple[Any, ...], tuple[OddRow, ...]] | None:
    """(readable rows of ``kind``, the odd ones): two tuples. `Unreadable` only where it is no list.

    Rows that name the same thing are one. ``key``: the fields that name it, the first of them at
    least; the order id, or the strategy's, where nothing is said. A reader must not take an order
    for gone, or a list for empty, while an odd row stands that could be it.
    """
    if not isinstance(items, list):
        raise Unreadable("the rows are no list")
    checks, needed = _CHECKS[kind], _NEEDED[kind]
    rows, odd = {}, []
    for position, item in enumerate(items, 1):
        if not isinstance(item, dict):
            odd.append(OddRow(position, _shown(item), "it is no object"))
            continue
        row = _row(kind, checks, item)
        name = tuple(getattr(row, each) for each in key or needed[:1])
        name = (None, position) if name[0] is None else name
        rows[name] = (position, row) if name not in rows else _merged(*rows[name], row)
    sound = []
    for position, row in rows.values():
        missing = [name for name in needed if getattr(row, name) is None]
        if missing:
            odd.append(_odd(position, row, missing))
        else:
            sound.append(row)
    return tuple(sound), tuple(sorted(odd, key=lambda one: one.position))


def _row(
    kind: Any, checks: list[tuple[str, Callable[..., Any], bool, str | None]], item: dict[str, Any]
) -> Any:
    values, odd = {"raw": item}, []
    for name, check, is_nullable, also in checks:
        value = item.get(name)
        if value is None and also is not None:
            value = item.get(also)
        if not (check(value) or (value is None and is_nullable)):
            value, is_odd = mended(value, check, is_nullable)
            if is_odd:
                odd.append(name)
        values[name] = value
    if odd:
        values["odd_fields"] = tuple(odd)
    return kind(**values)


def _merged(position: int, row: Any, other: Any) -> tuple[int, Any]:
    """Two rows of one order. What one of them does not say readably is left to the other; where
    they differ, neither is believed."""
    values, odd, differing = {}, set(row.odd_fields + other.odd_fields), set(row.differing)
    for name, *_ in _CHECKS[type(row)]:
        told = [getattr(one, name) for one in (row, other) if name not in one.odd_fields]
        if name in differing or (len(told) == 2 and told[0] != told[1]):
            differing.add(name)
            told = [None]
        values[name] = told[0] if told else None
    names = [name for name, *_ in _CHECKS[type(row)]]
    values["odd_fields"] = tuple(name for name in names if name in odd | differing)
    values["differing"] = tuple(name for name in names if name in differing)
    return position, type(row)(**values, raw=row.raw)


def _odd(position: int, row: Any, missing: list[str]) -> OddRow:
    why = f"{' and '.join(missing)} cannot be read"
    if set(missing) <= set(row.differing):
        why = f"one order is listed under two {' and '.join(missing)}s"
    order_id = getattr(row, "order_id", None)
    symbol = getattr(row, "symbol", None) or None
    kept = row if order_id is not None else None
    return OddRow(position, _shown(row.raw), why, order_id, symbol, kept)


def _shown(item: Any) -> str:
    return safe_text(spelled(item))
