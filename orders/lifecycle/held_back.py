"""What waited in an older copy of the database: cancels and panics are left to a person's word."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F

from orders.audit import log
from orders.lifecycle import panic_facts, transitions
from orders.lifecycle.interpret import Conclusion
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelStatus,
    Event,
    PanicLine,
    PanicStatus,
)
from orders.models.cancels import LIVE, MAX_LIFE
from orders.models.clocks import is_ahead

WAITED = "Waiting when this copy of the database was taken; it may have been sent since."
BY_A_PERSON = "Nothing is sent by itself: send it again or close it."
PANIC_WAITED = f"{WAITED} No cancel-all is sent unless you say so."


def _is_fresh(asked_at: datetime | None, since: datetime, now: datetime) -> bool:
    """Whether somebody asked for it after the copy was put back."""
    return asked_at is not None and asked_at > since and not is_ahead(asked_at, now)


def hold_back_cancels(since: datetime, now: datetime) -> tuple[int, list[log.Fact]]:
    """Make each live cancel of the copy a question to a person; return how many, the records."""
    live = Cancel.objects.filter(status__in=LIVE)
    transitions.lock_jobs_of(live)
    rows = live.order_by("pk").select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("account__desk", "job__desk")
    held = [cancel for cancel in rows if not _is_fresh(cancel.requested_at, since, now)]
    lost = [each for each in held if each.status == CancelStatus.SENDING and each.sent_at]
    explanation = f"{WAITED} {BY_A_PERSON}"
    end = Conclusion(CancelStatus.UNKNOWN, explanation=explanation, next_check_at=now)
    transitions.write(
        [(cancel, end) for cancel in held],
        now,
        checks=0,
        was_refused=False,
        restored_at=now,
        signature_ends_at=now + MAX_LIFE,
    )
    # Sent by a clock that was ahead: it would look as if somebody had had it sent again since.
    ahead = Cancel.objects.filter(pk__any={cancel.pk for cancel in held}, sent_at__gt=now)
    ahead.update(restored_at=F("sent_at"))
    facts = [*_facts(Event.SENDER_LOST, lost, now), *_facts(Event.DATABASE_BEHIND, held, now)]
    return len(held), facts


def _facts(event: Event, cancels: list[Cancel], now: datetime) -> Iterator[log.Fact]:
    """Yield a record for each job and account: which orders waited, or were just being sent."""
    groups: dict[tuple[CancelJob, Account], list[Cancel]] = {}
    for cancel in cancels:
        groups.setdefault((cancel.job, cancel.account), []).append(cancel)
    for (job, account), some in groups.items():
        yield log.Fact(
            event,
            log.actor_of(job),
            now,
            outcome=CancelStatus.UNKNOWN,
            account=account,
            job=job,
            data={"waited": len(some), "explanation": WAITED},
            lines=tuple(log.line_of(cancel, outcome=CancelStatus.UNKNOWN) for cancel in some),
        )


def hold_back_lines(since: datetime, now: datetime) -> tuple[int, list[log.Fact]]:
    """Leave each unfinished line of a panic in the copy to a person; how many, the records."""
    rows = PanicLine.objects.unfinished().order_by("pk")
    rows = rows.select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("account__desk", "job__desk", "job__operator", "operator")
    held = [line for line in rows if not _is_fresh(line.asked_at, since, now)]
    PanicLine.objects.filter(pk__in=[line.pk for line in held]).update(
        status=PanicStatus.NEEDS_YOU,
        explanation=PANIC_WAITED,
        restored_at=now,
        has_open_request=False,
        claim_token=None,
        lease_until=None,
    )
    transitions.finish_jobs({line.job_id for line in held}, now)
    facts = [panic_facts.lost_fact(line, now) for line in held if line.has_open_request]
    for line in held:
        facts.append(panic_facts.outcome_fact(line, PanicStatus.NEEDS_YOU, PANIC_WAITED, now))
    return len(held), facts
