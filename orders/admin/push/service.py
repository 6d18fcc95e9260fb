"""The loop of the process that pages follow: look, tell, check who is still signed in."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from django.db import close_old_connections, connections
from django.utils import timezone

from orders.admin.push import people
from orders.admin.push.changes import Change
from orders.admin.push.hub import Clock, Hub, Viewer
from orders.admin.push.limits import Limits
from orders.admin.push.rows import Rows, drawn
from orders.admin.push.watch import Watch

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Blind(Exception):
    """The database cannot be looked at: pages do better to look for themselves."""


class Service:
    """Everything that runs: two threads with a database connection each, and one event loop."""

    def __init__(
        self,
        limits: Limits,
        *,
        now: Callable[[], datetime] = timezone.now,
        clock: Clock = time.monotonic,
    ) -> None:
        self.limits, self._now, self._clock = limits, now, clock
        self.hub, self._watch = Hub(limits, clock), Watch(limits, clock)
        self.listeners: list[Callable[[list[Change]], None]] = []  # told beside the pages
        self.followers: list[Callable[[], bool]] = []  # say whether somebody follows beside them
        self._door = people.Door()
        self._looks = ThreadPoolExecutor(1, "looks")
        self._lookups = ThreadPoolExecutor(1, "lookups")
        self._waiting: dict[str, asyncio.Future[Viewer | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._check_due_at = self._doubt_until = 0.0
        self._seen_at: float | None = None
        self._is_failing = False

    async def start(self) -> None:
        """Read where the log stands. Raises `django.db.Error`."""
        self.hub.start(*await self._in(self._looks, self._watch.start))
        self._seen_at = self._clock()

    async def run(self) -> None:
        """Look, until cancelled."""
        beats_at = self._clock()
        while True:
            await self.attempt()
            if self._clock() - beats_at >= 1:
                beats_at = self._clock()
                self.hub.beat()
            await asyncio.sleep(self._rest_s())

    def _rest_s(self) -> float:
        is_followed = self.hub.streams or any(follows() for follows in self.followers)
        return self.limits.look_every_s if is_followed else self.limits.idle_every_s

    async def attempt(self) -> None:
        """Look once, and outlive whatever befalls that."""
        try:
            await self.round()
        except Exception:
            self._fail()

    async def round(self) -> None:
        """Look once; end first whose session ended, then tell the others."""
        found = await self._in(self._looks, self._watch.look, self._now())
        if people.turned(found):
            self._doubt_until = self._clock() + self.limits.doubt_s
        if self._is_check_due():
            await self.check()
        if found:
            self.hub.tell(found, await self._rows_of(found))
            for tell in self.listeners:
                tell(found)
            self._watch.told()
        self._seen_at, self._is_failing = self._clock(), False

    async def check(self) -> None:
        """End the streams whose session holds no more; see anew what the others see."""
        self._check_due_at = self._clock() + self.limits.check_every_s
        streams = list(self.hub.streams)
        viewers = await self._admitted({stream.viewer.session_key for stream in streams})
        for stream in streams:
            viewer = viewers.get(stream.viewer.session_key)
            if viewer is None:
                self.hub.end([stream])
            else:
                stream.viewer = viewer

    async def viewer_of(self, session_key: str) -> Viewer | None:
        """Return who follows by this key, None for nobody. Those who come at once are asked for
        at once. Raises `Blind`."""
        if self.is_blind:
            raise Blind
        if session_key not in self._waiting:
            self._waiting[session_key] = asyncio.get_running_loop().create_future()
        answer = self._waiting[session_key]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    @property
    def is_blind(self) -> bool:
        """Whether no look succeeded lately."""
        return self._seen_at is None or self._clock() - self._seen_at > self.limits.blind_s

    def close(self) -> None:
        """End all streams; their pages look for themselves."""
        self.hub.end(self.hub.streams)

    def stop(self, *, wait: bool = False) -> None:
        """Give threads and connections back."""
        for pool in (self._looks, self._lookups):
            pool.submit(connections.close_all)
            pool.shutdown(wait=wait)

    async def _rows_of(self, found: list[Change]) -> Rows:
        """Return the rows of what changed, for the pages that are open."""
        if not self.hub.streams:
            return {}
        return await self._in(self._looks, drawn, found, self.limits)

    async def _ask(self) -> None:
        """Answer those who wait, those that came meanwhile too."""
        while self._waiting:
            waiting, self._waiting = self._waiting, {}
            try:
                viewers = await self._admitted(waiting)
            except Exception:
                logger.exception("Sessions cannot be looked up.")
                for answer in waiting.values():
                    answer.set_exception(Blind())
                continue
            for key, answer in waiting.items():
                answer.set_result(viewers.get(key))

    async def _admitted(self, keys: Collection[str]) -> dict[str, Viewer]:
        return await self._in(self._lookups, self._door.admitted, list(keys), self._now())

    def _is_check_due(self) -> bool:
        """Whether a session may have ended: told by a record, by its own clock, or long unseen."""
        if self._clock() < self._doubt_until or self._clock() >= self._check_due_at:
            return True
        second = int(self._now().timestamp())
        return any(second > stream.viewer.until for stream in self.hub.streams)

    def _fail(self) -> None:
        """Log the first failure; after a while send the pages away, to look for themselves."""
        if not self._is_failing:
            logger.exception("The log cannot be looked at; trying again.")
        self._is_failing = True
        if self.is_blind:
            self.close()

    async def _in(self, pool: ThreadPoolExecutor, act: Callable[..., T], *args: object) -> T:
        """Run in a thread of the pool, whose connection is kept as pages keep theirs."""

        def run() -> T:
            close_old_connections()
            return act(*args)

        return await asyncio.get_running_loop().run_in_executor(pool, run)
