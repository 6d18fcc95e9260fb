"""What one answer makes of its cancel, written under its own fence.

Every change of a cancel here stands in the same transaction as the record that says why.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import NullIf

from orders import audit
from orders.models import (
    Cancel,
    CancelJob,
    CancelKind,
    CancelStatus,
    Event,
    ExchangeClock,
    JobStatus,
    Order,
    OrderState,
    PanicLine,
    Proof,
)
from orders.models.cancels import AT_REST, LIVE
from orders.models.clocks import WARN_ABOVE_MS
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
    repeats: int | None = None  # fresh attempts so far, where this makes one more
    absent_since_at: datetime | None = None  # neither open nor ended since then
    was_sent: bool = True  # some byte of the request left
    was_refused: bool = False  # refused after an unanswered attempt, which may have acted
    send_alone: bool = False
    is_throttled: bool = False

    def columns(self) -> dict:
        """What it writes into its cancel."""
        values = {name: getattr(self, name) for name in WRITTEN}
        if self.status == CancelStatus.UNKNOWN:
            values["has_unanswered"] = True
        if not self.was_sent:  # an attempt that never left was not the first that did
            values["first_sent_at"] = NullIf("first_sent_at", "sent_at")
        for flag in ("was_taken", "was_refused", "send_alone"):
            if getattr(self, flag):
                values[flag] = True
        if self.repeats is not None:
            values["repeats"] = self.repeats
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
    "absent_since_at",
)


def conclude(packs, now) -> list:
    """Record every answer or its absence, and write what each proves, in one transaction.

    Returns the (cancel, conclusion) pairs that were written; a late one writes nothing.
    """
    if not packs:
        return []
    ends = {pack.body: judge(pack, now) for pack in packs}
    with transaction.atomic():
        mine = _still_held([cancel for pack in packs for cancel in pack.cancels])
        pairs = [pair for pack in packs for pair in zip(pack.cancels, ends[pack.body], strict=True)]
        written = [(cancel, end) for cancel, end in pairs if cancel.pk in mine]
        write(written, now, answered_at=now)
        if any(_has_left(pack.result) for pack in packs):
            CancelJob.objects.filter(pk=packs[0].cancels[0].job_id).update(idle_since_at=now)
        facts = [_answer_fact(pack, ends[pack.body], mine, now) for pack in packs]
        audit.append(*facts, *outcome_facts(written, now))
    return written


def _has_left(result):
    """Whether some byte of the request left."""
    return isinstance(result, Answer) or (result is not None and result.may_have_been_sent)


def quota_of(packs):
    """The least that any answer said is left, or None where none said it."""
    stated = [quota(pack.result.headers) for pack in packs if isinstance(pack.result, Answer)]
    stated = [one for one in stated if one and one.remaining_credits is not None]
    return min(stated, key=lambda one: one.remaining_credits, default=None)


def judge(pack, now) -> list[Conclusion]:
    """What the network's result proves of each of its cancels. The default is unknown."""
    result = pack.result
    if result is None:
        said = "Not sent: it waited too long for its turn, or its job was stopped."
        return [_unsent(cancel, now, Proof.NONE, said) for cancel in pack.cancels]
    if isinstance(result, Unreachable):
        return [_unreachable(result, cancel, now) for cancel in pack.cancels]
    verdicts = _verdicts(pack)
    pairs = zip(pack.cancels, verdicts, strict=True)
    if pack.is_batch and {v.kind for v in verdicts} == {"refused"} and result.status != 200:
        return [_refused_whole(verdict, result, cancel, now) for cancel, verdict in pairs]
    return [BY_VERDICT[verdict.kind](verdict, result, cancel, now) for cancel, verdict in pairs]


def _verdicts(pack):
    result, count = pack.result, len(pack.cancels)
    if pack.is_batch:
        return answers.batch_verdicts(
            result.status, result.body, count=count, is_whole=result.is_whole
        )
    is_twap = pack.cancels[0].kind == CancelKind.TWAP
    verdict_of = answers.twap_verdict if is_twap else answers.cancel_verdict
    return [verdict_of(result.status, result.body, is_whole=result.is_whole)]


def _refused_whole(verdict, result, cancel, now):
    """One bad action refuses a whole batch: each is sent alone, so that only the culprit fails.

    Where the refusal is about the account or the agent wallet, all of them would fail alike.
    """
    if verdict.cause in ABOUT_ALL:
        return _refused(verdict, result, cancel, now)
    said = f"The exchange refused the batch it was in ({verdict.error}); it is sent alone."
    return Conclusion(CancelStatus.QUEUED, Proof.ANSWER, said[:400], send_alone=True)


ABOUT_ALL = {"agent", "beta", "whitelist", "region", "forbidden", "account", "trading_disabled"}


def _unreachable(result, cancel, now):
    if not result.may_have_been_sent:
        said = f"Nothing was sent: {result.reason}. It is tried again."
        return _unsent(cancel, now, Proof.TRANSPORT, said)
    return _unknown(f"No answer: {result.reason}. The exchange is being asked.", now)


def _unknown(explanation, now, proof=Proof.TRANSPORT):
    check_at = now + FIRST_CHECK_AFTER
    return Conclusion(CancelStatus.UNKNOWN, proof, explanation, next_check_at=check_at)


def _again(cancel, now, proof, explanation, wait_s=None):
    wait_s = min(LONGEST_BACKOFF_S, 2 ** min(cancel.attempt - 1, 5)) if wait_s is None else wait_s
    not_before_at = now + timedelta(seconds=wait_s)
    return Conclusion(CancelStatus.QUEUED, proof, explanation, not_before_at=not_before_at)


def _unsent(cancel, now, proof, explanation):
    return replace(_again(cancel, now, proof, explanation), was_sent=False)


def _accepted(verdict, result, cancel, now):
    return Conclusion(CancelStatus.CANCELLED, Proof.ANSWER, "The exchange accepted the cancel.")


def _asked(verdict, result, cancel, now):
    said = "The exchange took the request; whether the TWAP ended is being asked."
    return Conclusion(CancelStatus.SETTLING, Proof.ANSWER, said, next_check_at=now, was_taken=True)


def _not_found(verdict, result, cancel, now):
    said = f"The exchange said: {verdict.error}. Its history is being asked how the order ended."
    return Conclusion(CancelStatus.SETTLING, Proof.ANSWER, said[:400], next_check_at=now)


def _refused(verdict, result, cancel, now):
    said = f"{_hint(verdict, result)} The exchange said: {verdict.error}".strip()
    return _no(cancel, Proof.ANSWER, said[:400], now)


def _hint(verdict, result):
    """What to do about a refusal. A clock that is off is told in words."""
    offset_ms = result.clock_offset_ms or 0
    if verdict.cause != "expired" or abs(offset_ms) <= WARN_ABOVE_MS:
        return verdict.hint
    return f"{ExchangeClock(offset_ms=offset_ms).in_words()} Set it right, then cancel again."


def _no(cancel, proof, said, now):
    """A refusal, final only where no earlier request of ours can have done it already."""
    if not cancel.has_unanswered:
        return Conclusion(CancelStatus.REFUSED, proof, said)
    return Conclusion(CancelStatus.SETTLING, proof, said, next_check_at=now, was_refused=True)


def _throttled(verdict, result, cancel, now):
    left = quota(result.headers)
    wait_s = left.resets_in_s if left and left.resets_in_s else 5
    said = "The exchange asked us to slow down (429); it is sent again by itself."
    return replace(
        _again(cancel, now, Proof.ANSWER, said, wait_s=min(wait_s, 60)), is_throttled=True
    )


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
    finish_jobs({cancel.job_id for cancel, _ in pairs}, now)


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


def finish_jobs(job_ids, now):
    """Jobs with nothing live are done; what a stopped job queued again is stopped too."""
    jobs = CancelJob.objects.filter(pk__in=job_ids)
    stopping = jobs.filter(status=JobStatus.STOPPING)
    queued = Cancel.objects.filter(job__in=stopping.values("pk"), status=CancelStatus.QUEUED)
    queued.update(status=CancelStatus.STOPPED, concluded_at=now)
    live = Cancel.objects.filter(job=OuterRef("pk"), status__in=LIVE)
    emptying = PanicLine.objects.unfinished().filter(job=OuterRef("pk"))
    over = jobs.filter(~Exists(live), ~Exists(emptying))
    over.filter(status=JobStatus.STOPPING).update(status=JobStatus.STOPPED)
    over.filter(status=JobStatus.RUNNING).update(status=JobStatus.DONE, done_at=now)


def _answer_fact(pack, ends, mine, now):
    """The record of one answer, of its absence, or of a request that never left."""
    first = pack.cancels[0]
    event, data, body = described_result(pack.result)
    data |= {"attempt": first.attempt, "explanation": ends[0].explanation}
    is_late = mine.isdisjoint(cancel.pk for cancel in pack.cancels)
    if is_late:
        data["is_late"] = True  # evidence only: another attempt holds the cancels by now
    lines = [
        audit.line_of(cancel, outcome=end.status if cancel.pk in mine else "")
        for cancel, end in zip(pack.cancels, ends, strict=True)
    ]
    outcomes = {line.outcome for line in lines}
    return audit.Fact(
        event=event,
        actor=audit.actor_of(first.job),
        at=now,
        outcome=outcomes.pop() if len(outcomes) == 1 else "mixed",
        account=first.account,
        job=first.job,
        data=data,
        body=body,
        lines=tuple(lines),
    )


def described_result(result):
    """Event, data and bytes of an `Answer`, an `Unreachable` or nothing."""
    if result is None:
        return (
            Event.NOT_SENT,
            {"why": "it waited too long for its turn, or its job was stopped"},
            None,
        )
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
    with transaction.atomic():
        mine = _still_held(chunk)
        ends = [(cancel, _no(cancel, Proof.NONE, why[:400], now)) for cancel in chunk]
        pairs = [(cancel, end) for cancel, end in ends if cancel.pk in mine]
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
