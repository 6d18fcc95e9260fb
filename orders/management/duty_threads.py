"""Duties, each in a thread of its own, and the threads that tell them when it is time.

Between its rounds a duty's thread sleeps. Who keeps time asks SQLite, for nothing, whether anybody
committed, and for most duties whether there is anything to do: what is asked together in one thread
takes a fifth of what it takes in a thread each. The urgent ones have a time keeper of their own,
who does not wait for what the others ask. On PostgreSQL a table may be locked: there each duty asks
in its own thread.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import close_old_connections, connection
from django.utils import timezone

from desk import logs, process_figures
from desk.doorbell import Doorbell
from orders.models.database_version import Version, database_version

logger = logging.getLogger(__name__)
SLACK = 0.2  # of its rest: a duty that is due so soon is done now, so that all wake together
AWAKE_S = 5  # after a ring, it rests as if no bell hung: what was called for may call for more
ROUND_S = 0.05  # after which a round is looked after that may have changed how long it rests
KEPT_S = 1  # between two looks whether the connection to the database is too old
LONG_AGO = float("-inf")


class Beside(Protocol):
    """What runs beside the duties, in threads of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End soon."""

    def join(self, timeout_s: float, /) -> None:
        """Wait until it has ended, so long at most."""


@dataclass(frozen=True)
class Duty:
    """One thing that is done again and again, and how long it rests in between, in seconds.

    ``rest_s``: or what tells how long, where that depends. ``idle_s``: how long it rests while
    nobody commits anything, where the engine tells so. ``is_called``: where a bell hangs that rings
    for it, it rests for ``idle_s`` till that is heard. ``asks``: on SQLite, and within milliseconds
    however much there is, whether there is anything to do; else no round begins. ``is_urgent``:
    people's money waits for it, and it for no other.
    """

    name: str
    act: Callable[[datetime], object]  # takes the moment; what it returns is not looked at
    rest_s: float | Callable[[], float]
    idle_s: float = 0
    is_called: bool = False
    asks: Callable[[datetime], object] | None = None
    is_urgent: bool = False

    def resting_s(self, called_s: float | None = None) -> float:
        """Return how long it rests now. ``called_s``: since when, where a bell hangs; 0: now."""
        if self.is_called and called_s is not None and not 0 < called_s <= AWAKE_S:
            return self.idle_s if called_s else 0
        return self.rest_s() if callable(self.rest_s) else self.rest_s


class Sweep:
    """Runs duties until it is stopped.

    ``beside``: what runs with them, in threads of its own. ``bell``: rings when a called one is
    due; it is taken away at the end.
    """

    def __init__(
        self, duties: list[Duty], beside: Sequence[Beside] = (), bell: Doorbell | None = None
    ) -> None:
        self._stopping, self._beside = threading.Event(), beside
        self._duties = [DutyThread(duty, self._stopping) for duty in duties]
        urgent = [each for each in self._duties if each.duty.is_urgent]
        others = [each for each in self._duties if not each.duty.is_urgent]
        self._keepers = [
            TimeKeeper(urgent, self._stopping, bell),
            TimeKeeper(others, self._stopping),
        ]
        self._all: list[threading.Thread | Beside] = [*self._duties, *self._keepers, *beside]

    def start(self) -> None:
        """Begin every duty, and what runs beside them."""
        for each in self._all:
            each.start()

    def stop(self, timeout_s: int = 15) -> None:
        """Let each duty end what it is doing, then stop."""
        self._stopping.set()
        for one in (*self._beside, *self._duties, *self._keepers):
            one.stop()
        ends_at = time.monotonic() + timeout_s
        for each in self._all:
            each.join(max(0, ends_at - time.monotonic()))


class TimeKeeper(threading.Thread):
    """Attends to some duties, each when it may be due."""

    def __init__(
        self,
        duties: list["DutyThread"],
        stopping: threading.Event,
        bell: Doorbell | None = None,
    ) -> None:
        super().__init__(name="time", daemon=True)
        self._duties, self._stopping, self._bell = duties, stopping, bell
        self._has_rung, self._rang_s = False, LONG_AGO
        self._kept_s = LONG_AGO

    def stop(self) -> None:
        """Let it see that all are stopping."""
        if self._bell:
            self._bell.ring()

    def run(self) -> None:
        """Attend, until all are stopping."""
        while self._duties and not self._stopping.is_set():
            try:
                self._attend()
            except Exception:  # nothing of the sweep would go on without this thread
                logger.exception("The sweep lost its time; it goes on.")
                self._stopping.wait(ROUND_S)
        connection.close()
        if self._bell:
            self._bell.close()

    def _attend(self) -> None:
        now_s = time.monotonic()
        version, called_s = self._version(now_s), self._called_s(now_s)
        due_s = [each.attend(now_s, version, called_s) for each in self._duties]
        self._wait(min(due_s) - time.monotonic())

    def _version(self, now_s: float) -> Version:
        """Return the database's; none where it cannot be told: each duty finds out by itself."""
        try:
            if connection.errors_occurred or now_s - self._kept_s > KEPT_S:
                self._kept_s = now_s
                close_old_connections()
            return database_version()
        except Exception:  # time goes on, whatever befalls the database
            return None

    def _called_s(self, now_s: float) -> float | None:
        """Return since when the bell rang; 0 at the first look since, and None without a bell."""
        if self._bell is None:
            return None
        if self._has_rung:
            self._has_rung, self._rang_s = False, now_s
        return now_s - self._rang_s

    def _wait(self, seconds: float) -> None:
        if self._bell is None:
            self._stopping.wait(seconds)
        elif self._bell.wait(seconds):
            self._bell.silence()  # before the look: what rings from here on is heard
            self._has_rung = True


class DutyThread(threading.Thread):
    """One duty's. ``attend`` is called by the thread that keeps time, and by no other."""

    def __init__(
        self,
        duty: Duty,
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name=duty.name, daemon=True)
        self.duty, self._stopping, self._clock = duty, stopping, clock
        self._round = threading.Event()
        self._ended_s = self._begun_s = LONG_AGO
        self._seen: Version = None

    def attend(self, now_s: float, version: Version, called_s: float | None = None) -> float:
        """Have a round begin if one is due; return when to attend to it again."""
        ended_s, is_at_it = self._ended_s, self._round.is_set()
        rest_s = self.duty.resting_s(called_s)  # after it: a round may have changed how long
        if now_s < ended_s + rest_s * (1 - SLACK):
            return ended_s + rest_s
        is_called = self.duty.is_called and called_s == 0
        if not is_at_it and (is_called or self._is_worth_it(now_s, version)):
            self._seen, self._begun_s = version, now_s
            is_at_it = self._has_something_to_do(version)
            if is_at_it:
                self._round.set()
            else:
                self._ended_s = now_s
        may_change = is_at_it and callable(self.duty.rest_s)
        return now_s + (min(rest_s, ROUND_S) if may_change else rest_s)

    def _is_worth_it(self, now_s: float, version: Version) -> bool:
        """Whether anybody committed since its last round, or that is long ago, or untold."""
        has_changed = version is None or version != self._seen
        return has_changed or now_s - self._begun_s >= self.duty.idle_s

    def _has_something_to_do(self, version: Version) -> bool:
        """Whether a round is worth it; one where that cannot be told, to say what is wrong."""
        if self.duty.asks is None or version is None:
            return True
        try:
            return bool(self.duty.asks(timezone.now()))
        except Exception:
            return True

    def stop(self) -> None:
        """Let it see that all are stopping."""
        self._round.set()

    def run(self) -> None:
        """Do rounds, until all are stopping."""
        with logs.bound(duty=self.duty.name):
            while not self._stopping.is_set():
                self._round.wait()
                if self._stopping.is_set():
                    break
                self._attempt()
                self._ended_s = self._clock()
                self._round.clear()
        connection.close()

    def _attempt(self) -> None:
        try:
            close_old_connections()
            self.duty.act(timezone.now())
        except Exception as error:  # a duty must outlive whatever befalls one round of it
            process_figures.failed(error)
            logger.exception("The sweep could not %s; it tries again.", self.duty.name)
