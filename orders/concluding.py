"""What one answer makes of its cancel, written under its own fence.

Every change of a cancel here stands in the same transaction as the record that says why.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from orders import audit
from orders.models import (
    Cancel,
    CancelJob,
    CancelKind,
    CancelStatus,
    Event,
    JobStatus,
    Order,
    OrderState,
    Proof,
)
from orders.models.cancels import AT_REST, LIVE
from orders.pacifica import answers
from orders.pacifica.client import Answer, Unreachable
from orders.pacifica.quota import quota

FIRST_CHECK_AFTER = timedelta(seconds=1)
LONGEST_BACKOFF_S = 30


@dataclass(frozen=True)
class Conclusion:
    """Where one attempt leaves its cancel; equal ones are written by one UPDATE."""

    status: str
    proof: int = Proof.NONE
    explanation: str = ""
    not_before_at: datetime | None = None
    next_check_at: datetime | None = None
    filled_amount: str = ""
    cancelled_amount: str = ""
    was_taken: bool = False  # a TWAP's request that the exchange took without proving anything
    resolved_order_id: int | None = None  # found in the book for a client order id
    ending: object = None  # the `Ending` that the history told

    def columns(self) -> dict:
        """What it writes into its cancel."""
        values = {name: getattr(self, name) for name in WRITTEN}
        if self.status == CancelStatus.UNKNOWN:
            values["has_unanswered"] = True
        if self.was_taken:
            values["was_taken"] = True
        if self.resolved_order_id is not None:
            values["order_id"] = self.resolved_order_id
        return values


WRITTEN = (
    "status",
    "proof",
    "explanation",
    "not_before_at",
    "next_check_at",
    "filled_amount",
    "cancelled_amount",
)


def conclude(attempts, now):
    """Record every answer or its absence, and write what each proves, in one transaction."""
    if not attempts:
        return
    ends = [(attempt, judge(attempt, now)) for attempt in attempts]
    with transaction.atomic():
        mine = _still_held([attempt.cancel for attempt in attempts])
        written = [(a.cancel, end) for a, end in ends if a.cancel.pk in mine]
        write(written, now, answered_at=now)
        facts = [_answer_fact(a, end, is_late=a.cancel.pk not in mine) for a, end in ends]
        audit.append(*facts, *outcome_facts(written, now))


def judge(attempt, now) -> Conclusion:
    """What the network's result proves of one cancel. The default is unknown."""
    result, cancel = attempt.result, attempt.cancel
    if result is None:
        return _again(cancel, now, Proof.NONE, "Not sent: it waited too long for its turn.")
    if isinstance(result, Unreachable):
        return _unreachable(result, cancel, now)
    is_twap = cancel.kind == CancelKind.TWAP
    verdict_of = answers.twap_verdict if is_twap else answers.cancel_verdict
    verdict = verdict_of(status=result.status, body=result.body, is_whole=result.is_whole)
    return BY_VERDICT[verdict.kind](verdict, result, cancel, now)


def _unreachable(result, cancel, now):
    if not result.may_have_been_sent:
        said = f"Nothing was sent: {result.reason}. It is tried again."
        return _again(cancel, now, Proof.TRANSPORT, said)
    return _unknown(f"No answer: {result.reason}. The exchange is being asked.", now)


def _unknown(explanation, now, proof=Proof.TRANSPORT):
    check_at = now + FIRST_CHECK_AFTER
    return Conclusion(CancelStatus.UNKNOWN, proof, explanation, next_check_at=check_at)


def _again(cancel, now, proof, explanation, wait_s=None):
    wait_s = min(LONGEST_BACKOFF_S, 2 ** min(cancel.attempt - 1, 5)) if wait_s is None else wait_s
    not_before_at = now + timedelta(seconds=wait_s)
    return Conclusion(CancelStatus.QUEUED, proof, explanation, not_before_at=not_before_at)


def _accepted(verdict, result, cancel, now):
    return Conclusion(CancelStatus.CANCELLED, Proof.ANSWER, "The exchange accepted the cancel.")


def _asked(verdict, result, cancel, now):
    said = "The exchange took the request; whether the TWAP ended is being asked."
    return Conclusion(CancelStatus.SETTLING, Proof.ANSWER, said, next_check_at=now, was_taken=True)


def _not_found(verdict, result, cancel, now):
    said = f"The exchange said: {verdict.error}. Its history is being asked how the order ended."
    return Conclusion(CancelStatus.SETTLING, Proof.ANSWER, said[:400], next_check_at=now)


def _refused(verdict, result, cancel, now):
    said = f"{verdict.hint} The exchange said: {verdict.error}".strip()
    return Conclusion(CancelStatus.REFUSED, Proof.ANSWER, said[:400])


def _throttled(verdict, result, cancel, now):
    left = quota(result.headers)
    wait_s = left.resets_in_s if left and left.resets_in_s else 5
    said = "The exchange asked us to slow down (429); it is sent again by itself."
    return _again(cancel, now, Proof.ANSWER, said, wait_s=min(wait_s, 60))


def _proves_nothing(verdict, result, cancel, now):
    said = f"The answer proves nothing (HTTP {result.status}). The exchange is being asked."
    return _unknown(said, now)


BY_VERDICT = {
    "accepted": _accepted,
    "asked": _asked,
    "not_found": _not_found,
    "refused": _refused,
    "throttled": _throttled,
    "unknown": _proves_nothing,
}


def _still_held(cancels) -> set:
    """Ids of the cancels that this very attempt still holds: a late one writes nothing."""
    rows = Cancel.objects.select_for_update().filter(
        pk__in=[cancel.pk for cancel in cancels],
        claim_token=cancels[0].claim_token,
        status=CancelStatus.SENDING,
    )
    return set(rows.values_list("pk", flat=True))


def write(pairs, now, **also):
    """Write conclusions, one UPDATE for each distinct one, and what follows for orders and jobs.

    The caller holds the rows. ``also``: columns that get the same value in every row.
    """
    groups = {}
    for cancel, end in pairs:
        groups.setdefault(end, []).append(cancel)
    for end, cancels in groups.items():
        is_at_rest = end.status in AT_REST
        values = end.columns() | also | {"concluded_at": now if is_at_rest else None}
        values |= {"claim_token": None, "lease_until": None}
        Cancel.objects.filter(pk__in=[cancel.pk for cancel in cancels]).update(**values)
        for cancel in cancels:
            cancel.status = end.status
        _close_orders(cancels, end, now)
    _finish_jobs({cancel.job_id for cancel, _ in pairs}, now)


def _close_orders(cancels, end, now):
    """An order whose cancel proved its end is no longer open."""
    if end.status != CancelStatus.CANCELLED and end.ending is None:
        return
    values = {"order_status": "cancelled", "reason": "cancel"}
    if end.ending is not None:
        values = ending_values(end.ending)
    orders = [cancel.known_order_id for cancel in cancels if cancel.known_order_id]
    Order.objects.filter(pk__in=orders).exclude(state=OrderState.CLOSED).update(
        state=OrderState.CLOSED, closed_at=now, next_lookup_at=None, **values
    )


def ending_values(ending) -> dict:
    """The order's columns that its ending fills; amounts stay the exchange's text."""
    values = {"order_status": ending.status, "reason": ending.event}
    for name in ("filled_amount", "cancelled_amount", "average_filled_price"):
        if getattr(ending, name):
            values[name] = getattr(ending, name)
    return values


def _finish_jobs(job_ids, now):
    live = Cancel.objects.filter(job=OuterRef("pk"), status__in=LIVE)
    jobs = CancelJob.objects.filter(~Exists(live), pk__in=job_ids, status=JobStatus.RUNNING)
    jobs.update(status=JobStatus.DONE, done_at=now)


def _answer_fact(attempt, end, *, is_late):
    """The record of one answer, of its absence, or of a request that never left."""
    cancel, result = attempt.cancel, attempt.result
    event, data, body = _described(result)
    data |= {"attempt": cancel.attempt, "explanation": end.explanation}
    if is_late:
        data["is_late"] = True  # evidence only: another attempt holds the cancel by now
    return audit.Fact(
        event=event,
        actor=audit.actor_of(cancel.job),
        outcome="" if is_late else end.status,
        account=cancel.account,
        job=cancel.job,
        data=data,
        body=body,
        lines=(audit.line_of(cancel, outcome="" if is_late else end.status),),
    )


def _described(result):
    """Event, data and bytes of an `Answer`, an `Unreachable` or nothing."""
    if result is None:
        return Event.NOT_SENT, {"why": "it waited too long for its turn"}, None
    if isinstance(result, Answer):
        return Event.ANSWER, audit.described(result), result.body
    data = {
        "reason": result.reason,
        "may_have_been_sent": result.may_have_been_sent,
        "sent_at": result.sent_at,
        "failed_at": result.failed_at,
        "elapsed_ms": result.elapsed_ms,
    }
    if result.partial is None:
        return Event.NO_ANSWER, data, None
    data["partial"] = audit.described(result.partial)
    return Event.NO_ANSWER, data, result.partial.body


def outcome_facts(pairs, now):
    """A record for each outcome that was reached: which orders, how they ended, what shows it."""
    groups = {}
    for cancel, end in pairs:
        if end.status in AT_REST:
            groups.setdefault((end, cancel.job_id), []).append(cancel)
    for (end, _), cancels in groups.items():
        yield audit.Fact(
            event=Event.OUTCOME,
            actor=audit.actor_of(cancels[0].job),
            at=now,
            outcome=end.status,
            account=cancels[0].account,
            job=cancels[0].job,
            data={
                "proof": Proof(end.proof).label,
                "explanation": end.explanation,
                "filled_amount": end.filled_amount,
                "cancelled_amount": end.cancelled_amount,
            },
            lines=tuple(audit.line_of(cancel, outcome=end.status) for cancel in cancels),
        )


def refuse_unsent(chunk, why, now, event=Event.NOT_SENT):
    """Conclude cancels that may not be sent at all; the reason is recorded and shown."""
    end = Conclusion(CancelStatus.REFUSED, Proof.NONE, why[:400])
    with transaction.atomic():
        mine = _still_held(chunk)
        pairs = [(cancel, end) for cancel in chunk if cancel.pk in mine]
        if not pairs:
            return
        write(pairs, now)
        why_fact = audit.Fact(
            event=event,
            actor=audit.actor_of(chunk[0].job),
            at=now,
            account=chunk[0].account,
            job=chunk[0].job,
            data={"why": why},
            lines=tuple(audit.line_of(cancel) for cancel, _ in pairs),
        )
        audit.append(why_fact, *outcome_facts(pairs, now))
