"""One request and its answer in time: a deadline for all of it, and a mark at the first byte.

Why not just timeouts: a socket timeout starts anew with every received byte, so a peer that drips
its header or body one byte at a time would hold a sender for as long as it likes. Here every wait
of one exchange (name, connect, handshake, send, each receive) gets what is left of one deadline.
Why a mark at the first byte: exception types do not say whether a request may have left; a
connection that notes its first ``send`` does.
"""

import io
import threading
import time
from typing import Any


class DeadlinePassed(TimeoutError):
    """The whole exchange took longer than it was given."""


class Exchange:
    """One request and its answer in time: monotonic seconds; ``sent`` is None until a byte left.

    ``has_body``: whether a body follows the head, which then waits for it.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        deadline_s: float,
        has_body: bool = False,
    ) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + deadline_s
        self.connect_deadline = min(self.deadline, self.started + connect_timeout_s)
        self.read_timeout_s = read_timeout_s
        self.sent: float | None = None
        self.first_byte: float | None = None
        self.waits_for_body = has_body
        self.head = b""
        self.reader: io.BufferedReader | None = None
        self.early: Early | None = None
        self.is_repeated = False  # the request has left; http.client has yet to hear of it

    def hang_up(self) -> None:
        """Close what still reads from the socket: it would stay open until its garbage is found.

        urllib3 closes the connection of an answer that is no HTTP and forgets the answer's reader.
        """
        if self.reader is not None:
            self.reader.close()

    def connect_left_s(self) -> float:
        """Return the seconds left to have a connection, handshake included."""
        left = self.connect_deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        return left

    def wait_left_s(self) -> float:
        """Return the seconds one receive or send may wait: never past the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed("the deadline of the whole exchange has passed")
        return min(left, self.read_timeout_s)


class Early:
    """Bytes of an answer that came before anybody read it, and how they end.

    ``end``: what is raised after them; None for the end of the connection. Not `is_over`: more may
    come from the socket.
    """

    def __init__(
        self, data: bytes, *, is_over: bool = False, end: BaseException | None = None
    ) -> None:
        self._left, self.is_over, self._end = memoryview(data), is_over, end

    def readinto(self, buffer: Any) -> int | None:
        """Give some of them; None once the socket must be asked. Raises what ends them."""
        count = min(len(buffer), len(self._left))
        if not count and not self.is_over:
            return None
        if not count and self._end is not None:
            raise self._end
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


class _Thread(threading.local):
    exchange: Exchange


_thread = _Thread()


def begin(exchange: Exchange) -> None:
    """Make ``exchange`` the one that this thread's connections keep to."""
    _thread.exchange = exchange


def current() -> Exchange:
    """Return the exchange that this thread is in: urllib3 passes no context through."""
    return _thread.exchange
