"""Real worker and sweep processes, on whatever database and broker are configured."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from desk import celery, logs
from orders.cancels import requests
from orders.models import Cancel, CancelStatus, Sender
from tests.helpers.databases import database_url

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 120


def until(holds):
    """Wait for something another process does; fail loudly when it takes too long."""
    ends_at = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < ends_at, "nothing came of it"
        time.sleep(0.02)
    return found


@contextmanager
def process(paper, tmp_path, *command):
    """One of the site's processes, on the test's own database and paper exchange."""
    name = connection.settings_dict["NAME"]
    env = os.environ | {
        "DATABASE_URL": database_url(name),
        "PACIFICA_PAPER_URL": paper.url,
        "AUDIT_CHECKPOINT_FILE": settings.AUDIT_CHECKPOINT_FILE,  # another test's is another log
        "PYTHONWARNINGS": "ignore",
        "DJANGO_SETTINGS_MODULE": "desk.settings",
    }
    tmp_path.mkdir(exist_ok=True)
    log = tmp_path / f"{command[-1]}.log"
    with log.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield running
    finally:
        running.terminate()
        assert running.wait(PATIENCE_S) in {0, -15}, log.read_text()
        assert "Traceback" not in log.read_text()


def worker(paper, tmp_path):
    flags = "-q -A desk worker --pool threads -c 4 -Q urgent,bulk --without-gossip --without-mingle"
    return process(paper, tmp_path, "-m", "celery", *flags.split(), "--loglevel", "WARNING")


def ask(firm):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    return order


def concluded():
    return Cancel.objects.exclude(concluded_at=None).first()


def test_a_worker_is_woken_delivers_and_says_that_it_is_alive(committing_firm, paper, tmp_path):
    with worker(paper, tmp_path):
        until(lambda: Sender.objects.fresh(timezone.now()).filter(kind="worker").exists())
        order = ask(committing_firm)
        cancel = until(concluded)
        assert cancel.status == CancelStatus.CANCELLED
        assert not paper.truth()[order.order_id]["is_open"]


EMBEDDED, OF_ALL = "a broker of the test's own", "the broker of all tests, one test at a time"


@pytest.mark.parametrize("broker", [EMBEDDED, pytest.param(OF_ALL, marks=pytest.mark.services)])
def test_a_click_is_followed_through_the_broker_in_lines_of_json(
    committing_firm, paper, tmp_path, monkeypatch, broker
):
    if broker == EMBEDDED and not settings.CELERY_BROKER_URL.startswith("embedded:"):
        pytest.skip("another test's message may wake the worker first")
    with celery.app.connection_for_write() as left:  # by tests before this one
        for queue in ("urgent", "bulk"):
            left.default_channel.queue_purge(queue)
    monkeypatch.setenv("LOG_FORMAT", "json")
    with worker(paper, tmp_path):
        until(lambda: Sender.objects.fresh(timezone.now()).filter(kind="worker").exists())
        with logs.bound(request_id="the-click"):
            ask(committing_firm)
        cancel = until(concluded)
    said = (tmp_path / "WARNING.log").read_text().splitlines()
    lines = [json.loads(line) for line in said if "Warm shutdown" not in line and line]
    (answer,) = [line for line in lines if line["event"] == "Answer"]
    assert answer["request_id"] == "the-click" and answer["process"] == "worker"
    assert answer["job"] == cancel.job_id and answer["cancels"] == [cancel.pk]


def test_a_sweep_delivers_what_no_worker_was_there_for(committing_firm, paper, tmp_path):
    order = ask(committing_firm)
    with process(paper, tmp_path, "manage.py", "sweep"):
        until(lambda: Sender.objects.fresh(timezone.now()).filter(kind="sweep").exists())
        until(concluded)
        assert not paper.truth()[order.order_id]["is_open"]


@pytest.mark.services
def test_a_wake_up_call_lost_by_the_broker_loses_nothing(committing_firm, paper, tmp_path):
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.delete("urgent")
    ask(committing_firm)
    until(lambda: broker.llen("urgent"))
    assert broker.delete("urgent") == 1
    with worker(paper, tmp_path), process(paper, tmp_path, "manage.py", "sweep"):
        assert until(concluded).status == CancelStatus.CANCELLED


@pytest.mark.services
def test_two_workers_send_each_cancel_once(committing_firm, paper, tmp_path):
    orders = committing_firm.orders(40)
    with worker(paper, tmp_path / "one"), worker(paper, tmp_path / "two"):
        until(lambda: Sender.objects.fresh(timezone.now()).filter(kind="worker").count() == 2)
        for order in orders:
            requests.cancel_orders(
                user=committing_firm.operator,
                actor=committing_firm.actor(),
                order_ids=[order.pk],
            )
        until(lambda: not Cancel.objects.live().exists())
    assert set(Cancel.objects.values_list("status", "attempt")) == {(CancelStatus.CANCELLED, 1)}
    assert len(paper.requests("/orders/cancel")) + len(paper.requests("/orders/batch")) <= 40
    assert not any(truth["is_open"] for truth in paper.truth().values())
