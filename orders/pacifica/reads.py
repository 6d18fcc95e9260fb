"""What the answer to a read proves: open orders, history, events. Pure.

A read that is not whole, or whose envelope is not of the documented shape, proves nothing:
`Unreadable`. Its rows are read one by one: ``rows`` is what could be read, ``odd`` the rest, and
neither *empty* nor *absent* may be claimed past an odd row that could be the one in question.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from .fields import is_name, is_whole_number
from .market_rows import MarketDecimals, MarketPrice
from .rows import (
    HistoryOrder,
    OddRow,
    OpenOrder,
    OrderEvent,
    OrderStrategy,
    Row,
    RowT,
    TwapOrder,
    rows_of,
)
from .strict_json import Repeated, Unreadable, parse, parse_rows
from .verdicts import cancel_verdict, is_yes

MAX_CURSOR_CHARS = 1024
ONE_STAND = ("order_id", "updated_at", "history_id")  # a page may show an order twice as it went on
_NOT_IN_HISTORY = re.compile(r"(?:order|twap)\b.*\bnot found\b(?:.*?([0-9]+))?", re.IGNORECASE)

Row_co = TypeVar("Row_co", bound=Row, covariant=True)
EventT = TypeVar("EventT", OrderEvent, TwapOrder)


class NotInHistory(Exception):
    """The exchange says, in its own envelope, that it knows no order of this id."""


class NotOffered(Exception):
    """This network has no such route: it answered HTTP 404 or 405, with whatever body."""


@dataclass(frozen=True)
class Listed(Generic[Row_co]):
    """The rows of a list, and the odd ones beside them."""

    rows: tuple[Row_co, ...]
    odd: tuple[OddRow, ...]


@dataclass(frozen=True)
class OpenOrders(Generic[Row_co]):
    """All open orders of an account, one row each.

    ``last_order_id``: the highest id in the whole exchange when the answer was built
    (docs.pacifica.fi last-order-id), or None where it was not stated.
    """

    rows: tuple[Row_co, ...]
    last_order_id: int | None
    odd: tuple[OddRow, ...] = ()


@dataclass(frozen=True)
class HistoryPage(Generic[Row_co]):
    """One page; ask on with ``next_cursor`` while ``has_more``.

    Newest first by the docs, oldest first by pacifica-fi/pacifica-mcp. Without a cursor to ask on
    with, its rows count and the list is not known to end here; nor where only the exchange's own
    *false* would have said so.
    """

    rows: tuple[Row_co, ...]
    next_cursor: str | None
    has_more: bool
    odd: tuple[OddRow, ...] = ()


AnyRows = Listed[Any] | OpenOrders[Any] | HistoryPage[Any]


def open_orders(status: int, body: bytes, *, is_whole: bool = True) -> OpenOrders[OpenOrder]:
    """Read the `OpenOrders` of GET ``/orders``; raises `Unreadable`."""
    return _open(OpenOrder, status, body, is_whole)


def twap_orders(status: int, body: bytes, *, is_whole: bool = True) -> OpenOrders[TwapOrder]:
    """Read the `OpenOrders` of GET ``/orders/twap``; raises `Unreadable`."""
    return _open(TwapOrder, status, body, is_whole)


def history_page(status: int, body: bytes, *, is_whole: bool = True) -> HistoryPage[HistoryOrder]:
    """Read a `HistoryPage` of GET ``/orders/history``; raises `Unreadable`."""
    return _page(HistoryOrder, status, body, is_whole)


def history_events(
    status: int, body: bytes, order_id: int, *, is_whole: bool = True
) -> Listed[OrderEvent]:
    """Read the events of one order, newest first, of GET ``/orders/history_by_id``; one at least.

    Raises `NotInHistory` for the exchange's own 404 and for an empty list (the one was captured by
    Hummingbot, the other by pacifica-fi/pacifica-mcp), `Unreadable` for all else.
    """
    return _events(OrderEvent, status, body, order_id, is_whole)


def twap_events(
    status: int, body: bytes, order_id: int, *, is_whole: bool = True
) -> Listed[TwapOrder]:
    """Read the events of one TWAP of GET ``/orders/twap/history_by_id``, as `history_events`."""
    return _events(TwapOrder, status, body, order_id, is_whole)


def twap_history_page(status: int, body: bytes, *, is_whole: bool = True) -> HistoryPage[TwapOrder]:
    """Read a `HistoryPage` of GET ``/orders/twap/history``; raises `Unreadable`."""
    return _page(TwapOrder, status, body, is_whole)


def order_strategies(status: int, body: bytes, *, is_whole: bool = True) -> Listed[OrderStrategy]:
    """Read the unfinished strategies of GET ``/order_strategies``.

    Raises `Unreadable`; `NotOffered` where the network has none: strategies are new, and not
    everywhere.
    """
    if status in (404, 405) and is_whole and not _claims_success(body):
        raise NotOffered(f"this network has no order strategies (HTTP {status})")
    data = _read(status, body, is_whole).get("data")
    listed = data.get("strategies") if isinstance(data, dict) else data  # the docs nest the list
    return Listed(*rows_of(OrderStrategy, listed))


def market_symbols(status: int, body: bytes, *, is_whole: bool = True) -> tuple[str, ...]:
    """Read the symbols of GET ``/info``, case kept; raises `Unreadable`.

    What it does not list may be a market all the same.
    """
    items = _data_list(_read(status, body, is_whole))
    symbols = [item.get("symbol") for item in items if isinstance(item, dict)]
    return tuple(symbol for symbol in symbols if isinstance(symbol, str) and is_name(symbol))


def market_prices(status: int, body: bytes, *, is_whole: bool = True) -> Listed[MarketPrice]:
    """Read the prices of GET ``/info/prices``; raises `Unreadable`."""
    return Listed(*rows_of(MarketPrice, _data_list(_read(status, body, is_whole))))


def market_decimals(status: int, body: bytes, *, is_whole: bool = True) -> Listed[MarketDecimals]:
    """Read the steps of prices and amounts of GET ``/info``; raises `Unreadable`."""
    return Listed(*rows_of(MarketDecimals, _data_list(_read(status, body, is_whole))))


def _page(kind: type[RowT], status: int, body: bytes, is_whole: bool) -> HistoryPage[RowT]:
    envelope = _envelope(status, body, is_whole)
    cursor, has_more = envelope.get("next_cursor"), envelope.get("has_more")
    if not (isinstance(cursor, str) and 0 < len(cursor) <= MAX_CURSOR_CHARS):
        cursor = None
    rows, odd = rows_of(kind, envelope.get("data"), key=ONE_STAND)
    return HistoryPage(rows, cursor, has_more is not False, odd)


def _open(kind: type[RowT], status: int, body: bytes, is_whole: bool) -> OpenOrders[RowT]:
    envelope = _envelope(status, body, is_whole)
    rows, odd = rows_of(kind, envelope.get("data"))
    last = envelope.get("last_order_id")
    return OpenOrders(rows, last if is_whole_number(last) else None, odd)


def _events(
    kind: type[EventT], status: int, body: bytes, order_id: int, is_whole: bool
) -> Listed[EventT]:
    if status == 404:
        _raise_if_not_in_history(body, order_id, is_whole)
    items = _envelope(status, body, is_whole).get("data")
    every, odd = rows_of(kind, items, key=("history_id",))
    rows = [row for row in every if row.order_id == order_id]
    if not rows:
        if items:
            raise Unreadable("no event of this order could be read")
        raise NotInHistory(f"the exchange's history has nothing of order {order_id}")
    return Listed(tuple(sorted(rows, key=_number_or_time(rows), reverse=True)), odd)


def _number_or_time(rows: Sequence[OrderEvent | TwapOrder]) -> Callable[[object], int]:
    """Choose what to sort by: history_id, which cannot tie, or the time, which can.

    Source: docs.pacifica.fi get-order-history-by-id page.
    """
    for name in ("history_id", "created_at"):
        if all(getattr(row, name, None) is not None for row in rows):
            return attrgetter(name)
    return lambda row: 0


def _raise_if_not_in_history(body: bytes, order_id: int, is_whole: bool) -> None:
    """Raise `NotInHistory` for the exchange's own words alone: other 404s mean a wrong address.

    Seen: ``Order history not found for order ID: 123``, code 404.
    """
    envelope = parse(body) if is_whole else None
    if not isinstance(envelope, dict) or envelope.get("success") is not False:
        return
    error, code = envelope.get("error"), envelope.get("code")
    words = _NOT_IN_HISTORY.match(error[:300]) if isinstance(error, str) else None
    if words is None or envelope.get("data") is not None:
        return
    if not (code is None or (type(code) is int and code == 404)):
        return
    if words.group(1) in (None, str(order_id)):
        raise NotInHistory(f"the exchange's history has no order {order_id}")


def _envelope(status: int, body: bytes, is_whole: bool) -> dict[str, Any]:
    """Return the envelope of a read that succeeded, its rows under ``data``."""
    envelope = _read(status, body, is_whole)
    _data_list(envelope)
    return envelope


def _read(status: int, body: bytes, is_whole: bool) -> dict[str, Any]:
    if not is_whole:
        raise Unreadable("the answer is not whole")
    if status != 200:
        raise Unreadable(_why_not(status, body))
    envelope = parse_rows(body)
    if not isinstance(envelope, dict):
        raise Unreadable("not an object")
    if any(isinstance(value, Repeated) for value in envelope.values()):
        raise Unreadable("a key stands twice in the envelope")
    if not is_yes({**envelope, "data": None}):  # is_yes knows no list as data
        raise Unreadable("the envelope does not say success")
    return envelope


def _why_not(status: int, body: bytes) -> str:
    """Say what a refused read says, and what to do about it where its words are known."""
    no = cancel_verdict(status, body)
    if no.kind != "refused" or not no.hint:
        return f"HTTP {status}"
    return f"HTTP {status}. {no.hint} The exchange said: {no.error or 'nothing'}"


def _claims_success(body: bytes) -> bool:
    """Whether a body says yes, whatever its status says."""
    try:
        envelope = parse(body)
    except Unreadable:
        return False
    return isinstance(envelope, dict) and envelope.get("success", False) is not False


def _data_list(envelope: dict[str, Any]) -> list[Any]:
    data = envelope.get("data")
    if not isinstance(data, list):
        raise Unreadable("data is no list")
    return data
