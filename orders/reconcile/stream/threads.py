"""A few daemon threads for what may not run in the event loop: the database and REST reads."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import close_old_connections, connections

T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[], Any]]


class Threads:
    """Runs jobs in order of arrival; each thread keeps a database connection as the sweep's do.

    Daemons, unlike an executor's: a read that hangs does not keep the process from ending.
    """

    def __init__(self, name: str, count: int) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name} {number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, act: Callable[[], T]) -> T:
        """Return what ``act`` returns in one of the threads, or raise what it raises."""
        future: Future[T] = Future()
        self._jobs.put((future, act))
        return await asyncio.wrap_future(future)

    def stop(self) -> None:
        """Let each thread end once it has done what waits."""
        for _ in self._threads:
            self._jobs.put(None)

    def join(self, within_s: float) -> None:
        """Wait until they have ended, so long each at most."""
        for thread in self._threads:
            thread.join(within_s)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            _do(*job)
            del job
        connections.close_all()


def _do(future: Future[T], act: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    close_old_connections()
    try:
        future.set_result(act())
    except BaseException as error:
        future.set_exception(error)
