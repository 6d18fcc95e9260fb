"""One line of a panic: written under its claim alone, each change with the record that says why."""

import threading
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now as clock

from orders import audit, concluding, panic_facts
from orders.models import Event, PanicLine, PanicStatus

LEASE = timedelta(seconds=30)
LOST = "The answer to cancel-all was lost; it is not sent again unless you say so."

# The threads of one process write in turns: SQLite lets those that collide sleep up to 0.1 s.
_turn = threading.Lock()


@contextmanager
def writing():
    """One short transaction, in turn with the other threads of this process."""
    with _turn, transaction.atomic():
        yield


class ClaimLost(Exception):
    """Another sender holds the line by now, or a person withdrew it: nothing more is done here."""


def keep(line, **values):
    """Write to the line under its own claim. Raises `ClaimLost`, and then nothing is written."""
    held = PanicLine.objects.filter(pk=line.pk, claim_token=line.claim_token)
    if not held.update(**values):
        raise ClaimLost(f"line {line.pk}")
    for name, value in values.items():
        setattr(line, name, value)


def renewed(line) -> PanicLine:
    """The line as it stands by now, its lease as from this moment. Raises `ClaimLost`.

    It may have waited for its turn since it was claimed, or its sender may have stood still.
    """
    keep(line, lease_until=clock() + LEASE)
    return PanicLine.objects.select_related(*WITH).get(pk=line.pk, claim_token=line.claim_token)


WITH = ("account__desk", "job__desk", "job__operator", "operator")


def lose(line):
    """Record that a sender died between the request and its answer; reading back goes on."""
    with transaction.atomic():
        keep(line, status=PanicStatus.FINISHING, explanation=LOST)
        about = panic_facts.base(line)
        audit.append(audit.Fact(Event.SENDER_LOST, data={"explanation": LOST}, **about))


def seen_empty(line, readings):
    """The book was seen empty; the reads that show it are kept."""
    now = clock()
    with writing():
        keep(line, status=PanicStatus.EMPTY, seen_empty_at=now, left_open=0, lease_until=None)
        facts = [panic_facts.read_fact(line, each, now) for each in readings]
        facts.append(panic_facts.outcome_fact(line, PanicStatus.EMPTY, line.explanation, now))
        audit.append(*facts)
        concluding.finish_jobs({line.job_id}, now)


def rest(line, explanation, *events):
    """Leave the line to a person; ``events``: what else the log shall say of it."""
    now, base, why = clock(), panic_facts.base(line), {"why": explanation}
    status = PanicStatus.NEEDS_YOU
    facts = [audit.Fact(event=event, at=now, data=why, **base) for event in events]
    with transaction.atomic():
        keep(line, status=status, explanation=explanation[:400], lease_until=None)
        audit.append(*facts, panic_facts.outcome_fact(line, status, explanation, now))
        concluding.finish_jobs({line.job_id}, now)
