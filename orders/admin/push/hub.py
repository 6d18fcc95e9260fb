"""The open streams, and who is told what. Runs in the event loop alone; asks no database."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orders.admin.push import notices
from orders.admin.push.changes import Change
from orders.admin.push.limits import Limits
from orders.admin.push.notices import Sight
from orders.admin.push.rows import Rows

Clock = Callable[[], float]  # seconds that only go forward


@dataclass
class Viewer:
    """Whose stream it is: the session, its person, what they see, the session's last second."""

    session_key: str
    user_id: int
    sight: Sight
    until: int


class Full(Exception):
    """There is no room for another stream. ``is_of_person``: this person has too many."""

    def __init__(self, *, is_of_person: bool) -> None:
        super().__init__()
        self.is_of_person = is_of_person


class Stream:
    """One open page, or one browser: the messages that wait for it, never more than so many."""

    def __init__(self, viewer: Viewer, limits: Limits, clock: Clock) -> None:
        self.viewer, self._limits, self._clock = viewer, limits, clock
        self._waiting: list[bytes] = []
        self._awake: asyncio.Future[None] | None = None
        self._task = asyncio.current_task()
        self._is_over = False
        self.told_at = self._taken_at = clock()

    def put(self, message: bytes) -> None:
        """Have a message sent; a page that does not take its messages is dropped."""
        if self._is_over:
            return
        if not self._waiting:
            self._taken_at = self._clock()
        self._waiting.append(message)
        self.told_at = self._clock()
        if len(self._waiting) > self._limits.waiting:
            self.drop()
        self._wake()

    def end(self, last: bytes = b"") -> None:
        """Let it end, after a last message."""
        if last:
            self.put(last)
        self._is_over = True
        self._wake()

    def drop(self) -> None:
        """End it at once, whatever its client still has to take."""
        self._is_over = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    @property
    def is_stuck(self) -> bool:
        """Whether messages wait for longer than anybody takes who takes them at all."""
        waited_s = self._clock() - self._taken_at
        return bool(self._waiting) and waited_s > self._limits.stuck_s

    async def next(self) -> bytes:
        """Return what waits, as soon as anything does; nothing once the stream is over."""
        while not self._waiting and not self._is_over:
            self._awake = asyncio.get_running_loop().create_future()
            await self._awake
        message = b"".join(self._waiting)
        self._waiting.clear()
        return message

    def _wake(self) -> None:
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)


class Hub:
    """All open streams, and the latest changes for those that come back."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self.streams: set[Stream] = set()
        self._of_person: Counter[int] = Counter()
        self._kept: deque[Change] = deque(maxlen=limits.kept)
        self.position = self._forgotten = 0  # all up to the second is not kept any more

    def start(self, changes: list[Change], position: int) -> None:
        """Begin with the newest changes of the log, which ends at this position."""
        self._kept.clear()
        self._kept.extend(changes)
        self.position = position
        self._forgotten = changes[0].position - 1 if changes else position

    def join(self, viewer: Viewer, after: int | None) -> Stream:
        """Open a stream, which continues after a position. Raises `Full`."""
        if len(self.streams) >= self._limits.streams:
            raise Full(is_of_person=False)
        if self._of_person[viewer.user_id] >= self._limits.streams_of_person:
            raise Full(is_of_person=True)
        stream = Stream(viewer, self._limits, self._clock)
        self.streams.add(stream)
        self._of_person[viewer.user_id] += 1
        stream.put(notices.hello(self.position, self._limits) + self._missed(viewer.sight, after))
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        if stream in self.streams:
            self.streams.remove(stream)
            self._of_person[stream.viewer.user_id] -= 1

    def tell(self, changes: list[Change], rows: Rows) -> None:
        """Tell each page what its person may see of these, in one message for all who see alike.

        Where records between the last change and these are missing, all is to be read.
        """
        if self._take(changes):
            for stream in self.streams:
                stream.put(notices.reload(self.position))
            return
        groups: dict[Sight, list[Stream]] = {}
        for stream in self.streams:
            groups.setdefault(stream.viewer.sight, []).append(stream)
        for sight, streams in groups.items():
            message = notices.notice(changes, sight, self._limits, rows)
            for stream in streams if message else ():
                stream.put(message)

    def beat(self) -> None:
        """Show each quiet stream that it stands; drop those that take nothing."""
        for stream in list(self.streams):
            if stream.is_stuck:
                stream.drop()
            elif self._clock() - stream.told_at >= self._limits.heartbeat_s:
                stream.put(notices.BEAT)

    def end(self, streams: Iterable[Stream]) -> None:
        """End these: their pages look for themselves, and ask to follow again later."""
        for stream in list(streams):
            stream.end(notices.END)

    def _take(self, changes: list[Change]) -> bool:
        """Keep what these say; return whether they do not go on where the last ones ended."""
        recorded = [change for change in changes if change.position]
        is_gap = bool(recorded) and recorded[0].position != self.position + 1
        if is_gap:
            self._kept.clear()
            self._forgotten = recorded[0].position - 1
        for change in recorded:
            self._keep(change)
        return is_gap

    def _keep(self, change: Change) -> None:
        if len(self._kept) == self._limits.kept:
            self._forgotten = self._kept[0].position
        self._kept.append(change)
        self.position = change.position

    def _missed(self, sight: Sight, after: int | None) -> bytes:
        """Return what happened after a position; after a gap too long, that all is to be read."""
        if after is None or after == self.position:
            return b""
        if not self._forgotten <= after < self.position:
            return notices.reload(self.position)
        missed = [change for change in self._kept if change.position > after]
        return notices.notice(missed, sight, self._limits)
