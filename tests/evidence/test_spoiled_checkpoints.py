"""Junk where checkpoints are kept, a full disk, a wrong key: a sentence each, never a traceback."""

import errno
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from orders.audit import log, reader
from orders.evidence import checkpoint_file, checkpoints, verify
from orders.lifecycle import restored_copy
from orders.models import AuditCheckpoint, Event, Restore
from orders.operations.errands import background
from tests.helpers.copies import Copy

pytestmark = pytest.mark.once

ORDER = ("--operator", "olivia", "--account", "Alpha", "--symbol", "BTC", "--order-id", "1")
COMMANDS = (
    ("audit_verify",),
    ("audit_checkpoint",),
    ("accept_restored", "--operator", "admin", "--reason", "drill"),
    ("audit_archive", "--before", "2020-01-01", "--to", "/tmp"),
    ("cancel", *ORDER, "--reason", "drill", "--wait", "0"),
    ("run_errands",),
)
AROUND = ("before", "after")  # sound checkpoints
PAGES = ("admin:index", "admin:orders_verification_changelist")
JUNK = {
    "bytes": b"\xff\xfe\x00\x01\x80" * 50,
    "lines of bytes": b"\xff\xfe\x00\x01\x80\n" * 50,
    "nul": b"\0" * 4096 + b"\n",
    "long": b"a" * 200_000,
    "deep": b"[" * 60_000 + b"\n",
    "other JSON": b'{"signature":"AAAA","public_key":"AAAA"}\n[1]\n"\\ud800"\n',
}


@pytest.fixture(autouse=True)
def _key(settings):
    settings.AUDIT_CHECKPOINT_KEY, _ = checkpoints.new_key()


def signed():
    """The file's bytes with two checkpoints, and a record that none covers."""
    for _ in range(2):
        log.record(log.Fact(Event.LOGIN))
        checkpoints.make()
    log.record(log.Fact(Event.LOGIN))
    return Path(checkpoint_file.settings.AUDIT_CHECKPOINT_FILE).read_bytes()


def ask_everybody(client, firm, run):
    """What each command and sender said; a page that breaks raises."""
    client.force_login(firm.administrator)
    for name in PAGES:
        assert client.get(reverse(name)).status_code == 200
    restored_copy.check()
    background.checkpoint_due(timezone.now())
    return {command[0]: run(*command)[2] for command in COMMANDS}


@pytest.mark.parametrize(
    "place", ["alone", *(pytest.param(one, marks=pytest.mark.thorough) for one in AROUND)]
)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_in_the_file_is_a_sentence_everywhere(client, firm, run, settings, junk, place):
    sound = b"" if place == "alone" else signed()
    parts = (JUNK[junk], sound) if place == "before" else (sound, JUNK[junk])
    Path(settings.AUDIT_CHECKPOINT_FILE).write_bytes(b"".join(parts))
    said = ask_everybody(client, firm, run)
    assert "Traceback" not in "".join(said.values())
    if junk not in {"bytes", "long"}:  # without a line's end one is still being written
        assert "cannot be read" in said["audit_verify"]


MUCH_JUNK = {
    "bytes": b"\xff\xfe\x00\x01\x80" * 20_000,
    "many lines": b"\n" * 100_000,
    "one long line": b"a" * 200_000 + b"\n",
    "lines and a torn one": b"[1]\n" * 30_000 + b"{",
}


@pytest.mark.parametrize("junk", MUCH_JUNK)
def test_much_junk_at_the_end_hides_no_older_copy(committing_firm, settings, junk):
    file = Path(settings.AUDIT_CHECKPOINT_FILE)
    checkpoints.make()
    copy, shared = Copy(), reader.tip()
    log.record(log.Fact(Event.LOGIN))
    checkpoints.make()
    copy.put_back()
    file.write_bytes(file.read_bytes() + MUCH_JUNK[junk])
    with pytest.raises(restored_copy.Behind, match="older than its checkpoints"):
        restored_copy.refuse_behind()
    found = Restore.objects.get()
    assert (found.number, found.shared) == (2, shared)


@pytest.mark.parametrize("junk", [*MUCH_JUNK.values(), b"\n"], ids=[*MUCH_JUNK, "an empty line"])
def test_no_checkpoint_is_written_after_junk(db, settings, junk):
    spoiled = signed() + junk
    file = Path(settings.AUDIT_CHECKPOINT_FILE)
    file.write_bytes(spoiled)
    with pytest.raises(checkpoints.CannotCheckpoint, match=r"is not sound|is not ours"):
        checkpoints.make()
    assert file.read_bytes() == spoiled


def test_a_full_disk_is_named_and_nothing_is_lost(client, firm, run, monkeypatch, settings):
    signed()
    with monkeypatch.context() as patch:
        full = OSError(errno.ENOSPC, "No space left on device")
        patch.setattr(checkpoint_file.os, "fsync", lambda _: (_ for _ in ()).throw(full))
        said = ask_everybody(client, firm, run)
    assert "AUDIT_CHECKPOINT_FILE: cannot be written (No space left" in said["audit_checkpoint"]
    assert "AUDIT_CHECKPOINT_FILE: cannot be written (No space left" in said["accept_restored"]
    checkpoints.make()
    assert verify.verify().is_whole


@pytest.mark.parametrize("line", ["{", "[1]", "null", '{"signature":"x"}', "\ufffd"])
def test_a_spoiled_copy_in_the_database_never_gets_into_the_file(client, firm, run, line):
    before = signed()
    AuditCheckpoint.objects.create(number=3, at=timezone.now(), count=3, line=line)
    said = ask_everybody(client, firm, run)
    assert "A stored checkpoint is not sound: it cannot be read" in said["audit_checkpoint"]
    assert Path(checkpoint_file.settings.AUDIT_CHECKPOINT_FILE).read_bytes() == before


def test_a_wrong_key_setting_is_wrong_input(db, run, settings):
    settings.AUDIT_CHECKPOINT_KEY = "no key"
    for command in (("audit_verify",), ("audit_checkpoint",)):
        code, _, said = run(*command)
        assert (code, said) == (2, "AUDIT_CHECKPOINT_KEY: must be base64 of 32 bytes.")
