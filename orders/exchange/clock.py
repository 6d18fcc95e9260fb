"""How far the exchange's clock is from ours: measured from its answers, kept in the database.

Timestamps are never corrected by it: a wrong clock is told to people, who mend it for everything
on the machine. It is used where the exchange's times are compared with ours.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Case, Exists, IntegerField, QuerySet, Subquery, When

from orders.models import ExchangeClock
from orders.models.clocks import FRESH_FOR, MAY_DIFFER
from orders.pacifica.transport import Answer, Unreachable

EVERY = timedelta(seconds=5)
QUICK = timedelta(seconds=1)  # a slower answer says too little about its middle
ERROR = timedelta(milliseconds=500) + QUICK / 2  # of one answer: ``Date`` has whole seconds
SHARE = 0.2  # of a new measurement in the smoothed one
JUMP_MS = 3000  # beyond it a clock was set, and the old value says nothing
LATELY = timedelta(minutes=1)  # an answer timed longer ago was timed by a clock since set


def measure(*, results: Iterable[Answer | Unreachable | None], now: datetime) -> None:
    """Take `Answer`s among the results of requests into the smoothed offset.

    Every 5 s at most, but at once where a clock was set. An answer that our clock timed before it
    was set says nothing of the clock as it goes now, and is left out.
    """
    measured = [_offset(result, now) for result in results if isinstance(result, Answer)]
    offsets = [offset for offset in measured if offset is not None]
    if not offsets:
        return
    known = ExchangeClock.objects.filter(pk=1).first()
    if known is None:
        first = ExchangeClock(pk=1, offset_ms=round(median(offsets)), measured_at=now)
        ExchangeClock.objects.bulk_create([first], ignore_conflicts=True)
    elif _has_jumped(known, median(offsets)) or not now - EVERY < known.measured_at <= now:
        _smooth(known, median(offsets), now)


def known(now: datetime) -> Case:
    """Express the offset in ms for a statement that stores it: as last measured; 0 if it never was.

    NULL where that is long ago by our clock: it may have been set since, and nobody can tell.
    """
    ever = ExchangeClock.objects.filter(pk=1)
    lately = Subquery(_fresh(now).values("offset_ms")[:1])
    return Case(When(Exists(ever), then=lately), default=0, output_field=IntegerField())


def current(now: datetime) -> ExchangeClock | None:
    """Return the offset as last measured, or None where nothing fresh is known."""
    return _fresh(now).first()


def offset(now: datetime) -> timedelta:
    """Return the exchange's clock minus ours; 0 where it was not measured lately."""
    known = current(now)
    return timedelta(milliseconds=known.offset_ms if known else 0)


def offset_and_error(now: datetime) -> tuple[timedelta, timedelta]:
    """Return the exchange's clock minus ours, and by how much that may be wrong either way."""
    known = current(now)
    if known is None:
        return timedelta(0), MAY_DIFFER
    return timedelta(milliseconds=known.offset_ms), ERROR


class Steps:
    """How far this machine's clock was set while this process ran, by a clock that nobody sets."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] | None = None
    ) -> None:
        self._wall, self._steady = wall, steady or _since_boot
        self._lock = threading.Lock()
        self._seen: list[tuple[float, float]] = []  # (since when, how far the two are apart)
        self.forward(timedelta(0))

    def forward(self, within: timedelta) -> timedelta:
        """Return by how much it was set forward within this span, as far as this process saw."""
        with self._lock:
            at = self._steady()
            apart = self._wall() - at
            if not self._seen or abs(apart - self._seen[-1][1]) > JUMP_MS / 1000:
                self._seen.append((at, apart))
            begins_at = at - within.total_seconds()
            ends = [*[since for since, _ in self._seen[1:]], at]
            lately = [
                then for (_, then), end in zip(self._seen, ends, strict=True) if end > begins_at
            ]
        return timedelta(seconds=max(0, apart - min([apart, *lately])))


def _since_boot() -> float:
    """Read a clock that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


steps = Steps()


def set_forward(within: timedelta) -> timedelta:
    """Return by how much this machine's clock was set forward within this span, as seen here.

    What waited meanwhile did not wait for that long.
    """
    return steps.forward(within)


def _fresh(now: datetime) -> QuerySet[ExchangeClock]:
    return ExchangeClock.objects.filter(
        pk=1, measured_at__gt=now - FRESH_FOR, measured_at__lt=now + FRESH_FOR
    )


def _offset(answer: Answer, now: datetime) -> int | None:
    took, ago = answer.first_byte_at - answer.sent_at, now - answer.first_byte_at
    by_this_clock = timedelta(0) <= took and -timedelta(milliseconds=JUMP_MS) <= ago <= LATELY
    return answer.clock_offset_ms if by_this_clock and took <= QUICK else None


def _has_jumped(known: ExchangeClock, measured_ms: float) -> bool:
    return abs(measured_ms - known.offset_ms) > JUMP_MS


def _smooth(known: ExchangeClock, measured_ms: float, now: datetime) -> None:
    anew = _has_jumped(known, measured_ms) or known.measured_at < now - FRESH_FOR
    value = measured_ms if anew else known.offset_ms + SHARE * (measured_ms - known.offset_ms)
    same = ExchangeClock.objects.filter(pk=1, measured_at=known.measured_at)
    same.update(offset_ms=round(value), measured_at=now, answers=1 if anew else known.answers + 1)
