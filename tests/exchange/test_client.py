"""The client of the exchange: one a process, however many threads want it at the same moment."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from desk import celery, databases, startup_checks
from orders.exchange import client
from orders.lifecycle import restored_copy

THREADS = 8


def slow(made):
    def make(**about):
        made.append(about)
        time.sleep(0.05)  # as long as reading certificates takes
        return object()

    return make


def test_many_threads_at_once_make_one(paper, monkeypatch):
    made, together = [], threading.Barrier(THREADS)
    monkeypatch.setattr(client, "Client", slow(made))

    def want(_):
        together.wait()
        return client.client()

    with ThreadPoolExecutor(THREADS) as pool:
        got = set(pool.map(want, range(THREADS)))
    assert len(made) == len(got) == 1


def test_a_worker_makes_it_before_the_first_click(db, paper, monkeypatch):
    made = []
    monkeypatch.setattr(client, "Client", slow(made))
    for place in (
        (startup_checks, "check_sender"),
        (restored_copy, "check"),
        (connections, "close_all"),
    ):
        monkeypatch.setattr(*place, lambda: None)
    monkeypatch.setattr(databases, "prepare_statements", lambda: None)
    celery.check()
    client.client()
    assert len(made) == 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # newer Pythons: of threads
def test_a_child_waits_for_no_thread_of_its_parent(paper):
    with client._making:
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            os._exit(0 if client.client() is not None else 1)
        assert os.waitpid(pid, 0)[1] == 0
