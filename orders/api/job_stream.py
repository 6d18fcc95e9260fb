"""A job as it goes on, for programs that would else ask again and again: server-sent events.

Served by the process that pages follow, which knows when a job changed: no thread of the web is
held. One thread and one database connection read for all.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from django.utils import timezone

from desk.event_streams import HEADERS, Message, Receive, Send, until_gone
from orders.access import bearers
from orders.access.sign_in_log import client_address
from orders.api import beside_web
from orders.api.callers import Bearer, secret_in
from orders.api.door import PREFIX
from orders.api.problems import WAIT, Refused
from orders.api.read_routes import job_as_json
from orders.models import TokenRight

T = TypeVar("T")

BEAT = b": still here\n\n"
END = b"event: end\ndata: {}\n\n"
FULL = "{} follows as many jobs as may be followed at once; ask for the job itself."
BLIND, LATER_S = "The database cannot be read.", 15
_JOB = re.compile(r"/api/v1/jobs/([0-9]{1,18})/events")


@dataclass(frozen=True)
class Limits:
    """Paces, and how many may follow."""

    pause_s: float = 0.25  # between two readings of one job
    check_every_s: float = 5  # whether job and token stand as they did, though nothing was told
    beat_every_s: float = 15
    streams: int = 200
    streams_of_token: int = 8


class JobStreams:
    """The application beside the pages' own. `tell` it which jobs changed; `close` ends all."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._reading = ThreadPoolExecutor(1, "job streams")
        self._open: dict[asyncio.Event, int] = {}  # what wakes each stream, and its job
        self._of_token: Counter[int] = Counter()
        self._is_over = False

    @property
    def is_followed(self) -> bool:
        """Whether any stream is open."""
        return bool(self._open)

    def takes(self, path: str) -> bool:
        """Whether this application answers there."""
        return path.startswith(PREFIX)

    def tell(self, job_ids: Collection[int]) -> None:
        """Wake the streams of these jobs."""
        for awake, job_id in self._open.items():
            if job_id in job_ids:
                awake.set()

    def close(self) -> None:
        """End every stream: the process is told to stop."""
        self._is_over = True
        for awake in self._open:
            awake.set()

    def stop(self, *, wait: bool = False) -> None:
        """Give thread and connection back."""
        self._reading.submit(connections.close_all)
        self._reading.shutdown(wait=wait)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request: with a problem, or with a stream until the job has ended."""
        awake = asyncio.Event()
        try:
            job = _Job(*beside_web.readable(scope, _JOB, "GET"))
            token_id = await self._in_thread(job.admit)
            self._join(awake, job.pk, token_id)
        except Refused as refused:
            return await beside_web.refuse(send, refused)
        except DatabaseError:
            return await beside_web.refuse(send, Refused(503, BLIND, what_to_do=WAIT))
        gone = asyncio.ensure_future(until_gone(receive))
        gone.add_done_callback(lambda _: awake.set())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await self._follow(job, awake, gone, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            del self._open[awake]
            self._of_token[token_id] -= 1

    def _join(self, awake: asyncio.Event, job_id: int, token_id: int) -> None:
        """Count one stream more. Raises `Refused`."""
        who = "This token" if self._of_token[token_id] >= self._limits.streams_of_token else ""
        who = who or ("Everybody" if len(self._open) >= self._limits.streams else "")
        if who:
            about = {"Retry-After": str(LATER_S)}
            raise Refused(429, FULL.format(who), what_to_do=WAIT, headers=about)
        self._open[awake] = job_id
        self._of_token[token_id] += 1

    async def _follow(
        self, job: "_Job", awake: asyncio.Event, gone: "asyncio.Future[None]", send: Send
    ) -> None:
        """Send the job whenever it is another than before, until it or the token has ended."""
        before, told_at = b"", time.monotonic()
        while not (self._is_over or gone.done() or job.is_lost):
            piece = b"event: job\ndata: " + job.told + b"\n\n" if job.told != before else b""
            if not piece and time.monotonic() - told_at >= self._limits.beat_every_s:
                piece = BEAT
            if job.is_over:
                piece += END
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                before, told_at = job.told, time.monotonic()
            if job.is_over:
                return
            await self._pause(awake)
            if not (self._is_over or gone.done()):
                await self._in_thread(job.look)

    async def _pause(self, awake: asyncio.Event) -> None:
        """Wait until the job may have changed; as long as one pause at least."""
        await asyncio.sleep(self._limits.pause_s)
        try:
            async with asyncio.timeout(self._limits.check_every_s):
                await awake.wait()
        except TimeoutError:
            pass
        awake.clear()

    async def _in_thread(self, act: Callable[[], T]) -> T:
        def run() -> T:
            close_old_connections()
            return act()

        return await asyncio.get_running_loop().run_in_executor(self._reading, run)


class _Job:
    """A job as one program may see it. ``is_lost``: the program may see it no more, or nobody."""

    def __init__(self, request: ASGIRequest, pk: int) -> None:
        self._request, self.pk = request, pk
        self.told, self.is_over, self.is_lost = b"", False, False

    def admit(self) -> int:
        """Count the request as any other; read the job; return the token's id. Raises `Refused`."""
        caller = Bearer(TokenRight.READ)(self._request)
        self.told, self.is_over = job_as_json(caller.desk, self.pk)
        return caller.token.pk

    def look(self) -> None:
        """Read it again, if the token still counts."""
        secret, address = secret_in(self._request), client_address(self._request)
        try:
            token = bearers.bearer(secret=secret, address=address, now=timezone.now())
            self.is_lost = not token.may(TokenRight.READ)
            self.told, self.is_over = job_as_json(token.desk, self.pk)
        except bearers.NotAccepted as refused:
            self.is_lost = True
            refused.record()
        except (Refused, DatabaseError):
            self.is_lost = True
