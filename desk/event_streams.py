"""Server-sent events as raw ASGI: what the streams of pages and of programs have alike."""

from collections.abc import Awaitable, Callable, MutableMapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: Nothing on the way may cache, pack or hold back what is sent (nginx heeds the last but one).
HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"content-encoding", b"identity"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class BadRequest(Exception):
    """Django would not serve this request; ``status``: as HTTP has it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def request_of(scope: Message) -> ASGIRequest:
    """Return the request as Django reads it, so that hosts and proxies mean what they mean there.

    Raises `BadRequest`.
    """
    request = ASGIRequest(scope, BytesIO())
    try:
        request.get_host()
    except DisallowedHost:
        raise BadRequest(400) from None
    if settings.HTTPS_ONLY and not request.is_secure():
        raise BadRequest(403)
    return request


async def until_gone(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
