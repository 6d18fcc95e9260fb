"""Counters and histograms out of the log: what was recorded since this process began to read it.

The log is what happened, whoever did it, so no process counts for itself. A monitor looks at the
rise of a counter: that it begins at nothing with each start of this process does no harm.
"""

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count
from django.utils.dateparse import parse_datetime
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
)

from orders.audit import reader
from orders.models import AuditRecord, AuditRecordOrder, Event
from orders.models.cancels import AT_REST
from orders.models.lookups import portions
from orders.operations.monitoring.state import LANES, PREFIX

AT_ONCE = 2_000  # records that one round reads
PATIENCE_S = 2.0  # at one scrape; what is left is read at the next
ENDS = [Event.OUTCOME, Event.JOB_STOPPED, Event.QUESTION_CLOSED]  # whose order rows say the end
SIGNED = [Event.ANSWER, Event.NO_ANSWER]  # to signed requests
CLASSES = ("2xx", "3xx", "4xx", "429", "5xx", "none")
CLICK_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
ANSWER_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _Answer(NamedTuple):
    """The end of one signed request: what came, when its first byte had left, which attempt."""

    is_answer: bool
    data: dict[str, Any]

    @property
    def class_(self) -> str:
        status = self.data.get("status")
        if not self.is_answer or not isinstance(status, int):
            return "none"
        return "429" if status == 429 else f"{status // 100}xx"

    @property
    def sent_at(self) -> datetime | None:
        return parse_datetime(self.data.get("sent_at") or "")

    @property
    def is_first(self) -> bool:
        return bool(self.data.get("attempt") == 1)


class LogTail:
    """Reads on from where it stood. ``registry``: what it counted, for the text of the metrics."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a twin that says when it was made
        self._position: int | None = None
        self._clock, self.registry = clock, CollectorRegistry()
        self._records = self._counter("records", "Records of the log.", "event", Event.values)
        words = "Cancels that came to their end."
        self._ended = self._counter("cancels_ended", words, "outcome", AT_REST)
        words = "How signed requests were answered, by class of HTTP status; none: not at all."
        self._answers = self._counter("answers", words, "class", CLASSES)
        self._clicks = Histogram(
            f"{PREFIX}click_to_wire_seconds",
            "From a person's act to the first byte of its first request, by lane.",
            ["lane"],
            buckets=CLICK_S,
            registry=self.registry,
        )
        for lane in LANES.values():
            self._clicks.labels(lane)
        self._waits = Histogram(
            f"{PREFIX}wire_to_answer_seconds",
            "From a request's first byte to the end of its answer.",
            buckets=ANSWER_S,
            registry=self.registry,
        )

    def read(self) -> None:
        """Count what was recorded since the last time. Raises `django.db.DatabaseError`."""
        tip, ends_at = reader.tip(), self._clock() + PATIENCE_S
        if self._position is None or tip < self._position:  # an older copy was put back
            self._position = tip
        while self._position < tip and self._clock() < ends_at:
            until = min(tip, self._position + AT_ONCE)
            self._count(self._position, until)
            self._position = until

    def _count(self, after: int, until: int) -> None:
        """Count all records past a position up to another: read first, then counted in one go."""
        here = AuditRecord.objects.filter(position__gt=after, position__lte=until).order_by()
        events = list(here.values_list("event").annotate(Count("pk")))
        rows = AuditRecordOrder.objects.filter(record__in=here.filter(event__in=ENDS))
        ends = rows.filter(outcome__in=AT_REST).order_by().values_list("outcome")
        outcomes = list(ends.annotate(Count("pk")))
        found = here.filter(event__in=SIGNED).values_list("position", "event", "data")
        answers = {
            position: _Answer(event == Event.ANSWER, json.loads(data))
            for position, event, data in found
        }
        clicks = list(_clicks(after, until, answers))
        _add(self._records, events)
        _add(self._ended, outcomes)
        for answer in answers.values():
            self._answers.labels(answer.class_).inc()
            elapsed_ms = answer.data.get("elapsed_ms")
            if answer.is_answer and isinstance(elapsed_ms, int | float):
                self._waits.observe(elapsed_ms / 1000)
        for lane, seconds in clicks:
            self._clicks.labels(lane).observe(seconds)

    def _counter(self, name: str, words: str, label: str, values: Iterable[str]) -> Counter:
        """Make a counter whose every value is there from the start: a rise from nothing counts."""
        counter = Counter(PREFIX + name, words, [label], registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter


def _add(counter: Counter, counts: Iterable[tuple[str, int]]) -> None:
    for value, count in counts:
        counter.labels(value).inc(count)


def _clicks(after: int, until: int, answers: dict[int, _Answer]) -> Iterable[tuple[str, float]]:
    """Yield lane and seconds from act to wire of each cancel that left for the first time."""
    rows = AuditRecordOrder.objects.filter(
        record__gt=after, record__lte=until, record__event__in=SIGNED, cancel__isnull=False
    ).order_by("record", "row")
    columns = ("record_id", "cancel_id", "cancel__requested_at", "cancel__is_urgent")
    found = list(rows.values_list(*columns))
    again = {cancel for record, cancel, *_ in found if not answers[record].is_first}
    seen = _sent_before(sorted(again), after)
    moments = {position: answer.sent_at for position, answer in answers.items()}
    for record, cancel, requested_at, is_urgent in found:
        sent_at = moments[record]
        if cancel in seen or sent_at is None:
            continue
        seen.add(cancel)
        yield LANES[is_urgent], max(0.0, (sent_at - requested_at).total_seconds())


def _sent_before(cancels: list[int], position: int) -> set[int]:
    """Return those of these cancels that left before this position."""
    seen: set[int] = set()
    for portion in portions(cancels):
        rows = AuditRecordOrder.objects.filter(cancel__in=portion, record__lte=position)
        seen |= set(rows.filter(record__event__in=SIGNED).values_list("cancel_id", flat=True))
    return seen
