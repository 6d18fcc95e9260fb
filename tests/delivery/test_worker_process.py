"""What a worker process does so that nobody waits for it."""

import gc
import os
import threading
from types import SimpleNamespace

import pytest
from celery import signals
from celery.concurrency.thread import TaskPool
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection
from kombu import Producer

from desk import celery
from orders.lifecycle import wakeups
from orders.models import prepared


def test_a_process_that_starts_makes_its_queues_before_a_click_comes(monkeypatch):
    made = []
    monkeypatch.setattr(Producer, "maybe_declare", lambda _, queue: made.append(queue.name))
    celery.connect_beside().join(timeout=30)
    assert made == [wakeups.URGENT, wakeups.BULK]


@pytest.mark.parametrize(
    ("queues", "niceness"), [("bulk", [5]), ("urgent", []), ("urgent,bulk", [])]
)
def test_a_worker_for_bulk_alone_lets_the_others_go_first(monkeypatch, queues, niceness):
    said = []
    monkeypatch.setattr(os, "nice", said.append)
    monkeypatch.setattr(gc, "freeze", lambda: said.append("frozen"))
    served = SimpleNamespace(consume_from=dict.fromkeys(queues.split(",")))
    app = SimpleNamespace(amqp=SimpleNamespace(queues=served))
    celery.make_way(SimpleNamespace(app=app))
    assert said == [*niceness, "frozen"]


def test_the_first_thread_connects_before_a_click_comes(monkeypatch):
    pool, opened = TaskPool(1), []
    note = lambda: opened.append(threading.current_thread())  # noqa: E731
    monkeypatch.setattr(prepared, "plan_all", note)
    celery.open_first_thread(SimpleNamespace(pool=pool))
    pool.executor.submit(note).result()
    pool.executor.shutdown()
    assert opened[0] is opened[1] is not threading.main_thread()


def a_task_runs():
    """As Celery has it in a worker: its own handlers and ours, before and after."""
    its_own = DjangoWorkerFixup(celery.app)
    its_own.close_database()
    signals.task_prerun.send(sender=None)
    connection.ensure_connection()
    used = connection.connection
    its_own.close_database()
    signals.task_postrun.send(sender=None)
    return used


def test_a_thread_keeps_its_connection_from_task_to_task(committing_db):
    assert a_task_runs() is a_task_runs()


def test_a_connection_that_is_too_old_or_broken_is_not_kept(committing_db):
    first = a_task_runs()
    connection.close_at = 0
    second = a_task_runs()
    assert second is not first
    connection.errors_occurred, connection.is_usable = True, lambda: False
    try:
        assert a_task_runs() is not second
    finally:
        del connection.is_usable
