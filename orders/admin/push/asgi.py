"""The stream as a raw ASGI application: one GET, refused or answered until somebody ends it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http.request import split_domain_port

from desk.event_streams import (
    HEADERS,
    BadRequest,
    Headers,
    Message,
    Receive,
    Send,
    request_of,
    until_gone,
)
from orders.admin.push.changes import job_ids_of
from orders.admin.push.hub import Full, Stream, Viewer
from orders.admin.push.service import Blind, Service

Application = Callable[[Message, Receive, Send], Awaitable[None]]

PATH = "/events"


class Beside(Protocol):
    """Another application of the same process, which is told what changed."""

    @property
    def is_followed(self) -> bool:
        """Whether anybody waits to hear what changed."""

    def takes(self, path: str) -> bool:
        """Whether it answers there."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer as ASGI has it."""

    def tell(self, job_ids: Collection[int]) -> None:
        """Hear that these jobs changed."""

    def close(self) -> None:
        """End what is open."""

    def stop(self) -> None:
        """Give back what it holds."""


class Refused(Exception):
    """There is no stream for this request; ``status`` says why, as HTTP has it."""

    def __init__(self, status: int, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


def application(service: Service, *beside: Beside) -> Application:
    """Return the ASGI application of a service, which the server starts and stops."""
    if beside:
        service.listeners.append(lambda changes: _tell(beside, job_ids_of(changes)))
        service.followers.append(lambda: any(each.is_followed for each in beside))

    async def call(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(service, receive, send)
            for each in beside:
                each.stop()
        elif other := next((each for each in beside if each.takes(scope["path"])), None):
            await other(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(service, scope, receive, send)

    return call


def _tell(beside: Iterable[Beside], job_ids: Collection[int]) -> None:
    for each in beside:
        each.tell(job_ids)


async def _live(service: Service, receive: Receive, send: Send) -> None:
    """Start the service with the server, and stop it with the server."""
    await receive()
    await service.start()
    running = asyncio.create_task(service.run())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    service.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(service: Service, scope: Message, receive: Receive, send: Send) -> None:
    origin: Headers = []
    try:
        request = _readable(scope)
        origin = _allowed_origin(request)
        viewer = await _viewer_of(service, request)
        stream = _joined(service, viewer, _position_in(request))
    except Refused as refused:
        await _refuse(send, refused.status, [*refused.headers, *origin])
        return
    try:
        await _serve(stream, origin, receive, send)
    except asyncio.CancelledError:  # dropped: the server closes what is left of it
        pass
    finally:
        service.hub.leave(stream)


def _readable(scope: Message) -> ASGIRequest:
    """Return the request as Django reads it. Raises `Refused`."""
    if scope["path"] != PATH:
        raise Refused(404)
    if scope["method"] != "GET":
        raise Refused(405, (b"allow", b"GET"))
    try:
        return request_of(scope)
    except BadRequest as bad:
        raise Refused(bad.status) from None


def _allowed_origin(request: ASGIRequest) -> Headers:
    """Return what lets a page of this very host read from another port. Raises `Refused`."""
    origin = request.headers.get("Origin", "")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "same-site"}:
        raise Refused(403)
    if not origin:
        return [(b"cross-origin-resource-policy", b"same-origin")]
    if not _is_of_site(origin, request):
        raise Refused(403)
    return [
        (b"access-control-allow-origin", origin.encode("latin-1", "replace")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]


def _is_of_site(origin: str, request: ASGIRequest) -> bool:
    """Whether a page of this origin is one of the site's own; another port, if one is set."""
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    if page.scheme != request.scheme:
        return False
    if page.netloc == request.get_host():
        return True
    same_name = split_domain_port(page.netloc)[0] == split_domain_port(request.get_host())[0]
    return same_name and bool(settings.EVENTS_PORT)


async def _viewer_of(service: Service, request: ASGIRequest) -> Viewer:
    """Return who asks. Raises `Refused`."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not 8 <= len(key) <= 40 or not key.isascii() or not key.isalnum():
        raise Refused(401)
    try:
        viewer = await service.viewer_of(key)
    except Blind:
        raise Refused(503, (b"retry-after", b"5")) from None
    if viewer is None:
        raise Refused(401)
    return viewer


def _position_in(request: ASGIRequest) -> int | None:
    """Return after which position the page wants to go on: what the browser says wins."""
    for said in (request.headers.get("Last-Event-ID", ""), request.GET.get("after", "")):
        if said.isascii() and said.isdigit() and len(said) < 19:
            return int(said)
    return None


def _joined(service: Service, viewer: Viewer, after: int | None) -> Stream:
    """Return the open stream. Raises `Refused`."""
    try:
        return service.hub.join(viewer, after)
    except Full as full:
        status = 429 if full.is_of_person else 503
        raise Refused(status, (b"retry-after", b"60")) from None


async def _serve(stream: Stream, origin: Headers, receive: Receive, send: Send) -> None:
    """Send what comes, until the stream or its client ends."""
    gone = asyncio.ensure_future(until_gone(receive))
    gone.add_done_callback(lambda _: stream.end())
    try:
        headers = [*HEADERS, *origin]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while message := await stream.next():
            await send({"type": "http.response.body", "body": message, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _refuse(send: Send, status: int, headers: Headers) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")
    start = {"type": "http.response.start", "status": status, "headers": [*plain, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": b"No stream.\n"})
