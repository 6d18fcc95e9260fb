"""Bring the known orders of an account up to date with the exchange.

The book says what is open. What is no longer in it closed somehow, and only the history says how:
until it does, the order is *vanished*, never guessed. A constant number of queries, however many
orders there are.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from desk.repeated_warnings import Matters
from orders.audit import log
from orders.exchange import clock as exchange_clock
from orders.exchange import credits, odd_rows
from orders.exchange import reader as exchange_reader
from orders.exchange.readings import Reading
from orders.lifecycle import reopen, restored_copy, wakeups
from orders.lifecycle.order_closure import Closure
from orders.models import Account, Order, OrderState
from orders.models.cancels import READ_LAG
from orders.models.clocks import has_come, is_ahead
from orders.pacifica import reads
from orders.pacifica.rows import HistoryOrder, OpenOrder, OrderEvent
from orders.reconcile import (
    closures,
    discrepancies,
    filled_amounts,
    gone_amounts,
    history_pages,
    sync_facts,
)
from orders.reconcile.diff import RAREST, REFRESHED, Changes, compare

unread = Matters(logging.getLogger(__name__))


@dataclass(frozen=True)
class Limits:
    """How far one sync looks for orders that are missing."""

    by_id: int = 5  # orders looked up one by one
    pages: int = 5  # of the history; more the more orders are missing
    max_pages: int = 60
    page: int = 100  # rows of one (docs.pacifica.fi order-history page)


LIMITS = Limits()


@dataclass
class History:
    """How missing orders ended, by order id; the ids of all that the pages called filled.

    ``words``: what the history calls those that it does not say to have ended.
    """

    endings: dict[int, Closure] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    filled: list[int] = field(default_factory=list)
    readings: list[Reading[Any]] = field(default_factory=list)

    def add(
        self, order_id: int, status: str | None, ending: Closure | None, wanted: set[int]
    ) -> None:
        """Keep what the history says of one order."""
        if ending is not None and ending.status == "filled":
            self.filled.append(order_id)
        if order_id in wanted and ending is not None:
            self.endings[order_id] = ending
        elif order_id in wanted and status:
            self.words[order_id] = status


@dataclass(frozen=True)
class Synced:
    """How a sync went: the number of open orders, or why the book could not be read."""

    open_orders: int | None = None
    new: int = 0
    closed: int = 0
    problem: str = ""


def sync_account(
    *,
    account_id: int,
    is_due_only: bool = False,
    purpose: str | None = None,
    clock: Callable[[], datetime] = timezone.now,
    limits: Limits = LIMITS,
) -> Synced | None:
    """Read the account's book and apply it; None where another sync was quicker.

    ``purpose``: of the credits that it spends, where not the usual one.
    """
    started_at = clock()
    if not _claim(account_id, started_at, is_due_only):
        return None
    restored_copy.is_behind(started_at)
    account = Account.objects.select_related("desk").get(pk=account_id)
    purpose = purpose or (credits.SYNC if is_due_only else credits.PROOF)
    reader = exchange_reader.Reader(account, purpose=purpose, clock=clock)
    book = reader.ask("/orders", {"account": account.address}, reads.open_orders)
    if book.must_wait:
        return Synced(problem=book.why)  # a routine sync stretches its period
    if book.value is None:
        Account.objects.filter(pk=account_id).update(sync_error=book.why[:300])
        unread.wrong(account_id, f"The open orders of {account} could not be read: {book.why}.")
        return Synced(problem=book.why)
    unread.over(account_id, f"The open orders of {account} are read again.")
    history = _endings_of_missing(reader, account, book.value, started_at, limits)
    with transaction.atomic():
        synced = _apply(account, book, book.value, history, started_at, clock())
    exchange_clock.measure(results=[book.result], now=clock())
    filled_amounts.read(account_id=account_id, clock=clock)
    return synced


def _claim(account_id: int, now: datetime, is_due_only: bool) -> int:
    """Write when this sync starts; a scheduled one only where none is under way or recent."""
    accounts = Account.objects.filter(pk=account_id, is_active=True)
    if is_due_only:
        accounts = Account.objects.due_for_sync(now, settings.SYNC_PERIOD_S).filter(pk=account_id)
    return accounts.order_by().update(sync_started_at=now)


def _missing(
    account: Account, listed: set[int | None], started_at: datetime, last_order_id: int | None
) -> set[int]:
    """Order ids we hold as open or vanished that this read does not list and whose turn it is.

    Not those of which the stream told what came after the read.
    """
    orders = account.orders.not_closed().exclude(last_seen_at=started_at)
    if last_order_id is not None:
        orders = orders.exclude(told_li__gt=last_order_id, last_seen_at__gt=started_at - READ_LAG)
    is_older = has_come("last_seen_at", started_at, timedelta(0))
    is_due = Q(next_lookup_at__isnull=True) | has_come("next_lookup_at", started_at, RAREST)
    return set(orders.filter(is_older, is_due).values_list("order_id", flat=True)) - listed


def _endings_of_missing(
    reader: exchange_reader.Reader,
    account: Account,
    book: reads.OpenOrders[OpenOrder],
    started_at: datetime,
    limits: Limits,
) -> History:
    """Ask the history where orders of ours are missing in the book."""
    listed = {row.order_id for row in book.rows} | {odd.order_id for odd in book.odd}
    wanted = _missing(account, listed, started_at, book.last_order_id)
    history = History()
    if wanted:
        _through_history(reader, account, wanted, history, limits)
        left = sorted(wanted - set(history.endings))
        # Any of them: of many that the history never tells, the same would be asked for each time.
        for order_id in random.sample(left, min(limits.by_id, len(left))):
            history.readings.append(_by_id(reader, order_id, history, wanted))
    return history


def _through_history(
    reader: exchange_reader.Reader,
    account: Account,
    wanted: set[int],
    history: History,
    limits: Limits,
) -> None:
    """Read the newest pages. Many of them never take what is kept for urgent cancels."""
    orders = account.orders.filter(order_id__any=wanted)
    stated = list(orders.values_list("created_at", flat=True))
    made_at = [moment for moment in stated if moment is not None]
    oldest_at = None if len(made_at) < len(stated) else min(made_at)

    def needed(rows: list[HistoryOrder]) -> int:
        left = wanted - {row.order_id for row in rows}
        return 0 if history_pages.Reach(rows).is_past(oldest_at) else ceil(len(left) / limits.page)

    most = min(limits.max_pages, limits.pages + 2 * len(wanted) // limits.page)
    if most > limits.pages:
        reader = reader.for_purpose(credits.SYNC)
    params = {"account": account.address}
    pages = reader.pages("/orders/history", params, reads.history_page, needed, most=most)
    history.readings = [*pages.readings]
    for row in pages.rows:
        history.add(row.order_id, row.order_status, closures.of_history_row(row), wanted)


def _by_id(
    reader: exchange_reader.Reader, order_id: int, history: History, wanted: set[int]
) -> Reading[reads.Listed[OrderEvent]]:
    answer = reader.ask_of_order("/orders/history_by_id", order_id, reads.history_events)
    if answer.value is not None:
        status = answer.value.rows[0].order_status
        history.add(order_id, status, closures.of_events(answer.value.rows), wanted)
    return answer


def _apply(
    account: Account,
    book: Reading[reads.OpenOrders[OpenOrder]],
    listed: reads.OpenOrders[OpenOrder],
    history: History,
    started_at: datetime,
    now: datetime,
) -> Synced | None:
    """Write what changed, and one record of it. A sync that was overtaken writes nothing.

    ``book``: the read that ``listed`` came from.
    """
    locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    overtook_at = locked.synced_at
    if overtook_at and overtook_at >= started_at and not is_ahead(overtook_at, started_at):
        return None
    offset = exchange_clock.offset(now)
    changes = compare(account, listed, history, started_at, offset)
    _write(account, changes, started_at, now)
    gone_amounts.fill(account=account, closed=changes.closed)
    discrepancies.note(account=account, changes=changes, now=now)
    trouble = odd_rows.sentence(listed)
    Account.objects.filter(pk=account.pk).update(
        synced_at=started_at,
        sync_error="",
        book_trouble=trouble,
        book_last_order_id=listed.last_order_id,
    )
    facts = reopen.seen_open(account=account, started_at=started_at, now=now)
    facts += reopen.seen_filled(account=account, order_ids=history.filled, now=now)
    if facts:
        wakeups.settle(account_ids=[account.pk])
    if changes or not odd_rows.is_the_same(trouble, locked.book_trouble):
        readings = [book, *history.readings]
        facts += sync_facts.of_changes(account, changes, readings, now)
    log.append(*facts)
    return Synced(len(listed.rows), len(changes.new), len(changes.closed))


def _write(account: Account, changes: Changes, started_at: datetime, now: datetime) -> None:
    """New and changed rows in one statement, and one more for all that were seen."""
    orders = [order for order, _ in changes.new + changes.changed + changes.reopened]
    orders += [order for order, _ in changes.closed]
    orders += changes.vanished + changes.unexplained + changes.hidden
    if connection.features.has_select_for_update:  # as the cancels' ends do
        list(account.orders.not_closed().locked())
    for order in orders:
        order.pk = None  # an upsert names its row by account and order id
    Order.objects.bulk_create(
        orders,
        update_conflicts=True,
        unique_fields=["account", "order_id"],
        update_fields=REFRESHED,
    )
    open_orders = Order.objects.filter(account=account, state=OrderState.OPEN)
    unseen = {order.order_id for order in changes.hidden} | changes.newer
    open_orders.exclude(order_id__any=unseen).update(last_seen_at=started_at)
