"""One exchange of bytes while it runs: what was received so far, made an Answer or an error."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from time import monotonic
from typing import Protocol

import requests
import urllib3

from .deadlines import Exchange
from .transport import Answer, AnswerLost, Interim, NothingSent, kept_headers, plain_reason

_CHUNK_BYTES = 65536

# All that a network, a peer or the libraries reading it are known to raise. ValueError (an
# unreadable length or address) and AttributeError (a connection closed under its reader) too.
TROUBLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
    ValueError,
    AttributeError,
)


class Head(Protocol):
    """Of an answer; names of headers in lower case, or found in any."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Talk:
    """One exchange while it runs: what was received so far, turned into an Answer or an error."""

    def __init__(self, url: str, exchange: Exchange) -> None:
        self.url, self.exchange = url, exchange
        self.started_at = datetime.now(UTC)
        self.head: Head | None = None
        self.pieces: list[bytes] = []
        self.is_whole = False

    def receive(self, raw: urllib3.BaseHTTPResponse, cap: int) -> None:
        """Read the answer of which ``raw`` has the head, up to ``cap`` bytes of it."""
        self.head = raw
        try:
            if raw.status < 200:
                raise Interim("an interim answer came where the final one was due")
            self.is_whole = self._read_body(raw, cap) and self._has_stated_length()
        finally:
            if not self.is_whole:
                raw.close()  # a connection with an unread rest must not be used again

    def _read_body(self, raw: urllib3.BaseHTTPResponse, cap: int) -> bool:
        """Read up to ``cap`` bytes; True where the body ended within them."""
        left = cap
        while piece := raw.read1(min(_CHUNK_BYTES, left + 1), decode_content=False):
            self.pieces.append(piece[:left])
            if len(piece) > left:
                return False
            left -= len(piece)
        return True

    def received(self, head: Head, body: bytes, cap: int) -> None:
        """Take an answer that was read to the end its head states, or beyond ``cap``."""
        self.head, self.pieces = head, [body[:cap]]
        self.is_whole = len(body) <= cap and self._has_stated_length()

    def _has_stated_length(self) -> bool:
        """Return False where the answer states a length that is not what came."""
        headers = self.head.headers if self.head is not None else {}
        stated = headers.get("content-length")
        if stated is None or headers.get("transfer-encoding") is not None:
            return True
        return stated == str(sum(map(len, self.pieces)))

    def answer(self) -> Answer:
        """Make the `Answer` of what was received."""
        assert self.head is not None  # something was received
        return self._answer(self.head, is_whole=self.is_whole)

    def _answer(self, head: Head, *, is_whole: bool) -> Answer:
        """Make the `Answer`. Raises RuntimeError where it would have to guess a time."""
        now, sent, first_byte = monotonic(), self.exchange.sent, self.exchange.first_byte
        if sent is None or first_byte is None:
            raise RuntimeError("an answer was read whose bytes nobody saw come")
        return Answer(
            status=head.status,
            headers=kept_headers(head.headers),
            body=b"".join(self.pieces),
            is_whole=is_whole,
            url=self.url,
            sent_at=self._at(sent),
            first_byte_at=self._at(first_byte),
            answered_at=self._at(now),
            elapsed_ms=round((now - self.exchange.started) * 1000),
        )

    def unreachable(self, error: BaseException) -> AnswerLost | NothingSent:
        """Name the error for ``error``: what left decides, never the exception's type."""
        sent, now = self.exchange.sent, monotonic()
        kind = NothingSent if sent is None else AnswerLost
        return kind(
            plain_reason(error),
            url=self.url,
            sent_at=None if sent is None else self._at(sent),
            failed_at=self._at(now),
            elapsed_ms=round((now - self.exchange.started) * 1000),
            partial=self._answer(self.head, is_whole=False) if self.head is not None else None,
        )

    def _at(self, moment: float) -> datetime:
        """Tell the wall time of a monotonic moment; one clock reading, so no step can reorder."""
        return self.started_at + timedelta(seconds=moment - self.exchange.started)
