"""One line of a panic: written under its claim alone, each change with the record that says why."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from orders.audit import log
from orders.exchange.readings import Reading
from orders.lifecycle import panic_facts, transitions
from orders.models import Event, PanicLine, PanicStatus
from orders.models.cancels import LEASE
from orders.pacifica.reads import AnyRows
from orders.pacifica.transport import Answer, Unreachable

logger = logging.getLogger(__name__)
NOT_AGAIN = "It is not sent again unless you say so."
LOST = f"The answer to cancel-all was lost. {NOT_AGAIN}"

ColumnValue = int | str | datetime | None

# The threads of one process write in turns: SQLite lets those that collide sleep up to 0.1 s.
_turn = threading.Lock()


@contextmanager
def writing() -> Iterator[None]:
    """One short transaction, in turn with the other threads of this process."""
    with _turn, transaction.atomic():
        yield


class ClaimLost(Exception):
    """Another sender holds the line by now, or a person withdrew it: nothing more is done here."""


def update_line(line: PanicLine, **values: ColumnValue) -> None:
    """Write to the line under its own claim. Raises `ClaimLost`, and then nothing is written."""
    update_lines([line], **values)


def update_lines(lines: Sequence[PanicLine], **values: ColumnValue) -> None:
    """Write to lines that were claimed together, in a transaction where there are several.

    Raises `ClaimLost` where one of them is held by another sender.
    """
    held = PanicLine.objects.filter(pk__in=[line.pk for line in lines])
    if held.filter(claim_token=lines[0].claim_token).update(**values) < len(lines):
        raise ClaimLost(", ".join(f"line {line.pk}" for line in lines))
    for line in lines:
        for name, value in values.items():
            setattr(line, name, value)


def renewed(line: PanicLine) -> PanicLine:
    """The line as it stands by now, with at least half a lease to go. Raises `ClaimLost`.

    It may have waited for its turn since it was claimed, or its sender may have stood still. One
    just claimed is only read: twenty writes more would keep the last cancel-all waiting.
    """
    if line.lease_until is None or line.lease_until < timezone.now() + LEASE / 2:
        with writing():
            update_line(line, lease_until=timezone.now() + LEASE)
    held = PanicLine.objects.filter(pk=line.pk, claim_token=line.claim_token)
    found = held.select_related(*WITH).first()
    if found is None:
        raise ClaimLost(f"line {line.pk}")
    return found


WITH = ("account__desk", "account__api_config_key", "job__desk", "job__operator", "operator")


def record_lost_answer(line: PanicLine) -> None:
    """Record that a sender died between a request and its answer; reading back goes on."""
    lost: dict[str, ColumnValue] = {}
    if line.status == PanicStatus.SENDING:
        lost = {"status": PanicStatus.FINISHING, "explanation": LOST}
    with writing():
        update_line(line, has_open_request=False, **lost)
        log.append(panic_facts.lost_fact(line, timezone.now()))


class RequestEnd(NamedTuple):
    """How one request of a line ended. ``result``: None where it was never sent.

    ``strategy_id``: of the strategy that it was about, where it was about one.
    """

    result: Answer | Unreachable | None
    outcome: str
    strategy_id: str = ""


def record_answer(
    line: PanicLine, result: Answer | Unreachable, outcome: str, **values: ColumnValue
) -> None:
    """Record how the open request ended and write what that makes of the line."""
    record_answers(line, [RequestEnd(result, outcome)], **values)


def record_answers(line: PanicLine, ends: list[RequestEnd], **values: ColumnValue) -> None:
    """Record how requests ended that went side by side, and write what that makes of the line.

    Where another sender holds the line by now, they are recorded as late, which is evidence only,
    and `ClaimLost` is raised.
    """
    try:
        with writing():
            update_line(line, has_open_request=False, **values)
            facts = [
                panic_facts.answer_fact(line, end.result, end.outcome, strategy_id=end.strategy_id)
                for end in ends
            ]
            if line.status == PanicStatus.NEEDS_YOU:
                facts.append(_over(line, timezone.now()))
            log.append(*facts)
    except ClaimLost:
        for end in ends:
            log.record(
                panic_facts.answer_fact(
                    line, end.result, "", is_late=True, strategy_id=end.strategy_id
                )
            )
        raise


def record_empty(line: PanicLine, readings: Sequence[Reading[AnyRows]], explanation: str) -> None:
    """Record that no order was seen open any more, with the reads that show it."""
    now = timezone.now()
    values: dict[str, Any] = {"status": PanicStatus.EMPTY, "explanation": explanation[:400]}
    with writing():
        update_line(line, seen_empty_at=now, left_open=0, lease_until=None, **values)
        facts = [panic_facts.read_fact(line, each, now) for each in readings]
        log.append(*facts, _over(line, now))


def leave_to_person(
    line: PanicLine,
    explanation: str,
    *events: Event,
    readings: Sequence[Reading[AnyRows]] = (),
) -> None:
    """Leave the line to a person; ``events``: what else the log shall say of it.

    ``readings``: those that show why.
    """
    now, why = timezone.now(), {"why": explanation}
    facts = [panic_facts.fact_of(line, event, why, at=now) for event in events]
    facts += [panic_facts.read_fact(line, each, now) for each in readings]
    if line.has_open_request:
        facts.append(panic_facts.lost_fact(line, now))
    values: dict[str, Any] = {"status": PanicStatus.NEEDS_YOU, "explanation": explanation[:400]}
    with writing():
        update_line(line, has_open_request=False, lease_until=None, **values)
        log.append(*facts, _over(line, now))


def _over(line: PanicLine, now: datetime) -> log.Fact:
    """End the job where this was its last line; the record of how the line ended.

    The job's row is locked here, before the log's lock: everybody takes them in this order.
    """
    if line.status == PanicStatus.NEEDS_YOU:
        logger.warning("Job %s: %s needs somebody: %r", line.job_id, line.account, line.explanation)
    transitions.finish_jobs({line.job_id}, now)
    return panic_facts.outcome_fact(line, line.status, line.explanation, now)
