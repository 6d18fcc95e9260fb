"""An upgrade in the midst of work: what older code left is migrated, and the desk goes on.

``old_state/`` was made on each engine by the code before migration 0011 (`make_old_state`).
"""

import gzip
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from desk import startup_checks
from orders.evidence import bundle, checkpoints, verify
from orders.management import sweep
from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    CancelStatus,
    Export,
    PanicLine,
    PanicStatus,
    append_only,
)
from orders.panic import worker as panic_worker
from orders.reconcile.order_pasts import SAME_INSTANT
from tests.conftest import _administer, _copy_of, _drop, connected_to
from tests.helpers import migrated

OLD = Path(__file__).parent / "old_state"
FIRST = 28_000_000_000  # the first order id of that exchange
UNKNOWN_CANCELLED, UNKNOWN_OPEN = FIRST + 3, FIRST + 4
SENDING_RECORDED, SENDING_CLAIMED = FIRST + 5, FIRST + 6
NO_END = "neither an answer nor the record of its absence"
QUEUED = [FIRST + 7, FIRST + 8]


@pytest.fixture
def vendor(template):
    """Which engine's state is taken."""
    return "sqlite" if site.IS_SQLITE else "postgresql"


@pytest.fixture
def checkpoint_file(vendor, settings):
    """The old database's own."""
    place = OLD / f"{vendor}.checkpoints.jsonl"
    shutil.copy(place, settings.AUDIT_CHECKPOINT_FILE)
    Path(settings.AUDIT_CHECKPOINT_FILE).chmod(0o600)


@pytest.fixture
def old(vendor, checkpoint_file, django_db_blocker, tmp_path):
    """The site on the old database, as it stood, with its checkpoint file."""
    with django_db_blocker.unblock():
        name = _loaded(vendor, tmp_path, "old")
        with connected_to(NAME=name):
            yield
        _drop(name)


@pytest.fixture(scope="session")
def kept(template, django_db_blocker, tmp_path_factory):
    """Where the old database stands migrated: that takes eight seconds, so once for all workers."""
    kept = Kept(migrated.common_folder(tmp_path_factory))
    yield kept
    with django_db_blocker.unblock():
        kept.end()


class Kept:
    """Whoever comes first makes it, whoever made it drops it, and who comes later copies it."""

    def __init__(self, folder):
        self.folder, self.note, self.own = folder, folder / "upgraded", None

    def copy(self, vendor, tmp_path):
        with migrated.alone(self.folder):
            if not self.note.exists():
                self.own = _loaded(vendor, self.folder, "upgraded")
                with connected_to(NAME=self.own):
                    upgraded()
                self.note.write_text(self.own)
            return _copy_of(self.note.read_text(), tmp_path)

    def end(self):
        if self.own is not None:
            with migrated.alone(self.folder):
                self.note.unlink()
                _drop(self.own)


@pytest.fixture
def upgrade(kept, vendor, checkpoint_file, django_db_blocker, tmp_path):
    """The site on an upgraded database of its own, with the old one's checkpoint file."""
    with django_db_blocker.unblock():
        copy = kept.copy(vendor, tmp_path)
        with connected_to(NAME=copy):
            asked_just_now()
            yield
        _drop(copy)


def _loaded(vendor, folder, name):
    text = gzip.decompress((OLD / f"{vendor}.sql.gz").read_bytes()).decode()
    if site.IS_SQLITE:
        file = folder / f"{name}.sqlite3"
        file.unlink(missing_ok=True)  # of a worker that has ended
        with closing(sqlite3.connect(file)) as database:
            database.executescript(text)
        return str(file)
    name = f"{connection.settings_dict['NAME']}_{name}"
    _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _administer(f'CREATE DATABASE "{name}" TEMPLATE template0')
    with connected_to(NAME=name), connection.cursor() as cursor:
        cursor.connection.execute(text)
    return name


def asked_just_now():
    """An upgrade takes minutes, and this state is older: what waits was asked for just now."""
    with connection.cursor() as cursor:
        now = timezone.now() - timedelta(seconds=90)
        cursor.execute("UPDATE orders_cancel SET requested_at = %s", [now])
        cursor.execute("UPDATE orders_panicline SET asked_at = %s WHERE status = 'waiting'", [now])


def upgraded():
    asked_just_now()
    call_command("migrate", verbosity=0)


@pytest.fixture
def exchange(upgrade, paper):
    """The exchange as the old code left it: which orders are open, and which is cancelled."""
    accounts = Account.objects.prefetch_related("agent_wallets")
    paper.reset([(a.address, [w.public_key for w in a.agent_wallets.all()]) for a in accounts])
    alpha = Account.objects.get(name="Alpha").address
    paper.orders(alpha, [{"order_id": UNKNOWN_CANCELLED}])
    paper.close(UNKNOWN_CANCELLED)
    time.sleep(2 * SAME_INSTANT.total_seconds())  # else the next looks like an edit of it
    paper.orders(alpha, [{"order_id": order_id} for order_id in range(UNKNOWN_OPEN, FIRST + 9)])
    for name in ("Delta", "Echo"):
        account = Account.objects.get(name=name)
        ids = account.orders.values_list("order_id", flat=True)
        paper.orders(account.address, [{"order_id": order_id} for order_id in ids])
    return paper


def status_of(order_id):
    return Cancel.objects.get(order_id=order_id).status


def go_on(rounds=6):
    """The duties of a sweep, one after the other, as often as it takes."""
    for n in range(rounds):
        now = timezone.now() + timedelta(seconds=2)
        sweep.recover_abandoned(now)
        sweep.settle_due(now + timedelta(minutes=n))
        sweep.deliver_overdue(now)


def empty_panics():
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line)


def sent_for(paper, order_id):
    return [one for one in paper.requests() if one["signer"] and order_id in one["order_ids"]]


def test_the_old_state_is_one_in_the_midst_of_work(old):
    """If not, the rest would rehearse nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM orders_cancel GROUP BY status")
        cancels = dict(cursor.fetchall())
        cursor.execute("SELECT status, count(*) FROM orders_panicline GROUP BY status")
        lines = dict(cursor.fetchall())
    assert cancels == {"cancelled": 3, "unknown": 2, "sending": 2, "queued": 2}
    assert lines == {"waiting": 1, "sending": 1, "empty": 1}
    applied = {
        n for app, n in MigrationRecorder(connection).applied_migrations() if app == "orders"
    }
    assert max(applied).startswith("0010")


def test_nothing_is_missing_after_the_migration(old):
    before = _log()
    upgraded()
    assert _log() == before
    assert append_only.missing_triggers(connection) == []
    startup_checks.check_append_only()
    startup_checks.check_network()
    call_command("migrate", "--check", verbosity=0)
    faults = verify.verify().faults  # of the two senders that died, and nothing else
    assert [NO_END in fault.what for fault in faults] == [True, True]
    assert Export.objects.count() == 1


def _log():
    with connection.cursor() as cursor:
        cursor.execute("SELECT position, hash, previous_hash FROM orders_auditrecord ORDER BY 1")
        return cursor.fetchall()


def test_what_waited_is_sent_once(exchange):
    go_on()
    assert [status_of(order_id) for order_id in QUEUED] == [CancelStatus.CANCELLED] * 2
    assert status_of(SENDING_CLAIMED) == CancelStatus.CANCELLED
    for order_id in (*QUEUED, SENDING_CLAIMED):
        assert len(sent_for(exchange, order_id)) == 1


def test_what_was_unknown_is_asked_and_not_guessed(exchange):
    sweep.recover_abandoned(timezone.now())
    assert status_of(SENDING_RECORDED) == CancelStatus.UNKNOWN
    go_on()
    for order_id in (UNKNOWN_CANCELLED, UNKNOWN_OPEN, SENDING_RECORDED):
        cancel = Cancel.objects.get(order_id=order_id)
        assert cancel.status == CancelStatus.CANCELLED, cancel.explanation
    assert sent_for(exchange, UNKNOWN_CANCELLED) == []
    assert len(sent_for(exchange, UNKNOWN_OPEN)) == 1
    assert AuditRecord.objects.filter(event="read").exists()


def test_a_panic_that_waited_is_sent_and_one_whose_answer_was_lost_is_not_repeated(
    exchange, quick_panic
):
    empty_panics()
    lines = {line.account.name: line for line in PanicLine.objects.select_related("account")}
    assert lines["Echo"].status == PanicStatus.EMPTY
    assert lines["Echo"].cancel_alls == lines["Delta"].cancel_alls == 1
    hit = {x["account"] for x in exchange.requests("/orders/cancel_all")}
    assert hit == {lines["Echo"].account.address}


def test_the_log_goes_on_and_is_whole(exchange, quick_panic):
    before = len(_log())
    go_on()
    empty_panics()
    checkpoints.make()
    report = verify.verify()
    assert report.faults == []
    assert report.records == report.covered > before


@pytest.mark.parametrize("by", ["the verifier of now", "its own verifier"])
def test_an_export_of_the_old_code_checks_out(by, tmp_path, vendor):
    export = OLD / f"{vendor}.export.zip"
    shutil.unpack_archive(export, tmp_path)
    (folder,) = tmp_path.glob("pacifica-desk-export-*")
    own = folder / "verify_export.py"
    script = bundle.VERIFIER if by == "the verifier of now" else own
    command = [sys.executable, "-I", str(script), str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    assert (said.returncode, said.stderr) == (0, "")
