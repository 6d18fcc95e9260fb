"""The one WebSocket door to the exchange: connect, send, receive, and plain words for every end.

Nothing is retried here, no redirect is followed (it would take the API config key along), no proxy
of the environment is used, and nothing is logged: the library's own lines hold the key.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)

from .client import USER_AGENT, key_header
from .connections import tls_context
from .transport import plain_reason
from .words import safe_text

MAX_FRAME_BYTES = 8 * 1024 * 1024
MAX_WORDS = 80
_quiet = logging.getLogger("orders.pacifica.stream_client.library")
_quiet.setLevel(logging.CRITICAL + 1)
CLOSES = {
    1000: "the exchange closed the stream",
    1001: "the exchange is going away",
    1002: "the exchange says that we broke the protocol",
    1003: "the exchange takes no such frames",
    1006: "the stream broke off",
    1008: "the exchange closed the stream by its policy",
    1009: "a frame was too long",
    1011: "the exchange had an error",
    1012: "the exchange restarts",
    1013: "the exchange asks to try again later",
    1015: "TLS failed",
}


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the stream is, and how to get there.

    ``proxy``: URL or None. ``ca_file``: as `orders.pacifica.client.Client` has it.
    """

    url: str
    proxy: str | None = field(default=None, repr=False)  # it may hold a password
    ca_file: str | None = None
    api_config_key: str | None = field(default=None, repr=False)


class StreamLost(Exception):
    """The stream ended, or never stood. ``reason``: plain words, safe to store and show.

    ``code``: of the close, where there was one.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


class StreamSocket:
    """One open WebSocket. Whatever ends it is a `StreamLost`."""

    def __init__(self, connection: ClientConnection, *, send_within_s: float) -> None:
        self._connection, self._send_within_s = connection, send_within_s

    async def send(self, message: bytes) -> None:
        """Send one text frame; a peer that takes nothing is lost too."""
        try:
            async with asyncio.timeout(self._send_within_s):
                await self._connection.send(message, text=True)
        except TimeoutError:
            raise StreamLost("the exchange takes no more frames") from None
        except ConnectionClosed as closed:
            raise _ended(closed) from None

    async def receive(self) -> bytes:
        """Return the next frame's bytes. May be cancelled without losing one."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise _ended(closed) from None

    async def close(self) -> None:
        """Close it, within the time that it was given when it was opened."""
        await self._connection.close()


class _Direct(connect):
    """A connect that follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def opened(door: Door, *, within_s: float, close_within_s: float = 1) -> StreamSocket:
    """Open the stream. Raises `StreamLost`.

    ``within_s``: for name, connect, TLS and handshake together. ``close_within_s``: for its end.
    """
    try:
        return StreamSocket(
            await _Direct(door.url, open_timeout=within_s, **_options(door, close_within_s)),
            send_within_s=within_s,
        )
    except (OSError, EOFError, ValueError, InvalidHandshake, InvalidURI, InvalidProxy) as error:
        raise StreamLost(_words(error)) from None


def _options(door: Door, close_within_s: float) -> dict[str, Any]:
    """Spell the library's options: its own pings are off, for the exchange does not count them."""
    options: dict[str, Any] = {
        "proxy": door.proxy,
        "additional_headers": key_header(door.api_config_key),
        "user_agent_header": USER_AGENT,
        "compression": None,
        "ping_interval": None,
        "close_timeout": close_within_s,
        "max_size": MAX_FRAME_BYTES,
        "logger": _quiet,
    }
    if door.url.startswith("wss:"):
        options["ssl"] = tls_context(door.ca_file)
    if door.proxy and door.proxy.startswith("https:"):
        options["proxy_ssl"] = tls_context(door.ca_file)
    return options


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):  # first: an untrusted certificate is a ValueError as well
        return plain_reason(error)
    if isinstance(error, InvalidStatus):
        return f"the exchange refused the stream (HTTP {error.response.status_code})"
    if isinstance(error, ProxyError | InvalidProxy):
        return "the proxy did not let the stream through"
    if isinstance(error, InvalidHandshake | EOFError):
        return "the exchange did not answer as a stream does"
    return "the stream's address or key cannot be used"


def _ended(closed: ConnectionClosed) -> StreamLost:
    """Find words for a close: by its code, with the exchange's own where it says any."""
    if closed.rcvd is None:
        failed = closed.sent is not None and closed.sent.code in (1002, 1007, 1009)
        said = "a frame could not be read" if failed else CLOSES[1006]
        return StreamLost(said, closed.sent.code if failed and closed.sent else None)
    code = int(closed.rcvd.code)
    said = CLOSES.get(code, "the exchange closed the stream")
    own = safe_text(closed.rcvd.reason)[:MAX_WORDS]
    return StreamLost(f"{said} ({code}{f': {own}' if own else ''})", code)
