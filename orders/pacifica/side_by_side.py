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
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

from .connection_pools import Standing
from .connections import Watched
from .deadlines import DeadlinePassed, Early, begin
from .talk import TROUBLE, Talk
from .transport import Answer

Key = TypeVar("Key")
Prepare = Callable[[str, bytes, str | None], tuple[Talk, dict[str, str]]]
_CHUNK_BYTES = 65536
_RECORD_BYTES = 16384  # of TLS, at most
_LOOK_ASIDE_S = 0.01
_MAX_HEADERS = 50
# A head that nobody can read in two ways; any other is left to http.client.
_HEADER = rb"[!#-'*+.^-z|~0-9A-Z-]+:(?: ?[!-~](?:[ -~]*[!-~])?)?\r\n"
_PLAIN_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [ -~]*)?\r\n((?:" + _HEADER + rb")*)\r\n")
_BODILESS = {204, 304}


class _PlainHead(NamedTuple):
    """``headers``: by name in lower case. ``length``: of the body that follows."""

    status: int
    headers: dict[str, str]
    length: int


class _Flight(Generic[Key]):
    """One post that is under way; ``headers`` and ``body`` as they were sent."""

    def __init__(
        self, key: Key, talk: Talk, connection: Watched, headers: dict[str, str], body: bytes
    ) -> None:
        self.key, self.talk, self.connection = key, talk, connection
        self.sock = connection.sock
        self.headers, self.body = headers, body
        self.target = urlsplit(talk.url).path
        self.came, self.head, self._begins_at = bytearray(), None, 0
        self.heard_at = monotonic()

    head: _PlainHead | None

    @property
    def ends_at(self) -> float:
        """When it is waited for no longer, unless something comes."""
        exchange = self.talk.exchange
        return min(exchange.deadline, self.heard_at + exchange.read_timeout_s)

    @property
    def length(self) -> int:
        """How many bytes of its body came."""
        return len(self.came) - self._begins_at

    def add(self, piece: bytes) -> bool:
        """Take what came; False where nobody can tell from its head how long the answer is."""
        exchange, self.heard_at = self.talk.exchange, monotonic()
        if exchange.first_byte is None:
            exchange.first_byte = self.heard_at
        self.came += piece
        if self.head is None and (end := self.came.find(b"\r\n\r\n")) >= 0:
            self._begins_at = end + 4
            self.head = _plain_head(bytes(self.came[: end + 4]))
            return self.head is not None
        return self.head is not None or len(self.came) < _CHUNK_BYTES

    def is_over(self, cap: int) -> bool:
        """Whether all is there that its head states, or more than anybody reads."""
        return self.head is not None and self.length >= min(self.head.length, cap + 1)

    def answer(self, cap: int) -> Answer:
        """Make its answer, once it is over."""
        assert self.head is not None  # it is over
        stated = self.came[self._begins_at :][: self.head.length]
        self.talk.received(self.head, bytes(stated), cap)
        return self.talk.answer()

    def is_reusable(self) -> bool:
        """Whether its connection may be used again: it holds nothing more, and nobody closes it."""
        if self.head is None or not self.talk.is_whole or self.length > self.head.length:
            return False
        return "close" not in self.head.headers.get("connection", "").lower()


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

    @property
    def under_way(self) -> int:
        """How many have left and not ended."""
        return len(self._flights) + len(self._aside)

    def has_room(self) -> bool:
        """Whether one more may leave: there is a connection for it that stands."""
        if self.under_way >= self._at_most:
            return False
        while self._free and not self._free[-1].is_connected:
            self._free.pop().close()
        if not self._free and (connection := self._pool.take_standing()) is not None:
            self._free.append(connection)
        return bool(self._free)

    def begin(self, key: Key, path: str, body: bytes, api_config_key: str | None) -> None:
        """Send one, where `has_room` just said so; `wait` tells how it ended."""
        try:
            talk, headers = self._prepare(path, body, api_config_key)
        except Exception as error:
            self._done.append((key, error))
            return
        flight = _Flight(key, talk, self._free.pop(), headers, body)
        self._flights.add(flight)
        begin(talk.exchange)
        try:
            flight.connection.post(flight.target, headers, body)
            flight.sock.setblocking(False)
            self._selector.register(flight.sock, selectors.EVENT_READ, flight)
        except TROUBLE as error:
            self._drop(flight, talk.unreachable(error))
        except Exception as error:  # of ours: it must not cost the other answers
            self._drop(flight, error)

    def wait(self, at_most_s: float) -> list[tuple[Key, Answer | Exception]]:
        """Wait until something ends; return all that did, each an `Answer` or what went wrong."""
        if not self._done:
            self._gather_within(at_most_s)
        return self.told()

    def told(self) -> list[tuple[Key, Answer | Exception]]:
        """Return what has ended and was not told yet."""
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
        goes_on = set()  # more of it waits, perhaps from before its deadline
        for ready, _ in self._selector.select(max(0, wait_s)):
            if self._gather(ready.data) >= _RECORD_BYTES:
                goes_on.add(ready.data)
        now = monotonic()
        for flight in [one for one in self._waiting() if one.ends_at <= now]:
            if flight in goes_on:
                continue
            is_over = flight.talk.exchange.deadline <= now
            self._break_off(flight, DeadlinePassed() if is_over else TimeoutError())
        for future in [each for each in self._aside if each.done()]:
            flight = self._aside.pop(future)
            flight.connection.close()
            self._tell(flight, future.result())

    def _waiting(self) -> list[_Flight[Key]]:
        return [ready.data for ready in self._selector.get_map().values()]

    def _gather(self, flight: _Flight[Key]) -> int:
        """Take what a socket holds; read the answer where that is all of it. Returns bytes."""
        before = len(flight.came)
        try:
            self._take(flight)
        except Exception as error:  # of ours, or no thread for it: the other answers go on
            self._drop(flight, error)
        return len(flight.came) - before

    def _take(self, flight: _Flight[Key]) -> None:
        sock, end, is_told = flight.sock, None, True
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
        if flight.is_over(self._cap):
            self._end(flight)
        elif is_over:
            self._break_off(flight, end)
        elif not is_told:
            self._read_aside(flight)

    def _end(self, flight: _Flight[Key]) -> None:
        """Take an answer of which all came."""
        self._selector.unregister(flight.sock)
        result = _result_of(lambda: flight.answer(self._cap))
        if flight.is_reusable():
            self._free.append(flight.connection)
        else:
            flight.connection.close()
        self._tell(flight, result)

    def _break_off(self, flight: _Flight[Key], error: BaseException | None) -> None:
        """Make of what came what it proves; ``error``: what ended it, None where the peer did."""
        self._selector.unregister(flight.sock)
        early = Early(bytes(flight.came), is_over=True, end=error)
        result = _result_of(lambda: _read(flight, early, self._cap))
        flight.connection.close()
        self._tell(flight, result)

    def _read_aside(self, flight: _Flight[Key]) -> None:
        """Read the answer as one that is waited for alone; its connection is not used again."""
        self._readers = self._readers or ThreadPoolExecutor(self._at_most, "odd answer")
        early = Early(bytes(flight.came))
        self._selector.unregister(flight.sock)
        future = self._readers.submit(_result_of, lambda: _read(flight, early, self._cap))
        self._flights.remove(flight)
        self._aside[future] = flight

    def _drop(self, flight: _Flight[Key], error: Exception) -> None:
        """End one of which nothing more can be learned."""
        with suppress(KeyError, ValueError):  # it is not waited for
            self._selector.unregister(flight.sock)
        flight.connection.close()
        self._tell(flight, error)

    def _tell(self, flight: _Flight[Key], result: Answer | Exception) -> None:
        self._flights.discard(flight)
        self._done.append((flight.key, result))


def _plain_head(head: bytes) -> _PlainHead | None:
    """Read a head; None where it is not plain, or does not tell how long the body is."""
    found = _PLAIN_HEAD.fullmatch(head)
    if found is None:
        return None
    lines = found[2].decode("ascii").split("\r\n")[:-1]
    pairs = [line.partition(":")[::2] for line in lines]
    headers = {name.lower(): value.lstrip(" ") for name, value in pairs}
    stated = headers.get("content-length", "")
    is_plain = len(headers) == len(lines) <= _MAX_HEADERS and "transfer-encoding" not in headers
    if not is_plain or not stated.isdigit() or len(stated) > 9 or int(found[1]) in _BODILESS:
        return None
    return _PlainHead(int(found[1]), headers, int(stated))


def _read(flight: _Flight[Key], early: Early, cap: int) -> Answer:
    """Read an answer of which some came already, by http.client. Raises `Unreachable`."""
    talk, connection = flight.talk, flight.connection
    talk.exchange.early = early
    begin(talk.exchange)
    try:
        connection.repeat(flight.target, flight.headers, flight.body)
        talk.receive(connection.getresponse(), cap)
    except TROUBLE as error:
        connection.close()  # first: it cannot once its reader is closed
        talk.exchange.hang_up()
        raise talk.unreachable(error) from error
    return talk.answer()


def _result_of(act: Callable[[], Answer]) -> Answer | Exception:
    """What it returns or raises: an error of ours must not cost the other answers."""
    try:
        return act()
    except Exception as error:
        return error
