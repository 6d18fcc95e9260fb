"""The process `manage.py stream` and the sweep's thread: started, stopped, killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection
from django.utils import timezone

from orders.management import sweep as orders_sweep
from orders.management.duty_threads import Sweep
from orders.models import AccountStream, Order
from orders.reconcile.stream.worker import StreamThread, StreamWorker
from tests.helpers.stream_server import until
from tests.helpers.trading import Trading, unknown
from tests.reconcile.stream.conftest import QUICK, SMALL, Following, row, until_healthy, until_row

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60


@pytest.fixture
def start(committing_firm, tmp_path):
    """Starts `manage.py stream` on the test's own database and paper exchange."""
    started = []

    def start():
        name = connection.settings_dict["NAME"]
        beside = site.DATABASE_URL.rpartition("/")[0]
        env = os.environ | {
            "DATABASE_URL": f"sqlite:///{name}" if site.IS_SQLITE else f"{beside}/{name}",
            "PACIFICA_PAPER_URL": committing_firm.paper.url,
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "desk.settings",
        }
        command = [sys.executable, "manage.py", "stream"]
        with (tmp_path / f"{len(started)}.log").open("w") as log:
            started.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
            each.wait(PATIENCE_S)


def test_a_stop_ends_it_in_seconds_and_gives_the_leases_back(start, committing_firm):
    process = start()
    until_row(committing_firm.account, lambda found: found.caught_up_at)
    stopped_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert time.monotonic() - stopped_at < 10
    assert set(AccountStream.objects.values_list("token", "connected_at")) == {("", None)}


def test_a_process_that_is_killed_is_replaced_once_its_lease_ran_out(start, committing_firm):
    first = start()
    token = until_row(committing_firm.account, lambda found: found.caught_up_at).token
    second = start()
    first.kill()
    first.wait(PATIENCE_S)
    AccountStream.objects.filter(token=token).update(leased_until=timezone.now())
    found = until_row(
        committing_firm.account, lambda found: found.token != token and found.caught_up_at
    )
    assert found.is_leased(timezone.now())
    assert second.poll() is None


def test_an_order_placed_before_the_start_and_one_after_are_both_known(start, committing_firm):
    paper, account = committing_firm.paper, committing_firm.account
    (before,) = paper.orders(account.address, 1)
    start()
    until_healthy(account)
    assert Order.objects.filter(account=account, order_id=before).exists()


def test_the_stream_is_followed_by_the_sweep_on_the_embedded_default_alone(settings):
    def are(stream, is_sqlite, broker):
        settings.STREAM, settings.IS_SQLITE, settings.CELERY_BROKER_URL = stream, is_sqlite, broker
        return len(orders_sweep.streams())

    assert are(True, True, "embedded://") == 1
    assert are(False, True, "embedded://") == 0
    assert are(True, False, "embedded://") == 0
    assert are(True, True, "redis://127.0.0.1") == 0


def worker():
    return StreamWorker(timings=QUICK, limits=SMALL)


def test_the_sweep_follows_the_stream_and_gives_it_back_when_it_stops(committing_firm):
    sweep = Sweep([], [StreamThread(worker)])
    sweep.start()
    until_healthy(committing_firm.account)
    sweep.stop()
    assert row(committing_firm.account).token == ""


def test_a_stream_that_ends_by_an_error_begins_again(committing_firm, caplog):
    made = []

    class Broken:
        def run(self):
            raise RuntimeError

        def stop(self):
            """Nothing runs."""

    def make():
        made.append(Broken() if not made else worker())
        return made[-1]

    thread = StreamThread(make)
    thread.start()
    until_healthy(committing_firm.account)
    thread.stop()
    thread.join(20)
    assert len(made) == 2
    assert "it begins again" in caplog.text


def test_it_may_be_stopped_before_it_began(committing_firm):
    one = worker()
    one.stop()
    one.run()
    assert not AccountStream.objects.exists()


def test_a_stop_waits_for_no_name_that_is_looked_up(server, committing_firm, monkeypatch, settings):
    is_asked, may_end = threading.Event(), threading.Event()

    def hangs(*args, **options):
        is_asked.set()
        may_end.wait(PATIENCE_S)
        raise socket.gaierror("nobody answered")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    settings.PACIFICA_STREAM_URL = server.url.replace("127.0.0.1", "localhost")
    one = Following()
    one.thread.start()
    try:
        assert is_asked.wait(PATIENCE_S)
        one.worker.stop()
        one.thread.join(2)
        assert not one.thread.is_alive()
    finally:
        may_end.set()


def test_a_switched_off_stream_is_said(db, run, settings):
    settings.STREAM = False
    code, _, said = run("stream")
    assert code
    assert "STREAM: is false" in said


def test_the_stream_opens_no_agent_key_and_sends_nothing():
    source = "".join(path.read_text() for path in (ROOT / "orders/reconcile/stream").glob("*.py"))
    for word in ("open_signer", "orders.delivery", "signer", "orders.panic", ".post("):
        assert word not in source


@pytest.mark.thorough
def test_a_process_that_is_killed_again_and_again_misses_nothing(start, committing_firm):
    """Orders come and go all the while; `benchmarks.interrupting` does it a hundred times."""
    paper, account = committing_firm.paper, committing_firm.account
    process = start()
    with Trading(paper, [account.address], pause_s=0.1):
        for _ in range(3):
            until_healthy(account)
            process.kill()
            process.wait(PATIENCE_S)
            AccountStream.objects.update(leased_until=timezone.now())
            process = start()
        until_healthy(account)
        # on a quick machine the hand may have closed none yet
        until(lambda: Order.objects.exclude(state="open").exists())
    until(lambda: not unknown(paper, [account]))
