"""Cancels whose sender died with them in hand: queued again, or asked about."""

from datetime import datetime

from django.db import transaction

from orders.audit import log
from orders.lifecycle import restored_copy, transitions
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.outcome_facts import outcome_facts
from orders.models import Cancel, CancelStatus, Event, Proof
from orders.models.prepared import MOMENTS, Prepared, any_of

_any_abandoned = Prepared(lambda now: any_of(Cancel.objects.abandoned(now)), now=MOMENTS)


def is_due(now: datetime) -> bool:
    """Whether there is any."""
    return bool(_any_abandoned(now=now))


def recover_abandoned(now: datetime) -> None:
    """Take over from dead senders: what was never sent is queued again, the rest asked about."""
    if not is_due(now):
        return
    restored_copy.is_behind(now)  # if so, nothing that waited in an older copy is queued again
    with transaction.atomic():
        abandoned = Cancel.objects.abandoned(now)
        jobs = transitions.lock_jobs_of(abandoned)
        rows = abandoned.filter(job__in=jobs).order_by("pk")
        rows = rows.select_for_update(of=("self",), no_key=True)
        cancels = list(rows.select_related("account__desk", "job__desk"))
        if not cancels:
            return
        pairs = [(cancel, _after_loss(cancel, now)) for cancel in cancels]
        transitions.write(pairs, now)
        losses = (_loss_fact(cancel, end, now) for cancel, end in pairs)
        log.append(*losses, *outcome_facts(pairs, now))


def _after_loss(cancel: Cancel, now: datetime) -> Conclusion:
    if cancel.sent_at is None:
        return Conclusion(CancelStatus.QUEUED, Proof.NONE, "Its sender stopped before sending it.")
    said = "Its sender stopped while it was being sent. The exchange is being asked."
    return Conclusion(CancelStatus.UNKNOWN, Proof.NONE, said, next_check_at=now)


def _loss_fact(cancel: Cancel, end: Conclusion, now: datetime) -> log.Fact:
    return log.Fact(
        event=Event.SENDER_LOST,
        actor=log.actor_of(cancel.job),
        at=now,
        outcome=end.status,
        account=cancel.account,
        job=cancel.job,
        data={"attempt": cancel.attempt, "explanation": end.explanation},
        lines=(log.line_of(cancel, outcome=end.status),),
    )
