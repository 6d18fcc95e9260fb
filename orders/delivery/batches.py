"""Send the requests of a chunk: a single one, or many side by side."""

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime

from desk import logs
from orders.delivery import packets
from orders.exchange.client import THREADS, client, is_stale
from orders.lifecycle.deliveries import ClaimedCancel, OutgoingRequest
from orders.pacifica.client import Answer, AnswerLost, Unreachable
from orders.pacifica.side_by_side import SideBySide

logger = logging.getLogger(__name__)
LOOK_EVERY_S, LOOK_SOON_S = 0.2, 0.002
OPENING_S = 0.5  # so long what has no connection waits for one that is being opened


class Opening:
    """Connections that are being opened, each in a thread of its own; none waits for another."""

    def __init__(self, count: int) -> None:
        self._left, self._counting = count, threading.Lock()
        self._patient_until = time.monotonic() + OPENING_S

    @property
    def is_over(self) -> bool:
        """Whether all are opened, or cannot be."""
        return self._left <= 0

    @property
    def is_worth_waiting_for(self) -> bool:
        """Whether what has no connection shall still wait for one of these."""
        return not self.is_over and time.monotonic() < self._patient_until

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Have the others opened, and open one."""
        for number in range(1, self._left):
            try:
                pool.submit(self._open_one)
            except RuntimeError:  # no more threads could be had
                self._less(self._left - number)
                break
        self._open_one()

    def _open_one(self) -> None:
        try:
            client().open_one()
        finally:
            self._less(1)

    def _less(self, count: int) -> None:
        with self._counting:
            self._left -= count


def make_ready(chunk: Sequence[ClaimedCancel]) -> Opening | None:
    """Have connections opened for these cancels, while they are signed and recorded.

    None where enough stand. One thread starts the others: to start one takes about as long as to
    sign two cancels.
    """
    requests = min(THREADS, packets.count_of(chunk))
    if requests < 2:  # a single one opens its own
        return None
    if _own.opening is not None and not _own.opening.is_over:
        return _own.opening
    _own.opening = None
    with suppress(Exception):  # whatever keeps them from being opened, their requests will say
        if missing := client().missing(requests):
            opening = Opening(missing)
            pool = _pool()
            pool.submit(opening.begin, pool)
            _own.opening = opening
    return _own.opening


def send(
    requests: list[OutgoingRequest],
    clock: Callable[[], datetime],
    is_stopped: Callable[[], bool],
    api_config_key: str | None = None,
    opening: Opening | None = None,
) -> None:
    """Send side by side, touching no database meanwhile but by ``is_stopped``.

    What waited too long for its turn is not sent, nor anything once ``is_stopped`` says so; it is
    asked before each leaves, and while some wait for a thread. Nothing that befalls one of them,
    or that question, loses the answers to the others. ``opening``: of `make_ready`.

    This thread sends over connections that stand; what finds none is sent by a thread of its own.
    """
    if len(requests) == 1:
        if not _must_stop(is_stopped):
            _send(requests[0], clock, api_config_key)
        return
    _Together(requests, clock, is_stopped, api_config_key, opening).send()


class _Together:
    """Requests that are sent together. Parameters as of `send`."""

    def __init__(
        self,
        requests: list[OutgoingRequest],
        clock: Callable[[], datetime],
        is_stopped: Callable[[], bool],
        api_config_key: str | None,
        opening: Opening | None,
    ) -> None:
        self._left, self._began = deque(requests), list[OutgoingRequest]()
        self._clock, self._is_stopped, self._key = clock, is_stopped, api_config_key
        self._opening = opening
        self._threads, self._door = _Threads(clock, api_config_key), _door()

    def send(self) -> None:
        """Send what may leave, and wait for every answer."""
        try:
            while self._left or self._threads.is_busy or self._is_door_busy:
                if not self._has_one_left():
                    self._wait()
        except Exception as error:
            logger.error("Sending side by side broke off: %s.", type(error).__name__)
            self._take(self._door.told() if self._door is not None else [])
            for packet in self._began:
                packet.result = packet.result or _told(error, packet, self._clock())
        finally:
            if self._door is not None:
                self._door.close()
            self._threads.close()

    @property
    def _is_door_busy(self) -> bool:
        return self._door is not None and self._door.is_busy

    def _has_one_left(self) -> bool:
        """Let one leave, or drop one that is too old; False where nothing may leave now."""
        left, threads, door = self._left, self._threads, self._door
        if (left or threads.are_late) and _must_stop(self._is_stopped):
            left.clear()
            threads.end()
        elif left and is_stale(left[0].requests[0], self._clock()):
            left.popleft()
            return True
        elif left and door is not None and door.has_room():
            packet = left.popleft()
            self._began.append(packet)
            door.begin(packet, packet.route, packet.body, self._key)
            return True
        elif left and self._may_take_thread():
            if not threads.take(left.popleft()):
                left.clear()
            return True
        return False

    def _may_take_thread(self) -> bool:
        """Whether what has no connection shall be sent by a thread, which opens one."""
        if self._opening is not None and self._opening.is_worth_waiting_for:
            return False
        beside = self._door.under_way if self._door is not None else 0
        return self._threads.under_way + beside < THREADS

    def _wait(self) -> None:
        """Wait until something ends, or it is time to look again."""
        door, threads = self._door, self._threads
        if door is None or not (door.is_busy or (self._left and not threads.is_busy)):
            threads.wait()
            return
        is_soon = threads.is_busy or (self._opening is not None and not self._opening.is_over)
        self._take(door.wait(LOOK_SOON_S if is_soon else LOOK_EVERY_S))
        threads.collect()

    def _take(self, told: list[tuple[OutgoingRequest, Answer | Exception]]) -> None:
        for packet, result in told:
            packet.result = _told(result, packet, self._clock())


def _door() -> SideBySide[OutgoingRequest] | None:
    """Make the door for many; None through a proxy, or where the machine has no means for it."""
    try:
        return client().side_by_side(THREADS)
    except Exception as error:
        logger.error("Requests are sent by a thread each: %s.", type(error).__name__)
        return None


def _told(
    result: Answer | Exception, packet: OutgoingRequest, now: datetime
) -> Answer | Unreachable:
    """Return how it ended; what nobody foresaw may have left."""
    if isinstance(result, Answer | Unreachable):
        return result
    return _broken_off(type(result).__name__, packet, now)


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
    opening: Opening | None = None


_own = _Own()


class _Threads:
    """Requests that are sent by a thread each, and whose turn has come.

    One whose thread is late is not sent once the turns have ended.
    """

    def __init__(self, clock: Callable[[], datetime], api_config_key: str | None) -> None:
        self._clock, self._key = clock, api_config_key
        self._waiting: set[Future[None]] = set()
        self._given, self._have_ended, self._are_short = 0, False, False
        self._taken: list[OutgoingRequest] = []
        self._pool: ThreadPoolExecutor | None = None

    @property
    def under_way(self) -> int:
        """How many were handed over and have not ended."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """Whether there are any."""
        return bool(self._waiting)

    @property
    def are_late(self) -> bool:
        """Whether some has not left yet, and may be kept from it."""
        return self.is_busy and not self._have_ended and len(self._taken) < self._given

    def take(self, packet: OutgoingRequest) -> bool:
        """Have a thread send it; False where no more threads can be had."""
        here = contextvars.copy_context()  # what a line is about is not known to other threads
        self._pool = self._pool or _pool()
        self._given += 1
        try:
            self._waiting.add(self._pool.submit(here.run, self._send, packet))
        except RuntimeError:
            logger.error("No more threads could be had: the rest is sent later.")
            self._are_short = True
        return not self._are_short

    def end(self) -> None:
        """Let nothing more leave."""
        self._have_ended = True

    def wait(self) -> None:
        """Wait until one has ended, or it is time to look again."""
        _, self._waiting = wait(
            self._waiting,
            timeout=LOOK_SOON_S if self.are_late else LOOK_EVERY_S,
            return_when=FIRST_COMPLETED,
        )

    def collect(self) -> None:
        """Forget those that have ended."""
        self._waiting = {each for each in self._waiting if not each.done()}

    def close(self) -> None:
        """Leave nothing to be sent behind the caller's back."""
        if self._are_short or self._waiting:
            self.end()
            let_go()
            if self._pool is not None:
                self._pool.shutdown()

    def _send(self, packet: OutgoingRequest) -> None:
        if not self._have_ended:
            self._taken.append(packet)
            _send(packet, self._clock, self._key)


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
