"""Gather what the exchange says of orders whose cancels are in question: book, then history."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orders.exchange import reader as exchange_reader
from orders.models import Account, Cancel, Order
from orders.pacifica import reads
from orders.reconcile import history_lookup
from orders.reconcile.findings import Findings, OpenRow, half_read

BY_ID_THRESHOLD = 3  # orders looked up one by one; more are looked for in the paged history first
MAX_LOOK_UPS = 20  # one by one in one round; the others wait for the next
MAX_ROUND = timedelta(seconds=12)  # no read of a round begins later
FOR_EACH = timedelta(milliseconds=3)  # question, longer: many are found in one reading


def gather(
    cancels: list[Cancel],
    *,
    clock: Callable[[], datetime],
    offset: timedelta,
    before: Callable[[], object],
    limits: history_lookup.Limits = history_lookup.LIMITS,
) -> Findings:
    """Read the book once, then the history of the orders it does not list.

    ``before``: called before each read.
    """
    return _gather(cancels, clock, offset, before, ORDERS, limits)


def gather_twaps(
    cancels: list[Cancel],
    *,
    clock: Callable[[], datetime],
    offset: timedelta,
    before: Callable[[], object],
    limits: history_lookup.Limits = history_lookup.LIMITS,
) -> Findings:
    """The same for TWAP orders, which have routes of their own."""
    return _gather(cancels, clock, offset, before, TWAPS, limits)


ORDERS = history_lookup.Routes(
    "/orders",
    reads.open_orders,
    "/orders/history",
    reads.history_page,
    "/orders/history_by_id",
    reads.history_events,
)
TWAPS = history_lookup.Routes(
    "/orders/twap",
    reads.twap_orders,
    "/orders/twap/history",
    reads.twap_history_page,
    "/orders/twap/history_by_id",
    reads.twap_events,
)


def _gather(
    cancels: list[Cancel],
    clock: Callable[[], datetime],
    offset: timedelta,
    before: Callable[[], object],
    routes: history_lookup.Routes,
    limits: history_lookup.Limits,
) -> Findings:
    account = cancels[0].account
    reader = exchange_reader.Reader(account, clock=clock, before=before)
    evidence = Findings(reader, asked_at=clock(), offset=offset, seen=_seen(account, cancels))
    params = {"account": account.address}
    _read_book(evidence, routes, params)
    if evidence.book is None:
        return evidence
    _list_half_read(evidence, cancels)
    missing = [cancel for cancel in cancels if _is_missing(evidence, cancel)]
    until = evidence.asked_at + MAX_ROUND + len(missing) * FOR_EACH
    look = history_lookup.LookUp(evidence, routes, params, lambda: clock() > until, limits)
    if len(missing) > BY_ID_THRESHOLD or any(_needs_pages(evidence, one) for one in missing):
        look.through_history(missing)
    left = _left(evidence, missing)
    most = MAX_LOOK_UPS
    if evidence.must_wait:  # no dear reads now, but for those that pages cannot reach on this purse
        most = BY_ID_THRESHOLD if len(left) == len(missing) else 0
    for cancel in left[:most]:
        look.by_id(cancel)
    if evidence.pages is None:
        look.for_edits(missing)
    return evidence


def _seen(account: Account, cancels: list[Cancel]) -> set[int]:
    """Order ids among these that the account's books have listed since they were asked for."""
    wanted = {one.order_id for one in cancels if one.order_id and one.known_order_id is None}
    orders = Order.objects.filter(account=account, order_id__any=wanted)
    return set(orders.values_list("order_id", flat=True)) if wanted else set()


def _is_missing(evidence: Findings, cancel: Cancel) -> bool:
    row = evidence.row_of(cancel)
    return row is None or evidence.is_doubtful(cancel, row)


def _needs_pages(evidence: Findings, cancel: Cancel) -> bool:
    """Whether history by id is not enough: it does not say whose an order is, nor knows names."""
    return cancel.order_id is None or not evidence.is_ours(cancel)


def _left(evidence: Findings, missing: list[Cancel]) -> list[Cancel]:
    """Cancels whose order ids are looked up one by one.

    An order id never shown to be ours that the whole history does not have is nobody's here: what
    a look-up would tell is another account's.
    """
    return [
        cancel
        for cancel in sorted(missing, key=lambda cancel: cancel.checks)
        if cancel.order_id
        and not _is_told(evidence, cancel)
        and not (evidence.is_history_whole and not evidence.is_ours(cancel))
    ]


def _is_told(evidence: Findings, cancel: Cancel) -> bool:
    """Whether the pages told how it closed, or call it by a word that we do not know.

    A row that calls it open is from before its end: rows may come oldest first.
    """
    past = None if cancel.order_id is None else evidence.pasts.get(cancel.order_id)
    return past is not None and (past.ending is not None or past.is_in_doubt)


def _read_book(evidence: Findings, routes: history_lookup.Routes, params: dict[str, str]) -> None:
    answer = evidence.reader.ask(routes.book, params, routes.open_rows)
    evidence.readings.append(answer)
    if answer.value is not None:
        evidence.odd = answer.value.odd
        _list(evidence, answer.value.rows)


def _list(evidence: Findings, rows: Sequence[OpenRow]) -> None:
    evidence.book = evidence.listed | {row.order_id: row for row in rows}
    evidence.named |= {r.client_order_id.lower(): r for r in rows if r.client_order_id}


def _list_half_read(evidence: Findings, cancels: list[Cancel]) -> None:
    """A row whose symbol could not be read is listed where a cancel names its order with one."""
    symbols = {c.order_id or history_lookup.name_of(c): c.symbol for c in cancels}
    for row in half_read(evidence.odd):
        name = (row.client_order_id or "").lower()
        if symbol := symbols.get(row.order_id) or symbols.get(name):
            _list(evidence, [replace(row, symbol=symbol)])
