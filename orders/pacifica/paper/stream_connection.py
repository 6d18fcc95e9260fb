"""One open connection of the stream: what it subscribed to, what waits to be sent, how it ends."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from .ledger import now_ms

# A reset instead of an orderly close: linger on, zero seconds.
NO_LINGER = struct.pack("ii", 1, 0)
# A client that reads so much slower than it is told is cut off.
MOST_WAITING = 100_000


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


@dataclass(frozen=True)
class Goodbye:
    """Stands in the outbox for the end of the connection."""

    code: int


class Connection:
    """A connection and its outbox. Whatever sends to it only puts into the outbox."""

    def __init__(self, *, socket: web.WebSocketResponse, record: ConnectionRecord) -> None:
        self.socket = socket
        self.record = record
        self.outbox: asyncio.Queue[bytes | Goodbye] = asyncio.Queue()
        self.transport: asyncio.Transport | None = None

    def send(self, frame: bytes) -> None:
        """Have the frame sent, unless the connection is stalled."""
        if self.record.is_stalled:
            return
        if self.outbox.qsize() >= MOST_WAITING:
            self.abort(reason="read too slowly")
        self.outbox.put_nowait(frame)

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
        if self.transport is None or self.transport.is_closing():
            return
        if reset:
            peer = self.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()

    def stall(self, *, pings: bool) -> None:
        """Send nothing more; without ``pings`` read nothing either, so that no ping is answered."""
        self.record.is_stalled = True
        if not pings and self.transport is not None:
            self.transport.pause_reading()

    async def write(self) -> None:
        """Send what is put into the outbox, until the goodbye or the client's end."""
        with contextlib.suppress(ConnectionError):
            while True:
                sending = await self.outbox.get()
                if isinstance(sending, Goodbye):
                    await self.socket.close(code=sending.code)
                    return
                if not self.record.is_stalled:
                    await self.socket.send_frame(sending, WSMsgType.TEXT)
                    self.record.sent += 1

    def told(self) -> dict[str, Any]:
        """Return its record as JSON can hold it."""
        return dict(vars(self.record))


def new_record(number: int, request: web.BaseRequest) -> ConnectionRecord:
    """Note who knocks."""
    headers = request.headers
    return ConnectionRecord(number, now_ms(), headers.get("PF-API-KEY"), headers.get("User-Agent"))
