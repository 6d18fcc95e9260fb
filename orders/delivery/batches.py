"""Put signed cancels into HTTP requests: one alone, or up to ten in a batch."""

import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from datetime import datetime

from desk import logs
from orders.exchange.client import THREADS, client, is_stale
from orders.keys.signer import SignedRequest
from orders.lifecycle.deliveries import ClaimedCancel, OutgoingRequest
from orders.models import CancelKind
from orders.pacifica.client import Answer, AnswerLost, Unreachable
from orders.pacifica.signing import BATCH_ROUTE, BATCH_SIZE

logger = logging.getLogger(__name__)
MAX_BYTES = 4000  # bodies are bounded to about 4 KB (Rust SDK's rate-limits page)
ACTIONS = {CancelKind.ORDER.value: b"Cancel", CancelKind.STOP.value: b"CancelStopOrder"}
LOOK_EVERY_S, LOOK_SOON_S = 0.2, 0.002


def packed(pairs: list[tuple[ClaimedCancel, SignedRequest]]) -> list[OutgoingRequest]:
    """Put (cancel, signed request) pairs into HTTP requests, in their order. TWAPs go alone."""
    alone = [pair for pair in pairs if pair[0].send_alone or pair[0].kind not in ACTIONS]
    together = [pair for pair in pairs if not pair[0].send_alone and pair[0].kind in ACTIONS]
    packets = [_batch(group) for group in _groups(together)]
    return packets + [_single(*pair) for pair in alone]


def make_ready(count: int) -> Future[None] | None:
    """Have connections opened for so many cancels, while they are signed and recorded.

    Returns the future of all of them, or None where enough stand. One of this thread's pool starts
    the others: to start a thread takes about as long as to sign two cancels.
    """
    requests = min(THREADS, -(-count // BATCH_SIZE))
    missing = client().missing(requests) if requests > 1 else 0  # a single one opens its own
    if not missing:
        return None
    pool = _pool()
    with suppress(RuntimeError):  # no more threads could be had
        return pool.submit(_open, pool, missing)
    return None


def _open(pool: ThreadPoolExecutor, missing: int) -> None:
    """Open so many connections, one in this thread and each other one in one of its own."""
    others: list[Future[None]] = []
    with suppress(RuntimeError):
        for _ in range(missing - 1):
            others.append(pool.submit(client().open_one))
    client().open_one()
    wait(others)


def send(
    packets: list[OutgoingRequest],
    clock: Callable[[], datetime],
    is_stopped: Callable[[], bool],
    api_config_key: str | None = None,
    opening: Future[None] | None = None,
) -> None:
    """Send side by side, touching no database meanwhile but by ``is_stopped``.

    What waited too long for its turn is not sent, nor anything once ``is_stopped`` says so; it is
    asked before each leaves. Nothing that befalls one of them, or that question, loses the answers
    to the others. ``opening``: of `make_ready`.
    """
    if not packets or _must_stop(is_stopped):
        return
    if len(packets) == 1:
        _send(packets[0], clock, api_config_key)
        return
    left = _send_beside(packets, clock, is_stopped, api_config_key, opening)
    if left:
        _send_in_threads(left, clock, is_stopped, api_config_key)


def _send_beside(
    packets: list[OutgoingRequest],
    clock: Callable[[], datetime],
    is_stopped: Callable[[], bool],
    api_config_key: str | None,
    opening: Future[None] | None,
) -> list[OutgoingRequest]:
    """Send in this thread, over connections that stand; return those for which there are none."""
    door = client().side_by_side(THREADS)
    if door is None:
        return packets
    left, under_way = deque(packets), list[OutgoingRequest]()
    try:
        with closing(door):
            while left or door.is_busy:
                while left and door.has_room():
                    if under_way and _must_stop(is_stopped):
                        left.clear()
                        break
                    packet = left.popleft()
                    if not is_stale(packet.requests[0], clock()):
                        under_way.append(packet)
                        door.begin(packet, packet.route, packet.body, api_config_key)
                is_opening = opening is not None and not opening.done()
                if left and not door.is_busy and not is_opening and not door.has_room():
                    break
                for packet, result in door.wait(LOOK_SOON_S if is_opening else LOOK_EVERY_S):
                    packet.result = _told(result, packet, clock())
    except Exception as error:
        for packet in under_way:
            packet.result = packet.result or _told(error, packet, clock())
        left.clear()
    return list(left)


def _told(
    result: Answer | Exception, packet: OutgoingRequest, now: datetime
) -> Answer | Unreachable:
    """Return how it ended; what nobody foresaw may have left."""
    if isinstance(result, Answer | Unreachable):
        return result
    return _broken_off(type(result).__name__, packet, now)


def _send_in_threads(
    packets: list[OutgoingRequest],
    clock: Callable[[], datetime],
    is_stopped: Callable[[], bool],
    api_config_key: str | None,
) -> None:
    """Send each in a thread of its own, which opens its connection: to a proxy, or if need be."""
    turns, pool = _Turns(), _pool()
    waiting: set[Future[None]] = set()
    try:
        for packet in packets:
            if len(waiting) == THREADS:
                _, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            if waiting and turns.end_if(_must_stop(is_stopped)):
                break
            here = contextvars.copy_context()  # what a line is about is not known to other threads
            waiting.add(pool.submit(here.run, turns.take, packet, clock, api_config_key))
            turns.given += 1
        while waiting:
            _, waiting = wait(waiting, timeout=LOOK_EVERY_S if turns.are_taken else LOOK_SOON_S)
            if not turns.are_taken:
                turns.end_if(_must_stop(is_stopped))
    except BaseException as error:
        let_go()
        pool.shutdown()  # nothing is left to be sent behind the caller's back
        if not isinstance(error, RuntimeError):
            raise
        logger.error("No more threads could be had: the rest is sent later.")


def let_go() -> None:
    """End this thread's pool: for a thread that may not send again for long."""
    if hasattr(_own, "pool"):
        _own.pool.shutdown()
        del _own.pool


def _pool() -> ThreadPoolExecutor:
    """Give this thread its own pool, kept for its next chunk.

    To make threads costs as much as to send. No thread takes another's pool: urgent requests
    would queue behind bulk's, which may hang.
    """
    if not hasattr(_own, "pool"):
        _own.pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="send")
    return _own.pool


class _Own(threading.local):
    """What each thread has of its own."""

    pool: ThreadPoolExecutor


_own = _Own()


class _Turns:
    """Whose turn has come: a packet whose thread is late is not sent once the turns have ended."""

    def __init__(self) -> None:
        self.given, self._have_ended = 0, False
        self._taken: list[OutgoingRequest] = []

    @property
    def are_taken(self) -> bool:
        """Whether there is nothing left to keep from leaving."""
        return self._have_ended or len(self._taken) >= self.given

    def end_if(self, is_over: bool) -> bool:
        """Let nothing more leave; whether that is so."""
        self._have_ended = self._have_ended or is_over
        return self._have_ended

    def take(
        self, packet: OutgoingRequest, clock: Callable[[], datetime], api_config_key: str | None
    ) -> None:
        """In a thread, send the request, unless the turns have ended."""
        if not self._have_ended:
            self._taken.append(packet)
            _send(packet, clock, api_config_key)


def _send(
    packet: OutgoingRequest, clock: Callable[[], datetime], api_config_key: str | None
) -> None:
    if is_stale(packet.requests[0], clock()):
        return
    try:
        packet.result = client().post(packet.route, packet.body, api_config_key=api_config_key)
    except Unreachable as unreachable:
        packet.result = unreachable
    except Exception as error:  # whatever it is: some bytes may have left before it
        packet.result = _broken_off(type(error).__name__, packet, clock())


def _broken_off(what: str, packet: OutgoingRequest, failed_at: datetime) -> AnswerLost:
    with logs.bound(cancels=[cancel.pk for cancel in packet.cancels]):
        logger.error("Sending broke off unexpectedly: %s.", what)  # its own text may hold anything
    reason = f"sending broke off unexpectedly ({what})"
    url = client().base_url + packet.route
    return AnswerLost(reason, url=url, sent_at=None, failed_at=failed_at, elapsed_ms=None)


def _must_stop(is_stopped: Callable[[], bool]) -> bool:
    """Whether the rest must wait; where that cannot be told, it must."""
    try:
        return is_stopped()
    except Exception as error:
        logger.error("Whether to stop could not be asked: %s.", type(error).__name__)
        return True


def _single(cancel: ClaimedCancel, request: SignedRequest) -> OutgoingRequest:
    return OutgoingRequest([cancel], [request], request.route, request.body)


def _batch(group: list[tuple[ClaimedCancel, SignedRequest]]) -> OutgoingRequest:
    if len(group) == 1:
        return _single(*group[0])
    cancels, requests = [cancel for cancel, _ in group], [request for _, request in group]
    actions = b",".join(_action(*pair) for pair in group)
    return OutgoingRequest(cancels, requests, BATCH_ROUTE, b'{"actions":[' + actions + b"]}")


def _action(cancel: ClaimedCancel, request: SignedRequest) -> bytes:
    return b'{"type":"' + ACTIONS[cancel.kind] + b'","data":' + request.body + b"}"


def _groups(
    pairs: list[tuple[ClaimedCancel, SignedRequest]],
) -> Iterator[list[tuple[ClaimedCancel, SignedRequest]]]:
    """Runs of at most ten that fit one body."""
    group: list[tuple[ClaimedCancel, SignedRequest]] = []
    size = 0
    for pair in pairs:
        length = len(_action(*pair)) + 1
        if group and (len(group) == BATCH_SIZE or size + length > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(pair)
        size += length
    if group:
        yield group
