"""Which stop orders a panic took from a book and which it left, named as far as there is room."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from orders.models import Cancel, Order, OrderState, PanicLine, order_kinds
from orders.models.orders import IS_STOP
from orders.pacifica.rows import OpenOrder
from orders.panic.open_orders import ORDERS, OpenOrdersReading

NAMED = 4
RECENT = timedelta(minutes=2)  # so long before the panic a stop may have been listed last


class Stop(NamedTuple):
    """What names a stop order, and whether it can only make a position smaller."""

    order_id: int
    symbol: str
    is_reduce_only: bool


def known(line: PanicLine) -> list[Stop]:
    """The stops in the line's scope that we knew to be open when it was asked for."""
    return known_of([line])[line.pk]


def known_of(lines: Iterable[PanicLine]) -> dict[int, list[Stop]]:
    """The same of several lines, by line's id; one query for those of one decision."""
    found: dict[int, list[Stop]] = {line.pk: [] for line in lines}
    decisions: dict[tuple[int, str, datetime], dict[int, int]] = defaultdict(dict)
    for line in lines:
        decisions[line.job_id, line.symbol, line.last_asked_at][line.account_id] = line.pk
    for (job_id, symbol, asked_at), pks in decisions.items():
        for account_id, order_id, name, is_reduce_only in _known(job_id, symbol, asked_at, pks):
            found[pks[account_id]].append(Stop(order_id, name, bool(is_reduce_only)))
    return found


def _known(
    job_id: int, symbol: str, asked_at: datetime, account_ids: Collection[int]
) -> Iterable[tuple[int, int, str, bool | None]]:
    """(account's id, order's id, symbol, whether reduce-only) of each, the oldest first."""
    was_open = Q(state=OrderState.OPEN)
    was_open |= Q(state=OrderState.VANISHED, last_seen_at__gte=asked_at - RECENT)
    ours = Cancel.objects.filter(job=job_id, account__in=account_ids, known_order__isnull=False)
    was_open |= Q(pk__in=ours.values("known_order"))
    orders = Order.objects.filter(IS_STOP, was_open, account__in=account_ids).order_by("order_id")
    if symbol:
        orders = orders.filter(symbol=symbol)
    return orders.values_list("account_id", "order_id", "symbol", "reduce_only")


def in_words(line: PanicLine, before: list[Stop], look: OpenOrdersReading) -> str:
    """*2 stops went: BTC 28000000042, … 1 stop stayed: …*; nothing where the book was not read.

    ``before``: the known ones. What stayed is named from the book, known to us or not.
    """
    book = next((one for one in look.readings if one.path == ORDERS), None)
    if book is None or book.value is None:
        return ""
    listed = {row.order_id for row in (*book.value.rows, *book.value.odd)}
    gone = [stop for stop in before if stop.order_id not in listed]
    left = [_stop(row) for row in book.value.rows if _is_stop_in_scope(line, row)]
    said = [_named(gone, "went"), _named(left, "stayed")]
    if line.keep_stops and gone:
        said.insert(1, "Those were to be spared.")
    elif line.keep_reduce_only and (lost := [stop for stop in gone if stop.is_reduce_only]):
        said.insert(1, f"{len(lost)} of them reduce-only, though those were to be spared.")
    return " ".join(filter(None, said))


def _is_stop_in_scope(line: PanicLine, row: OpenOrder) -> bool:
    is_in_scope = not line.symbol or row.symbol in (None, line.symbol)
    return is_in_scope and order_kinds.is_stop(row.order_type, row.stop_price)


def _stop(row: OpenOrder) -> Stop:
    return Stop(row.order_id, row.symbol or "", bool(row.reduce_only))


def _named(stops: list[Stop], what: str) -> str:
    if not stops:
        return ""
    names = ", ".join(f"{one.symbol} {one.order_id}".strip() for one in stops[:NAMED])
    more = f", +{len(stops) - NAMED} more" if len(stops) > NAMED else ""
    return f"{len(stops)} {'stop' if len(stops) == 1 else 'stops'} {what}: {names}{more}."
