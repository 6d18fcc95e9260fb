"""What an exchange of bytes ends in: an `Answer`, or a named `Unreachable`."""

import hashlib
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import urllib3

from .deadlines import DeadlinePassed

MAX_HEADER_CHARS = 300
_NOT_PRINTABLE = re.compile("[^ -~]")
KEPT_HEADERS = frozenset(
    (
        *("content-type", "content-length", "content-encoding", "transfer-encoding"),
        *("date", "server", "via", "location", "retry-after"),
        *("ratelimit", "ratelimit-policy"),
        *("x-request-id", "cf-ray", "x-cache", "x-amz-cf-id", "x-amz-cf-pop"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. All times aware UTC.

    ``headers``: the kept ones, lower-case, printable ASCII. ``body``: raw bytes as received,
    never decoded. ``is_whole``: False where the body passed the cap or broke off, and then it
    proves nothing. ``sent_at``: when our first byte left. ``date_at``: the ``Date`` header.
    """

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)
    is_whole: bool
    url: str
    sent_at: datetime
    first_byte_at: datetime
    answered_at: datetime
    elapsed_ms: int

    @property
    def body_length(self) -> int:
        """Bytes read."""
        return len(self.body)

    @property
    def body_sha256(self) -> str:
        """Hex SHA-256 of the bytes read."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def date_at(self) -> datetime | None:
        """The exchange's ``Date``, or None where there is no readable one."""
        try:
            date = parsedate_to_datetime(self.headers["date"])
            return date.astimezone(UTC) if date.tzinfo is not None else None
        except (KeyError, ValueError, TypeError, OverflowError):
            return None

    @property
    def clock_offset_ms(self) -> int | None:
        """The exchange's clock minus ours, or None. Good to half a second plus half the travel.

        ``Date`` is cut to whole seconds, so half a second is added; it is held against the middle
        between our first byte and the answer's first.
        """
        if self.date_at is None:
            return None
        middle = self.sent_at + (self.first_byte_at - self.sent_at) / 2
        return round((self.date_at - middle).total_seconds() * 1000) + 500


class Unreachable(Exception):
    """No answer. ``reason``: plain words, safe to store and show.

    ``sent_at``: when our first byte left, or None. ``failed_at``: aware UTC. ``elapsed_ms``: None
    where nobody timed it. ``partial``: the part of an answer that did arrive, as an `Answer` that
    is not whole, or None.
    """

    may_have_been_sent = True

    def __init__(
        self,
        reason: str,
        *,
        url: str,
        sent_at: datetime | None,
        failed_at: datetime,
        elapsed_ms: int | None,
        partial: Answer | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.url = url
        self.sent_at = sent_at
        self.failed_at = failed_at
        self.elapsed_ms = elapsed_ms
        self.partial = partial


class NothingSent(Unreachable):
    """Not one byte of the request left: name, connect, TLS or proxy failed."""

    may_have_been_sent = False


class AnswerLost(Unreachable):
    """The request may have arrived and been carried out; its answer did not, or not whole."""


def has_left(result: Answer | Unreachable | None) -> bool:
    """Whether some byte of the request left; ``result``: None where nobody tried to send it."""
    return isinstance(result, Answer) or (result is not None and result.may_have_been_sent)


class Interim(HTTPException):
    """A 1xx where the final answer was due.

    http.client takes every 1xx but 100 for the final one. The true answer then still comes, and
    would be read as that of the next request on this connection.
    """


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick the allow-listed headers, lower-case, printable and cut: safe for any store and page."""
    kept = {}
    for name, value in headers.items():
        if name.lower() in KEPT_HEADERS:
            kept[name.lower()] = _NOT_PRINTABLE.sub("?", value[:MAX_HEADER_CHARS])
    return kept


def plain_reason(error: BaseException) -> str:
    """Find words for the innermost cause; never an exception's text, which may hold anything."""
    causes = list(_causes(error))
    for kind, words in _REASONS:
        for cause in causes:
            if isinstance(cause, kind):
                return words
    return f"the exchange of bytes failed ({type(causes[-1]).__name__})"


def _causes(error: BaseException) -> list[BaseException]:
    """List ``error`` and all it wraps; requests and urllib3 hide causes in args and ``reason``."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and all(cause is not known for known in seen):
            seen.append(cause)
            waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
            waiting += cause.args
    return seen


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (DeadlinePassed, "no whole answer before the deadline"),
    (Interim, "an interim answer came where the final one was due"),
    (socket.gaierror, "the exchange's name could not be resolved"),
    (ssl.SSLCertVerificationError, "the exchange's TLS certificate is not trusted"),
    (urllib3.exceptions.ProxyError, "the proxy did not let the request through"),
    (ConnectionRefusedError, "the connection was refused"),
    (TimeoutError, "it took too long"),
    (urllib3.exceptions.TimeoutError, "it took too long"),
    (ssl.SSLError, "TLS failed"),
    (ConnectionResetError, "the connection was reset"),
    (urllib3.exceptions.IncompleteRead, "the answer broke off"),
    (ConnectionError, "the connection was closed without a whole answer"),
    (HTTPException, "the answer was not readable as HTTP"),
)
