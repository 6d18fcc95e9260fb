"""What the log keeps of answers and outcomes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from orders.audit import log
from orders.audit.hashing import moment
from orders.lifecycle.deliveries import AnyCancel, OutgoingRequest
from orders.lifecycle.interpret import Conclusion
from orders.models import (
    Cancel,
    CancelStatus,
    Event,
    Proof,
)
from orders.models.cancels import AT_REST
from orders.pacifica.transport import Answer, Unreachable

HALTED = "Its job was stopped."


def answer_fact(
    pack: OutgoingRequest, ends: list[Conclusion], mine: set[int], now: datetime
) -> log.Fact:
    """The record of one answer, of its absence, or of a request that never left."""
    first = pack.cancels[0]
    event, data, body = described_result(pack.result)
    data |= {"attempt": first.attempt, "explanation": ends[0].explanation}
    if event == Event.ANSWER:
        data[log.NAMES_COMPARED] = True
    is_late = mine.isdisjoint(cancel.pk for cancel in pack.cancels)
    if is_late:
        data["is_late"] = True  # evidence only: another attempt holds the cancels by now
    lines = [
        log.line_of(cancel, outcome=end.status if cancel.pk in mine else "")
        for cancel, end in zip(pack.cancels, ends, strict=True)
    ]
    distinct = {line.outcome for line in lines}
    return log.Fact(
        event=event,
        actor=log.actor_of(first.job),
        at=now,
        outcome=distinct.pop() if len(distinct) == 1 else "mixed",
        account=first.account,
        job=first.job,
        data=data,
        body=body,
        lines=tuple(lines),
    )


def described_result(
    result: Answer | Unreachable | None,
) -> tuple[Event, dict[str, Any], bytes | None]:
    """Event, data and bytes with which the log keeps a request's end.

    ``result``: None where the request was never sent.
    """
    if result is None:
        return (
            Event.NOT_SENT,
            {"why": "it waited too long for its turn, or its job was stopped"},
            None,
        )
    if isinstance(result, Answer):
        return Event.ANSWER, log.described(result), result.body
    data = {
        "reason": result.reason,
        "may_have_been_sent": result.may_have_been_sent,
        "sent_at": None if result.sent_at is None else moment(result.sent_at),
        "failed_at": moment(result.failed_at),
        "elapsed_ms": result.elapsed_ms,
    }
    if not result.may_have_been_sent:
        return Event.NOT_SENT, data, None
    if result.partial is None:
        return Event.NO_ANSWER, data, None
    data["partial"] = log.described(result.partial)
    return Event.NO_ANSWER, data, result.partial.body


def outcome_facts(
    pairs: Sequence[tuple[AnyCancel, Conclusion]], now: datetime
) -> Iterator[log.Fact]:
    """Record each outcome that was reached: which orders, how they ended, what shows it.

    One for each account: those who ask the log about an account find it.
    """
    return outcomes([*pairs, *stopped_instead(pairs)], now)


def outcomes(pairs: Iterable[tuple[AnyCancel, Conclusion]], now: datetime) -> Iterator[log.Fact]:
    groups: dict[tuple[Conclusion, int, int], list[AnyCancel]] = {}
    for cancel, end in pairs:
        if end.status in AT_REST:
            groups.setdefault((end, cancel.job_id, cancel.account_id), []).append(cancel)
    for (end, *_), cancels in groups.items():
        yield log.Fact(
            event=Event.OUTCOME,
            actor=log.actor_of(cancels[0].job),
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
            lines=tuple(log.line_of(cancel, outcome=end.status) for cancel in cancels),
        )


def stopped_instead(
    pairs: Sequence[tuple[AnyCancel, Conclusion]],
) -> list[tuple[AnyCancel, Conclusion]]:
    """What was to be sent again and is not, for its job was stopped meanwhile."""
    queued = {cancel.pk: cancel for cancel, end in pairs if end.status == CancelStatus.QUEUED}
    if not queued:
        return []
    stopped = Cancel.objects.filter(pk__in=queued, status=CancelStatus.STOPPED)
    end = Conclusion(CancelStatus.STOPPED, Proof.NONE, HALTED)
    return [(queued[pk], end) for pk in stopped.values_list("pk", flat=True)]
