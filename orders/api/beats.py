"""Beats of bots, taken beside the web by the process `push`: many at once in one transaction.

The web takes the same request; there each beat costs a whole request of Django and a commit. Both
let in by the same token and answer the same. A proxy passes beats here (deploy/proxy).
"""

import asyncio
import json
import logging
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

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

GATHERED_S = 0.04  # those that come within it share a transaction
UNHEARD = "The desk cannot write now: this beat was not heard."
Outcome = bytes | Refused
Heard = dict[int, dict[int, arming.Heard]]  # by desk and guard
_BEAT = re.compile(r"/api/v1/guards/([0-9]{1,18})/beat")
_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


class Call:
    """One beat that waits for its answer: a body, or why there is none."""

    def __init__(self, request: ASGIRequest, guard_id: int) -> None:
        self.request, self.guard_id = request, guard_id
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.outcome: Outcome = Refused(503, UNHEARD, what_to_do=WAIT)

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


class Beats:
    """The application beside the pages' own."""

    def __init__(self, gathered_s: float = GATHERED_S) -> None:
        self._gathered_s = gathered_s
        self._writing = ThreadPoolExecutor(1, "beats")
        self._waiting: list[Call] = []
        self._hearing: asyncio.Task[None] | None = None

    def takes(self, path: str) -> bool:
        """Whether this application answers there."""
        return _BEAT.fullmatch(path) is not None

    def tell(self, job_ids: Collection[int]) -> None:
        """Nothing that changes concerns a beat."""

    def close(self) -> None:
        """Those that came are heard; the server takes no more."""

    def stop(self, *, wait: bool = False) -> None:
        """Give thread and connection back."""
        self._writing.submit(connections.close_all)
        self._writing.shutdown(wait=wait)

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
        else:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": body})

    async def _hear(self) -> None:
        """Hear those that wait, and those that come meanwhile."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(self._gathered_s)
            calls, self._waiting = self._waiting, []
            await loop.run_in_executor(self._writing, hear, calls)
            for call in calls:
                call.tell()


def hear(calls: Sequence[Call]) -> None:
    """Let each in, then write all in one transaction; each has its outcome once that stands."""
    try:
        close_old_connections()
        callers = {call.who: call.request for call in calls}
        let_in = {who: _let_in(request) for who, request in callers.items()}
        heard = _beat([(call.guard_id, let_in[call.who]) for call in calls])
    except Exception:
        logger.exception("%s beats cannot be heard.", len(calls))
        return
    for call in calls:
        call.outcome = _outcome(let_in[call.who], call.guard_id, heard)


def _let_in(request: ASGIRequest) -> Caller | Refused:
    try:
        return may_beat(request)
    except Refused as refused:
        return refused


def _beat(calls: list[tuple[int, Caller | Refused]]) -> Heard:
    """Let the guards of those that were let in hear a beat; what each desk's guards answer."""
    guards: defaultdict[int, set[int]] = defaultdict(set)
    for guard_id, caller in calls:
        if isinstance(caller, Caller):
            guards[caller.desk.pk].add(guard_id)
    with transaction.atomic():
        return {pk: arming.beats(desk_id=pk, guard_ids=ids) for pk, ids in sorted(guards.items())}


def _outcome(caller: Caller | Refused, guard_id: int, heard: Heard) -> Outcome:
    if isinstance(caller, Refused):
        return caller
    try:
        return json.dumps(told(heard[caller.desk.pk].get(guard_id))).encode()
    except Refused as refused:
        return refused
