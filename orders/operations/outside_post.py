"""The one door to addresses that an administrator names: no redirect, no proxy of the machine."""

import requests

PIECE = 8192


class NoAnswer(Exception):
    """Nothing came back. The text is the kind of error: its own words may hold the address."""


def post(
    url: str, body: bytes, *, headers: dict[str, str], timeout_s: tuple[float, float], at_most: int
) -> tuple[int, bytes]:
    """POST the body; return the status and the answer's beginning. Raises `NoAnswer`.

    ``timeout_s``: to connect, and between bytes. ``at_most``: bytes; one more tells that it is cut.
    """
    headers = {"User-Agent": "pacifica-desk", **headers}
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url,
                data=body,
                headers=headers,
                timeout=timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return answer.status_code, _beginning(answer, at_most)
        except (requests.RequestException, OSError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from None


def _beginning(answer: requests.Response, at_most: int) -> bytes:
    told = b""
    for piece in answer.iter_content(PIECE):
        told += piece
        if len(told) > at_most:
            break
    return told[: at_most + 1]
