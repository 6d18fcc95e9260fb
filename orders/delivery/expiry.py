"""Cancels that could never be sent: expired, loudly, instead of waiting for ever."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from orders.audit import log
from orders.exchange import clock as exchange_clock
from orders.lifecycle import restored_copy, transitions
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.outcome_facts import outcome_facts
from orders.models import Cancel, CancelJob, CancelStatus, JobStatus, Proof
from orders.models.cancels import CancelQuerySet
from orders.models.prepared import MOMENTS, Prepared, any_of


def expire_unsent(now: datetime) -> None:
    """Expire what could never be sent, loudly, instead of letting it wait for ever.

    An urgent cancel by its own age; a bulk job's once nothing of the job could be sent for long,
    though there were credits: waiting for credits does not count, nor does a step of the clock.
    """
    for limit, before, is_urgent in _expiries(now):
        if _any_unsent(before, is_urgent):  # SQLite's one writer is not kept waiting for nothing
            _expire(_urgent_unsent(before) if is_urgent else _bulk_unsent(before), limit, now)


def is_due(now: datetime) -> bool:
    """Whether there is any."""
    return any(_any_unsent(before, is_urgent) for _, before, is_urgent in _expiries(now))


def _expiries(now: datetime) -> Iterator[tuple[timedelta, datetime, bool]]:
    """Yield how long a cancel may wait, the moment so long ago, and whether urgent ones may."""
    for limit_s, is_urgent in (
        (settings.URGENT_EXPIRES_AFTER_S, True),
        (settings.BULK_EXPIRES_AFTER_S, False),
    ):
        limit = timedelta(seconds=limit_s)
        yield limit, now - limit - exchange_clock.set_forward(limit), is_urgent


def _any_unsent(before: datetime, is_urgent: bool) -> bool:
    return bool((_any_urgent_unsent if is_urgent else _any_bulk_unsent)(before=before))


def _unsent(before: datetime) -> CancelQuerySet:
    unsent = Cancel.objects.filter(status=CancelStatus.QUEUED, first_sent_at__isnull=True)
    unsent = unsent.filter(restored_at=None)  # what waited in a copy put back may have been sent
    unsent = unsent.filter(job__status=JobStatus.RUNNING)  # others have none, and it has an index
    return unsent.filter(requested_at__lt=before)


def _urgent_unsent(before: datetime) -> CancelQuerySet:
    return _unsent(before).filter(is_urgent=True)


def _bulk_unsent(before: datetime) -> CancelQuerySet:
    idle = CancelJob.objects.running().idle_since(before)
    return _unsent(before).filter(is_urgent=False, job__in=idle)


_any_urgent_unsent = Prepared(lambda before: any_of(_urgent_unsent(before)), before=MOMENTS)
_any_bulk_unsent = Prepared(lambda before: any_of(_bulk_unsent(before)), before=MOMENTS)


def _expire(stale: CancelQuerySet, limit: timedelta, now: datetime) -> None:
    minutes = max(1, round(limit.total_seconds() / 60))
    explanation = (
        f"Never sent: by this machine's clock it waited for over {minutes} min. "
        "The order may be open."
    )
    end = Conclusion(CancelStatus.EXPIRED, Proof.NONE, explanation)
    restored_copy.is_behind(now)  # if so, what waited in an older copy is no longer queued
    with transaction.atomic():
        transitions.lock_jobs_of(stale)
        rows = stale.select_for_update(of=("self",), no_key=True).select_related(
            "account__desk", "job__desk"
        )
        pairs = [(cancel, end) for cancel in rows]
        if pairs:
            transitions.write(pairs, now)
            log.append(*outcome_facts(pairs, now))
