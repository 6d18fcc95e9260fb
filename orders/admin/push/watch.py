"""What changed since the last look: at the log's position, and at what time alone changes."""

import time
from collections.abc import Callable
from datetime import datetime

from orders.admin.push import changes
from orders.admin.push.changes import Change, RunningJobs
from orders.admin.push.limits import Limits
from orders.audit import reader
from orders.models import Guard, Latch, PanicLine
from orders.models.database_version import database_version
from orders.models.prepared import MOMENTS, Prepared
from orders.models.senders import is_any_alive


class LogWatch:
    """Looks at the log; in one thread, because SQLite's version counts for one connection."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._version: tuple[object, int] | None = None
        self.jobs = RunningJobs()
        self.position = 0

    def start(self) -> list[Change]:
        """Return the newest changes, to begin with."""
        self.jobs.load()
        self.position = reader.tip()
        return changes.since(max(0, self.position - self._limits.kept), self._limits)

    def look(self) -> list[Change]:
        """Return what was recorded since the last look; mostly nothing, at the cost of one."""
        version = database_version()
        if version is not None and version == self._version:
            return []
        found = self._read()
        self._version = version
        return found

    def _read(self) -> list[Change]:
        tip = reader.tip()
        if tip == self.position:
            return []
        if tip < self.position:  # an older copy was put back: its last record is told again
            self.position = max(0, tip - 1)
        found = self.jobs.marked(changes.since(self.position, self._limits))
        if found:
            self.position = found[-1].position
        return found


_untaken = Prepared(
    lambda now: PanicLine.objects.untaken(now).order_by("pk").values_list("pk", flat=True),
    now=MOMENTS,
)
_guards = Prepared(
    lambda: Guard.objects.at_work().order_by("pk").values_list("pk", "status", "warned")
)
_latches = Prepared(lambda: Latch.objects.holding().order_by("pk").values_list("pk", "appeared"))


class StateWatch:
    """Looks at what no record tells: senders that fall silent, panics that nobody takes, guards
    that run out, orders that appear on latched accounts."""

    def __init__(self) -> None:
        self._state: object = None

    def look(self, now: datetime) -> list[Change]:
        """Return one change for all where the frame of every page is another now."""
        state = is_any_alive(now), _untaken(now=now), _guards(), _latches()
        before, self._state = self._state, state
        return [] if before in (None, state) else [Change(0, is_frame=True, is_for_all=True)]


class Ticks:
    """Tells pages of running jobs that time has passed: rates, estimates and credits follow it."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._told_at: dict[int, float] = {}  # by job id

    def due(self, running: dict[int, int], told: list[Change]) -> list[Change]:
        """Return a change for each running job that nothing was told of for a while."""
        now = self._clock()
        self._told_at |= {change.job_id: now for change in told if change.job_id is not None}
        self._told_at = {job_id: self._told_at.get(job_id, now) for job_id in running}
        due = [job_id for job_id, at in self._told_at.items() if now - at >= self._limits.tick_s]
        self._told_at |= dict.fromkeys(due, now)
        return [Change(0, desk_id=running[job_id], job_id=job_id) for job_id in due]


class Watch:
    """All that is looked at, at the pace of each; to be used in one thread."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._log, self._state, self._ticks = LogWatch(limits), StateWatch(), Ticks(limits, clock)
        self._state_due_at = 0.0
        self._untold: list[Change] = []  # found, and told to nobody yet

    def start(self) -> tuple[list[Change], int]:
        """Return the newest changes and the log's position."""
        return self._log.start(), self._log.position

    def look(self, now: datetime) -> list[Change]:
        """Return all that changed since what was told last: again, until it is `told`."""
        found = self._log.look()
        self._untold += found
        if self._clock() >= self._state_due_at:
            self._untold += self._state.look(now)
            self._untold += self._ticks.due(self._log.jobs.desks, found)
            self._state_due_at = self._clock() + self._limits.state_every_s
        del self._untold[: -self._limits.kept]  # who meets a gap in it reads all
        return list(self._untold)

    def told(self) -> None:
        """Forget what was found: whoever is open was told."""
        self._untold.clear()
