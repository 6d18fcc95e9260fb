"""One life of one connection: subscribe, see it acknowledged, ping, read, notice that it is mute.

One loop reads and keeps the deadlines; whatever ends it is a `StreamLost`. While this process gives
way to a panic nothing is read, and the exchange waits.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from orders.pacifica.stream_client import Door, StreamLost, StreamSocket, opened
from orders.pacifica.stream_frames import (
    PING,
    SOURCES,
    ErrorFrame,
    Pong,
    Subscribed,
    Unreadable,
    Unsubscribed,
    Updates,
    read_frame,
    subscribe_message,
    unsubscribe_message,
)
from orders.reconcile.stream.timings import Timings

MUTE = "nothing came any more, not even the answer to a ping"
Subscription = tuple[str, str]  # source and address


class Listener(Protocol):
    """Whom a connection tells what happens. None of it may wait."""

    def acknowledged(self, address: str, connected_at: datetime | None) -> None:
        """Say that every subscription of this address stands, since when the connection does."""

    def not_acknowledged(self, address: str, sources: list[str], *, connection: str) -> None:
        """Say that these were not acknowledged in time."""

    def updated(self, raw: bytes, frame: Updates, *, number: int, connection: str) -> None:
        """Hand on a frame that tells of changes; ``number``: its position, from 1."""

    def odd(self, why: str) -> None:
        """Say that a frame came which may have told of changes and could not be read."""

    def refused(self, words: str) -> None:
        """Hand on the words of an error frame."""


class Connection:
    """A connection to be. ``name``: told apart in records. ``clock``: as Django's ``now``.

    ``is_held``: whether nothing may be read now.
    """

    def __init__(
        self,
        *,
        name: str,
        door: Door,
        listener: Listener,
        timings: Timings,
        clock: Callable[[], datetime],
        is_held: Callable[[], bool],
    ) -> None:
        self.name, self._door, self._listener = name, door, listener
        self._timings, self._clock, self._is_held = timings, clock, is_held
        self.connected_at: datetime | None = None
        self.heard_at: datetime | None = None
        self.standing: set[str] = set()  # addresses of which every subscription is acknowledged
        self.is_decided = asyncio.Event()  # every subscription is acknowledged, or is not in time
        self._loop = asyncio.get_running_loop()
        self._socket: StreamSocket | None = None
        self._timer: asyncio.Timeout | None = None
        self._wanted: set[str] = set()
        self._waiting: dict[Subscription, float] = {}  # until when for the acknowledgement
        self._again: dict[Subscription, float] = {}  # not acknowledged: when to ask again
        self._number = 0
        self._opened = self._ping_at = self._mute_at = 0.0

    @property
    def stood_s(self) -> float:
        """How long it has been open; 0 where it never was."""
        return self._loop.time() - self._opened if self._opened else 0.0

    async def run(self, addresses: Iterable[str]) -> None:
        """Open it and read until it ends. Raises `StreamLost`, always."""
        self._socket = socket = await opened(
            self._door, within_s=self._timings.connect_s, close_within_s=self._timings.close_s
        )
        try:
            self._opened, self.connected_at = self._loop.time(), self._clock()
            self._ping_at, self._mute_at = self._opened + self._timings.ping_every_s, float("inf")
            await self.want(addresses)
            while True:
                await self._step(socket)
                if self._is_held() and not self._waiting:
                    await self._hold()
        finally:
            await socket.close()

    async def want(self, addresses: Iterable[str]) -> None:
        """Subscribe to these addresses and to no other ones."""
        wanted = set(addresses)
        for address in sorted(self._wanted - wanted):
            await self._leave(address)
        for address in sorted(wanted - self._wanted):
            self._wanted.add(address)
            for source in SOURCES:
                await self._subscribe((source, address))
        self._decide()

    async def _step(self, socket: StreamSocket) -> None:
        """Take the next frame, or act on what is due."""
        if self._loop.time() >= self._next_due():
            await self._act(socket)
        try:
            async with asyncio.timeout_at(self._next_due()) as self._timer:
                raw = await socket.receive()
        except TimeoutError:
            return
        finally:
            self._timer = None
        self._heard(raw)

    async def _hold(self) -> None:
        """Read nothing for as long as that may be; the answer to a ping may come so much later."""
        began = self._loop.time()
        until = began + self._timings.held_s
        while self._is_held() and not self._waiting and self._loop.time() < until:
            await asyncio.sleep(self._timings.look_again_s)
        self._mute_at += self._loop.time() - began

    def _next_due(self) -> float:
        return min(self._ping_at, self._mute_at, *self._waiting.values(), *self._again.values())

    async def _act(self, socket: StreamSocket) -> None:
        now = self._loop.time()
        if now >= self._mute_at:
            raise StreamLost(MUTE)
        if now >= self._ping_at:
            self._ping_at = now + self._timings.ping_every_s
            self._mute_at = min(self._mute_at, now + self._timings.pong_within_s)
            await socket.send(PING)
        self._give_up(now)
        for subscription in [each for each, at in self._again.items() if now >= at]:
            del self._again[subscription]
            await self._subscribe(subscription)

    def _give_up(self, now: float) -> None:
        """Tell of the subscriptions whose acknowledgement did not come in time."""
        late = [each for each, until in self._waiting.items() if now >= until]
        for subscription in late:
            del self._waiting[subscription]
            self._again[subscription] = now + self._timings.subscribe_again_s
        for address in dict.fromkeys(address for _, address in late):
            self.standing.discard(address)
            sources = [source for source in SOURCES if (source, address) in self._again]
            self._listener.not_acknowledged(address, sources, connection=self.name)
        self._decide()

    async def _subscribe(self, subscription: Subscription) -> None:
        self._waiting[subscription] = self._loop.time() + self._timings.ack_within_s
        self.is_decided.clear()
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(self._next_due())
        if self._socket is not None:
            await self._socket.send(subscribe_message(*subscription))

    async def _leave(self, address: str) -> None:
        self._wanted.discard(address)
        self.standing.discard(address)
        for source in SOURCES:
            self._waiting.pop((source, address), None)
            self._again.pop((source, address), None)
            if self._socket is not None:
                await self._socket.send(unsubscribe_message(source, address))

    def _heard(self, raw: bytes) -> None:
        self._number += 1
        self._mute_at, self.heard_at = float("inf"), self._clock()
        frame = read_frame(raw)
        match frame:
            case Updates():
                listener = self._listener
                listener.updated(raw, frame, number=self._number, connection=self.name)
            case Subscribed():
                self._acknowledge((frame.source, frame.account))
            case Unsubscribed():
                self._lapse((frame.source, frame.account))
            case ErrorFrame():
                self._listener.refused(frame.words)
            case Unreadable():
                self._listener.odd(frame.why)
            case Pong():
                pass

    def _acknowledge(self, subscription: Subscription) -> None:
        """Take it as standing; one that came late counts too."""
        was_asked = [
            asked.pop(subscription, None) is not None for asked in (self._waiting, self._again)
        ]
        _, address = subscription
        if any(was_asked) and not self._is_open(address):
            self.standing.add(address)
            self._listener.acknowledged(address, self.connected_at)
        self._decide()

    def _is_open(self, address: str) -> bool:
        """Whether some subscription of the address does not stand yet."""
        asked = (*self._waiting, *self._again)
        return any(each == address for _, each in asked)

    def _lapse(self, subscription: Subscription) -> None:
        """Take a subscription that ended without our asking as not acknowledged."""
        source, address = subscription
        if address in self._wanted and source in SOURCES:
            self._again[subscription] = self._loop.time() + self._timings.subscribe_again_s
            self.standing.discard(address)
            self._listener.not_acknowledged(address, [source], connection=self.name)

    def _decide(self) -> None:
        if not self._waiting:
            self.is_decided.set()
