"""`restore` says that the checkpoint file tells of nothing newer only where it does."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection
from django.utils import timezone

from orders.audit import log
from orders.evidence import checkpoints
from orders.lifecycle import restored_copy
from orders.models import Event
from orders.operations.backups import backup, restore
from tests.helpers.terminal import ROOT


@pytest.fixture(autouse=True)
def _as_a_new_process(monkeypatch):
    monkeypatch.setattr(restored_copy, "_told", set())
    monkeypatch.setattr(restored_copy, "_kept", (None, None))


@pytest.fixture
def monday(committing_firm, tmp_path):
    """A backup, and a checkpoint file that tells of records after it."""
    checkpoints.make()
    backup.take(folder=tmp_path / "monday")
    log.record(*(log.Fact(Event.LOGIN) for _ in range(5)))
    checkpoints.make()
    return tmp_path / "monday"


def notes_of(folder):
    later = timezone.now() + timedelta(minutes=1)
    return restore.put_back(folder=folder, is_told=True, clock=lambda: later).notes


def test_of_a_file_that_cannot_be_read_nothing_is_assured(monday, monkeypatch):
    usual = Path.open

    def refused(self, *args, **options):
        if str(self) == site.AUDIT_CHECKPOINT_FILE:
            raise PermissionError(13, "Permission denied", str(self))
        return usual(self, *args, **options)

    monkeypatch.setattr(Path, "open", refused)
    assert restore.UNBELIEVED in notes_of(monday)


def test_of_a_file_that_another_key_signed_nothing_is_assured(monday, settings):
    settings.AUDIT_CHECKPOINT_KEY, _ = checkpoints.new_key()
    assert restore.UNBELIEVED in notes_of(monday)


def test_without_a_file_nothing_is_said_of_one(committing_firm, tmp_path):
    backup.take(folder=tmp_path / "monday")
    assert notes_of(tmp_path / "monday") == (restore.UNKNOWN,)


def test_of_the_backups_own_file_nothing_is_assured(monday):
    Path(site.AUDIT_CHECKPOINT_FILE).unlink()
    (note,) = notes_of(monday)
    assert note.endswith(restore.UNKNOWN)


KILLED = """
import os, signal, sys
import django
django.setup()
from pathlib import Path
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
settings.AUDIT_CHECKPOINT_FILE = sys.argv[2]
from orders.operations.backups import engines, restore
for step in ("_stage", "_pipe"):  # of SQLite, of PostgreSQL: what takes minutes
    setattr(engines.engine(), step, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
restore.put_back(folder=Path(sys.argv[3]), is_told=True)
"""


def test_one_that_was_killed_leaves_no_file_that_the_next_takes_for_its_own(monday):
    place = Path(site.AUDIT_CHECKPOINT_FILE)
    place.unlink()  # the disk is lost; another host may have a newer one
    name = str(connection.settings_dict["NAME"])
    connection.close()
    command = [sys.executable, "-c", KILLED, name, str(place), str(monday)]
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    ended = subprocess.run(command, cwd=ROOT, env=env, check=False)
    assert (ended.returncode, place.exists()) == (-signal.SIGTERM, False)
    (note,) = notes_of(monday)
    assert note.endswith(restore.UNKNOWN)
