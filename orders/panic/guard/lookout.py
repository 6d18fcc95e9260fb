"""Look at armed guards, twenty times a second, and fire those whose time passed without a beat.

A beat is dated by the database's clock, and stamped by the clock of the host that wrote it, which
nobody can set. How long a silence lasts is measured by that clock: from the stamp where it is this
host's, else from the look that saw the beat first; a beat that is new in a look came since the look
before, whatever its date says. So a clock that jumps neither fires a guard nor keeps it from
firing. The date counts only where another host stamped the beat and this process saw nothing
before: then what the clocks of the last pulse tell of a jump ahead is taken off it.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import close_old_connections
from django.db.models.functions import Now
from django.utils import timezone

from desk import process_figures
from desk.repeated_warnings import Matters
from orders.models import Guard, GuardPulse, Installation
from orders.models.one_writer import unless_busy
from orders.models.prepared import MOMENTS, Prepared, PreparedUpdate
from orders.panic.guard import boot_clock, firing, new_orders, warnings

logger = logging.getLogger(__name__)
matters = Matters(logger)
LOOK_S = 0.05  # between two looks
IDLE_S = 0.5  # the same while no guard is armed
STALLED_S = 0.25  # that reading the rows took: dates are not held against the clock then
JUMP_S = 0.5  # more than clocks drift apart between looks
HELD_UP_S = 20  # for which a look may wait, as SQLite's writer lets it; beyond, it stood still
PULSE_S = 1
IDLE_PULSE_S = 2  # the same while no guard is armed; less than it counts for, `PULSE_FRESH_FOR`


@dataclass
class Silence:
    """One guard's silence. ``since_s``: by the host's clock; ``of``: after which beat.

    ``unlooked_s``: for how long nobody looked, right before a look that found its time over.
    """

    of: tuple[int, int]  # arming, number of the beat
    since_s: float
    unlooked_s: float = 0.0


_armed = Prepared(lambda: Guard.objects.armed().with_clock().select_related("desk", "account"))
_note = PreparedUpdate(
    lambda boot, boot_s, at: (GuardPulse.objects.filter(boot=boot), {"boot_s": boot_s, "at": at}),
    boot=("a", "b"),
    boot_s=(1.5, 2.5),
    at=MOMENTS,
)


class Lookout:
    """One sweep's. Any number may look: a firing is a conditional update."""

    def __init__(self, clock: Callable[[], float] = boot_clock.seconds) -> None:
        self._clock = clock
        self._silences: dict[int, Silence] = {}
        self._looked_s: float | None = None
        self._ended_s, self._unlooked_s = 0.0, math.inf
        self._read_past, self._below = new_orders.ReadPast(), 0
        self._pulsed_s = -float(IDLE_PULSE_S)

    def rest_s(self) -> float:
        """Return how long it rests now."""
        return LOOK_S if self._silences else IDLE_S

    def look(self, _: datetime | None = None) -> int:
        """Look once; how many fired. The moment that duties are given is not used."""
        before_s = self._clock()
        guards = _armed()
        guards.sort(key=self._fires_at_s)  # no firing waits for another guard's warning
        now_s = self._clock()
        jump_s = self._jump_s(guards, now_s) if self._looked_s is None else 0.0
        self._unlooked_s = self._since_last_s(before_s)
        if hears_orders := any(guard.hears_orders for guard in guards):
            self._below = self._read_past.begin(now_s)
        fired = sum(self._attempt(guard, before_s, now_s, jump_s) for guard in guards)
        self._forget({guard.pk for guard in guards})
        self._looked_s = self._ended_s = now_s
        if any(guard.asks_first for guard in guards):
            self._ended_s = self._clock()
        if hears_orders:
            self._read_past.end()
        if now_s - before_s <= STALLED_S:
            self._pulse(guards, now_s)
        return fired

    def _attempt(self, guard: Guard, before_s: float, now_s: float, jump_s: float) -> bool:
        """Look at one guard; whatever befalls that keeps no other from firing."""
        key = "guard", guard.pk
        try:
            has_fired = self._look_at(guard, before_s, now_s, jump_s)
        except Exception as error:
            process_figures.failed(error)
            said = (
                f"Guard {guard.pk} could not be looked at ({type(error).__name__}); trying again."
            )
            matters.wrong(key, said)
            self._read_past = new_orders.ReadPast()  # it did not hear
            close_old_connections()  # the next must not fail for this one's
            return False
        matters.over(key)
        return has_fired

    def _look_at(self, guard: Guard, before_s: float, now_s: float, jump_s: float) -> bool:
        """Fire a guard whose time had passed when its row was not even read: never too early."""
        silence = self._silence(guard, now_s, jump_s)
        if guard.hears_orders and new_orders.hear(guard, self._below, self._begun_at(silence)):
            return False  # it heard one just now: the next look sees that beat
        silence_s = before_s - silence.since_s
        if now_s - before_s <= STALLED_S:
            self._redate(guard, silence_s)
        if silence_s < guard.ttl_s:
            warnings.warn(guard, silence_s)
            return False
        silence.unlooked_s = max(silence.unlooked_s, self._unlooked_s)
        place: dict[str, Any] = {"number": guard.arming, "beat_no": guard.beat_no}
        about: dict[str, Any] = {"silence_s": silence_s, "unlooked_s": silence.unlooked_s}
        return firing.fire(guard_id=guard.pk, **about, **place)

    def _since_last_s(self, before_s: float) -> float:
        """Return for how long this process did not look. While it waits to write, it does.

        A process that was stopped in the midst of a look did not: none waits that long.
        """
        if self._looked_s is None:
            return math.inf
        stood_still = self._ended_s - self._looked_s > HELD_UP_S
        return before_s - (self._looked_s if stood_still else self._ended_s)

    def _silence(self, guard: Guard, now_s: float, jump_s: float) -> Silence:
        """Return since when, by the host's clock, the guard heard nothing; rather too late."""
        of, known = (guard.arming, guard.beat_no), self._silences.get(guard.pk)
        if known is None or known.of != of:
            since_s = self._begun_s(guard, now_s, jump_s)
            known = self._silences[guard.pk] = Silence(of, since_s)
        return known

    def _begun_at(self, silence: Silence) -> datetime:
        """Return when a silence began by this host's date, rather too early: that is read first."""
        now = timezone.now()
        return now - timedelta(seconds=self._clock() - silence.since_s)

    def _fires_at_s(self, guard: Guard) -> float:
        """Return when it fires, as far as its silence is known; else it is looked at first."""
        known = self._silences.get(guard.pk)
        return known.since_s + guard.ttl_s if known else 0.0

    def _begun_s(self, guard: Guard, now_s: float, jump_s: float) -> float:
        """Return when a silence began that this process has not seen yet."""
        if guard.beat_boot == boot_clock.boot() and guard.beat_boot_s is not None:
            return min(now_s, guard.beat_boot_s)
        dated_s = max(0.0, _dated_s(guard) - jump_s)
        if self._looked_s is not None:
            dated_s = min(dated_s, now_s - self._looked_s)
        return now_s - dated_s

    def _redate(self, guard: Guard, silence_s: float) -> None:
        """Date the beat anew where a clock jumped since, for pages and for sweeps that start.

        By the moment that the look read, for this may wait for SQLite's one writer.
        """
        if abs(_dated_s(guard) - silence_s) <= JUMP_S:
            return
        same = Guard.objects.armed().filter(pk=guard.pk, beat_no=guard.beat_no)
        beat_at = guard.read_at - timedelta(seconds=silence_s)
        same.filter(beat_at=guard.beat_at).update(beat_at=beat_at)

    def _jump_s(self, guards: list[Guard], now_s: float) -> float:
        """Return how far the database's clock jumped ahead since a sweep of this host last looked.

        One that was set back is no reason to believe that a silence lasts longer than its date
        says: the date may have been written since.
        """
        last = GuardPulse.objects.filter(boot=boot_clock.boot(), boot_s__lte=now_s).first()
        if last is None or not guards:
            return 0.0
        by_date_s: float = (guards[0].read_at - last.at).total_seconds()
        return max(0.0, by_date_s - (now_s - last.boot_s))

    def _pulse(self, guards: list[Guard], now_s: float) -> None:
        """Write now and then that this host looked, with the date that the look itself read.

        While SQLite's one writer is busy the next look writes it: guards do not wait for that.
        """
        if now_s - self._pulsed_s < (PULSE_S if guards else IDLE_PULSE_S):
            return
        read_at = guards[0].read_at if guards else _database_time()
        moment = {"boot_s": now_s, "at": read_at}
        with unless_busy():
            if not _note(boot=boot_clock.boot(), **moment):
                GuardPulse.objects.get_or_create(boot=boot_clock.boot(), defaults=moment)
            self._pulsed_s = now_s

    def _forget(self, armed: set[int]) -> None:
        for pk in self._silences.keys() - armed:
            del self._silences[pk]


def _database_time() -> datetime:
    """Return the database's own time."""
    at: datetime = Installation.objects.values_list(Now(), flat=True)[0]
    return at


def _dated_s(guard: Guard) -> float:
    """Return how long ago the last beat was by the database's clock."""
    assert guard.beat_at is not None  # of an armed guard
    age: timedelta = guard.read_at - guard.beat_at
    return age.total_seconds()


def left_s(guard: Guard) -> float:
    """Return until when a guard, read `with_clock`, fires without a beat, as pages show it."""
    return min(float(guard.ttl_s), max(0.0, guard.ttl_s - _dated_s(guard)))
