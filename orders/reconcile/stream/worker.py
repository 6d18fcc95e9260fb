"""The process: lease accounts, keep their connections, write how they stand, until told to stop."""

import asyncio
import itertools
import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from desk.repeated_warnings import Matters
from orders.reconcile.give_way import is_giving_way
from orders.reconcile.received_frames import ReceivedFrame
from orders.reconcile.stream import leases
from orders.reconcile.stream.acts import (
    ApplyFrames,
    LookUpOrders,
    ReadOrders,
    apply_frames,
    look_up_orders,
    read_orders,
)
from orders.reconcile.stream.doors import Doors
from orders.reconcile.stream.follower import Follower
from orders.reconcile.stream.group import Group
from orders.reconcile.stream.leases import Leased
from orders.reconcile.stream.loop import Loop
from orders.reconcile.stream.threads import Threads
from orders.reconcile.stream.timings import LIMITS, TIMINGS, Limits, Timings

logger = logging.getLogger(__name__)
matters = Matters(logger)
MIN_PAUSE_S = 0.05  # between two rounds, however urgent


class StreamWorker:
    """Follows accounts. ``run`` is called once; ``stop`` from any thread.

    ``clock``: as Django's ``now``. ``apply``, ``read``, ``look_up``: what is done in threads.
    ``is_held``: whether no frame may be read now.
    """

    def __init__(
        self,
        *,
        timings: Timings = TIMINGS,
        limits: Limits = LIMITS,
        clock: Callable[[], datetime] = timezone.now,
        apply: ApplyFrames = apply_frames,
        read: ReadOrders = read_orders,
        look_up: LookUpOrders = look_up_orders,
        is_held: Callable[[], bool] = is_giving_way,
    ) -> None:
        self._is_held = is_held
        self._timings, self._limits, self._clock = timings, limits, clock
        self._apply, self._read, self._look_up = apply, read, look_up
        self._token = secrets.token_hex(16)
        self._keys, self._doors = leases.Keys(), Doors(limits)
        self._followers: dict[int, tuple[Leased, Follower, Group]] = {}
        self._groups: list[Group] = []
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Have it end."""
        self._stopping.set()
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None and not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    def run(self) -> None:
        """Follow until told to stop; then close, write what came, and give the leases back."""
        database = Threads("stream database", self._limits.database_threads)
        reads = Threads("stream reads", self._limits.read_threads)
        history = Threads("stream history", 1)  # of its own: it may keep no catching up waiting
        held = Threads("stream leases", 1)  # its own: no burst and no lock may hold up a renewal
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(self._follow(database, reads, history, held))
        finally:
            for threads in (database, reads, history, held):
                threads.stop()
            for threads in (database, held):
                threads.join(self._timings.stop_within_s)

    # What followers have done.

    async def apply(self, account_id: int, frames: list[ReceivedFrame]) -> int | None:
        """Write what frames say, in a thread."""
        return await self._database.run(lambda: self._apply(account_id=account_id, frames=frames))

    async def read(self, account_id: int) -> str | None:
        """Read the open orders, in a thread."""
        return await self._reads.run(lambda: self._read(account_id=account_id))

    async def look_up(self, account_id: int, since: datetime) -> str | None:
        """Look up what came and went, in a thread."""
        return await self._history.run(lambda: self._look_up(account_id=account_id, since=since))

    def changed(self, *, is_urgent: bool) -> None:
        """Have it written soon; what is not urgent waits for the next round."""
        if is_urgent and self._wake is not None:
            self._wake.set()

    async def _follow(
        self, database: Threads, reads: Threads, history: Threads, held: Threads
    ) -> None:
        self._database, self._reads, self._leases = database, reads, held
        self._history = history
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        try:
            while not self._stopping.is_set():
                await self._round()
                await self._pause(self._wake)
        finally:
            await self._end()

    async def _pause(self, wake: asyncio.Event) -> None:
        """Wait for the next round, or for something that must be written at once."""
        await asyncio.sleep(MIN_PAUSE_S)
        try:
            async with asyncio.timeout(self._timings.round_s):
                await wake.wait()
        except TimeoutError:
            pass
        wake.clear()

    async def _round(self) -> None:
        """Renew, write, take; what the database refuses is tried again in the next round."""
        standing = {pk: follower.unwritten() for pk, (_, follower, _) in self._followers.items()}
        changed = {pk: columns for pk, columns in standing.items() if columns is not None}
        told: dict[datetime, list[int]] = {}
        for pk, (_, follower, group) in self._followers.items():
            if (until := follower.told_until(group.heard_at)) is not None:
                told.setdefault(until, []).append(pk)
        try:
            held = await self._leases.run(lambda: self._in_database(changed, told))
        except Exception as error:  # the database may be back in a moment
            said = f"The stream's leases could not be renewed ({type(error).__name__})."
            matters.wrong("leases", said)
            return
        matters.over("leases", "The stream's leases are renewed again.")
        for pk, columns in changed.items():
            self._followers[pk][1].written(columns)
        await self._hold(held)

    def _in_database(
        self,
        changed: dict[int, dict[str, object]],
        told: dict[datetime, list[int]],
    ) -> list[Leased]:
        """Do a round's part in the database; return what is ours now.

        ``changed``: columns by account id. ``told``: account ids by until when all is written.
        """
        now = self._clock()
        leases.renew(token=self._token, now=now)
        with transaction.atomic():
            leases.write(token=self._token, standing=changed)
            for at, account_ids in told.items():
                leases.told(token=self._token, account_ids=account_ids, at=at)
        leases.add_missing()
        room = self._limits.accounts - len(self._followers)
        leases.take(token=self._token, now=now, at_most=min(room, self._limits.new_accounts))
        held = leases.held(token=self._token, keys=self._keys)
        if self._followers.keys() - {each.account_id for each in held}:
            leases.give_back(token=self._token, but=[each.account_id for each in held])
        return held

    async def _hold(self, held: list[Leased]) -> None:
        """Follow what is ours, and nothing else."""
        ours = {each.account_id: each for each in held}
        for pk, (leased, follower, group) in list(self._followers.items()):
            now = ours.get(pk)
            if now is None or self._doors.name_of(now) != self._doors.name_of(leased):
                del self._followers[pk]
                await group.remove(follower)
        for leased in held:
            if leased.account_id not in self._followers:
                await self._add(leased)
        for group in [each for each in self._groups if not each.addresses]:
            self._groups.remove(group)
            await group.stop()

    async def _add(self, leased: Leased) -> None:
        follower = Follower(
            leased, acts=self, timings=self._timings, limits=self._limits, clock=self._clock
        )
        group = self._doors.group_for(leased, self._groups)
        if group is None:
            group = self._new_group(leased)
            self._groups.append(group)
        self._followers[leased.account_id] = leased, follower, group
        await group.add(follower)

    def _new_group(self, leased: Leased) -> Group:
        pool = self._doors.name_of(leased)
        return Group(
            name=f"{pool}-{self._token[:4]}{next(self._numbers)}",
            pool=pool,
            door=self._doors.door_of(leased),
            timings=self._timings,
            clock=self._clock,
            is_held=self._is_held,
        )

    async def _end(self) -> None:
        """Close all, write what came, give back; none of it may take longer than seconds."""
        try:
            async with asyncio.timeout(self._timings.stop_within_s):
                await asyncio.gather(*(group.stop() for group in self._groups))
                followers = [follower for _, follower, _ in self._followers.values()]
                await asyncio.gather(*(follower.drain() for follower in followers))
        except TimeoutError:
            logger.warning("The stream stopped before all that came was written.")
        for _, follower, _ in self._followers.values():
            follower.stop()
        try:
            async with asyncio.timeout(self._timings.stop_within_s):
                await self._leases.run(lambda: leases.give_back(token=self._token))
        except Exception:
            logger.exception("The stream's leases could not be given back; they run out.")


class StreamThread:
    """The same in a thread of another process: the sweep's."""

    def __init__(self, make: Callable[[], StreamWorker] = StreamWorker) -> None:
        self._make, self._worker = make, make()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end; `join` waits for that."""
        self._stopping.set()
        self._worker.stop()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended, so long at most."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._worker.run()
            except Exception:  # as a duty: it must outlive whatever befalls it
                logger.exception("The stream ended; it begins again.")
                self._stopping.wait(1)
                self._worker = self._make()
                if self._stopping.is_set():
                    self._worker.stop()
