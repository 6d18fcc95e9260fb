"""One open connection of the stream: what it subscribed to, what waits to be sent, how it ends."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from .cut_connections import cut
from .ledger import now_ms

# A client that reads so much slower than it is told is cut off.
MOST_WAITING = 100_000
# So many frames are sent at once; then whoever asked something meanwhile is answered.
FRAMES_AT_ONCE = 8


@dataclass
class ConnectionRecord:
    """What checkers may know of a connection, open or closed. Times in ms of this machine."""

    number: int
    connected_at: int
    api_key: str | None
    user_agent: str | None
    subscriptions: list[list[str]] = field(default_factory=list)
    received: int = 0
    sent: int = 0
    is_stalled: bool = False
    closed_at: int | None = None
    # Why the exchange closed it; None where the client did, or where it is open.
    reason: str | None = None


class Binary(bytes):
    """A frame that is sent as binary; every other one is text."""


@dataclass(frozen=True)
class Goodbye:
    """Stands in the outbox for the end of the connection."""

    code: int


# A frame, or what makes it once its turn has come: nobody who asks something waits for that.
Frame = bytes | Callable[[], bytes]
# What the outbox holds: frames, what is to be done between them, and the end.
Outgoing = Frame | Callable[[], None] | Goodbye


class Connection:
    """A connection and its outbox. Whatever sends to it only puts into the outbox."""

    def __init__(
        self,
        *,
        socket: web.WebSocketResponse,
        record: ConnectionRecord,
        transport: asyncio.Transport | None,
    ) -> None:
        self.socket = socket
        self.record = record
        self.transport = transport
        self.outbox: asyncio.Queue[Outgoing] = asyncio.Queue()
        self.writer = asyncio.create_task(self._write())
        self.opened_at = asyncio.get_running_loop().time()
        self.is_leaving = False

    def is_subscribed_to(self, account: str) -> bool:
        """Whether it is told anything of the account."""
        return any(topic[1] == account for topic in self.record.subscriptions)

    def send(self, frame: Frame) -> None:
        """Have the frame sent, unless the connection is stalled by then."""
        if self.outbox.qsize() >= MOST_WAITING:
            self.abort(reason="read too slowly")
            return
        self.outbox.put_nowait(frame)

    def then(self, act: Callable[[], None]) -> None:
        """Have it done once everything before it has been sent."""
        self.outbox.put_nowait(act)

    def close(self, *, code: int, reason: str) -> None:
        """Have it closed with the code, after what waits; a stalled one is aborted."""
        if self.record.is_stalled:
            self.abort(reason=reason)
            return
        self.record.reason = self.record.reason or reason
        self.outbox.put_nowait(Goodbye(code))

    def abort(self, *, reason: str, reset: bool = False) -> None:
        """Cut the TCP connection, without a close frame; with ``reset`` by a reset."""
        self.record.reason = self.record.reason or reason
        cut(self.transport, reset=reset)

    def stall(self, *, pings: bool) -> None:
        """Send nothing more; without ``pings`` read nothing either, so that no ping is answered."""
        self.record.is_stalled = True
        if not pings and self.transport is not None:
            self.transport.pause_reading()

    async def finished(self) -> None:
        """End the writer; a close that has begun may come to its end."""
        if not self.is_leaving:
            self.writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.writer

    async def _write(self) -> None:
        """Send what is put into the outbox, until the goodbye or the client's end."""
        with contextlib.suppress(ConnectionError):
            while not self.is_leaving:
                await self._send(await self.outbox.get())
                if self.record.sent % FRAMES_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _send(self, sending: Outgoing) -> None:
        if isinstance(sending, Goodbye):
            self.is_leaving = True
            await self.socket.close(code=sending.code)
            return
        frame = sending if isinstance(sending, bytes) else sending()
        if frame is not None and not self.record.is_stalled:
            kind = WSMsgType.BINARY if isinstance(frame, Binary) else WSMsgType.TEXT
            await self.socket.send_frame(frame, kind)
            self.record.sent += 1


def new_record(number: int, request: web.BaseRequest) -> ConnectionRecord:
    """Note who knocks."""
    headers = request.headers
    return ConnectionRecord(number, now_ms(), headers.get("PF-API-KEY"), headers.get("User-Agent"))
