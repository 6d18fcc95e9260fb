"""What the stream may have missed: since when, until the history was asked about it.

The open orders tell what stands. An order that was placed and ended in between is in the history
alone, which is read at once, and again once no read can lag behind the subscription any more.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from orders.models.cancels import READ_LAG
from orders.reconcile.stream.timings import Timings

logger = logging.getLogger(__name__)
LookUp = Callable[[datetime], Awaitable[str | None]]  # since when -> why it failed, or None


class Gap:
    """``began_at``: by our clock, or None where nothing may have been missed.

    ``look_up``: looks up in the history what came and went since. ``clock``: as Django's ``now``.
    """

    def __init__(
        self,
        began_at: datetime | None,
        *,
        look_up: LookUp,
        timings: Timings,
        clock: Callable[[], datetime],
    ) -> None:
        self.began_at = began_at
        self._look_up, self._timings, self._clock = look_up, timings, clock
        self._told_until: datetime | None = None
        self._sure_at = 0.0
        self._work: asyncio.Task[None] | None = None

    def told_until(self, at: datetime) -> None:
        """Take in up to when nothing was missed."""
        self._told_until = at

    def begin(self) -> None:
        """Take it that something was missed since."""
        self.began_at = self.began_at or self._told_until
        self.stop()

    def subscribed(self) -> None:
        """Take in that from now on the stream tells."""
        self._sure_at = time.monotonic() + self._timings.reads_lag_s

    def caught_up(self) -> None:
        """Look up what came and went, for what stands was read."""
        self.stop()
        if self.began_at is not None:
            self._work = asyncio.create_task(self._close(self.began_at))

    def stop(self) -> None:
        """Look up nothing more."""
        if self._work is not None:
            self._work.cancel()

    async def _close(self, since: datetime) -> None:
        pause_s = self._timings.look_up_again_s
        while True:
            is_sure, began_at = time.monotonic() >= self._sure_at, self._clock()
            if await self._try(since):
                if is_sure:
                    break
                since = self.began_at = max(since, began_at - READ_LAG)
                await asyncio.sleep(self._sure_at - time.monotonic())
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(self._timings.max_look_up_again_s, pause_s * 2)
        self.began_at = None

    async def _try(self, since: datetime) -> bool:
        try:
            return await self._look_up(since) is None
        except Exception:  # as the sweep's: whatever befalls one read, the next may do
            logger.exception("Orders that came and went could not be looked up; it tries again.")
            return False
