"""Everything that is due, done without a broker.

Each duty runs in a thread of its own at its own pace, so that a slow exchange in one cannot hold
up another. Any number of sweeps may run: every duty claims what it takes.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import close_old_connections
from django.db.models import QuerySet
from django.utils import timezone

from desk import logs, process_figures
from orders.access import four_eyes_decisions, own_sessions
from orders.accounts import wallet_check
from orders.delivery import abandoned, expiry, worker
from orders.delivery.abandoned import recover_abandoned
from orders.exchange import markets
from orders.management.duty_threads import Duty
from orders.models import (
    Account,
    Cancel,
    Sender,
)
from orders.models.cancels import CancelQuerySet
from orders.models.clocks import has_come
from orders.models.prepared import MOMENTS, Prepared, PreparedUpdate, any_of
from orders.operations.alerts import watch
from orders.operations.errands import background
from orders.operations.time_stamps import stamping
from orders.panic import worker as panic_worker
from orders.panic.guard import latches, lookout, schedules
from orders.reconcile import filled_amounts, give_way, resolve, sync
from orders.reconcile.stream.worker import StreamThread

logger = logging.getLogger(__name__)
GRACE = timedelta(seconds=1)  # a worker that was woken gets this long before the sweep steps in


def duties() -> list[Duty]:
    """All duties of a sweep."""
    return [*_urgent_duties(), *_other_duties()]


def _urgent_duties() -> list[Duty]:
    urgent = partial(Duty, is_urgent=True)
    panics, guards = panic_worker.PanicWorker(), lookout.Lookout()
    panic = partial(urgent, asks=panics.is_due, idle_s=0.5, is_called=True)
    return [
        panic("panic", panics.take_due, 0.05),
        urgent("guard", partial(look_at_guards, guards, panics), guards.rest_s),
    ]


def _other_duties() -> list[Duty]:
    return [
        Duty("heartbeat", lambda now: beat("sweep", now), 3),
        Duty("latch", look_at_latches, 0.2, idle_s=0.5, asks=latches.any_holds),
        Duty("deliver urgent", deliver_urgent, 0.2, idle_s=0.5, asks=_urgent_overdue),
        Duty("schedule", schedules.run_due, 1, asks=schedules.is_due),
        Duty("deliver", deliver_overdue, 0.5, asks=_is_overdue),
        Duty("recover", recover_abandoned, 1, asks=abandoned.is_due),
        Duty("settle", settle_due, 0.5, asks=_accounts_to_ask),
        Duty("sync", sync_due, 1, asks=_accounts_to_read),
        Duty("read amounts", read_amounts, 1, asks=filled_amounts.accounts_due),
        Duty("read marks", read_marks, 1, asks=markets.is_due),
        Duty("probe", probe_overdue, 1, asks=_wallets_to_test),
        Duty("ask for tests", wallet_check.ask_daily, 60),
        Duty("sign checkpoints", background.checkpoint_due, 5),
        Duty("have checkpoints stamped", stamping.stamp_due, 20),
        Duty("run errands", background.Errands().start_due, 1),
        Duty("end proposals", four_eyes_decisions.end_expired, 30),
        Duty("forget sessions", own_sessions.forget_over, 600),
        Duty("alert", watch.watch, 5),
    ]


def streams() -> list[StreamThread]:
    """Return what follows the stream beside the duties: on the embedded default nothing else does.

    Elsewhere `manage.py stream` is a process of its own, and needs no key.
    """
    is_embedded = settings.IS_SQLITE and settings.CELERY_BROKER_URL.startswith("embedded:")
    return [StreamThread()] if settings.STREAM and is_embedded else []


def _accounts_of(cancels: CancelQuerySet) -> QuerySet[Cancel, int]:
    return cancels.order_by().values_list("account_id", flat=True).distinct()


def _not_taken(now: datetime) -> CancelQuerySet:
    return Cancel.objects.ready(now).filter(has_come("requested_at", now - GRACE, GRACE))


# Asked several times a second, and mostly there are none: accounts, by id.
_overdue = Prepared(lambda now: _accounts_of(_not_taken(now)), now=MOMENTS)
_overdue_urgent = Prepared(
    lambda now: _accounts_of(_not_taken(now).filter(is_urgent=True)), now=MOMENTS
)
_questioned = Prepared(lambda now: _accounts_of(Cancel.objects.due(now)), now=MOMENTS)
_unread = Prepared(
    lambda now: Account.objects.due_for_sync(now, settings.SYNC_PERIOD_S).values_list(
        "pk", flat=True
    ),
    now=MOMENTS,
)


def _urgent_overdue(now: datetime) -> list[int]:
    return _overdue_urgent(now=now)


def _accounts_to_ask(now: datetime) -> list[int]:
    return _questioned(now=now)


def _accounts_to_read(now: datetime) -> list[int]:
    return _unread(now=now)


def _wallets_to_test(now: datetime) -> list[int]:
    return wallet_check.overdue(now, GRACE)


def deliver_urgent(now: datetime) -> None:
    """Deliver the urgent ones alone: bulk may keep `deliver_overdue` busy for minutes."""
    _deliver(_urgent_overdue(now), is_urgent_only=True)


def deliver_overdue(now: datetime) -> None:
    """Deliver queued cancels that no worker took in time; expire what was never sent."""
    expiry.expire_unsent(now)
    _deliver(_overdue(now=now))


def _is_overdue(now: datetime) -> bool:
    """Whether `deliver_overdue` would find anything."""
    return bool(_overdue(now=now)) or expiry.is_due(now)


def _deliver(accounts: list[int], *, is_urgent_only: bool = False) -> None:
    _each(accounts, lambda pk: worker.deliver_account(account_id=pk, is_urgent_only=is_urgent_only))


def _each(ids: Iterable[int], act: Callable[[int], object], what: str = "account") -> None:
    """Act on each id: one that fails must not starve those behind it. ``what``: they are ids of."""
    for pk in list(ids):
        try:
            with logs.bound(**{what: pk}):
                act(pk)
        except Exception as error:
            process_figures.failed(error)
            logger.exception("The sweep could not do its part for %s; it tries again.", pk)
            close_old_connections()  # the next must not fail for this one's


def look_at_guards(guards: lookout.Lookout, panics: panic_worker.PanicWorker, _: datetime) -> None:
    """Fire guards whose time passed, and begin at once with what they recorded."""
    if guards.look():
        panics.take_due(timezone.now())


def look_at_latches(now: datetime) -> None:
    """See what appeared on latched accounts, and cancel it where the desk wants that."""
    _each(latches.due(now), latches.look_at, "latch")


def probe_overdue(now: datetime) -> None:
    """Test the agent wallets whose test no worker took in time."""
    _each(_wallets_to_test(now), lambda pk: wallet_check.probe(wallet_id=pk), "wallet")


def settle_due(now: datetime) -> None:
    """Ask about every open question whose check has come."""
    _each(_accounts_to_ask(now), lambda pk: resolve.settle_account(account_id=pk))


def sync_due(now: datetime) -> None:
    """Read the books whose period is over, oldest first."""
    _each(_accounts_to_read(now), _sync)


def _sync(account_id: int) -> None:
    give_way.to_panics()
    sync.sync_account(account_id=account_id, is_due_only=True)


def read_amounts(now: datetime) -> None:
    """Read what cancelled orders had filled, for accounts where an urgent one waits first."""
    _each(filled_amounts.accounts_due(now), lambda pk: filled_amounts.read(account_id=pk))


def read_marks(now: datetime) -> None:
    """Read marks while a page shows orders; the first moments of a panic belong to the panic."""
    if markets.is_due(now):
        give_way.to_panics()
        markets.read_due(now)


def beat(kind: str, now: datetime) -> None:
    """Say that this sending process is alive."""
    name = f"{kind} {socket.gethostname()} {os.getpid()}"
    figures = process_figures.figures()
    if not _seen_again(name=name, now=now, **figures):
        Sender.objects.create(name=name, kind=kind, started_at=now, seen_at=now, **figures)
    if _any_forgotten(now=now):
        _forgotten(now).delete()


def _forgotten(now: datetime) -> QuerySet[Sender]:
    return Sender.objects.filter(seen_at__lt=now - timedelta(days=1))


_any_forgotten = Prepared(lambda now: any_of(_forgotten(now)), now=MOMENTS)
_seen_again = PreparedUpdate(
    lambda name, now, **figures: (
        Sender.objects.filter(name=name),
        {"seen_at": now, **figures},
    ),
    name=("a", "b"),
    now=MOMENTS,
    memory_kb=(1, 2),
    database_errors=(3, 4),
    broker_errors=(5, 6),
)
