"""Many posts under way at once in one thread, which waits for all their sockets together.

With a thread for each, every answer that comes takes Python from all the others. Here one thread
sends over connections that stand already and gathers what comes back. An answer is read once all of
it is there, by the reader that also reads one that is waited for alone (`orders.pacifica.talk`), so
both prove the same; one whose end cannot be told from its head is read in a thread of its own.
"""

import re
import selectors
import ssl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from .connections import DeadlinePassed, Early, Standing, Watched, begin
from .talk import TROUBLE, Talk
from .transport import Answer

Key = TypeVar("Key")
Prepare = Callable[[str, bytes, str | None], tuple[Talk, dict[str, str]]]
_CHUNK_BYTES = 65536
_LOOK_ASIDE_S = 0.01
# A head after which nobody can doubt how long the body is; any other is left to http.client.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 [2-5]\d\d(?: [ -~]*)?\r\n(?:[!#-'*+.^-z|~0-9A-Z-]+:[\t -~]*\r\n)*\r\n"
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n")


class _Flight(Generic[Key]):
    """One post that is under way. ``enough``: bytes of its answer after which it is whole."""

    def __init__(self, key: Key, talk: Talk, connection: Watched, cap: int) -> None:
        self.key, self.talk, self.connection, self._cap = key, talk, connection, cap
        self.came, self.enough = bytearray(), 0
        self.heard_at = monotonic()

    @property
    def ends_at(self) -> float:
        """When it is waited for no longer, unless something comes."""
        exchange = self.talk.exchange
        return min(exchange.deadline, self.heard_at + exchange.read_timeout_s)

    @property
    def is_whole(self) -> bool:
        """Whether all is there that is to be read."""
        return 0 < self.enough <= len(self.came)

    def add(self, piece: bytes) -> bool:
        """Take what came; False where nobody can tell from its head how long the answer is."""
        exchange, self.heard_at = self.talk.exchange, monotonic()
        if exchange.first_byte is None:
            exchange.first_byte = self.heard_at
        self.came += piece
        if self.enough:
            return True
        end = self.came.find(b"\r\n\r\n")
        if end < 0:
            return len(self.came) < _CHUNK_BYTES
        length = _stated_length(bytes(self.came[: end + 4]))
        if length is not None:
            self.enough = end + 4 + min(length, self._cap + 1)
        return length is not None


class SideBySide(Generic[Key]):
    """Posts over the connections of a pool, ``at_most`` under way; a key tells them apart.

    ``prepare``: makes a `Talk` and headers of a path, a body and an API config key. ``cap``: bytes
    of an answer. To be closed; used by one thread.
    """

    def __init__(self, pool: Standing, *, at_most: int, cap: int, prepare: Prepare) -> None:
        self._pool, self._at_most, self._cap, self._prepare = pool, at_most, cap, prepare
        self._selector = selectors.DefaultSelector()
        self._free: list[Watched] = []
        self._flights: set[_Flight[Key]] = set()
        self._aside: dict[Future[Answer | Exception], _Flight[Key]] = {}
        self._readers: ThreadPoolExecutor | None = None
        self._done: list[tuple[Key, Answer | Exception]] = []

    @property
    def is_busy(self) -> bool:
        """Whether some post has not been told the end of."""
        return bool(self._flights or self._aside or self._done)

    def has_room(self) -> bool:
        """Whether one more may leave: there is a connection for it that stands."""
        if len(self._flights) + len(self._aside) >= self._at_most:
            return False
        while self._free and not self._free[-1].is_connected:
            self._free.pop().close()
        if not self._free and (connection := self._pool.take_standing()) is not None:
            self._free.append(connection)
        return bool(self._free)

    def begin(self, key: Key, path: str, body: bytes, api_config_key: str | None) -> None:
        """Send one, where there is room; `wait` tells how it ended."""
        try:
            self._begin(key, path, body, api_config_key)
        except Exception as error:  # of ours: it must not cost the other answers
            self._done.append((key, error))

    def _begin(self, key: Key, path: str, body: bytes, api_config_key: str | None) -> None:
        talk, headers = self._prepare(path, body, api_config_key)
        flight = _Flight(key, talk, self._free.pop(), self._cap)
        self._flights.add(flight)
        begin(talk.exchange)
        try:
            _send(flight.connection, urlsplit(talk.url).path, body, headers)
            flight.connection.sock.setblocking(False)
            self._selector.register(flight.connection.sock, selectors.EVENT_READ, flight)
        except TROUBLE as error:
            flight.connection.close()
            self._tell(flight, talk.unreachable(error))

    def wait(self, at_most_s: float) -> list[tuple[Key, Answer | Exception]]:
        """Wait until something ends; return all that did, each an `Answer` or what went wrong."""
        if not self._done:
            self._gather_within(at_most_s)
        told, self._done = self._done, []
        return told

    def close(self) -> None:
        """Give connections back; what is under way is left."""
        for flight in self._flights:
            flight.connection.close()
        for connection in self._free:
            self._pool.keep(connection)
        self._free = []
        self._selector.close()
        if self._readers is not None:
            self._readers.shutdown(wait=False)

    def _gather_within(self, at_most_s: float) -> None:
        now = monotonic()
        wait_s = min([at_most_s, *(flight.ends_at - now for flight in self._waiting())])
        if self._aside:
            wait_s = min(wait_s, _LOOK_ASIDE_S)
        for ready, _ in self._selector.select(max(0, wait_s)):
            self._gather(ready.data)
        now = monotonic()
        for flight in [one for one in self._waiting() if one.ends_at <= now]:
            is_over = flight.talk.exchange.deadline <= now
            late = DeadlinePassed("the deadline") if is_over else TimeoutError("silence")
            self._end(flight, Early(bytes(flight.came), is_over=True, end=late))
        for future in [each for each in self._aside if each.done()]:
            flight = self._aside.pop(future)
            flight.connection.close()
            self._tell(flight, future.result())

    def _waiting(self) -> list[_Flight[Key]]:
        return [ready.data for ready in self._selector.get_map().values()]

    def _gather(self, flight: _Flight[Key]) -> None:
        """Take what a socket holds; read the answer where that is all of it."""
        sock, end, is_told = flight.connection.sock, None, True
        try:
            piece = sock.recv(_CHUNK_BYTES)
            is_told = flight.add(piece)
            while piece and isinstance(sock, ssl.SSLSocket) and sock.pending():
                piece = sock.recv(_CHUNK_BYTES)
                is_told = flight.add(piece)
            is_over = not piece
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            is_over = False
        except OSError as error:
            end, is_over = error, True
        if is_over or flight.is_whole:
            self._end(flight, Early(bytes(flight.came), is_over=True, end=end))
        elif not is_told:
            self._read_aside(flight)

    def _end(self, flight: _Flight[Key], early: Early) -> None:
        """Read the answer from what came, and nothing from the socket."""
        self._selector.unregister(flight.connection.sock)
        result = _read(flight, early, self._cap)
        connection = flight.connection
        is_spent = flight.talk.is_whole and len(flight.came) == flight.enough
        if is_spent and connection.sock is not None:
            self._free.append(connection)
        else:
            connection.close()
        self._tell(flight, result)

    def _read_aside(self, flight: _Flight[Key]) -> None:
        """Read the answer as one that is waited for alone; its connection is not used again."""
        self._selector.unregister(flight.connection.sock)
        self._flights.remove(flight)
        self._readers = self._readers or ThreadPoolExecutor(self._at_most, "odd answer")
        future = self._readers.submit(_read, flight, Early(bytes(flight.came)), self._cap)
        self._aside[future] = flight

    def _tell(self, flight: _Flight[Key], result: Answer | Exception) -> None:
        self._flights.discard(flight)
        self._done.append((flight.key, result))


def _stated_length(head: bytes) -> int | None:
    """Return how long the body is that follows a plain head; None where the head is not plain."""
    names = head.lower()
    if names.count(b"content-length") != 1 or b"transfer-encoding" in names:
        return None
    stated = _LENGTH.search(names)
    if stated is None or head[9:12] in {b"204", b"304"} or not _PLAIN_HEAD.fullmatch(head):
        return None
    return int(stated[1])


def _send(connection: Watched, target: str, body: bytes, headers: dict[str, str]) -> None:
    with suppress(BrokenPipeError):  # as urllib3 does: the answer may say why
        connection.request(
            "POST", target, body, headers, preload_content=False, decode_content=False
        )


def _read(flight: _Flight[Key], early: Early, cap: int) -> Answer | Exception:
    """Read an answer of which some came already; whatever goes wrong is returned."""
    talk = flight.talk
    talk.exchange.early = early
    begin(talk.exchange)
    try:
        try:
            talk.receive(flight.connection.getresponse(), cap)
        except TROUBLE as error:
            talk.exchange.hang_up()
            return talk.unreachable(error)
        return talk.answer()
    except Exception as error:  # of ours: it must not cost the other answers
        return error
