"""Threads that send one request each: where no connection stands, and through a proxy."""

import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from orders.delivery import one_request
from orders.exchange.client import THREADS
from orders.lifecycle.deliveries import OutgoingRequest

logger = logging.getLogger(__name__)
LOOK_EVERY_S, LOOK_SOON_S = 0.2, 0.002


class SendingThreads:
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
        self._pool = self._pool or own_pool()
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
            one_request.send(packet, self._clock, self._key)


def let_go() -> None:
    """End this thread's pool: for a thread that may not send again for long."""
    if hasattr(_own, "pool"):
        _own.pool.shutdown()
        del _own.pool


def own_pool() -> ThreadPoolExecutor:
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
