"""On a full disk PostgreSQL can record nothing, and then nothing is sent.

The server is the test's own, its database on a disk of a few MB that is filled to the last page.
Its log of transactions stands elsewhere: where that one fills, the server stops altogether, and
the fault runs show what comes of that.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.management import sweep
from orders.models import AuditRecord, Cancel, CancelStatus, Event
from orders.models.cancels import LEASE
from orders.reconcile import resolve
from tests.conftest import connected_to
from tests.delivery.test_sender_faults import findings
from tests.faults import services
from tests.helpers.firm import Firm

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite's full disk stands in test_faults.py"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk"),
]
PAGE = 8192  # bytes; PostgreSQL's files grow by these
MOUNT = 'mount -t tmpfs -o size=64m tmpfs "$1" && chown postgres "$1" && shift && exec "$@"'
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
AS_POSTGRES += ["--pdeathsig=QUIT"]


class SmallPostgres(services.Postgres):
    """Its database stands on a disk that it alone sees and that ends with it."""

    @property
    def disk(self):
        return self.folder / "disk"

    def fill(self, *, but_pages):
        """Take all room on the disk but for so many pages."""
        with self._filler.open("wb", buffering=0) as file:
            with suppress(OSError):  # until it is full
                while file.write(bytes(PAGE)):
                    pass
            file.truncate(max(0, file.tell() - but_pages * PAGE))

    def free(self):
        """Give the room back."""
        self._filler.unlink()

    @property
    def _filler(self):
        return Path(f"/proc/{self.process.pid}/root{self.disk}/filler")

    def _launched(self, command):
        self.disk.mkdir(exist_ok=True)
        own_disk = ["unshare", "--mount", "sh", "-c", MOUNT, "sh", str(self.disk)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*own_disk, *AS_POSTGRES, *command], cwd="/", **quiet)

    def _make_database(self, admin):
        admin.execute(f"CREATE TABLESPACE small LOCATION '{self.disk}'")
        admin.execute(f"CREATE DATABASE {self.name} TABLESPACE small")


@pytest.fixture
def server(django_db_blocker):
    """The migrated database of a server with a small disk, in place of the usual one."""
    server = SmallPostgres()
    about = {"HOST": "127.0.0.1", "PORT": server.port, "NAME": server.name, "USER": "postgres"}
    try:
        with django_db_blocker.unblock(), connected_to(**about):
            call_command("migrate", verbosity=0)
            yield server
    finally:
        server.stop()


def ask(firm, orders):
    ids = [order.pk for order in orders]
    return requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def all_sent_is_recorded(firm):
    sent = {one["body_sha256"] for one in firm.paper.ledger()["requests"] if one["body_sha256"]}
    records = AuditRecord.objects.filter(event=Event.REQUEST)
    return sent <= set(records.values_list("body_sha256", flat=True))


def recover(firm):
    """What a full disk interrupted is taken over once its lease has ended."""
    later = timezone.now() + LEASE + sweep.GRACE
    sweep.recover_abandoned(later)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    worker.deliver_account(account_id=firm.account.pk)


def test_on_a_full_disk_nothing_is_sent_that_could_not_be_recorded(server, paper):
    firm = Firm(paper)
    orders, failed_at = [], set()
    for but_pages in range(24):  # the disk is full a page later each time: at another step
        mine = firm.orders(20)
        orders += mine
        ask(firm, mine)
        server.fill(but_pages=but_pages)
        try:
            worker.deliver_account(account_id=firm.account.pk)
        except OperationalError as error:
            assert "No space left on device" in str(error)
            failed_at.add(step_of(mine))
        assert all_sent_is_recorded(firm)
        server.free()
        recover(firm)
    assert failed_at >= {"claim", "record", "conclude"}
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}
    assert findings(firm, orders) == []


def step_of(orders):
    """How far the cancels of these orders had come."""
    cancel = Cancel.objects.filter(order_id=orders[0].order_id).get()
    if cancel.status == CancelStatus.QUEUED:
        return "claim"
    return "record" if cancel.sent_at is None else "conclude"


def test_on_a_full_disk_an_intent_is_refused_aloud_and_not_half_kept(server, paper):
    firm = Firm(paper)
    orders = firm.orders(300)
    server.fill(but_pages=0)
    with pytest.raises(OperationalError, match="No space left on device"):
        ask(firm, orders)
    assert not Cancel.objects.exists()
    server.free()
    ask(firm, orders)
    assert Cancel.objects.count() == len(orders)
