"""Connections that are opened ahead, while what they are for is signed and recorded."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from orders.delivery import packets, sending_threads
from orders.exchange.client import THREADS, client
from orders.lifecycle.deliveries import ClaimedCancel

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
            pool = sending_threads.own_pool()
            pool.submit(opening.begin, pool)
            _own.opening = opening
    return _own.opening


class _Own(threading.local):
    """What each thread has of its own."""

    opening: Opening | None = None


_own = _Own()
