"""Connections that keep one exchange's deadline, count what was sent, and verify TLS.

Why not just timeouts: a socket timeout starts anew with every received byte, so a peer that drips
its header or body one byte at a time would hold a sender for as long as it likes. Here every wait
of one exchange (name, connect, handshake, send, each receive) gets what is left of one deadline.
Why a mark at the first byte: exception types do not say whether a request may have left; a
connection that notes its first ``send`` does.
"""

import functools
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any, cast

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# (family, kind, protocol, canonical name, socket address) as socket.getaddrinfo gives them
_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]

IDLE_LIMIT_S = 20  # unused for longer: the exchange may be closing it just now, so open another


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


_thread = _Thread()  # the exchange this thread is in: urllib3 passes no context through


def begin(exchange: Exchange) -> None:
    """Make ``exchange`` the one that this thread's connections keep to."""
    _thread.exchange = exchange


class _DeadlineReader(io.RawIOBase):
    """The receiving half of a socket; each receive waits no longer than the exchange allows."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock, self._exchange = sock, exchange
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        early = self._exchange.early
        if early is not None and (count := early.readinto(buffer)) is not None:
            return count
        self._sock.settimeout(self._exchange.wait_left_s())
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            self._exchange.wait_left_s()  # says so where it was the deadline, not the silence
            raise
        if self._exchange.first_byte is None and self._exchange.sent is not None:
            self._exchange.first_byte = time.monotonic()
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """http.client's answer, read through a `_DeadlineReader`."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()  # the reader http.client opened, still empty
        exchange = _thread.exchange
        self.fp = exchange.reader = io.BufferedReader(_DeadlineReader(sock, exchange))


class Watched(HTTPConnection):
    """A plain connection, and what a TLS one does like it: own connect, marked send, wary reuse."""

    response_class = _DeadlineResponse
    _is_connecting = False
    _last_used = 0.0

    def _new_conn(self) -> socket.socket:
        return _connected_socket(self._dns_host, self.port, self.socket_options, _thread.exchange)

    def connect(self) -> None:
        self._is_connecting = True  # what is sent now is a proxy's CONNECT, not our request
        try:
            super().connect()
        finally:
            self._is_connecting = False
        self._last_used = time.monotonic()

    def send(self, data: bytes) -> None:  # type: ignore[override]  # our bodies are bytes
        if self.sock is None:
            self.connect()
        exchange = _thread.exchange
        if exchange.is_repeated:
            return
        if not self._is_connecting:
            if exchange.waits_for_body:  # head and body in one packet: one wake-up of the peer
                exchange.waits_for_body, exchange.head = False, data
                return
            data, exchange.head = exchange.head + data, b""
        self.sock.settimeout(exchange.wait_left_s())
        if not self._is_connecting and exchange.sent is None:
            exchange.sent = time.monotonic()
        super().send(data)
        self._last_used = time.monotonic()

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send a POST over the open socket: the bytes that `request` would send, for a third of it.

        An answer is then read without http.client, or by `repeat` and `getresponse`.
        """
        lines = [f"POST {target} HTTP/1.1", f"Host: {self._host_and_port()}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        exchange = _thread.exchange
        self.sock.settimeout(exchange.wait_left_s())
        exchange.sent = time.monotonic()
        with suppress(BrokenPipeError):  # as urllib3 does: the answer may say why
            self.sock.sendall(data)
        self._last_used = time.monotonic()

    def repeat(self, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Tell http.client of the POST that left, and send nothing."""
        _thread.exchange.is_repeated = True
        self.request("POST", target, body, headers, preload_content=False, decode_content=False)

    def _host_and_port(self) -> str:
        """The Host header, as http.client spells it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == self.default_port else f"{host}:{self.port}"

    @property
    def is_connected(self) -> bool:
        """Whether it is fit for another request: fresh, with nothing unread to pass for its answer.

        urllib3 looks at the socket only; bytes already decrypted wait inside TLS.
        """
        if self.sock is None or time.monotonic() - self._last_used > IDLE_LIMIT_S:
            return False
        if isinstance(self.sock, ssl.SSLSocket):
            return self.sock.pending() == 0 and (super().is_connected or _says_nothing(self.sock))
        return super().is_connected


def _says_nothing(sock: ssl.SSLSocket) -> bool:
    """Whether what waits in the socket is TLS's own: a server sends tickets after the handshake."""
    sock.setblocking(False)
    try:
        sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False  # something that was not asked for, or the end


class _TLSConnection(Watched, HTTPSConnection):
    pass


class Standing(HTTPConnectionPool):
    """A pool whose connections may also be opened ahead, and taken where they stand already."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        while self.pool is not None and not self.pool.empty():
            self.pool.get(block=False)  # urllib3 fills it with a place for each that may come

    def open_one(self, exchange: Exchange) -> None:
        """Open a connection and keep it. Raises what opening one raises."""
        begin(exchange)
        connection = self._new_conn()
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        self._put_conn(connection)

    def count_standing(self, at_most: int) -> int:
        """Count kept connections that are fit for use, up to so many."""
        taken: list[Watched] = []
        while len(taken) < at_most and (connection := self.take_standing()) is not None:
            taken.append(connection)
        for connection in reversed(taken):
            self.keep(connection)
        return len(taken)

    def take_standing(self) -> "Watched | None":
        """Take a kept connection that is fit for another request; None where there is none."""
        while self.pool is not None:
            try:
                connection = self.pool.get(block=False)
            except queue.Empty:
                break
            if connection is None:  # urllib3 puts one for each that broke off
                continue
            if connection.is_connected:
                return cast(Watched, connection)
            connection.close()
        return None

    def keep(self, connection: "Watched") -> None:
        """Take a connection back."""
        self._put_conn(connection)


class _PlainPool(Standing):
    ConnectionCls = Watched


class _TLSPool(Standing, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {"http": _PlainPool, "https": _TLSPool}  # by URL scheme


@functools.cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Make the one verifying context per CA file; None means certifi's bundle."""
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _connected_socket(
    host: str, port: int, options: Sequence[tuple[int, int, int | bytes]] | None, exchange: Exchange
) -> socket.socket:
    """Open a TCP connection to the first address that takes one; each has a fair share of time."""
    addresses = _resolve(host, port, exchange)
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.settimeout(exchange.connect_left_s() / (len(addresses) - index))
            sock.connect(address)
            sock.settimeout(exchange.connect_left_s())  # for the TLS handshake
        except OSError:
            sock.close()
            if index == len(addresses) - 1:
                raise
        else:
            return sock
    raise socket.gaierror(socket.EAI_NONAME, "the name has no address")


def _resolve(host: str, port: int, exchange: Exchange) -> _Addresses:
    """Find addresses of ``host``. A name is looked up aside, for getaddrinfo knows no timeout."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name, not an address
    answers: queue.SimpleQueue[_Addresses | Exception] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=exchange.connect_left_s())
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _look_up(host: str, port: int, answers: "queue.SimpleQueue[_Addresses | Exception]") -> None:
    try:
        answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        answers.put(error)
