"""What a worker process does so that nobody waits for it."""

import gc
import os
from types import SimpleNamespace

import pytest
from celery import signals
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from desk import celery


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
