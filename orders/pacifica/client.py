"""The one HTTP door to the exchange: send bytes, get an `Answer` or a named error.

An HTTP status of any kind is an Answer. No Answer is either `NothingSent` (not one byte of the
request left this machine) or `AnswerLost` (some may have: the request may have been carried out).
Nothing is retried, redirected, decoded or judged here; answers.py judges.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .connections import POOLS, Exchange, begin, tls_context
from .transport import (
    Answer,
    AnswerLost,
    Interim,
    NothingSent,
    Unreachable,
    kept_headers,
    plain_reason,
)

__all__ = ["Answer", "AnswerLost", "Client", "NothingSent", "Unreachable"]

VERSION = "0.1.0"
USER_AGENT = f"pacifica-desk/{VERSION}"
MAX_SIGNED_ANSWER_BYTES = 1024 * 1024
MAX_READ_ANSWER_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 65536


class Client:
    """The door to one exchange, for any number of threads. Connections are kept per process.

    ``base_url``: with ``/api/v1``, no slash at its end. Times in seconds: ``connect_timeout_s``
    for name, connect and handshake together, ``read_timeout_s`` for each silence,
    ``deadline_s`` for all from the first connect to the last byte. ``pool_size``: connections
    kept, as many as threads. ``proxy``: URL or None (the environment is never asked).
    ``ca_file``: PEM file of the trusted authorities instead of certifi's.
    """

    def __init__(
        self,
        *,
        base_url: str,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 10.0,
        deadline_s: float = 15.0,
        pool_size: int = 64,
        proxy: str | None = None,
        ca_file: str | None = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._deadline_s = deadline_s
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._pool_size, self._ca_file = pool_size, ca_file
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        self._made_in, self._adapter = os.getpid(), self._new_adapter()

    def post(
        self,
        path: str,
        body: bytes,
        *,
        api_config_key: str | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """Send a signed request's exact bytes; return an `Answer`, or raise an `Unreachable`.

        ``within_s``: a deadline for this one alone, where it is nearer than the client's own.
        """
        if not isinstance(body, bytes):
            raise TypeError("the body must be bytes: the very ones that were recorded")
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        url = self.base_url + path
        return self._exchange(
            "POST", url, body, headers, api_config_key, MAX_SIGNED_ANSWER_BYTES, within_s
        )

    def get(
        self,
        path: str,
        params: Mapping[str, str | int | None] | None = None,
        *,
        api_config_key: str | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """Read. Never with a body: CloudFront refuses such a GET (docs.pacifica.fi API FAQ).

        ``within_s``: as of `post`.
        """
        query = {name: value for name, value in (params or {}).items() if value is not None}
        url = self.base_url + path + ("?" + urlencode(query) if query else "")
        return self._exchange("GET", url, None, {}, api_config_key, MAX_READ_ANSWER_BYTES, within_s)

    def close(self) -> None:
        """Close the kept connections."""
        self._adapter.close()

    def _exchange(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        api_config_key: str | None,
        cap: int,
        within_s: float | None,
    ) -> Answer:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body
        # urllib3 takes any mapping; a CaseInsensitiveDict takes 11 µs more to make and read.
        every_header = self._headers | headers | key_header(api_config_key)
        request.headers = every_header  # type: ignore[assignment]  # any mapping will do
        adapter = self._process_adapter()
        exchange = Exchange(
            connect_timeout_s=self._connect_timeout_s,
            read_timeout_s=self._read_timeout_s,
            deadline_s=self._deadline_s if within_s is None else min(within_s, self._deadline_s),
            has_body=bool(body),
        )
        talk = _Talk(url, exchange)
        try:
            raw = talk.receive(adapter, request, self._proxies, cap)
        except _TROUBLE as error:
            exchange.hang_up()
            raise talk.unreachable(error) from error
        return talk.answer(raw, is_whole=talk.is_whole)

    def _new_adapter(self) -> "_DeadlineAdapter":
        return _DeadlineAdapter(pool_size=self._pool_size, ca_file=self._ca_file)

    def _process_adapter(self) -> "_DeadlineAdapter":
        """Return the adapter of this process: a forked child shares its parent's sockets.

        Two threads may both make one just after a fork; the lesser evil, for a lock may be
        held by a thread that the child does not have.
        """
        if self._made_in != os.getpid():
            self._adapter = self._new_adapter()
            self._made_in = os.getpid()
        return self._adapter


# All that a network, a peer or the libraries reading it are known to raise. ValueError (an
# unreadable length or address) and AttributeError (a connection closed under its reader) too.
_TROUBLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
    ValueError,
    AttributeError,
)


class _DeadlineAdapter(HTTPAdapter):
    """A requests adapter over connections.py: no retry, one TLS context, raw answers."""

    def __init__(self, *, pool_size: int, ca_file: str | None) -> None:
        self._ca_file = ca_file
        super().__init__(pool_connections=2, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=tls_context(self._ca_file), **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=tls_context(self._ca_file), **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Have certificates checked against the shared context.

        requests would name its CA bundle here, and every new connection would read it again:
        26 ms of CPU each.
        """
        conn.cert_reqs = "CERT_REQUIRED"

    def build_response(self, req: Any, resp: Any) -> Any:
        """Return urllib3's answer as it came: no cookies kept, nothing decoded."""
        return resp


class _Talk:
    """One exchange while it runs: what was received so far, turned into an Answer or an error."""

    def __init__(self, url: str, exchange: Exchange) -> None:
        self.url, self.exchange = url, exchange
        self.started_at = datetime.now(UTC)
        self.raw: urllib3.HTTPResponse | None = None
        self.pieces: list[bytes] = []
        self.is_whole = False

    def receive(
        self,
        adapter: _DeadlineAdapter,
        request: requests.PreparedRequest,
        proxies: dict[str, str],
        cap: int,
    ) -> urllib3.HTTPResponse:
        """Send the request and read its answer, up to ``cap`` bytes of it."""
        begin(self.exchange)
        limits = (self.exchange.connect_left_s(), self.exchange.read_timeout_s)
        sent: Any = adapter.send(request, stream=True, timeout=limits, proxies=proxies)
        raw: urllib3.HTTPResponse = sent  # `build_response` leaves it as urllib3 made it
        self.raw = raw
        try:
            if raw.status < 200:
                raise Interim("an interim answer came where the final one was due")
            self.is_whole = self._read_body(raw, cap) and self._has_stated_length(raw)
        finally:
            if not self.is_whole:
                raw.close()  # a connection with an unread rest must not be used again
        return raw

    def _read_body(self, raw: urllib3.HTTPResponse, cap: int) -> bool:
        """Read up to ``cap`` bytes; True where the body ended within them."""
        left = cap
        while piece := raw.read1(min(_CHUNK_BYTES, left + 1), decode_content=False):
            self.pieces.append(piece[:left])
            if len(piece) > left:
                return False
            left -= len(piece)
        return True

    def _has_stated_length(self, raw: urllib3.HTTPResponse) -> bool:
        """Return False where the answer states a length that is not what came."""
        stated = raw.headers.get("content-length")
        if stated is None or raw.headers.get("transfer-encoding") is not None:
            return True
        return stated == str(sum(map(len, self.pieces)))

    def answer(self, raw: urllib3.HTTPResponse, *, is_whole: bool) -> Answer:
        """Make the `Answer`. Raises RuntimeError where it would have to guess a time."""
        now, sent, first_byte = monotonic(), self.exchange.sent, self.exchange.first_byte
        if sent is None or first_byte is None:
            raise RuntimeError("an answer was read whose bytes nobody saw come")
        return Answer(
            status=raw.status,
            headers=kept_headers(raw.headers),
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
            partial=self.answer(self.raw, is_whole=False) if self.raw is not None else None,
        )

    def _at(self, moment: float) -> datetime:
        """Tell the wall time of a monotonic moment; one clock reading, so no step can reorder."""
        return self.started_at + timedelta(seconds=moment - self.exchange.started)


def key_header(api_config_key: str | None) -> dict[str, str]:
    """Name the API config key, where there is one. Raises ValueError where it cannot be sent."""
    if api_config_key is None:
        return {}
    # Checked here because http.client's own complaint would repeat the key.
    if not api_config_key.isascii() or not api_config_key.isprintable():
        raise ValueError("the API config key must be printable ASCII")
    return {"PF-API-KEY": api_config_key}
