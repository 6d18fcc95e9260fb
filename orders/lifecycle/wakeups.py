"""The one place that enqueues Celery tasks. A message is only a wake-up call.

It is published by a thread of its own, so a broker that is down, slow or hanging can neither
delay a page nor break it; a message lost here is made good by the sweep. A page lets that thread
go first for a moment, as long as the broker keeps up: else it would be waiting for Python while
the page is drawn.
"""

import logging
import os
import queue
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from desk import logs, process_figures
from orders.models import Cancel

logger = logging.getLogger(__name__)
CHUNK = 250  # cancels that a sender takes at once
MAX_SENDERS = 4  # that are woken for one account's bulk
URGENT, BULK = "urgent", "bulk"
# The task's name, its arguments, its lane, what its lines are about.
Message = tuple[str, list[int], str, dict[str, Any]]


@dataclass(frozen=True)
class Limits:
    """What may wait for the broker, and what waits on it."""

    queue: int = 1000  # messages; those past it are dropped, and the sweep makes them good
    hand_over_s: float = 0.02  # for which a page lets the thread go first


LIMITS = Limits()


class _Publisher:
    """Hands messages to the broker from a daemon thread, one for each process."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.pid = os.getpid()
        self.limits = limits
        self.waiting: queue.Queue[tuple[Message, threading.Event]] = queue.Queue(limits.queue)
        self.keeps_up = True
        threading.Thread(target=self._run, name="waking", daemon=True).start()

    def put(self, message: Message) -> None:
        handed_over = threading.Event()
        try:
            self.waiting.put_nowait((message, handed_over))
        except queue.Full:
            logger.warning("The broker is not keeping up; the sweep will deliver.")
            return
        if self.keeps_up:
            self.keeps_up = handed_over.wait(self.limits.hand_over_s)

    def _run(self) -> None:
        while True:
            (name, args, lane, about), handed_over = self.waiting.get()
            headers = {logs.HEADER: about}
            try:
                from desk.celery import app  # here: what never wakes a worker loads no Celery

                app.send_task(
                    name, args=args, queue=lane, exchange="", routing_key=lane, headers=headers
                )
                self.keeps_up = True
            except Exception as error:  # whatever a broker's driver raises: the sweep makes it good
                self.keeps_up = False
                process_figures.broker_failed()
                logger.warning(
                    "Could not wake a worker (%s); the sweep will.", type(error).__name__
                )
            handed_over.set()


_publisher: _Publisher | None = None
_lock = threading.Lock()


def deliver(*, account_ids: list[int], is_urgent: bool, count: int = 1) -> None:
    """After commit, wake a worker for each of these accounts' queued cancels.

    For bulk several, as many as ``count`` cancels can keep busy: they share an account's chunks.
    """
    lane = URGENT if is_urgent else BULK
    senders = 1 if is_urgent else min(MAX_SENDERS, 1 + count // CHUNK)
    for account_id in account_ids:
        for _ in range(senders):
            _after_commit("orders.deliver", [account_id, is_urgent], lane)


def deliver_again(cancels: Collection[Cancel]) -> None:
    """After commit, wake workers for cancels that went back to the queue, each in its own lane."""
    for is_urgent in sorted({cancel.is_urgent for cancel in cancels}, reverse=True):
        accounts = {cancel.account_id for cancel in cancels if cancel.is_urgent == is_urgent}
        deliver(account_ids=sorted(accounts), is_urgent=is_urgent)


def settle(*, account_ids: list[int], is_urgent: bool = True) -> None:
    """After commit, wake a worker to ask the exchange about these accounts' open questions.

    Those that bulk left are asked in bulk's lane: reading a long book would keep urgent work.
    """
    for account_id in account_ids:
        _after_commit("orders.settle", [account_id], URGENT if is_urgent else BULK)


def sync(*, account_id: int) -> None:
    """After commit, wake a worker to read this account's book."""
    _after_commit("orders.sync", [account_id], URGENT)


def probe(*, wallet_id: int) -> None:
    """After commit, wake a worker to test this agent wallet."""
    _after_commit("orders.probe", [wallet_id], URGENT)


def _after_commit(name: str, args: list[int], lane: str) -> None:
    message = name, args, lane, logs.carried()
    transaction.on_commit(lambda: _running_publisher().put(message))


def _running_publisher() -> _Publisher:
    global _publisher
    with _lock:
        if _publisher is None or _publisher.pid != os.getpid():  # a fork does not carry threads
            _publisher = _Publisher()
        return _publisher
