"""The one HTTP door to the exchange: send bytes, get an `Answer` or a named error.

An HTTP status of any kind is an Answer. No Answer is either `NothingSent` (not one byte of the
request left this machine) or `AnswerLost` (some may have: the request may have been carried out).
Nothing is retried, redirected, decoded or judged here; answers.py judges.
"""

import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from .connection_pools import POOLS, Standing
from .connections import tls_context
from .deadlines import Exchange, begin
from .side_by_side import SideBySide
from .talk import TROUBLE, Talk
from .transport import Answer, AnswerLost, NothingSent, Unreachable

__all__ = ["Answer", "AnswerLost", "Client", "NothingSent", "Unreachable"]

VERSION = "0.1.0"
USER_AGENT = f"pacifica-desk/{VERSION}"
MAX_SIGNED_ANSWER_BYTES = 1024 * 1024
MAX_READ_ANSWER_BYTES = 32 * 1024 * 1024


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
        url, cap = self.base_url + path, MAX_SIGNED_ANSWER_BYTES
        return self._exchange("POST", url, body, _body_headers(body), api_config_key, cap, within_s)

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

    def side_by_side(self, at_most: int) -> SideBySide[Any] | None:
        """Make a door for many posts at once, over connections that stand; None through a proxy."""
        if self._proxies:
            return None
        return SideBySide(
            self._pool(), at_most=at_most, cap=MAX_SIGNED_ANSWER_BYTES, prepare=self._prepared
        )

    def missing(self, wanted: int) -> int:
        """How many connections more would have to stand for so many posts at once."""
        return 0 if self._proxies else wanted - self._pool().count_standing(wanted)

    def open_one(self) -> None:
        """Open a connection for a post that comes; one that cannot be had is had no more than then.

        The post itself will say why.
        """
        try:
            self._pool().open_one(self._new_exchange())
        except TROUBLE:
            return

    def close(self) -> None:
        """Close the kept connections."""
        self._adapter.close()

    def _prepared(
        self, path: str, body: bytes, api_config_key: str | None
    ) -> tuple[Talk, dict[str, str]]:
        headers = self._headers | _body_headers(body) | key_header(api_config_key)
        return Talk(self.base_url + path, self._new_exchange(has_body=bool(body))), headers

    def _new_exchange(self, *, has_body: bool = False, within_s: float | None = None) -> Exchange:
        return Exchange(
            connect_timeout_s=self._connect_timeout_s,
            read_timeout_s=self._read_timeout_s,
            deadline_s=self._deadline_s if within_s is None else min(within_s, self._deadline_s),
            has_body=has_body,
        )

    def _pool(self) -> Standing:
        return self._process_adapter().pool_of(self.base_url)

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
        exchange = self._new_exchange(has_body=bool(body), within_s=within_s)
        talk = Talk(url, exchange)
        begin(exchange)
        try:
            limits = (exchange.connect_left_s(), exchange.read_timeout_s)
            raw: Any = adapter.send(request, stream=True, timeout=limits, proxies=self._proxies)
            talk.receive(raw, cap)  # `build_response` leaves it as urllib3 made it
        except TROUBLE as error:
            exchange.hang_up()
            raise talk.unreachable(error) from error
        return talk.answer()

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


class _DeadlineAdapter(HTTPAdapter):
    """A requests adapter over `connections`: no retry, one TLS context, raw answers."""

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

    def pool_of(self, url: str) -> Standing:
        """Return the pool whose connections requests to this address use."""
        request = requests.PreparedRequest()
        request.url = url
        pool: Any = self.get_connection_with_tls_context(request, True)
        self.cert_verify(pool, url, True, None)
        return cast(Standing, pool)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Have certificates checked against the shared context.

        requests would name its CA bundle here, and every new connection would read it again:
        26 ms of CPU each.
        """
        conn.cert_reqs = "CERT_REQUIRED"

    def build_response(self, req: Any, resp: Any) -> Any:
        """Return urllib3's answer as it came: no cookies kept, nothing decoded."""
        return resp


def _body_headers(body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json", "Content-Length": str(len(body))}


def key_header(api_config_key: str | None) -> dict[str, str]:
    """Name the API config key, where there is one. Raises ValueError where it cannot be sent."""
    if api_config_key is None:
        return {}
    # Checked here because http.client's own complaint would repeat the key.
    if not api_config_key.isascii() or not api_config_key.isprintable():
        raise ValueError("the API config key must be printable ASCII")
    return {"PF-API-KEY": api_config_key}
