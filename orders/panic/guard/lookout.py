"""Look at armed guards, twenty times a second, and fire those whose time passed without a beat.

A beat is dated by the database's clock. How long a silence lasts is measured here by the host's
own clock, which nobody can set: a beat that is new in a look came since the look before, whatever
its date says. So a clock that jumps neither fires a guard nor keeps it from firing. The date counts
only where this process saw nothing before: then what the clocks of the last pulse tell of a jump is
taken off it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from orders.models import Guard, GuardPulse
from orders.panic.guard import boot_clock, firing, warnings

STALLED_S = 0.25  # that reading the rows took: dates are not held against the clock then
JUMP_S = 0.5  # more than clocks drift apart between looks
PULSE_S = 1


@dataclass
class Silence:
    """One guard's silence. ``since_s``: by the host's clock; ``of``: after which beat."""

    of: tuple[int, int]  # arming, number of the beat
    since_s: float


class Lookout:
    """One sweep's. Any number may look: a firing is a conditional update."""

    def __init__(self, clock: Callable[[], float] = boot_clock.seconds) -> None:
        self._clock = clock
        self._silences: dict[int, Silence] = {}
        self._looked_s: float | None = None
        self._pulsed_s = -float(PULSE_S)

    def look(self, _: datetime | None = None) -> int:
        """Look once; how many fired. The moment that duties are given is not used."""
        before_s = self._clock()
        guards = list(Guard.objects.armed().with_clock().select_related("desk", "account"))
        now_s = self._clock()
        jump_s = self._jump_s(guards, now_s) if self._looked_s is None else 0.0
        fired = sum(self._look_at(guard, before_s, now_s, jump_s) for guard in guards)
        self._forget({guard.pk for guard in guards})
        self._looked_s = now_s
        self._pulse(now_s)
        return fired

    def _look_at(self, guard: Guard, before_s: float, now_s: float, jump_s: float) -> bool:
        """Fire a guard whose time had passed when its row was not even read: never too early."""
        silence_s = before_s - self._since_s(guard, now_s, jump_s)
        if now_s - before_s <= STALLED_S:
            self._redate(guard, silence_s)
        if silence_s < guard.ttl_s:
            warnings.warn(guard, silence_s)
            return False
        place: dict[str, Any] = {"number": guard.arming, "beat_no": guard.beat_no}
        return firing.fire(guard_id=guard.pk, silence_s=silence_s, **place)

    def _since_s(self, guard: Guard, now_s: float, jump_s: float) -> float:
        """Return since when, by the host's clock, the guard heard nothing; rather too late."""
        of, known = (guard.arming, guard.beat_no), self._silences.get(guard.pk)
        if known is None or known.of != of:
            dated_s = max(0.0, _dated_s(guard) - jump_s)
            if self._looked_s is not None:
                dated_s = min(dated_s, now_s - self._looked_s)
            known = self._silences[guard.pk] = Silence(of, now_s - dated_s)
        return known.since_s

    def _redate(self, guard: Guard, silence_s: float) -> None:
        """Date the beat anew where a clock jumped since, for pages and for sweeps that start."""
        if abs(_dated_s(guard) - silence_s) <= JUMP_S:
            return
        same = Guard.objects.armed().filter(pk=guard.pk, beat_no=guard.beat_no)
        same.filter(beat_at=guard.beat_at).update(beat_at=Now() - timedelta(seconds=silence_s))

    def _jump_s(self, guards: list[Guard], now_s: float) -> float:
        """Return how far the database's clock jumped ahead since a sweep of this host last looked.

        0 where none did since the host started, and where the two agree.
        """
        last = GuardPulse.objects.filter(boot=boot_clock.boot(), boot_s__lte=now_s).first()
        if last is None or not guards:
            return 0.0
        by_date_s: float = (guards[0].read_at - last.at).total_seconds()
        jump_s = by_date_s - (now_s - last.boot_s)
        return jump_s if abs(jump_s) > JUMP_S else 0.0

    def _pulse(self, now_s: float) -> None:
        """Write that this host looked, once a second."""
        if now_s - self._pulsed_s < PULSE_S:
            return
        self._pulsed_s = now_s
        moment = {"boot_s": now_s, "at": Now()}
        mine = GuardPulse.objects.filter(boot=boot_clock.boot())
        if not mine.update(**moment):
            GuardPulse.objects.get_or_create(
                boot=boot_clock.boot(), defaults={"boot_s": now_s, "at": timezone.now()}
            )
            mine.update(**moment)

    def _forget(self, armed: set[int]) -> None:
        for pk in self._silences.keys() - armed:
            del self._silences[pk]


def _dated_s(guard: Guard) -> float:
    """Return how long ago the last beat was by the database's clock."""
    assert guard.beat_at is not None  # of an armed guard
    age: timedelta = guard.read_at - guard.beat_at
    return age.total_seconds()


def left_s(guard: Guard) -> float:
    """Return until when a guard, read `with_clock`, fires without a beat, as pages show it."""
    return min(float(guard.ttl_s), max(0.0, guard.ttl_s - _dated_s(guard)))
