"""One account that is followed: its frames, its gaps, and how its stream stands."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from orders.reconcile.received_frames import ReceivedFrame
from orders.reconcile.stream.gap import Gap
from orders.reconcile.stream.inbox import Inbox
from orders.reconcile.stream.leases import Leased
from orders.reconcile.stream.meter import Meter
from orders.reconcile.stream.timings import Limits, Timings

logger = logging.getLogger(__name__)
MAX_TROUBLE = 300
BEHIND = "Changes wait to be written."


class Acts(Protocol):
    """What a follower has done in threads, by account id."""

    async def apply(self, account_id: int, frames: list[ReceivedFrame]) -> int | None:
        """Write what frames say; return the lag of the newest in ms, where it is known."""

    async def read(self, account_id: int) -> str | None:
        """Read the open orders; return why that failed, or None where they are read."""

    async def look_up(self, account_id: int, since: datetime) -> str | None:
        """Look up in the history what came and went since; return why that failed, or None."""

    def changed(self, *, is_urgent: bool) -> None:
        """Say that there is something new to write about how a stream stands."""


class Follower:
    """``clock``: as Django's ``now``. All of it runs in the event loop."""

    def __init__(
        self,
        leased: Leased,
        *,
        acts: Acts,
        timings: Timings,
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        self.account_id, self.address = leased.account_id, leased.address
        self._acts, self._timings, self._clock = acts, timings, clock
        self._inbox = Inbox(apply=self._apply, missed=self.gap, timings=timings, limits=limits)
        self._gap = Gap(leased.told_until, look_up=self._look_up, timings=timings, clock=clock)
        self._meter = Meter()
        self._catching_up: asyncio.Task[None] | None = None
        self._gaps = 0
        self._read_at = float("-inf")
        self._written: dict[str, Any] = {}
        self._was_lost = False
        self.connected_at: datetime | None = None
        self.subscribed_at: datetime | None = None
        self.caught_up_at: datetime | None = None
        self.last_frame_at: datetime | None = None
        self.lag_ms: int | None = None
        self.reconnects = leased.reconnects
        self.trouble = ""

    def subscribed(self, connected_at: datetime | None) -> None:
        """Take every subscription as standing. Where one stood before, nothing was missed."""
        self.connected_at = connected_at
        if self.subscribed_at is None:
            self.reconnects += self._was_lost
            self.subscribed_at, self.trouble = self._clock(), ""
            self._gap.subscribed()
            self.gap()
        self._acts.changed(is_urgent=True)

    def lost(self, why: str) -> None:
        """Take the stream as not standing; ``why``: in words."""
        self._was_lost = self._was_lost or self.subscribed_at is not None
        self._gap.begin()
        self.connected_at = self.subscribed_at = self.caught_up_at = None
        self.trouble = why[:MAX_TROUBLE]
        self._acts.changed(is_urgent=True)

    def gap(self, why: str = "") -> None:
        """Take something as missed: the open orders are read before the stream counts again."""
        self._gaps += 1
        self._gap.begin()
        self.caught_up_at = None
        self.trouble = why[:MAX_TROUBLE]
        self._acts.changed(is_urgent=True)
        if self.subscribed_at is not None and (
            self._catching_up is None or self._catching_up.done()
        ):
            self._catching_up = asyncio.create_task(self._catch_up())

    def received(self, frame: ReceivedFrame) -> None:
        """Have a frame written."""
        self.last_frame_at = frame.received_at
        self._meter.add(time.monotonic())
        self._inbox.put(frame)
        self._acts.changed(is_urgent=False)

    def told_until(self, heard_at: datetime | None) -> datetime | None:
        """Return up to when all that happened is written here; None while it catches up.

        ``heard_at``: when something last came on its connection.
        """
        if heard_at is None or self.caught_up_at is None:
            return None
        until = min(heard_at, self._inbox.oldest_at or heard_at)
        self._gap.told_until(until)
        return until

    def standing(self) -> dict[str, Any]:
        """Return the columns of its row as they are now."""
        is_behind = self._is_behind()
        return {
            "connected_at": self.connected_at,
            "subscribed_at": self.subscribed_at,
            "caught_up_at": None if is_behind else self.caught_up_at,
            "gap_began_at": self._gap.began_at,
            "last_frame_at": self.last_frame_at,
            "lag_ms": self.lag_ms,
            "frames_per_minute": self._meter.per_minute(time.monotonic()),
            "reconnects": self.reconnects,
            "trouble": self.trouble or (BEHIND if is_behind else ""),
        }

    def unwritten(self) -> dict[str, Any] | None:
        """Return its columns where they differ from those last written."""
        columns = self.standing()
        return columns if columns != self._written else None

    def written(self, columns: dict[str, Any]) -> None:
        """Take these columns as written."""
        self._written = columns

    async def drain(self) -> None:
        """Wait until all that came is written."""
        await self._inbox.drain()

    def stop(self) -> None:
        """Follow it no more."""
        self._inbox.stop()
        self._gap.stop()
        if self._catching_up is not None:
            self._catching_up.cancel()

    def _is_behind(self) -> bool:
        """Whether some change waits for so long that what is known here is old."""
        oldest_at = self._inbox.oldest_at
        patience = timedelta(seconds=self._timings.behind_after_s)
        return oldest_at is not None and self._clock() - oldest_at > patience

    async def _apply(self, frames: list[ReceivedFrame]) -> None:
        lag_ms = await self._acts.apply(self.account_id, frames)
        self.lag_ms = self.lag_ms if lag_ms is None else lag_ms

    async def _catch_up(self) -> None:
        """Read until a read began after the newest gap; ever more rarely while that fails."""
        pause_s = self._timings.catch_up_again_s
        await asyncio.sleep(self._read_at + self._timings.between_reads_s - time.monotonic())
        while self.subscribed_at is not None:
            gaps = self._gaps
            problem = await self._read()
            if problem is None and gaps == self._gaps:
                self._caught_up()
                return
            self.trouble = (problem or self.trouble)[:MAX_TROUBLE]
            self._acts.changed(is_urgent=True)
            await asyncio.sleep(pause_s)
            pause_s = min(self._timings.max_catch_up_s, pause_s * 2)

    async def _read(self) -> str | None:
        self._read_at = time.monotonic()
        try:
            return await self._acts.read(self.account_id)
        except Exception:  # as the sweep's: whatever befalls one read, the next may do
            logger.exception("The open orders could not be read; it tries again.")
            return "The open orders could not be read."

    def _caught_up(self) -> None:
        if self.subscribed_at is not None:
            self.caught_up_at, self.trouble = self._clock(), ""
            self._acts.changed(is_urgent=True)
            self._gap.caught_up()

    async def _look_up(self, since: datetime) -> str | None:
        return await self._acts.look_up(self.account_id, since)
