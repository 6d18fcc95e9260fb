"""What one answer, or its absence, proves of its cancels. Pure: the default is unknown."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import NullIf

from orders.lifecycle.deliveries import ClaimedCancel, OutgoingRequest
from orders.lifecycle.order_closure import Closure
from orders.models import CancelKind, CancelStatus, ExchangeClock, Proof
from orders.models.clocks import WARN_ABOVE_MS
from orders.pacifica import answers
from orders.pacifica.quota import slow_down_s
from orders.pacifica.transport import Answer, Unreachable
from orders.pacifica.verdicts import Verdict
from orders.pacifica.whose import Subject

FIRST_CHECK_AFTER = timedelta(seconds=1)
MAX_BACKOFF_S = 30


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
    ending: Closure | None = None  # that the history told
    repeats: int | None = None  # fresh attempts so far, where this makes one more
    absent_since_at: datetime | None = None  # neither open nor ended since then
    was_sent: bool = True  # some byte of the request left
    another: str = ""  # what the answer speaks of instead of what was asked
    was_refused: bool = False  # refused after an unanswered attempt, which may have acted
    send_alone: bool = False
    is_throttled: bool = False
    is_not_found: bool = False  # the exchange knows no such order on the route that was asked
    kind: str = ""  # whose route the next attempt takes, where that is another one

    def columns(self) -> dict[str, Any]:
        """What it writes into its cancel."""
        values: dict[str, Any] = {name: getattr(self, name) for name in WRITTEN}
        if self.status == CancelStatus.UNKNOWN:
            values["has_unanswered"] = True
        if not self.was_sent:  # an attempt that never left was not the first that did
            values["first_sent_at"] = NullIf("first_sent_at", "sent_at")
        for flag in ("was_taken", "was_refused", "send_alone"):
            if getattr(self, flag):
                values[flag] = True
        if self.kind:
            values["kind"] = self.kind
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


def judge(pack: OutgoingRequest, now: datetime) -> list[Conclusion]:
    """What the network's result proves of each of its cancels. The default is unknown."""
    result = pack.result
    if result is None:
        said = "Not sent: it waited too long for its turn, or its job was stopped."
        return [_unsent(cancel, now, Proof.NONE, said) for cancel in pack.cancels]
    if isinstance(result, Unreachable):
        return [_unreachable(result, cancel, now) for cancel in pack.cancels]
    verdicts = _verdicts(pack, result)
    pairs = zip(pack.cancels, verdicts, strict=True)
    if pack.is_batch and {v.kind for v in verdicts} == {"refused"} and result.status != 200:
        return [_refused_whole(verdict, result, cancel, now) for cancel, verdict in pairs]
    return [BY_VERDICT[verdict.kind](verdict, result, cancel, now) for cancel, verdict in pairs]


def _verdicts(pack: OutgoingRequest, result: Answer) -> list[Verdict]:
    subjects, status, body = _subjects(pack), result.status, result.body
    if pack.is_batch:
        return answers.batch_verdicts(
            status, body, count=len(subjects), subjects=subjects, is_whole=result.is_whole
        )
    is_twap = pack.cancels[0].kind == CancelKind.TWAP
    verdict_of = answers.twap_verdict if is_twap else answers.cancel_verdict
    return [verdict_of(status, body, subject=subjects[0], is_whole=result.is_whole)]


def _subjects(pack: OutgoingRequest) -> list[Subject]:
    """What each of its requests was about."""
    return [
        Subject(
            order_id=cancel.order_id,
            client_order_id="" if cancel.is_unnamed else cancel.client_order_id,
            symbol=cancel.symbol,
            account=request.account,
        )
        for cancel, request in zip(pack.cancels, pack.requests, strict=True)
    ]


def _refused_whole(
    verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime
) -> Conclusion:
    """One bad action refuses a whole batch: each is sent alone, so that only the culprit fails.

    Where the refusal is about the account or the agent wallet, all of them would fail alike.
    """
    if verdict.cause in ABOUT_ALL:
        return _refused(verdict, result, cancel, now)
    said = f"The exchange refused the batch it was in ({verdict.error}); it is sent alone."
    return Conclusion(CancelStatus.QUEUED, Proof.ANSWER, said[:400], send_alone=True)


ABOUT_ALL = {"agent", "beta", "whitelist", "region", "forbidden", "account", "trading_disabled"}


def _unreachable(result: Unreachable, cancel: ClaimedCancel, now: datetime) -> Conclusion:
    if not result.may_have_been_sent:
        said = f"Nothing was sent: {result.reason}. It is tried again."
        return _unsent(cancel, now, Proof.TRANSPORT, said)
    return _unknown(f"No answer: {result.reason}. The exchange is being asked.", now)


def _unknown(explanation: str, now: datetime, proof: Proof = Proof.TRANSPORT) -> Conclusion:
    check_at = now + FIRST_CHECK_AFTER
    return Conclusion(CancelStatus.UNKNOWN, proof, explanation, next_check_at=check_at)


def _again(
    cancel: ClaimedCancel, now: datetime, proof: Proof, explanation: str, wait_s: int | None = None
) -> Conclusion:
    wait_s = min(MAX_BACKOFF_S, 2 ** min(cancel.attempt - 1, 5)) if wait_s is None else wait_s
    not_before_at = now + timedelta(seconds=wait_s)
    return Conclusion(CancelStatus.QUEUED, proof, explanation, not_before_at=not_before_at)


def _unsent(cancel: ClaimedCancel, now: datetime, proof: Proof, explanation: str) -> Conclusion:
    return replace(_again(cancel, now, proof, explanation), was_sent=False)


def _accepted(verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime) -> Conclusion:
    return Conclusion(CancelStatus.CANCELLED, Proof.ANSWER, "The exchange accepted the cancel.")


def _asked(verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime) -> Conclusion:
    said = "The exchange took the request; whether the TWAP ended is being asked."
    return Conclusion(CancelStatus.SETTLING, Proof.ANSWER, said, next_check_at=now, was_taken=True)


def _not_found(
    verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime
) -> Conclusion:
    said = f"The exchange said: {verdict.error}. Its history is being asked how the order ended."
    end = Conclusion(CancelStatus.SETTLING, Proof.ANSWER, said[:400], next_check_at=now)
    return replace(end, is_not_found=True)


def _refused(verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime) -> Conclusion:
    said = f"{hint(verdict, result)} The exchange said: {verdict.error}".strip()
    return refusal(cancel, Proof.ANSWER, said[:400], now)


def hint(verdict: Verdict, result: Answer) -> str:
    """What to do about a refusal. A clock that is off is told in words."""
    offset_ms = result.clock_offset_ms or 0
    if verdict.cause != "expired" or abs(offset_ms) <= WARN_ABOVE_MS:
        return verdict.hint
    return f"{ExchangeClock(offset_ms=offset_ms).in_words()} Set it right, then cancel again."


def refusal(cancel: ClaimedCancel, proof: Proof, said: str, now: datetime) -> Conclusion:
    """A refusal, final only where no earlier request of ours can have done it already."""
    if not cancel.has_unanswered:
        return Conclusion(CancelStatus.REFUSED, proof, said)
    return Conclusion(CancelStatus.SETTLING, proof, said, next_check_at=now, was_refused=True)


def _throttled(
    verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime
) -> Conclusion:
    said = "The exchange asked us to slow down (429); it is sent again by itself."
    wait_s = slow_down_s(result.headers)
    return replace(_again(cancel, now, Proof.ANSWER, said, wait_s=wait_s), is_throttled=True)


def _proves_nothing(
    verdict: Verdict, result: Answer, cancel: ClaimedCancel, now: datetime
) -> Conclusion:
    if verdict.another:
        said = f"The answer speaks of another {verdict.another}: the exchange is being asked."
        return replace(_unknown(said, now), another=verdict.another)
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
