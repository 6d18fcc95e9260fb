"""Look at a whole book: its strategies, TWAPs and orders; and whether that shows it empty."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from orders.exchange import odd_rows
from orders.exchange.reader import Parse, Reader
from orders.exchange.readings import Reading
from orders.lifecycle.routes import kind_of
from orders.models import CancelKind, Order, PanicLine
from orders.pacifica import reads
from orders.pacifica.reads import AnyRows, Listed
from orders.pacifica.rows import OddRow, OpenOrder, OrderStrategy, TwapOrder
from orders.panic.timings import TIMINGS, Timings

# What a look reads. Print orders (``/game/deposit``) are in no list (docs.pacifica.fi print pages).
COVERS = (
    "Seen empty covers orders, stops, TWAPs and order strategies. It does not cover Print orders "
    "(deposit_to_game): the exchange's API lists none and cancels none, so look at the exchange."
)
STRATEGIES, TWAPS, ORDERS = "/order_strategies", "/orders/twap", "/orders"
STOP = CancelKind.STOP
UNTOLD = frozenset({"order_type", "stop_price", "reduce_only"})  # what tells whether it is spared
# Orders come last: what a strategy or a TWAP placed while the others were read is among them.
ROUTES: list[tuple[str, Parse[AnyRows]]] = [
    (STRATEGIES, reads.order_strategies),
    (TWAPS, reads.twap_orders),
    (ORDERS, reads.open_orders),
]


OpenRow = OpenOrder | TwapOrder | OrderStrategy


@dataclass
class OpenOrdersReading:
    """What one look found in scope, as (route, row) pairs; how many it spared.

    ``trouble``: why some route proved nothing, in words; ``must_wait``: for want of credits.
    ``absent``: which kind of orders this network does not have at all, in words.
    ``odd``: (route, row) of those that could not be read and may be in scope.
    """

    began_at: datetime
    rows: list[tuple[str, OpenRow]] = field(default_factory=list)
    readings: list[Reading[AnyRows]] = field(default_factory=list)
    odd: list[tuple[str, OddRow]] = field(default_factory=list)
    spared: int = 0
    absent: str = ""
    trouble: str = ""
    must_wait: bool = False

    @property
    def is_empty(self) -> bool:
        """Every route was read, and nothing in scope is listed."""
        return not self.rows and not self.odd and not self.trouble

    @property
    def count(self) -> int | None:
        """How many are listed; None where some route could not be read."""
        return None if self.trouble else len(self.rows) + len(self.odd)

    @property
    def odd_readings(self) -> list[Reading[AnyRows]]:
        """The reads in which a row could not be read."""
        return [each for each in self.readings if each.value is not None and each.value.odd]

    @property
    def unread(self) -> str:
        """Which rows could not be read, in words, or nothing."""
        said = [odd_rows.on_route(path, self._odd_of(path)) for path, _ in ROUTES]
        if not any(said):
            return ""
        return f"{''.join(said)}The account cannot be called empty: look at the exchange."

    def _odd_of(self, path: str) -> list[OddRow]:
        return [row for route, row in self.odd if route == path]


def read_everything_open(line: PanicLine, reader: Reader) -> OpenOrdersReading:
    """One look at the line's book. A route that cannot be read does not keep us from the others."""
    found = OpenOrdersReading(timezone.now())
    found.readings = reader.ask_all(ROUTES, {"account": line.account.address})
    for (path, _), answer in zip(ROUTES, found.readings, strict=True):
        if answer.is_not_offered:
            found.absent = answer.why
            continue
        if answer.value is None:
            found.trouble = found.trouble or f"{path} could not be read: {answer.why}."
            found.must_wait = found.must_wait or answer.must_wait
            continue
        for row in answer.value.rows:
            _sort(line, path, row, found)
        for odd in answer.value.odd:
            _sort_odd(line, path, odd, found)
    return found


def strategy_ids(line: PanicLine, answer: Reading[Listed[OrderStrategy]]) -> list[str]:
    """The strategies in the line's scope that one read listed; none where it proved nothing."""
    found = OpenOrdersReading(timezone.now())
    for row in answer.value.rows if answer.value is not None else ():
        _sort(line, STRATEGIES, row, found)
    return [row.strategy_id for _, row in found.rows if isinstance(row, OrderStrategy)]


def settled_at(line: PanicLine, timings: Timings = TIMINGS) -> datetime | None:
    """From when on an empty look proves an empty book; None where any does.

    A cancel-all without a clear yes may act until its signature ends, and its answer may hide
    that the exchange is still at it. As long as reads may lag, a look may show the book of before
    the panic.
    """
    if line.cancelled_count is not None:
        return None
    caught_up_at = line.last_asked_at + timings.reads_lag
    if line.sent_at is None:
        return caught_up_at
    window = timedelta(milliseconds=settings.PACIFICA_EXPIRY_WINDOW_MS)
    return max(line.sent_at + window + timings.margin, caught_up_at)


def _sort(line: PanicLine, path: str, row: OpenRow, found: OpenOrdersReading) -> None:
    """Keep a row that is in the line's scope; count one that is spared."""
    if line.symbol and row.symbol and row.symbol != line.symbol:
        return
    if _is_spared(line, row):
        found.spared += 1
        return
    found.rows.append((path, row))


def _is_spared(line: PanicLine, row: OpenRow) -> bool:
    """Whether the line spares it; what its row does not tell readably is told by our order."""
    reduce_only, is_stop = row.raw.get("reduce_only"), False
    if isinstance(row, OpenOrder):
        told: OpenOrder | Order = row
        if UNTOLD.intersection(row.odd_fields):
            told = line.account.orders.filter(order_id=row.order_id).first() or row
        reduce_only, is_stop = told.reduce_only, kind_of(told) == STOP
    return (line.keep_stops and is_stop) or (line.keep_reduce_only and reduce_only is True)


def _sort_odd(line: PanicLine, path: str, odd: OddRow, found: OpenOrdersReading) -> None:
    """Complete a row without its symbol where we know the order's; else keep it as odd."""
    known = line.account.orders.filter(order_id=odd.order_id).first() if odd.order_id else None
    if isinstance(odd.row, OpenOrder) and known is not None:
        _sort(line, path, replace(odd.row, symbol=known.symbol), found)
    elif not (line.symbol and odd.symbol and odd.symbol != line.symbol):
        found.odd.append((path, odd))
