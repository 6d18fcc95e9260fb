"""Empty a book: strategies and cancel-all first, then read back and finish what is left singly.

Needs neither Celery nor a broker: whoever calls claims lines here and carries each to an empty
book, or to a person.
"""

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, QuerySet
from django.utils import timezone

from desk import logs
from orders.delivery import send_permission, sending_threads
from orders.exchange import clock as exchange_clock
from orders.exchange.client import THREADS
from orders.keys.sealing import CannotOpen, KeySettingsWrong
from orders.lifecycle import restored_copy
from orders.models import CancelJob, PanicLine, PanicStatus
from orders.models.cancels import LEASE
from orders.models.panics import PanicLineQuerySet
from orders.models.prepared import MOMENTS, Prepared
from orders.panic import bells, cancel_all, readback, stop_orders, volley
from orders.panic.claimed_lines import (
    WITH,
    ClaimLost,
    leave_to_person,
    record_lost_answer,
    renewed,
    update_line,
)
from orders.panic.timings import TIMINGS, Timings
from orders.reconcile import sync

logger = logging.getLogger(__name__)
SOON = timedelta(seconds=1)
MAX_TAKES = 5  # by senders that die or fail on it, before a person is asked


class PanicWorker:
    """Carries panic lines in threads of its own, so that the next panic is seen at once."""

    def __init__(self, *, threads: int = THREADS, timings: Timings = TIMINGS) -> None:
        self._threads, self._timings = threads, timings
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="panic")
        self._under_way: set[Future[None]] = set()
        self._connections: set[BaseDatabaseWrapper] = set()  # of its threads, to the database
        self._halted = threading.Event()
        self._wanted, self._counting, self._taking = 0, threading.Lock(), threading.Lock()

    def is_due(self, now: datetime) -> bool:
        """Whether there is a line that no living sender holds, or was when last looked at."""
        return self._wanted > 0 or bool(_free(now=now))

    def take_due(self, now: datetime, **only: CancelJob) -> list[Future[None]]:
        """Claim lines that no living sender holds, and start on them at once; the futures.

        No more than there are free threads: a line that waited here would outlive its lease.
        Where a cancel-all finds none, a book that is only being read back makes way. The sweep
        calls it from two threads: once a guard fired, and now and then.
        """
        with self._taking:
            return self._take_due(now, **only)

    def _take_due(self, now: datetime, **only: CancelJob) -> list[Future[None]]:
        self._under_way = {future for future in self._under_way if not future.done()}
        lines = claim_lines(now, most=self._threads - len(self._under_way), **only)
        together = volley.Volley(lines, why_not)
        futures = [self._pool.submit(self._carry, line, together) for line in lines]
        self._under_way.update(futures)
        is_full = len(self._under_way) == self._threads
        waiting = PanicLine.objects.free(now).filter(status=PanicStatus.WAITING, **only)
        with self._counting:
            self._wanted = waiting.count() if is_full else 0
        return futures

    def _carry(self, line: PanicLine, together: volley.Volley) -> None:
        close_old_connections()
        self._connections.add(connections[DEFAULT_DB_ALIAS])
        try:
            with logs.bound(job=line.job_id, account=line.account_id):
                empty(line, self._must_leave, self._timings, together)
        finally:
            sending_threads.let_go()
            bells.ring()  # there is a thread for the next
            if connection.vendor != "sqlite":  # a file is no server's burden, and 2 ms to open
                connection.close()

    def _must_leave(self) -> bool:
        """Whether a thread shall put its line back, for another sender or for a later moment."""
        with self._counting:
            is_wanted = self._wanted > 0
            self._wanted -= is_wanted
        return is_wanted or self._halted.is_set()

    def close(self, *, is_hurried: bool = False) -> None:
        """Wait for what is under way; in a hurry only until each line can be left to others."""
        if is_hurried:
            self._halted.set()
        self._pool.shutdown()
        for each in self._connections:
            each.inc_thread_sharing()  # its thread is gone
            each.close()


def _in_turn(lines: PanicLineQuerySet) -> QuerySet[PanicLine, int]:
    return lines.order_by("-status", "pk").values_list("pk", flat=True)


#: Asked again and again, and mostly there is none.
_free = Prepared(lambda now: _in_turn(PanicLine.objects.free(now))[:THREADS], now=MOMENTS)


def claim_lines(now: datetime, most: int = THREADS, **only: int | CancelJob) -> list[PanicLine]:
    """Free lines with a fresh claim; one UPDATE, for the first must not wait for the last.

    ``most``: how many at once, `THREADS` at most; those whose cancel-all waits come first.
    ``only``: which lines to look at. Nothing is written where there is nothing to take.
    """
    free, token, most = PanicLine.objects.free(now), uuid.uuid4(), min(most, THREADS)
    if most <= 0:
        return []
    claim: dict[str, Any] = {
        "claim_token": token,
        "lease_until": now + LEASE,
        "takes": F("takes") + 1,
    }
    due = list(_in_turn(free.filter(**only))[:most]) if only else _free(now=now)[:most]
    if not due:
        return []
    restored_copy.is_behind(now)  # if so, what waited in an older copy is free no more
    if not free.filter(pk__in=due).update(**claim):
        return []
    return list(PanicLine.objects.select_related(*WITH).filter(claim_token=token))


def empty(
    line: PanicLine,
    is_halted: Callable[[], bool] = lambda: False,
    timings: Timings = TIMINGS,
    together: volley.Volley | None = None,
) -> None:
    """Carry one account from cancel-all to an empty book, or to a person, whatever befalls.

    ``together``: of the lines that were claimed with this one.
    """
    try:
        if together and (shot := together.shot_of(line)):
            if shot.exchange():
                readback.finish(shot.line, is_halted, shot.strategies, shot.stops, timings)
        else:
            _empty(renewed(line), is_halted, timings, together or volley.Volley([line], why_not))
    except ClaimLost as lost:
        logger.warning("Another sender holds %s of a panic by now; left to it.", lost)
    except (OperationalError, InterfaceError):  # the database may be back in a moment
        logger.exception("A panic line could not be written; it is taken again.")
        _after_trouble(partial(update_line, line, lease_until=timezone.now() + SOON))
    except Exception as error:
        logger.exception("A panic line could not be carried.")
        _after_trouble(partial(_give_up, line, error))
    _read_in(line.job)


def _empty(
    line: PanicLine, is_halted: Callable[[], bool], timings: Timings, together: volley.Volley
) -> None:
    if said := why_not(line):
        return leave_to_person(line, said)
    if line.has_open_request:  # its sender died: the answer is lost, not repeated
        record_lost_answer(line)
    strategies = together.strategies_of(line)
    if line.status == PanicStatus.WAITING:
        strategies.begin()
    stops = stop_orders.known(line)  # before anything closes them
    if line.status == PanicStatus.WAITING and line.keep_stops:
        cancel_all.leave_out(line)
    if line.status == PanicStatus.WAITING and not cancel_all.send(line, strategies):
        return None
    return readback.finish(line, is_halted, strategies, stops, timings)


def _after_trouble(act: Callable[[], None]) -> None:
    """Act if the database lets us; else the lease runs out, and the next sender sees."""
    try:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        act()
    except (ClaimLost, DatabaseError) as error:
        logger.warning("A panic line is left to its lease (%s).", type(error).__name__)


def _give_up(line: PanicLine, error: Exception) -> None:
    """Leave to a person what nobody foresaw."""
    said = str(error) if isinstance(error, (CannotOpen, KeySettingsWrong)) else ""
    said = said or f"Its sender failed ({type(error).__name__}); the log of the app says where."
    line = renewed(line)
    leave_to_person(line, f"{said} {line.explanation}".strip())


def _read_in(job: CancelJob) -> None:
    """Bring the known orders up to date, once that slows the emptying of no other book."""
    try:
        if job.panic_lines.unfinished().exists():
            return
        emptied = job.panic_lines.filter(status=PanicStatus.EMPTY)
        for account_id in list(emptied.values_list("account_id", flat=True)):
            sync.sync_account(account_id=account_id)
    except Exception:  # the books are empty all the same
        logger.exception("Emptied books could not be read in; the next sync does.")


def why_not(line: PanicLine, holds: send_permission.Holds = send_permission.holds) -> str:
    """Why nothing more may be sent for this line by itself, or nothing. ``holds``: tells rights."""
    if line.takes > MAX_TAKES:
        return f"Its senders failed {MAX_TAKES} times. {line.explanation}".strip()[:400]
    limit = timedelta(seconds=settings.URGENT_EXPIRES_AFTER_S)
    if line.status == PanicStatus.WAITING and _waited(line, limit) > limit:
        minutes = max(1, round(limit.total_seconds() / 60))
        return f"{_never(line)} within {minutes} min. The orders may be open."
    return send_permission.may_not_send(line, line.account, panic=True, holds=holds)


def _waited(line: PanicLine, limit: timedelta) -> timedelta:
    return timezone.now() - line.last_asked_at - exchange_clock.set_forward(limit)


def _never(line: PanicLine) -> str:
    was_sent = line.sent_at is not None and line.sent_at >= line.last_asked_at
    return "Sent, and not taken by the exchange (429)," if was_sent else "Never sent"
