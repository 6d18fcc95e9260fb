"""The client of the configured exchange: one a process, its address from the settings alone."""

import functools
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.conf import settings

from orders.keys.signer import SignedRequest
from orders.pacifica.client import VERSION, Client

STALE_AFTER = 0.5  # of the expiry window; what has not left by then is not sent
THREADS = 32  # measured: more gain nothing below 100 ms of latency


def client() -> Client:
    """Return the one door to the network this installation is for. It survives forks by itself.

    It is made once, even for many threads that want it at the same moment: each would read the
    authorities' certificates, 40 ms of work.
    """
    with _making:
        return _made()


def forget() -> None:
    """Have it made anew, by the settings as they are then: for tests."""
    _made.cache_clear()


def _in_child() -> None:
    global _making
    _making = threading.Lock()  # a thread may hold it that the child does not have


_making = threading.Lock()
os.register_at_fork(after_in_child=_in_child)


@functools.cache
def _made() -> Client:
    return Client(
        base_url=settings.PACIFICA_URL,
        connect_timeout_s=settings.PACIFICA_CONNECT_TIMEOUT_MS / 1000,
        read_timeout_s=settings.PACIFICA_READ_TIMEOUT_MS / 1000,
        deadline_s=settings.PACIFICA_DEADLINE_MS / 1000,
        pool_size=THREADS * (settings.BULK_THREADS + 1),  # each sending thread has that many
        proxy=settings.PACIFICA_PROXY_URL or None,
        ca_file=settings.PACIFICA_CA_FILE or None,
    )


class SigningTimes(TypedDict):
    """When a request is signed and how long its signature counts, both in milliseconds."""

    timestamp: int
    expiry_window: int


def signing_times(now: datetime) -> SigningTimes:
    """Return the times with which a request is signed now."""
    window = settings.PACIFICA_EXPIRY_WINDOW_MS
    return {"timestamp": int(now.timestamp() * 1000), "expiry_window": window}


def is_stale(request: SignedRequest, now: datetime) -> bool:
    """Whether so much of its window is over that the request may no longer leave: it could arrive
    too late."""
    age_ms = now.timestamp() * 1000 - request.timestamp
    return age_ms > request.expiry_window * STALE_AFTER


def described(route: str, requests: Sequence[SignedRequest]) -> dict[str, Any]:
    """Describe an HTTP request for the log, which keeps this beside its bytes.

    ``requests``: the signed ones in it, all of one signer, account and time; several in a batch.
    """
    first = requests[0]
    facts: dict[str, Any]
    if len(requests) > 1:
        facts = {
            "signed_texts": [request.text for request in requests],
            "signatures": [request.signature for request in requests],
        }
    else:
        facts = {"signed_text": first.text, "signature": first.signature}
    return facts | {
        "method": "POST",
        "url": settings.PACIFICA_URL + route,
        "signer": first.signer,
        "account": first.account,
        "timestamp": first.timestamp,
        "expiry_window": first.expiry_window,
        "version": VERSION,
    }
