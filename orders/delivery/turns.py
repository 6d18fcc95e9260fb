"""Whose turn it is among the threads of one process that work off bulk."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


class Turns:
    """So many threads work at a time; each steps aside while its requests are under way.

    On SQLite one works at a time. Threads that all compute take Python from each other, also from
    the one whose open transaction every writer waits for. On PostgreSQL transactions overlap, and a
    turn would keep its server waiting.
    """

    def __init__(self, at_once: int) -> None:
        self._free = threading.Semaphore(at_once)

    def __enter__(self) -> None:
        self._free.acquire()

    def __exit__(self, *error: object) -> None:
        self._free.release()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let the next thread work meanwhile, as `threading.Condition.wait` does; then go on."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


bulk = Turns(1 if settings.IS_SQLITE else settings.BULK_THREADS)

#: Threads of one process that bulk may hold; whatever else there are is left for urgent work.
BULK_THREADS = threading.BoundedSemaphore(settings.BULK_THREADS)
