"""Frames of one account that wait to be written: in order, a burst at a time, never without end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from orders.reconcile.received_frames import ReceivedFrame
from orders.reconcile.stream.timings import Limits, Timings

logger = logging.getLogger(__name__)


class Inbox:
    """``apply``: writes a burst, in a thread. ``missed``: told, in words, where frames are lost."""

    def __init__(
        self,
        *,
        apply: Callable[[list[ReceivedFrame]], Awaitable[object]],
        missed: Callable[[str], object],
        timings: Timings,
        limits: Limits,
    ) -> None:
        self._apply, self._missed = apply, missed
        self._timings, self._limits = timings, limits
        self._waiting: list[ReceivedFrame] = []
        self._writing: list[ReceivedFrame] = []
        self._bytes = 0  # of those that wait
        self._work: asyncio.Task[None] | None = None

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest frame came that is not written yet; None where all are."""
        unwritten = self._writing or self._waiting
        return unwritten[0].received_at if unwritten else None

    def put(self, frame: ReceivedFrame) -> None:
        """Have a frame written after those before it."""
        if self._waiting and self._is_full(frame):
            self._clear()
            self._missed("More changes came than could be written.")
        self._waiting.append(frame)
        self._bytes += len(frame.raw)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._write())

    async def drain(self) -> None:
        """Wait until all that came is written, or was tried often enough."""
        if self._work is not None:
            await self._work

    def stop(self) -> None:
        """Write nothing more but what is being written."""
        self._clear()
        if self._work is not None:
            self._work.cancel()

    def _is_full(self, frame: ReceivedFrame) -> bool:
        """Whether there is no room for one more."""
        limits = self._limits
        is_many = len(self._waiting) >= limits.waiting_frames
        return is_many or self._bytes + len(frame.raw) > limits.waiting_bytes

    def _clear(self) -> None:
        self._waiting, self._bytes = [], 0

    async def _write(self) -> None:
        while self._waiting:
            self._writing = self._waiting
            self._clear()
            await self._write_one(self._writing)
            self._writing = []

    async def _write_one(self, burst: list[ReceivedFrame]) -> None:
        """Write a burst. One that cannot be written is given up, and a read takes its place."""
        for number in range(1, self._timings.apply_tries + 1):
            try:
                await self._apply(burst)
            except Exception:  # whatever befalls the database must not end the stream
                logger.exception("Changes from the stream could not be written.")
            else:
                return
            if number < self._timings.apply_tries:
                await asyncio.sleep(self._timings.apply_again_s)
        self._missed("Changes could not be written.")
