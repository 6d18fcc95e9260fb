"""Connections that keep one exchange's deadline, mark its first byte, and verify TLS."""

import functools
import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection

from . import sockets
from .deadlines import Exchange, current

IDLE_LIMIT_S = 20  # unused for longer: the exchange may be closing it just now, so open another


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
        exchange = current()
        self.fp = exchange.reader = io.BufferedReader(_DeadlineReader(sock, exchange))


class Watched(HTTPConnection):
    """A plain connection, and what a TLS one does like it: own connect, marked send, wary reuse."""

    response_class = _DeadlineResponse
    _is_connecting = False
    _last_used = 0.0

    def _new_conn(self) -> socket.socket:
        return sockets.connected(self._dns_host, self.port, self.socket_options, current())

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
        exchange = current()
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
        exchange = current()
        self.sock.settimeout(exchange.wait_left_s())
        exchange.sent = time.monotonic()
        with suppress(BrokenPipeError):  # as urllib3 does: the answer may say why
            self.sock.sendall(data)
        self._last_used = time.monotonic()

    def repeat(self, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Tell http.client of the POST that left, and send nothing."""
        current().is_repeated = True
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


class WatchedTLS(Watched, HTTPSConnection):
    """The same over TLS."""


@functools.cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Make the one verifying context per CA file; None means certifi's bundle."""
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
