"""What a person may do about an open question: check, send again, close it, or mind it.

Each is a recorded act and a conditional update: what a sender resolved meanwhile stays resolved.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from orders.access.denials import refuse
from orders.access.permissions import has_permission
from orders.audit import log
from orders.lifecycle import restored_copy, transitions, wakeups
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.targets import CannotAsk, demanded_reason
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    JobStatus,
    Proof,
    Right,
)
from orders.models.cancels import MAX_LIFE, OPEN_QUESTIONS, CancelQuerySet
from orders.models.clocks import is_ahead

if TYPE_CHECKING:
    from orders.models.desks import Person

Asked = ParamSpec("Asked")
NO_QUESTION = "There is no such open question among your desks' cancels."


class _Refusal(Exception):
    """A refusal on its way out of the transaction that would roll its record back."""

    def __init__(self, actor: log.Actor, what: str) -> None:
        self.actor, self.what = actor, what
        super().__init__(what)


def _recorded(act: Callable[Asked, str]) -> Callable[Asked, str]:
    """Record a refusal after the act's own transaction is over, and raise it as `NotAllowed`."""

    @wraps(act)
    def guarded(*args: Asked.args, **kwargs: Asked.kwargs) -> str:
        try:
            return act(*args, **kwargs)
        except _Refusal as refusal:
            refuse(actor=refusal.actor, what=refusal.what, said=NO_QUESTION)

    return guarded


@_recorded
def check_now(
    *,
    user: "Person",
    actor: log.Actor,
    cancel_ids: list[int],
    clock: Callable[[], datetime] = timezone.now,
) -> str:
    """Ask the exchange at once instead of at the next check."""
    with transaction.atomic():
        cancels = _open(user, actor, cancel_ids, Right.CANCEL, "check")
        moment = clock()
        _those(cancels).update(next_check_at=moment)
        log.append(*_facts(Event.CHECK_ASKED, actor, cancels, moment))
        wakeups.settle(account_ids=sorted({cancel.account_id for cancel in cancels}))
    return f"{_count(cancels)} being checked now."


@_recorded
def send_again(
    *,
    user: "Person",
    actor: log.Actor,
    cancel_ids: list[int],
    clock: Callable[[], datetime] = timezone.now,
) -> str:
    """Send a fresh attempt for each whose last request can no longer act.

    Raises `CannotAsk` where none of them may be sent for: the text says why.
    """
    is_held = restored_copy.is_behind(clock())
    with transaction.atomic():
        cancels = _open(user, actor, cancel_ids, Right.CANCEL, "send again")
        if is_held:  # it would leave whenever somebody accepts the copy, hours later perhaps
            raise CannotAsk(f"Not sent again: {restored_copy.FIRST}")
        moment, running = clock(), _running_jobs_of(cancels)
        ready = [cancel for cancel in cancels if not _why_not_yet(cancel, moment, running)]
        if not ready:
            raise CannotAsk(_why_not_yet(cancels[0], moment, running))
        _those(ready).update(
            status=CancelStatus.QUEUED,
            not_before_at=None,
            next_check_at=None,
            repeats=0,
            was_refused=False,
            explanation=f"{actor.operator_name} had it sent again.",
        )
        log.append(*_facts(Event.SENT_AGAIN, actor, ready, moment))
        wakeups.deliver_again(ready)
    left = len(cancels) - len(ready)
    return f"{_count(ready)} being sent again" + (f", {left} not yet." if left else ".")


@_recorded
def close(
    *,
    user: "Person",
    actor: log.Actor,
    cancel_ids: list[int],
    reason: str,
    clock: Callable[[], datetime] = timezone.now,
) -> str:
    """End questions by a named person's word. They are never shown as cancelled by that."""
    reason = demanded_reason(reason)
    with transaction.atomic():
        cancels = _open(user, actor, cancel_ids, Right.CLOSE, "close")
        moment = clock()
        said = f"Closed by {actor.operator_name}: {reason}"
        end = Conclusion(CancelStatus.CLOSED_BY_OPERATOR, Proof.NONE, said[:400])
        transitions.write([(cancel, end) for cancel in cancels], moment)
        log.append(*_facts(Event.QUESTION_CLOSED, actor, cancels, moment, reason=reason))
    return f"{_count(cancels)} closed. The orders may still be open: nothing was sent."


@_recorded
def assign_owner(
    *,
    user: "Person",
    actor: log.Actor,
    cancel_ids: list[int],
    owner_id: int | None = None,
    clock: Callable[[], datetime] = timezone.now,
) -> str:
    """Mind these questions, or (a desk head) have another operator of the desk mind them.

    Raises `CannotAsk` where the person named may not cancel there.
    """
    owner = user if owner_id is None or owner_id == user.pk else _person(owner_id)
    right = Right.CANCEL if owner.pk == user.pk else Right.CLOSE
    with transaction.atomic():
        cancels = _open(user, actor, cancel_ids, right, "take")
        for desk in {cancel.account.desk for cancel in cancels}:
            if not has_permission(owner, Right.CANCEL, desk=desk):
                raise CannotAsk(f"{owner} may not cancel on {desk}.", field="owner")
        _those(cancels).update(owner=owner)
        name = owner.get_username()
        log.append(*_facts(Event.QUESTION_OWNED, actor, cancels, clock(), owner=name))
    return f"{_count(cancels)} minded by {name}."


def _open(
    user: "Person", actor: log.Actor, cancel_ids: list[int], right: Right, what: str
) -> list[Cancel]:
    """Find and lock the questions among these that are open and this person's to decide.

    Raises `_Refusal` where there are none.
    """
    desks = Desk.objects.allowing(user, right)
    questions = Cancel.objects.filter(pk__in=cancel_ids, status__in=OPEN_QUESTIONS)
    questions = questions.filter(account__desk__in=desks.values("pk")).order_by("pk")
    questions = questions.select_for_update(of=("self",), no_key=True)
    cancels = list(questions.select_related("account__desk", "job__desk"))
    if not cancels:
        raise _Refusal(actor, f"{what} {len(cancel_ids)} open questions")
    return cancels


def _those(cancels: list[Cancel]) -> CancelQuerySet:
    return Cancel.objects.filter(pk__in=[c.pk for c in cancels], status__in=OPEN_QUESTIONS)


def _running_jobs_of(cancels: list[Cancel]) -> set[int]:
    """Lock those of their jobs that run; return the ids. A stop comes before this or after it."""
    jobs = CancelJob.objects.filter(pk__in={cancel.job_id for cancel in cancels})
    running = jobs.filter(status=JobStatus.RUNNING).order_by("pk")
    return set(running.select_for_update(no_key=True).values_list("pk", flat=True))


def _why_not_yet(cancel: Cancel, now: datetime, running: set[int]) -> str:
    """Say why a fresh attempt may not be sent for this question, or nothing."""
    ends_at = cancel.signature_ends_at
    if ends_at and ends_at > now and not is_ahead(ends_at, now, MAX_LIFE):
        left_s = (ends_at - now).total_seconds()
        return f"The last request may still act for {left_s:.0f} s: wait, or check now."
    if cancel.job_id not in running:  # no sender takes what a stopped job has queued
        return f"Job {cancel.job_id} was stopped: resume it first, then send again."
    if cancel.order_id is None and cancel.has_unanswered:
        return (
            "The order is known only by its client order id, which may name another order by "
            "now: check now, or cancel the order by its order id."
        )
    return ""


def _person(owner_id: int) -> "Person":
    person = get_user_model().objects.filter(pk=owner_id, is_active=True).first()
    if person is None:
        raise CannotAsk("There is no such person.", field="owner")
    return person


def _count(cancels: list[Cancel]) -> str:
    return f"{len(cancels)} question{'' if len(cancels) == 1 else 's'}"


def _facts(
    event: Event, actor: log.Actor, cancels: list[Cancel], now: datetime, **data: str
) -> Iterator[log.Fact]:
    """Make a record for each job and account: who did what about which orders.

    ``data``: what the record says beside the count.
    """
    by_job: dict[tuple[CancelJob, Account], list[Cancel]] = {}
    for cancel in cancels:
        by_job.setdefault((cancel.job, cancel.account), []).append(cancel)
    for (job, account), some in by_job.items():
        yield log.Fact(
            event=event,
            actor=actor,
            at=now,
            outcome=CancelStatus.CLOSED_BY_OPERATOR if event == Event.QUESTION_CLOSED else "",
            account=account,
            job=job,
            data={"count": len(some), **data},
            lines=tuple(log.line_of(cancel) for cancel in some),
        )
