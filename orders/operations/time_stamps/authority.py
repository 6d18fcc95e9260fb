"""Ask a time stamping authority."""

from urllib.parse import urlsplit

from orders.operations import outside_post
from orders.operations.outside_post import NoAnswer

TIMEOUT_S = (5, 10)  # to connect, between bytes
MAX_ANSWER_BYTES = 64 * 1024
HEADERS = {"Content-Type": "application/timestamp-query"}


class CannotStamp(Exception):
    """No time stamp was got. The text is safe to log: it names no address."""


def name_of(url: str) -> str:
    """Return an authority's name: its host and port, for the rest may be secret."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def ask(url: str, query: bytes) -> bytes:
    """POST the query (DER); return the answer's bytes. Raises `CannotStamp`."""
    try:
        status, body = outside_post.post(
            url, query, headers=HEADERS, timeout_s=TIMEOUT_S, at_most=MAX_ANSWER_BYTES
        )
    except NoAnswer as error:
        raise CannotStamp(f"it did not answer ({error})") from None
    if len(body) > MAX_ANSWER_BYTES:
        raise CannotStamp("it answered too much")
    if status != 200:
        raise CannotStamp(f"it answered HTTP {status}")
    return body
