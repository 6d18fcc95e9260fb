"""The one door to time stamping authorities; nothing else uses it."""

from urllib.parse import urlsplit

import requests

TIMEOUT_S = (5, 10)  # to connect, between bytes
MAX_ANSWER_BYTES = 64 * 1024
HEADERS = {"Content-Type": "application/timestamp-query", "User-Agent": "pacifica-desk"}


class CannotStamp(Exception):
    """No time stamp was got. The text is safe to log: it names no address."""


def name_of(url: str) -> str:
    """Return an authority's name: its host and port, for the rest may be secret."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def ask(url: str, query: bytes) -> bytes:
    """POST the query (DER); return the answer's bytes. Raises `CannotStamp`.

    No redirect is followed, no proxy taken from the environment.
    """
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url,
                data=query,
                headers=HEADERS,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer:
                status, body = answer.status_code, b""
                for piece in answer.iter_content(8192):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise CannotStamp("it answered too much")
        except (requests.RequestException, OSError, ValueError) as error:
            raise CannotStamp(f"it did not answer ({type(error).__name__})") from None
    if status != 200:
        raise CannotStamp(f"it answered HTTP {status}")
    return body
