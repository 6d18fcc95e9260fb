"""Read from the history what cancelled orders had filled: their cancel was accepted without it.

The outcome stands and does not wait for this. The reads are paid for from what routine syncs may
spend, and many orders are told by one page.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from orders.audit import log
from orders.exchange import clock as exchange_clock
from orders.exchange import credits
from orders.exchange import reader as exchange_reader
from orders.exchange.readings import Reading
from orders.lifecycle import reopen
from orders.lifecycle.transitions import ending_values
from orders.models import (
    Account,
    AmountsState,
    Cancel,
    CancelKind,
    CancelStatus,
    Order,
    OrderState,
)
from orders.models.cancels import CancelQuerySet
from orders.models.clocks import has_come, is_ahead
from orders.models.prepared import MOMENTS, Prepared
from orders.pacifica.strict_json import spelled
from orders.reconcile import amounts_in_stream, read_evidence, stream_health
from orders.reconcile.amounts_in_history import HistoryAnswers, ask_by_id, through_pages
from orders.reconcile.closures import ENDS, FILLS
from orders.reconcile.history_lookup import Routes

MAX_AT_ONCE = 500  # cancels of one reading
AT_ONCE = 200  # rows of one statement
UNFILLED = ENDS - FILLS
LEASE = timedelta(seconds=60)  # of whoever reads them
STREAM_GRACE = timedelta(seconds=1)  # from a yes to the first read of its amounts
MIN_PAUSE, MAX_PAUSE = timedelta(seconds=2), timedelta(minutes=10)
GIVE_UP_AFTER = timedelta(hours=1)  # where the exchange answered, and did not tell
GIVE_UP_UNREAD_AFTER = timedelta(days=1)
UNTOLD = "The exchange's history does not tell its amounts."


@dataclass(frozen=True)
class Limits:
    """How many orders are asked for by their ids."""

    by_id: int = 2  # more are looked for in the pages
    look_ups: int = 20  # of those that no page told; the others come sooner next time


LIMITS = Limits()


def accounts_due(now: datetime) -> list[int]:
    """Ids of the accounts with amounts to be read, those of urgent cancels first."""
    return list(dict.fromkeys(_accounts_due(now=now)))


def read(
    *,
    account_id: int,
    clock: Callable[[], datetime] = timezone.now,
    limits: Limits = LIMITS,
    is_streamed: Callable[[int, datetime], bool] = stream_health.is_healthy,
) -> int:
    """Read what is due of one account; of how many orders the amounts were told.

    What the stream told before the yes came is taken from the log; while it is healthy, what it may
    tell any moment is not asked for yet. ``is_streamed``: whether it is, by account id and time.
    """
    told = 0
    for routes, kinds in ROUTES:
        now = clock()
        due = _due(now).filter(account_id=account_id, kind__in=kinds)
        if is_streamed(account_id, now):
            due = due.exclude(concluded_at__gt=now - STREAM_GRACE, concluded_at__lte=now)
        taken = _take(due, now)
        cancels = amounts_in_stream.write(taken, _still_taken, now) if taken else []
        told += len(taken) - len(cancels)
        if cancels:
            told += _read(cancels, routes, exchange_clock.offset(now), clock, limits)
    return told


ROUTES = [
    (read_evidence.ORDERS, [CancelKind.ORDER, CancelKind.STOP]),
    (read_evidence.TWAPS, [CancelKind.TWAP]),
]


def _due(now: datetime) -> CancelQuerySet:
    has_none_yet = has_come("amounts_due_at", now, max(MAX_PAUSE, LEASE))
    return Cancel.objects.filter(has_none_yet, amounts_due_at__isnull=False)


_accounts_due = Prepared(
    lambda now: (
        _due(now).order_by("-is_urgent", "pk").values_list("account_id", flat=True)[:MAX_AT_ONCE]
    ),
    now=MOMENTS,
)


def _take(due: CancelQuerySet, now: datetime) -> list[Cancel]:
    """The cancels, each taken by one reader for a while; nothing is written where none is due."""
    skips = connection.features.has_select_for_update_skip_locked
    if not due.exists():
        return []
    with transaction.atomic():
        rows = due.order_by("-is_urgent", "pk").select_for_update(skip_locked=skips, no_key=True)
        ids = set(rows.values_list("pk", flat=True)[:MAX_AT_ONCE])
        taken = Cancel.objects.filter(pk__any=ids)
        taken.update(amounts_due_at=now + LEASE)
    mine = taken.filter(amounts_due_at=now + LEASE)  # read when no other writer waits for it
    return list(mine.select_related("account__desk", "job__desk").order_by("pk"))


def _read(
    cancels: list[Cancel],
    routes: Routes,
    offset: timedelta,
    clock: Callable[[], datetime],
    limits: Limits,
) -> int:
    reader = exchange_reader.Reader(cancels[0].account, purpose=credits.SYNC, clock=clock)
    told = HistoryAnswers()
    if len(cancels) > limits.by_id or any(cancel.order_id is None for cancel in cancels):
        through_pages(reader, routes, cancels, told, offset)
    left = [one for one in cancels if one.pk not in told.rows and one.order_id is not None]
    for cancel in left[: limits.look_ups]:
        if not told.must_wait:
            ask_by_id(reader, routes, cancel, told)
    return _write(cancels, told, clock())


def _write(cancels: list[Cancel], told: HistoryAnswers, now: datetime) -> int:
    """What was told, where the cancel still says so and is still ours; the rest is asked later."""
    account = cancels[0].account
    with transaction.atomic():
        cancels = _still_taken(cancels, now)
        filled = [one for one in cancels if _is(told, one, FILLS)]
        facts = reopen.seen_filled(
            account=account,
            order_ids={one.order_id for one in filled if one.order_id is not None},
            cancel_ids={one.pk for one in filled if one.order_id is None},
            now=now,
        )
        known = []
        for cancel in cancels:
            amounts = _amounts(told, cancel) if _is(told, cancel, UNFILLED) else None
            if amounts is not None:
                cancel.filled_amount, cancel.cancelled_amount = amounts
                cancel.amounts_due_at = None
                known.append(cancel)
        columns = ["filled_amount", "cancelled_amount", "amounts_due_at"]
        Cancel.objects.bulk_update(known, columns, batch_size=AT_ONCE)
        _write_orders(account, known, told)
        ids = {one.pk for one in known}
        untold = _ask_later([one for one in cancels if one.pk not in ids], told, now)
        log.append(*facts, *_read_facts(known, told, now), *_untold_facts(untold, told, now))
    return len(known)


def _still_taken(cancels: list[Cancel], now: datetime) -> list[Cancel]:
    """Those that nobody took over since, and that are still called cancelled; locked."""
    same = Cancel.objects.filter(pk__any={one.pk for one in cancels}, status=CancelStatus.CANCELLED)
    rows = same.order_by("pk").select_for_update(no_key=True).values_list("pk", "amounts_due_at")
    mine = {pk for pk, due_at in rows if due_at == cancels[0].amounts_due_at}
    return [one for one in cancels if one.pk in mine]


def _is(told: HistoryAnswers, cancel: Cancel, statuses: set[str]) -> bool:
    return cancel.pk in told.rows and told.rows[cancel.pk][0].status in statuses


def _amounts(told: HistoryAnswers, cancel: Cancel) -> tuple[str, str] | None:
    """(filled, cancelled) as the exchange's text, or None where it does not tell both."""
    ending = told.rows[cancel.pk][0]
    both = ending.filled_amount, ending.cancelled_amount
    return both if all(both) else None


def _write_orders(account: Account, known: list[Cancel], told: HistoryAnswers) -> None:
    """Write the amounts into the orders too, where we know them."""
    endings = {told.rows[one.pk][1].order_id: told.rows[one.pk][0] for one in known}
    closed = account.orders.filter(order_id__any=set(endings), state=OrderState.CLOSED)
    orders = list(closed.order_by("pk").select_for_update(no_key=True))
    for order in orders:
        for name, value in ending_values(endings[order.order_id]).items():
            setattr(order, name, value)
    Order.objects.bulk_update(orders, AMOUNTS, batch_size=AT_ONCE)


AMOUNTS = ["filled_amount", "cancelled_amount", "average_filled_price", "amounts_state"]


def _ask_later(cancels: list[Cancel], told: HistoryAnswers, now: datetime) -> list[Cancel]:
    """Have these asked about again, ever more slowly; give up those asked about long enough.

    Returns those that were given up.
    """
    later: dict[datetime, set[int]] = {}
    untold: list[Cancel] = []
    for cancel in cancels:
        was_asked = cancel.pk in told.asked or cancel.order_id is None
        since = now - (cancel.concluded_at or now)
        is_patient = told.is_unread or not was_asked
        patience = GIVE_UP_UNREAD_AFTER if is_patient else GIVE_UP_AFTER
        if since > patience or is_ahead(cancel.concluded_at, now):
            untold.append(cancel)
        else:
            pause = max(MIN_PAUSE, since if was_asked else since / 8)
            later.setdefault(now + min(MAX_PAUSE, pause), set()).add(cancel.pk)
    for due_at, ids in later.items():
        _cancelled(ids).update(amounts_due_at=due_at)
    return _give_up(untold)


def _cancelled(ids: set[int]) -> CancelQuerySet:
    return Cancel.objects.filter(pk__any=ids, status=CancelStatus.CANCELLED)


def _give_up(cancels: list[Cancel]) -> list[Cancel]:
    """Say of those that are still cancelled that the exchange does not tell; return them."""
    still = set(_cancelled({one.pk for one in cancels}).values_list("pk", flat=True))
    cancels = [cancel for cancel in cancels if cancel.pk in still]
    by_words: dict[str, set[int]] = {}
    for cancel in cancels:
        by_words.setdefault(f"{cancel.explanation} {UNTOLD}"[:400], set()).add(cancel.pk)
    for said, ids in by_words.items():
        _cancelled(ids).update(amounts_due_at=None, explanation=said)
    orders = Order.objects.filter(pk__any={one.known_order_id for one in cancels})
    orders.filter(amounts_state=AmountsState.BEING_READ).update(amounts_state=AmountsState.UNTOLD)
    return cancels


def _untold_facts(cancels: list[Cancel], told: HistoryAnswers, now: datetime) -> Iterator[log.Fact]:
    """Record for each job what was given up, with the last read that was made for it."""
    by_job: dict[int, list[Cancel]] = {}
    for cancel in cancels:
        by_job.setdefault(cancel.job_id, []).append(cancel)
    for given_up in by_job.values():
        lines = [log.line_of(one) for one in given_up]
        fact = _fact(told.readings[-1], given_up[0], lines, now)
        yield replace(fact, data=fact.data | {"amounts_untold": len(given_up)})


def _read_facts(known: list[Cancel], told: HistoryAnswers, now: datetime) -> Iterator[log.Fact]:
    """Record each read that told some: its answer, the orders and their amounts."""
    by_read: dict[tuple[int, int], tuple[Reading[Any], list[Cancel]]] = {}
    for cancel in known:
        each = told.rows[cancel.pk][2]
        by_read.setdefault((id(each), cancel.job_id), (each, []))[1].append(cancel)
    for each, cancels in by_read.values():
        lines = [log.line_of(one, data=_row_text(told, one)) for one in cancels]
        fact = _fact(each, cancels[0], lines, now)
        amounts = {_name(one): [one.filled_amount, one.cancelled_amount] for one in cancels}
        yield replace(fact, data=fact.data | {"amounts": amounts})


def _fact(each: Reading[Any], first: Cancel, lines: list[log.OrderLine], now: datetime) -> log.Fact:
    return exchange_reader.fact_of(
        each,
        actor=log.actor_of(first.job),
        account=first.account,
        job=first.job,
        at=now,
        lines=lines,
    )


def _name(cancel: Cancel) -> str:
    return str(cancel.order_id or cancel.client_order_id)


def _row_text(told: HistoryAnswers, cancel: Cancel) -> str:
    """The exchange's row about the order, word for word."""
    return spelled(told.rows[cancel.pk][1].raw)
