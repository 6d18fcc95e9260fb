"""Rows of the exchange's reads, each read by itself: fields checked, its text kept exactly.

Source: docs.pacifica.fi get-open-orders, get-order-history and get-order-history-by-id pages.
Fields we do not know are ignored and kept in ``raw``; enumerations are plain text, for they have
grown before. Amounts and prices stay the exchange's decimal text; times are integer ms.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, TypeVar

from .fields import (
    Check,
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
from .words import safe_text


class _FieldCheck(NamedTuple):
    """How one field of a row is read. ``also``: another name that it goes by."""

    name: str
    check: Check
    is_nullable: bool
    also: str | None


def field_of(check: Check, *, is_nullable: bool = False, also: str | None = None) -> Any:
    """Declare a dataclass field that a row should fill; a nullable one may be null or missing.

    ``also``: another name that it goes by. The field is None where it could not be read, which its
    own annotation says, but for what names the row: `rows_of` gives out no row without that.
    """
    how = {"check": check, "is_nullable": is_nullable, "also": also}
    return field(metadata=how, default=None)


@dataclass(frozen=True, kw_only=True)
class Row:
    """The fields that every kind of row has beside its own.

    ``odd_fields``: names of those that could not be read, and are None. ``differing``: those of
    them in which two rows of one order say different things. ``raw``: the row as it came.
    ``needed``: the fields without which a row is odd; the first of them names it.
    """

    needed: ClassVar[tuple[str, ...]] = ("order_id", "symbol")
    odd_fields: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OpenOrder(Row):
    """One row of GET ``/orders``: listed means open. Open amount = initial - filled - cancelled.

    Stop orders are in the same list; a stop that becomes a market order may have no price.
    """

    order_id: int = field_of(is_order_id)
    client_order_id: str | None = field_of(is_name, is_nullable=True)
    symbol: str = field_of(is_name)
    side: str | None = field_of(is_text)
    price: str | None = field_of(is_decimal, is_nullable=True)
    initial_amount: str | None = field_of(is_decimal)
    filled_amount: str | None = field_of(is_decimal)
    cancelled_amount: str | None = field_of(is_decimal)
    stop_price: str | None = field_of(is_decimal, is_nullable=True)
    order_type: str | None = field_of(is_text)
    stop_parent_order_id: int | None = field_of(is_order_id, is_nullable=True)
    trigger_price_type: str | None = field_of(is_text, is_nullable=True)
    reduce_only: bool | None = field_of(is_flag)
    created_at: int | None = field_of(is_whole_number)
    updated_at: int | None = field_of(is_whole_number)


@dataclass(frozen=True, kw_only=True)
class HistoryOrder(Row):
    """One row of GET ``/orders/history``: an order as it stands or ended.

    By the docs' names, or by those that pacifica-fi/pacifica-mcp and the web app read.
    """

    order_id: int = field_of(is_order_id)
    history_id: int | None = field_of(is_whole_number, is_nullable=True)
    client_order_id: str | None = field_of(is_name, is_nullable=True)
    symbol: str = field_of(is_name)
    side: str | None = field_of(is_text)
    initial_price: str | None = field_of(is_decimal, is_nullable=True, also="price")
    average_filled_price: str | None = field_of(is_decimal, is_nullable=True)
    amount: str | None = field_of(is_decimal, also="initial_amount")
    filled_amount: str | None = field_of(is_decimal)
    cancelled_amount: str | None = field_of(is_decimal, is_nullable=True)
    order_status: str | None = field_of(is_text)
    order_type: str | None = field_of(is_text)
    stop_price: str | None = field_of(is_decimal, is_nullable=True)
    stop_parent_order_id: int | None = field_of(is_order_id, is_nullable=True)
    reduce_only: bool | None = field_of(is_flag)
    reason: str | None = field_of(is_text, is_nullable=True)
    created_at: int | None = field_of(is_whole_number)
    updated_at: int | None = field_of(is_whole_number)


@dataclass(frozen=True, kw_only=True)
class OrderEvent(Row):
    """One row of GET ``/orders/history_by_id``: one thing that happened to the order."""

    history_id: int | None = field_of(is_whole_number)
    order_id: int = field_of(is_order_id)
    client_order_id: str | None = field_of(is_name, is_nullable=True)
    symbol: str = field_of(is_name)
    side: str | None = field_of(is_text)
    price: str | None = field_of(is_decimal, is_nullable=True)
    initial_amount: str | None = field_of(is_decimal)
    filled_amount: str | None = field_of(is_decimal)
    cancelled_amount: str | None = field_of(is_decimal)
    event_type: str | None = field_of(is_text)
    order_type: str | None = field_of(is_text)
    order_status: str | None = field_of(is_text)
    stop_price: str | None = field_of(is_decimal, is_nullable=True)
    stop_parent_order_id: int | None = field_of(is_order_id, is_nullable=True)
    reduce_only: bool | None = field_of(is_flag)
    created_at: int | None = field_of(is_whole_number)


@dataclass(frozen=True, kw_only=True)
class TwapOrder(Row):
    """The fields of a TWAP's open, history and event rows that settle it; the rest is in ``raw``.

    The docs name the statuses (``in_execution``, ``completed``, ``cancelled``, ``expired``) but
    the field's presence in open rows is not certain.
    """

    order_id: int = field_of(is_order_id)
    history_id: int | None = field_of(is_whole_number, is_nullable=True)
    client_order_id: str | None = field_of(is_name, is_nullable=True)
    symbol: str = field_of(is_name)
    side: str | None = field_of(is_text, is_nullable=True)
    initial_amount: str | None = field_of(is_decimal, is_nullable=True)
    filled_amount: str | None = field_of(is_decimal, is_nullable=True)
    order_status: str | None = field_of(is_text, is_nullable=True)
    event_type: str | None = field_of(is_text, is_nullable=True)
    created_at: int | None = field_of(is_whole_number, is_nullable=True)
    updated_at: int | None = field_of(is_whole_number, is_nullable=True)


@dataclass(frozen=True, kw_only=True)
class OrderStrategy(Row):
    """What an emptied book must know of a strategy: that it stands, and how to cancel it.

    Source: docs.pacifica.fi get-order-strategy page; it can place orders again after a cancel-all.
    """

    needed = ("strategy_id",)
    strategy_id: str = field_of(is_text)
    lifecycle: str | None = field_of(is_text)
    definition: dict[str, Any] | None = field_of(is_object, is_nullable=True)  # noqa: RUF009 a field

    @property
    def symbol(self) -> str:
        """The symbol it trades, or empty where it does not say."""
        params = (self.definition or {}).get("params")
        symbol = params.get("symbol") if isinstance(params, dict) else None
        return symbol if isinstance(symbol, str) else ""


AnyOrder = OpenOrder | HistoryOrder | OrderEvent | TwapOrder


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
    row: AnyOrder | None = field(default=None, repr=False)


RowT = TypeVar("RowT", bound=Row)


_CHECKS: dict[type[Row], list[_FieldCheck]] = {}


def _checks(kind: type[Row]) -> list[_FieldCheck]:
    checks = _CHECKS.get(kind)
    if checks is None:
        described = [each for each in fields(kind) if each.metadata]
        checks = _CHECKS[kind] = [_FieldCheck(each.name, **each.metadata) for each in described]
    return checks


def row_of(kind: type[RowT], item: dict[str, Any]) -> RowT:
    """Read one object by itself as a row of ``kind``, whatever of it can be read."""
    return _row(kind, _checks(kind), item)


_ORDERS = (OpenOrder, HistoryOrder, OrderEvent, TwapOrder)


def rows_of(
    kind: type[RowT], items: Any, *, key: tuple[str, ...] | None = None
) -> tuple[tuple[RowT, ...], tuple[OddRow, ...]]:
    """Return (readable rows of ``kind``, the odd ones). Raises `Unreadable` only for no list.

    Rows that name the same thing are one. ``key``: the fields that name it, the first of them at
    least; the first that its kind needs, where nothing is said. A reader must not take an order
    for gone, or a list for empty, while an odd row stands that could be it.
    """
    if not isinstance(items, list):
        raise Unreadable("the rows are no list")
    checks, needed = _checks(kind), kind.needed
    rows: dict[tuple[Any, ...], tuple[int, RowT]] = {}  # name -> (position, row)
    odd: list[OddRow] = []
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
    return tuple(sound), tuple(sorted(odd, key=lambda row: row.position))


def _row(kind: type[RowT], checks: list[_FieldCheck], item: dict[str, Any]) -> RowT:
    values: dict[str, Any] = {"raw": item}
    odd: list[str] = []
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


def _merged(position: int, row: RowT, other: RowT) -> tuple[int, RowT]:
    """Merge two rows of one order, and keep the first one's position.

    What one of them does not say readably is left to the other; where they differ, neither is
    believed.
    """
    values: dict[str, Any] = {}
    odd, differing = set(row.odd_fields + other.odd_fields), set(row.differing)
    for name, *_ in _checks(type(row)):
        readable = [getattr(each, name) for each in (row, other) if name not in each.odd_fields]
        if name in differing or (len(readable) == 2 and readable[0] != readable[1]):
            differing.add(name)
            readable = [None]
        values[name] = readable[0] if readable else None
    names = [name for name, *_ in _checks(type(row))]
    values["odd_fields"] = tuple(name for name in names if name in odd | differing)
    values["differing"] = tuple(name for name in names if name in differing)
    return position, type(row)(**values, raw=row.raw)


def _odd(position: int, row: Row, missing: list[str]) -> OddRow:
    why = f"{' and '.join(missing)} cannot be read"
    if set(missing) <= set(row.differing):
        why = f"one order is listed under two {' and '.join(missing)}s"
    order_id = getattr(row, "order_id", None)
    symbol = getattr(row, "symbol", None) or None
    kept = row if isinstance(row, _ORDERS) and order_id is not None else None
    return OddRow(position, _shown(row.raw), why, order_id, symbol, kept)


def _shown(item: Any) -> str:
    return safe_text(spelled(item))
