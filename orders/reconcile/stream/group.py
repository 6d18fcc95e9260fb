"""Accounts that share a connection: opened again whatever ended it, and in time before its end.

A new connection takes over before an old one is closed, so that nothing is missed in between.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from desk.repeated_warnings import Matters
from orders.pacifica.stream_client import Door, StreamLost
from orders.pacifica.stream_frames import Updates
from orders.reconcile.received_frames import ReceivedFrame
from orders.reconcile.stream.backoff import Backoff
from orders.reconcile.stream.connection import Connection
from orders.reconcile.stream.follower import Follower
from orders.reconcile.stream.timings import Timings

logger = logging.getLogger(__name__)
matters = Matters(logger)


@dataclass(frozen=True)
class _Life:
    """A connection and the task that reads it, which ends with its `StreamLost`."""

    connection: Connection
    task: "asyncio.Task[None]"

    async def decided(self) -> None:
        """Wait until every subscription is decided. Raises `StreamLost` where it ends before."""
        waiting = asyncio.ensure_future(self.connection.is_decided.wait())
        try:
            await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self.task.done():
            self.task.result()

    async def end(self) -> None:
        """Close it."""
        self.task.cancel()
        await asyncio.wait({self.task})


class Group:
    """``name``: told apart in records and lines of the log. ``pool``: of those who may share it.

    ``is_held``: whether nothing may be read now.
    """

    def __init__(
        self,
        *,
        name: str,
        pool: str,
        door: Door,
        timings: Timings,
        clock: Callable[[], datetime],
        is_held: Callable[[], bool],
    ) -> None:
        self.pool = pool
        self.name, self._door, self._timings, self._clock = name, door, timings, clock
        self._is_held = is_held
        self._followers: dict[str, list[Follower]] = {}
        self._life: _Life | None = None
        self._numbers = itertools.count(1)
        self._work = asyncio.create_task(self._run())

    @property
    def addresses(self) -> set[str]:
        """The addresses that it subscribes to."""
        return set(self._followers)

    @property
    def followers(self) -> list[Follower]:
        """The accounts of these addresses: desks may share one."""
        return [each for those in self._followers.values() for each in those]

    @property
    def heard_at(self) -> datetime | None:
        """When something last came, by our clock."""
        return self._life.connection.heard_at if self._life is not None else None

    async def add(self, follower: Follower) -> None:
        """Follow one account more."""
        known = self._followers.setdefault(follower.address, [])
        known.append(follower)
        if len(known) == 1:
            await self._want()
        elif known[0].subscribed_at is not None:
            follower.subscribed(known[0].connected_at)

    async def remove(self, follower: Follower) -> None:
        """Follow one account less."""
        self._followers[follower.address].remove(follower)
        follower.stop()
        if not self._followers[follower.address]:
            del self._followers[follower.address]
            await self._want()

    async def stop(self) -> None:
        """Close the connection."""
        self._work.cancel()
        await asyncio.wait({self._work})

    async def _want(self) -> None:
        """Have the connection subscribe to what is followed now, if it stands."""
        if self._life is None:
            return
        try:
            await self._life.connection.want(self.addresses)
        except StreamLost as lost:  # its own task says so too
            logger.debug("A subscription could not be sent: %s.", lost.reason)

    async def _run(self) -> None:
        """Keep a connection, for ever."""
        backoff = Backoff(self._timings)
        try:
            while True:
                try:
                    await self._replace()
                    await self._aged()
                except StreamLost as lost:
                    stood_s = self._life.connection.stood_s if self._life is not None else 0
                    self._ended(lost)
                    await asyncio.sleep(backoff.next_s(stood_s=stood_s))
        finally:
            if self._life is not None:
                await self._life.end()

    async def _replace(self) -> None:
        """Open a connection, and close the one before once the new one has its subscriptions."""
        connection = Connection(
            name=f"{self.name}-{next(self._numbers)}",
            door=self._door,
            listener=self,
            timings=self._timings,
            clock=self._clock,
            is_held=self._is_held,
        )
        old, new = self._life, _Life(connection, asyncio.create_task(self._read(connection)))
        new.task.add_done_callback(self._done)
        try:
            await new.decided()
            self._check(old, connection)
        except BaseException:
            await new.end()
            raise
        self._life = new
        for address in connection.standing:  # the old one may have ended meanwhile
            self.acknowledged(address, connection.connected_at)
        matters.over(self.name, f"The stream {self.name} stands again.")
        if old is not None:
            await old.end()
        await self._want()

    def _check(self, old: _Life | None, new: Connection) -> None:
        """Let nothing replace a connection that reads more. Raises `StreamLost`."""
        if old is not None and not old.task.done() and old.connection.standing - new.standing:
            raise StreamLost("a new connection was not acknowledged every subscription")

    def _is_read_by_another(self, connection: str) -> bool:
        life = self._life
        return life is not None and life.connection.name != connection and not life.task.done()

    async def _read(self, connection: Connection) -> None:
        """Read it to its end. Raises `StreamLost`, whatever happens."""
        try:
            await connection.run(self.addresses)
        except StreamLost:
            raise
        except Exception:
            logger.exception("The stream %s ended by an error of ours.", self.name)
            raise StreamLost("an error of this program ended it") from None

    def _done(self, task: "asyncio.Task[None]") -> None:
        """Say at once that nothing is read any more, if that was the connection that read."""
        lost = None if task.cancelled() else task.exception()
        if isinstance(lost, StreamLost) and self._life is not None and self._life.task is task:
            self._lose(lost)

    async def _aged(self) -> None:
        """Wait until the connection is so old that another must replace it, or until it ends."""
        if self._life is None:
            return
        share = 1 - random.random() * self._timings.life_jitter  # noqa: S311
        left_s = self._timings.life_s * share - self._life.connection.stood_s
        await asyncio.wait({self._life.task}, timeout=max(0, left_s))
        if self._life.task.done():
            self._life.task.result()

    def _ended(self, lost: StreamLost) -> None:
        """Say that nothing is read, unless an older connection still reads."""
        matters.wrong(self.name, f"The stream {self.name} was lost: {lost.reason}.")
        if self._life is None or self._life.task.done():
            self._life = None
            self._lose(lost)

    def _lose(self, lost: StreamLost) -> None:
        for follower in self.followers:
            follower.lost(f"{lost.reason[:1].upper()}{lost.reason[1:]}.")

    # What the connection tells.

    def acknowledged(self, address: str, connected_at: datetime | None) -> None:
        """Every subscription of this address stands."""
        for follower in self._followers.get(address, ()):
            follower.subscribed(connected_at)

    def not_acknowledged(self, address: str, sources: list[str], *, connection: str) -> None:
        """These were not acknowledged in time: an error, for the exchange says nothing of it.

        One that is to take over from another does not take over then.
        """
        if self._is_read_by_another(connection):
            return
        why = f"Not acknowledged by the exchange: {', '.join(sources)}."
        for follower in self._followers.get(address, ()):
            follower.lost(why)

    def updated(self, raw: bytes, frame: Updates, *, number: int, connection: str) -> None:
        """Give each account that the frame names the frame."""
        received = ReceivedFrame(raw, self._clock(), connection, number)
        named: set[str | None] = {each.account for each in frame.updates}
        named |= {each.account for each in frame.troubles}
        for follower in self.followers:
            if follower.address in named:
                follower.received(received)
        if None in named:
            self.odd("a row that names no account")

    def odd(self, why: str) -> None:
        """Read the open orders of all: nobody can tell whose change that was."""
        for follower in self.followers:
            follower.gap(f"A frame could not be read: {why}.")

    def refused(self, words: str) -> None:
        """Log what an error frame says; what it refused is not acknowledged."""
        matters.wrong((self.name, words), f"The stream {self.name} was told an error: {words}")
