"""Stop, resume and retry a job. Each is a recorded act of a person who may do it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from orders.access.denials import refuse
from orders.access.permissions import has_permission
from orders.audit import log
from orders.cancels.intake import CancelReceipt, asked_before, record_request
from orders.cancels.live_cancels import NAMES, TAKEN, Live
from orders.cancels.lost_races import again_if_lost
from orders.lifecycle import transitions, wakeups
from orders.lifecycle.targets import DEACTIVATED, Target
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    JobStatus,
    OrderState,
    Right,
)
from orders.models.cancels import LIVE, CancelQuerySet
from orders.models.lookups import AT_ONCE, portions

if TYPE_CHECKING:
    from orders.models.desks import Person


NO_JOB = "There is no such job among your desks' jobs."
RETRIED = [CancelStatus.REFUSED.value, CancelStatus.EXPIRED.value, CancelStatus.STOPPED.value]
OVER = [CancelStatus.CANCELLED.value, CancelStatus.FILLED.value, CancelStatus.GONE.value]
ENDED = "ended since"
MOVED = "its account is another desk's by now"


def stop(*, user: "Person", actor: log.Actor, job_id: int) -> str:
    """Send nothing new of the job from here on; what is under way is followed to its end.

    A cancel that a sender claimed and has not recorded as a request is taken from it: nothing of it
    left. Returns a sentence for the operator. Raises `NotAllowed`.
    """
    job = _permitted(user, actor, job_id, "stop")
    if job.is_panic:
        return "A panic is not stopped: withdraw its lines that wait."
    now = timezone.now()
    with transaction.atomic():
        running = CancelJob.objects.filter(pk=job.pk, status=JobStatus.RUNNING)
        if not running.update(status=JobStatus.STOPPING):
            return f"Nothing to stop: the job is {_status_now(job)}."
        claimed = Q(status=CancelStatus.SENDING, sent_at=None)  # and its request is not recorded
        unsent = job.cancels.filter(Q(status=CancelStatus.QUEUED) | claimed)
        stopped = transitions.halt(unsent, now)
        transitions.finish_jobs({job.pk}, now)
        under_way = job.cancels.filter(status__in=LIVE).count()
        lines = _lines(job.cancels.filter(status=CancelStatus.STOPPED, concluded_at=now))
        facts = {"stopped": stopped, "under_way": under_way}
        log.append(_fact(Event.JOB_STOPPED, actor, job, now, facts, lines))
    return f"Stopped: {stopped} not sent, {under_way} still being followed to their end."


def resume(*, user: "Person", actor: log.Actor, job_id: int) -> str:
    """Put the stopped cancels back in the queue, but skip some orders.

    Skipped are orders that have ended since, those that another cancel names by now, and those of
    an account that is deactivated or another desk's. Returns a sentence for the operator. Raises
    `NotAllowed`.
    """
    job = _permitted(user, actor, job_id, "resume")
    return again_if_lost(lambda: _resume(actor, job))


def _resume(actor: log.Actor, job: CancelJob) -> str:
    now = timezone.now()
    with transaction.atomic():
        halted = CancelJob.objects.filter(
            pk=job.pk, status__in=[JobStatus.STOPPED, JobStatus.STOPPING]
        )
        if not halted.update(status=JobStatus.RUNNING, done_at=None):
            return f"Nothing to resume: the job is {_status_now(job)}."
        rows = _rows(job.cancels.filter(status=CancelStatus.STOPPED))
        left_out = _left_out(job, rows)
        queued, taken = _queue_free([row for row in rows if row.pk not in left_out], now)
        skipped = Counter(left_out.values()) + Counter({TAKEN: taken})
        lines = _lines(job.cancels.filter(status=CancelStatus.QUEUED, requested_at=now))
        transitions.finish_jobs({job.pk}, now)
        accounts = set(job.cancels.values_list("account_id", flat=True))
        each = queued // max(1, len(accounts))
        wakeups.deliver(account_ids=sorted(accounts), is_urgent=job.is_urgent, count=each)
        facts = {"queued": queued, "skipped": sum(skipped.values())}
        log.append(_fact(Event.JOB_RESUMED, actor, job, now, facts, lines))
    told = (f", {count} skipped: {why}" for why, count in skipped.items())
    return f"Resumed: {queued} waiting to be sent{''.join(told)}."


def _status_now(job: CancelJob) -> str:
    """Say what it is by now: somebody else may have been faster."""
    job.refresh_from_db(fields=["status"])
    return job.get_status_display().lower()


def retry(
    *, user: "Person", actor: log.Actor, job_id: int, request_key: UUID | None = None
) -> CancelReceipt:
    """Make a new job, linked to this one, for what was refused, expired or stopped.

    Orders that have ended since are skipped, and those of an account that is deactivated or another
    desk's by now. Raises `NotAllowed`.
    """
    job = _permitted(user, actor, job_id, "retry")
    if before := asked_before(actor, [job.desk], request_key):
        return before
    failed = job.cancels.filter(status__in=RETRIED)
    why = _left_out(job, _rows(failed))
    again = failed.select_related("account__desk", "known_order").order_by("pk")
    targets = [_target(cancel) for cancel in again if cancel.pk not in why]
    skipped = [(_target(cancel), why[cancel.pk]) for cancel in again if cancel.pk in why]
    return record_request(
        actor,
        targets,
        skipped=skipped,
        reason=f"Retry of job {job.pk}",
        request_key=request_key,
        retry_of=job,
    )


def has_left(job: CancelJob, statuses: list[str]) -> bool:
    """Whether the order of one of its cancels in these statuses has not ended since."""
    failed, last = job.cancels.filter(status__in=statuses), 0
    while rows := _rows(failed.filter(pk__gt=last), AT_ONCE):  # a page asks again and again
        if len(_ended(rows)) < len(rows):
            return True
        last = rows[-1].pk
    return False


def may_go_on(*, user: "Person", job: CancelJob) -> bool:
    """Whether this person, who may cancel, may also resume or retry this job.

    Another person's bulk job needs the right to cancel by scope.
    """
    if job.is_urgent or job.operator_id == user.pk:
        return True
    return Desk.objects.allowing(user, Right.CANCEL_SCOPE).filter(pk=job.desk_id).exists()


def _permitted(user: "Person", actor: log.Actor, job_id: int, act: str) -> CancelJob:
    """Find the job if this person may do this to it. Records a refusal and raises `NotAllowed`."""
    jobs = CancelJob.objects.allowing(user, Right.CANCEL).filter(pk=job_id)
    job = jobs.select_related("desk").first()
    if job is None or not _may(user, job, act):
        refuse(actor=actor, what=f"{act} job {job_id}", said=NO_JOB)
    return job


def _may(user: "Person", job: CancelJob, act: str) -> bool:
    if job.is_panic and not has_permission(user, Right.PANIC, desk=job.desk):
        return False
    return act == "stop" or may_go_on(user=user, job=job)


class CancelRow(NamedTuple):
    """Of a cancel the id, what is known of its order, and the order's names."""

    pk: int
    known_state: str | None
    account_id: int
    order_id: int | None
    client_order_id: str | None


def _rows(cancels: CancelQuerySet, most: int | None = None) -> list[CancelRow]:
    """Read the columns of at most so many of these cancels; the oldest first."""
    rows = cancels.order_by("pk").values_list("pk", "known_order__state", *NAMES)
    return [CancelRow._make(row) for row in rows[:most]]


def _left_out(job: CancelJob, rows: list[CancelRow]) -> dict[int, str]:
    """Return the ids of those that cannot be sent for again, and why."""
    accounts = Account.objects.filter(pk__in={row.account_id for row in rows})
    barred = {
        pk: MOVED if is_active else DEACTIVATED
        for pk, is_active, desk_id in accounts.values_list("pk", "is_active", "desk_id")
        if not is_active or desk_id != job.desk_id
    }
    why = {row.pk: barred[row.account_id] for row in rows if row.account_id in barred}
    for some in portions(rows):
        why |= dict.fromkeys(_ended(some), ENDED)
    return why


def _ended(rows: Sequence[CancelRow]) -> set[int]:
    """Return the ids of those whose order has ended since.

    It is known as closed, or a newer cancel says so. Looked up by name: as one query, PostgreSQL
    may compare each with every other.
    """
    newer = Cancel.objects.filter(status__in=OVER, pk__gt=rows[0].pk).order_by()
    newer = newer.filter(account__in={row.account_id for row in rows})
    ids = [row.order_id for row in rows if row.order_id]
    names = [row.client_order_id for row in rows if not row.order_id]
    over = set(newer.filter(order_id__in=ids).values_list("account_id", "order_id"))
    over |= set(newer.filter(client_order_id__in=names).values_list("account_id", NAMES[2]))
    return {
        row.pk
        for row in rows
        if row.known_state == OrderState.CLOSED
        or (row.account_id, row.order_id or row.client_order_id) in over
    }


def _queue_free(rows: Sequence[CancelRow], now: datetime) -> tuple[int, int]:
    """Put those back in the queue whose order is free; return how many, and how many not.

    Where somebody takes an order between our look and our UPDATE, each half is looked at again.
    """
    free, taken = _free_and_taken(rows)
    try:
        with transaction.atomic():
            return _queue(free, now), len(taken)
    except IntegrityError:
        if len(rows) == 1:
            return 0, 1
    halves = portions(rows, (len(rows) + 1) // 2)
    queued, others = zip(*(_queue_free(half, now) for half in halves), strict=True)
    return sum(queued), sum(others)


def _free_and_taken(rows: Sequence[CancelRow]) -> tuple[list[int], list[int]]:
    """Return the ids of those whose order no live cancel names, and of the others.

    Compared here: in the database each would be held against every live cancel of its account.
    """
    live = Live({row.account_id for row in rows})
    free: list[int] = []
    taken: list[int] = []
    for row in rows:
        names = (row.account_id, row.order_id, row.client_order_id)
        is_taken = live.has(*names) or live.has_name(row.account_id, row.client_order_id)
        (taken if is_taken else free).append(row.pk)
        live.add(*names)
    return free, taken


def _queue(pks: list[int], now: datetime) -> int:
    """Put those of these cancels that are still stopped back in the queue; return how many."""
    stopped = Cancel.objects.filter(pk__any=set(pks), status=CancelStatus.STOPPED)
    return stopped.update(
        status=CancelStatus.QUEUED, concluded_at=None, requested_at=now, explanation=""
    )


def _target(cancel: Cancel) -> Target:
    return Target(
        cancel.account,
        cancel.symbol,
        cancel.kind,
        cancel.order_id,
        cancel.client_order_id,
        cancel.known_order,
    )


def _lines(cancels: CancelQuerySet) -> tuple[log.OrderLine, ...]:
    """Make an order row for each of these cancels, with what became of it."""
    named = cancels.order_by("pk").values_list(*NAMED)
    return tuple(log.OrderLine(*columns) for columns in named)


NAMED = ("account_id", "symbol", "order_id", "client_order_id", "pk", "status")  # of an `OrderLine`


def _fact(
    event: Event,
    actor: log.Actor,
    job: CancelJob,
    now: datetime,
    data: dict[str, int],
    lines: tuple[log.OrderLine, ...],
) -> log.Fact:
    return log.Fact(event, actor, now, desk=job.desk, job=job, data=data, lines=lines)
