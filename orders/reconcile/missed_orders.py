"""Orders that came and went while nothing told of them: looked up in the order history.

The open orders tell what stands and a sync what of ours has ended. What was placed and ended in a
gap of the stream is in the history alone: closed from its first day here, with its amounts.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from desk.repeated_warnings import Matters
from orders.audit import log
from orders.exchange import clock as exchange_clock
from orders.exchange import credits
from orders.exchange import reader as exchange_reader
from orders.exchange.readings import Pages
from orders.lifecycle import reopen, wakeups
from orders.lifecycle.order_closure import Closure
from orders.models import Account, Event, Order
from orders.models.clocks import MAY_DIFFER, is_ahead
from orders.models.lookups import portions
from orders.pacifica import reads
from orders.pacifica.rows import HistoryOrder
from orders.reconcile import (
    closures,
    discrepancies,
    gone_amounts,
    history_pages,
    order_rows,
    sync_facts,
)
from orders.reconcile.closures import FILLS, FURTHEST
from orders.reconcile.diff import values_of

unread = Matters(logging.getLogger(__name__))
ENDED = tuple[Order, Closure, HistoryOrder]


@dataclass(frozen=True)
class Limits:
    """How far one look-up reads, and how much it writes at once."""

    pages: int = 20
    at_once: int = 1000  # orders of one transaction and record


LIMITS = Limits()


def look_up(
    *,
    account_id: int,
    since: datetime,
    clock: Callable[[], datetime] = timezone.now,
    limits: Limits = LIMITS,
) -> str | None:
    """Write what came and went since then; return why it must be tried again, or None.

    Paid for from the syncs' part of the purse. A history that ends before, or that reaches no
    further back in so many pages, is not read again: what it may have hidden is a warning.
    """
    started_at = clock()
    account = Account.objects.select_related("desk").get(pk=account_id)
    earliest = _earliest(since, started_at)
    reader = exchange_reader.Reader(account, purpose=credits.SYNC, clock=clock)

    def needed(rows: list[HistoryOrder]) -> int:
        return 0 if history_pages.Reach(rows).is_past(earliest) else 1

    params = {"account": account.address}
    pages = reader.pages("/orders/history", params, reads.history_page, needed, most=limits.pages)
    exchange_clock.measure(results=[each.result for each in pages.readings], now=clock())
    rows = [row for row in pages.rows if _is_of_gap(row, earliest)]
    for some in portions(rows, limits.at_once):
        with transaction.atomic():
            _write(account, some, pages, started_at, clock())
    is_whole = pages.is_complete or not (pages.has_unreadable or needed(pages.rows))
    return _said(account, pages, is_whole, since)


def _earliest(since: datetime, now: datetime) -> datetime:
    """When the gap began by the exchange's clock, or rather before; two clocks may have told it."""
    if is_ahead(since, now):  # written before a clock was set back, nobody knows by how much
        since = now - FURTHEST
    return since + exchange_clock.offset(now) - MAY_DIFFER


def _is_of_gap(row: HistoryOrder, earliest: datetime) -> bool:
    """Whether it ended, and not before the gap, as far as its times can be read."""
    at = closures.changed_at(row) or closures.made_at(row)
    return closures.of_history_row(row) is not None and (at is None or at >= earliest)


def _write(
    account: Account,
    rows: Sequence[HistoryOrder],
    pages: Pages[HistoryOrder],
    started_at: datetime,
    now: datetime,
) -> None:
    """Write those of these orders that nobody here has seen, and one record of them."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # as syncs and the stream do
    missed = _missed(account, rows, started_at, now)
    if not missed:
        return
    orders = [order for order, _, _ in missed]
    edited = _link_edits(account, orders)
    Order.objects.bulk_create(orders)
    gone_amounts.fill(account=account, closed=[(order, end) for order, end, _ in missed])
    discrepancies.explain(account=account, order_ids=edited)
    filled = {order.order_id for order, end, _ in missed if end.status in FILLS}
    facts = reopen.seen_filled(account=account, order_ids=filled, now=now)
    if facts:
        wakeups.settle(account_ids=[account.pk])
    told = [(order, "closed", row.raw) for order, _, row in missed]
    log.append(*facts, sync_facts.fact(Event.SYNC, account, told, pages.readings, now))


def _missed(
    account: Account, rows: Sequence[HistoryOrder], started_at: datetime, now: datetime
) -> list[ENDED]:
    named = account.orders.filter(order_id__any={row.order_id for row in rows})
    known = set(named.values_list("order_id", flat=True))
    missed: dict[int, ENDED] = {}
    for row in rows:
        ending = closures.of_history_row(row)
        if ending is not None and row.order_id not in known:
            order = _order(account, row, started_at)
            order_rows.close(order, ending, now)
            missed.setdefault(row.order_id, (order, ending, row))
    return list(missed.values())


def _order(account: Account, row: HistoryOrder, seen_at: datetime) -> Order:
    return Order(
        account=account,
        order_id=row.order_id,
        first_seen_at=seen_at,
        last_seen_at=seen_at,
        **values_of(order_rows.as_open(row, row.order_id, row.symbol)),
    )


def _link_edits(account: Account, missed: list[Order]) -> set[int]:
    """Link orders to those they were edited from; return the ids of these."""
    names = {order.client_order_id for order in missed} - {None}
    if not names:
        return set()
    known = list(account.orders.filter(client_order_id__in=names).order_by("pk"))
    edits = list(order_rows.edits_among([*known, *missed]))
    for old, new in edits:
        new.replaces_order_id = old.order_id
    later = [new for _, new in edits if new.pk is not None]
    Order.objects.bulk_update(later, ["replaces_order_id"], batch_size=200)
    return {old.order_id for old, _ in edits}


def _said(
    account: Account, pages: Pages[HistoryOrder], is_whole: bool, since: datetime
) -> str | None:
    """Tell of what the history did not tell; return why it is worth another try, or None."""
    last = pages.readings[-1] if pages.readings else None
    why = "" if is_whole or last is None or last.value is not None else last.why
    what = f"What came and went on {account} since {since:%Y-%m-%d %H:%M:%S} UTC"
    if not why:
        unread.over(account.pk, f"The order history of {account} is read again.")
        if not is_whole:
            unread.wrong((account.pk, since), f"{what} is not wholly known: {pages.why}.")
    elif last is not None and not last.must_wait:
        unread.wrong(account.pk, f"{what} is not known yet: {why}.")
    return why or None
