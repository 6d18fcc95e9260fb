"""Checkpoints: signed, outside the database, each naming the one before, never covering up."""

import json
import threading
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from orders.audit import log
from orders.evidence import checkpoints, verify
from orders.models import AuditCheckpoint, AuditRecord, Event
from orders.operations.errands import background
from tests.evidence.tampering import unlock


@pytest.fixture(autouse=True)
def _database(request):
    request.getfixturevalue("committing_db" if "committing_db" in request.fixturenames else "db")


def append(count=1):
    log.record(*(log.Fact(Event.LOGIN) for _ in range(count)))


def lines(settings):
    return Path(settings.AUDIT_CHECKPOINT_FILE).read_text().splitlines()


def said():
    return [str(fault) for fault in verify.verify().faults]


def test_each_names_count_head_and_the_one_before(settings):
    append(3)
    first = checkpoints.make()
    append(2)
    second = checkpoints.make()
    assert [(one.number, one.count) for one in (first, second)] == [(1, 3), (2, 5)]
    assert second.head == AuditRecord.objects.get(position=5).hash
    assert second.previous == first.line_hash
    assert lines(settings) == [first.line, second.line]
    assert verify.verify().covered == 5


def test_nothing_new_makes_no_checkpoint():
    append()
    assert checkpoints.make() is not None
    assert checkpoints.make() is None


def test_without_a_key_the_walk_says_that_nothing_is_covered(settings):
    settings.AUDIT_CHECKPOINT_KEY = ""
    append()
    with pytest.raises(checkpoints.CannotCheckpoint):
        checkpoints.make()
    background.checkpoint_due(timezone.now())
    report = verify.verify()
    assert report.is_whole
    assert "No checkpoint covers any record" in report.notes[0]


def test_an_own_public_key_is_believed_only_with_a_warning(settings):
    append()
    checkpoints.make()
    settings.AUDIT_CHECKPOINT_KEY = ""
    assert "compare it with" in verify.verify().notes[0].lower()


def test_a_checkpoint_of_a_strange_key_does_not_count(settings):
    append()
    checkpoints.make()
    settings.AUDIT_CHECKPOINT_KEY = "A" * 43 + "="
    assert "Checkpoint 1: it is signed by a key that is not trusted here" in said()[0]


@pytest.mark.parametrize("name", ["count", "head", "first", "previous", "at", "network", "number"])
def test_a_changed_checkpoint_is_found(settings, name):
    append(2)
    told = json.loads(checkpoints.make().line)
    told[name] = told[name] + 1 if isinstance(told[name], int) else "f" * 64
    Path(settings.AUDIT_CHECKPOINT_FILE).write_text(json.dumps(told) + "\n")
    assert any("Checkpoint 1: its signature does not hold" in one for one in said())


def test_a_lost_line_in_the_middle_is_found(settings):
    for _ in range(3):
        append()
        checkpoints.make()
    first, _, third = lines(settings)
    Path(settings.AUDIT_CHECKPOINT_FILE).write_text(f"{first}\n{third}\n")
    unlock()
    AuditCheckpoint.objects.filter(number=2)._raw_delete("default")
    assert said() == ["Checkpoint 3: it does not follow the checkpoint before it."]


def test_a_file_that_was_cut_is_told_of_and_the_copies_still_count(settings):
    append(2)
    checkpoints.make()
    Path(settings.AUDIT_CHECKPOINT_FILE).write_text("")
    report = verify.verify()
    assert (report.covered, report.is_whole) == (2, True)
    assert "lacks the newest 1" in report.notes[0]


def test_a_line_torn_by_a_crash_is_completed(settings):
    append()
    checkpoints.make()
    append()
    whole = checkpoints.make()
    path = Path(settings.AUDIT_CHECKPOINT_FILE)
    path.write_text(path.read_text()[:-40])
    append()
    third = checkpoints.make()
    assert lines(settings)[1:] == [whole.line, third.line]


def test_a_log_that_was_cut_back_gets_no_new_checkpoint():
    append(3)
    checkpoints.make()
    unlock()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orders_auditrecord WHERE position = 3")
    with pytest.raises(checkpoints.CannotCheckpoint, match="contradicts checkpoint 1"):
        checkpoints.make()
    assert said() == ["Record 3: missing."]


def test_a_database_older_than_the_file_gets_no_checkpoint_until_a_new_file_is_named(settings):
    append()
    checkpoints.make()
    append()
    checkpoints.make()
    unlock()
    AuditCheckpoint.objects.filter(number=2)._raw_delete("default")  # as from a backup
    with pytest.raises(checkpoints.CannotCheckpoint, match="restored from a backup"):
        checkpoints.make()
    assert AuditCheckpoint.objects.count() == 1
    settings.AUDIT_CHECKPOINT_FILE += ".new"
    assert checkpoints.make().number == 2
    assert len(lines(settings)) == 2


def test_a_lost_copy_is_found(settings):
    append()
    checkpoints.make()
    unlock()
    AuditCheckpoint.objects.all()._raw_delete("default")
    assert any("copy of it is missing" in one for one in said())


def test_one_minute_lies_between_checkpoints_of_the_sweep():
    append()
    background.checkpoint_due(timezone.now())
    append()
    background.checkpoint_due(timezone.now())
    assert AuditCheckpoint.objects.count() == 1
    background.checkpoint_due(timezone.now() + background.CHECKPOINT_EVERY)
    assert AuditCheckpoint.objects.count() == 2


def test_two_sweeps_make_one_trail(committing_db, settings):
    append()

    def sweep():
        for _ in range(5):
            append()
            checkpoints.make()
        connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checkpoints.make()
    report = verify.verify()
    assert (report.is_whole, report.notes) == (True, [])
    assert report.checkpoints == len(lines(settings)) == AuditCheckpoint.objects.count()


def test_the_key_is_named_never_shown(settings):
    settings.AUDIT_CHECKPOINT_KEY = "not a key at all"
    with pytest.raises(checkpoints.CheckpointKeyWrong) as error:
        checkpoints.signing_key()
    assert "AUDIT_CHECKPOINT_KEY" in str(error.value)
    assert "not a key" not in str(error.value)
