"""A worker that follows accounts at a server which does what the test says."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import connections

from orders.models import AccountStream
from orders.reconcile.stream.timings import LIMITS, TIMINGS
from orders.reconcile.stream.worker import StreamWorker
from tests.helpers.stream_server import running_stream_server, until

#: As the usual ones, and so short that a test need not wait.
QUICK = replace(
    TIMINGS,
    ping_every_s=0.5,
    ack_within_s=1,
    pong_within_s=1,
    subscribe_again_s=0.2,
    first_pause_s=0.02,
    max_pause_s=0.1,
    steady_after_s=5,
    round_s=0.05,
    close_s=0.2,
    apply_again_s=0.02,
    behind_after_s=0.2,
    between_reads_s=0.01,
    catch_up_again_s=0.02,
    max_catch_up_s=0.05,
    reads_lag_s=0,
    look_up_again_s=0.02,
)
SMALL = replace(LIMITS, database_threads=1, read_threads=1)


@pytest.fixture
def server(paper, settings):
    with running_stream_server() as server:
        settings.PACIFICA_STREAM_URL = server.url
        yield server


class Following:
    """A worker in a thread. ``applied``: (account id, raw frame) pairs; ``reads``: account ids.

    ``looked_up``: (account id, since when) pairs.
    """

    def __init__(
        self, *, timings=QUICK, limits=SMALL, read=None, apply=None, look_up=None, is_held=bool
    ):
        self.applied, self.reads, self.looked_up = [], [], []
        self.worker = StreamWorker(
            timings=timings,
            limits=limits,
            apply=apply or self.apply,
            read=read or self.read,
            look_up=look_up or self.look_up,
            is_held=is_held,
        )
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        self.worker.run()
        connections.close_all()

    def apply(self, *, account_id, frames):
        self.applied += [(account_id, frame.raw) for frame in frames]

    def read(self, *, account_id):
        self.reads.append(account_id)

    def look_up(self, *, account_id, since):
        self.looked_up.append((account_id, since))

    def stop(self):
        self.worker.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextmanager
def following(**options):
    """One for as long as the block lasts."""
    one = Following(**options)
    one.thread.start()
    try:
        yield one
    finally:
        one.stop()


def row(account):
    """How the account's stream stands now; None where nobody wrote of it yet."""
    return AccountStream.objects.filter(account=account).first()


def until_row(account, holds):
    """Wait until the row exists and this holds of it; return it."""
    return until(lambda: (found := row(account)) and holds(found) and found)


def until_healthy(account):
    """Wait until the stream of the account counts."""
    return until_row(account, lambda found: found.healthy_at and found.caught_up_at)


def update(account, order_id=1, **fields):
    """A frame that tells of one order."""
    usual = {"i": order_id, "u": account.address, "s": "BTC", "oe": "make", "os": "open", "li": 1}
    return {"channel": "account_order_updates", "data": [usual | fields]}
