"""Beats of bots, taken beside the web by the process `push`: many at once in one transaction.

The web takes the same request; there each beat costs a whole request of Django and a commit. Both
let in by the same token and answer the same. A proxy passes beats here (deploy/proxy).
"""

import asyncio
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections, connections, transaction

from desk.event_streams import Message, Receive, Send
from orders.access.sign_in_log import client_address
from orders.api import beside_web
from orders.api.callers import Caller
from orders.api.guard_routes import may_beat, told
from orders.api.problems import WAIT, Refused
from orders.panic.guard import arming

logger = logging.getLogger(__name__)

UNHEARD = "The desk could not write this beat in time. Beat again."
_BEAT = re.compile(r"/api/v1/guards/([0-9]{1,18})/beat")
_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
Heard = dict[int, dict[int, arming.Heard | None]]  # by desk and guard


@dataclass(frozen=True)
class Limits:
    """How long beats wait for each other, and how much is kept."""

    gathered_s: float = 0.04  # those that come within it share a transaction
    held_s: float = 1  # for which a beat waits for who holds its guard
    recordings: int = 100  # of refusals, those of one transaction each, that wait for the log


class Call:
    """One beat that waits for its answer: a body, or why there is none."""

    def __init__(self, request: ASGIRequest, guard_id: int) -> None:
        self.request, self.guard_id = request, guard_id
        self.came_at = time.monotonic()
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.outcome: bytes | Refused = unheard()
        self.is_held = False  # somebody else holds the guard: it may be heard a moment later

    @property
    def who(self) -> tuple[str, str]:
        """Who calls, and from where: let in once for all beats of one transaction."""
        return self.request.headers.get("Authorization", ""), client_address(self.request)

    def tell(self) -> None:
        """Answer as it came out, unless the client has gone."""
        if self.answer.done():
            return
        if isinstance(self.outcome, Refused):
            self.answer.set_exception(self.outcome)
        else:
            self.answer.set_result(self.outcome)


def unheard() -> Refused:
    """Return the refusal of a beat of which nothing is known."""
    return Refused(503, UNHEARD, what_to_do=WAIT, headers={"Retry-After": "1"})


class Beats:
    """The application beside the pages' own."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._writing = ThreadPoolExecutor(1, "beats")
        self._recording = ThreadPoolExecutor(1, "refused beats")
        self._waiting: list[Call] = []
        self._recordings: set[asyncio.Future[None]] = set()
        self._hearing: asyncio.Task[None] | None = None

    @property
    def is_followed(self) -> bool:
        """Nobody is told anything here."""
        return False

    def takes(self, path: str) -> bool:
        """Whether this application answers there."""
        return _BEAT.fullmatch(path) is not None

    def tell(self, job_ids: Collection[int]) -> None:
        """Nothing that changes concerns a beat."""

    def close(self) -> None:
        """Those that came are heard; the server takes no more."""

    def stop(self, *, wait: bool = False) -> None:
        """Give threads and connections back."""
        for pool in (self._writing, self._recording):
            pool.submit(connections.close_all)
            pool.shutdown(wait=wait)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one beat, once it is committed."""
        try:
            call = Call(*beside_web.readable(scope, _BEAT, "POST"))
            self._waiting.append(call)
            if self._hearing is None or self._hearing.done():
                self._hearing = asyncio.create_task(self._hear())
            body = await call.answer
        except Refused as refused:
            await beside_web.refuse(send, refused)
        except asyncio.CancelledError:  # the server was told to stop, and waited long enough
            await beside_web.refuse(send, unheard())
            raise
        else:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": body})

    async def _hear(self) -> None:
        """Hear those that wait, and those that come meanwhile."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(self._limits.gathered_s)
            calls, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(self._writing, hear, calls)
            finally:
                self._tell(calls)

    def _tell(self, calls: Sequence[Call]) -> None:
        """Answer them; those whose guard is held are heard with the next, for a while."""
        patient_since = time.monotonic() - self._limits.held_s
        for call in calls:
            if call.is_held and call.came_at > patient_since:
                self._waiting.append(call)
            else:
                call.tell()
        told = {call.who: call.outcome for call in calls if isinstance(call.outcome, Refused)}
        if told and len(self._recordings) < self._limits.recordings:
            self._record(list(told.values()))

    def _record(self, refused: Sequence[Refused]) -> None:
        """Record refusals beside: that may wait for the log, and no beat waits for it."""
        loop = asyncio.get_running_loop()
        recording = loop.run_in_executor(self._recording, record, refused)
        self._recordings.add(recording)
        recording.add_done_callback(self._recordings.discard)


def record(refused: Sequence[Refused]) -> None:
    """Record refusals, as far as the database lets."""
    try:
        close_old_connections()
        for each in refused:
            each.record()
    except Exception:
        logger.exception("Refused beats cannot be recorded.")


def hear(calls: Sequence[Call]) -> None:
    """Let each in, then write all in one transaction; each has its outcome once that stands."""
    try:
        close_old_connections()
        callers = {call.who: call.request for call in calls}
        let_in = {who: _let_in(request) for who, request in callers.items()}
        heard = _beat([(call.guard_id, let_in[call.who]) for call in calls])
        for call in calls:
            _conclude(call, let_in[call.who], heard)
    except Exception:
        logger.exception("%s beats cannot be heard.", len(calls))


def _let_in(request: ASGIRequest) -> Caller | Refused:
    try:
        return may_beat.let_in(request)
    except Refused as refused:
        return refused


def _beat(calls: list[tuple[int, Caller | Refused]]) -> Heard:
    """Let the guards of those that were let in hear a beat; what each desk's guards answer."""
    guards: defaultdict[int, set[int]] = defaultdict(set)
    for guard_id, caller in calls:
        if isinstance(caller, Caller):
            guards[caller.desk.pk].add(guard_id)
    if not guards:
        return {}
    with transaction.atomic():
        return {pk: arming.beats(desk_id=pk, guard_ids=ids) for pk, ids in guards.items()}


def _conclude(call: Call, caller: Caller | Refused, heard: Heard) -> None:
    """Say how this beat came out."""
    if isinstance(caller, Refused):
        call.outcome = caller
        return
    guards = heard[caller.desk.pk]
    call.is_held = call.guard_id in guards and guards[call.guard_id] is None
    if call.is_held:
        return
    try:
        call.outcome = json.dumps(told(guards.get(call.guard_id))).encode()
    except Refused as refused:
        call.outcome = refused
