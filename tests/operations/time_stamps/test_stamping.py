"""Time stamps: the owner of database, checkpoint file and key cannot make them again."""

import json
import logging
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.utils import timezone

from orders.audit import log
from orders.evidence import bundle, checkpoint_line, checkpoints, time_stamps, verify
from orders.models import Event, TimeStamp, TimeStampAuthority
from orders.operations.alerts import watch
from orders.operations.doctor import evidence_checks
from orders.operations.doctor.findings import TROUBLE as TROUBLE_STATE
from orders.operations.doctor.findings import Asked, Limits
from orders.operations.time_stamps import stamping
from tests.helpers.time_stamps import Authority, running
from tests.operations.errands.test_exports import _folders, busy, export, unpacked  # noqa: F401

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "ours")


@pytest.fixture
def authority(ours, settings, db):
    """Our authority at work, and the site told of it."""
    with running(ours) as server:
        settings.AUDIT_TIMESTAMP_URL = [server.url]
        settings.AUDIT_TIMESTAMP_CHAIN_FILE = str(ours.chain)
        yield server


def checkpoint():
    log.record(log.Fact(Event.LOGIN))
    return checkpoints.make()


def stamped(hours=1):
    """So many hours, with a checkpoint each."""
    start = timezone.now()
    for n in range(hours):
        checkpoint()
        stamping.stamp_due(start + n * HOUR)


def by_standalone(folder, *options):
    place = site.AUDIT_CHECKPOINT_FILE
    command = [sys.executable, "-I", str(bundle.VERIFIER), str(folder), "--checkpoints", place]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False, env={})


def test_24_tokens_are_found_good_by_both_tools(busy, authority, ours, tmp_path):  # noqa: F811
    stamped(24)
    report = verify.verify()
    assert report.faults == []
    assert any(note.startswith("24 of 24 time stamps hold") for note in report.notes)
    folder = unpacked(export(busy), tmp_path)
    said = by_standalone(folder, "--chain", str(ours.chain))
    assert (said.returncode, said.stderr) == (0, "")
    assert "25 checkpoints, 24 time stamps; the newest is of" in said.stdout
    own = [sys.executable, "-I", str(folder / "verify_export.py"), str(folder)]
    own += ["--checkpoints", site.AUDIT_CHECKPOINT_FILE]
    assert subprocess.run(own, capture_output=True, env={}, check=False).returncode == 0


def test_a_log_and_a_checkpoint_file_that_were_rewritten_are_found(busy, authority, tmp_path):  # noqa: F811
    """Whoever has database, file and key writes all of it anew: the same number, another text."""
    stamped(3)
    folder = unpacked(export(busy), tmp_path)
    lines = Path(site.AUDIT_CHECKPOINT_FILE).read_text().splitlines()
    key, last, written = checkpoints.signing_key(), None, []
    for line in lines:
        facts = json.loads(line)
        facts = {name: facts[name] for name in ("at", "count", "first", "head", "network")}
        facts |= {"at": "2020-01-01T00:00:00.000+00:00", "number": len(written) + 1}
        facts["previous"] = last.line_hash if last else "0" * 64
        written.append(checkpoints._signed(key, **facts))
        last = checkpoint_line.read(written[-1])
    Path(site.AUDIT_CHECKPOINT_FILE).write_text("".join(f"{line}\n" for line in written))
    found = [fault.what for fault in time_stamps.Stamps().faults()]
    assert len(found) == 3
    assert all("is not the one that was stamped" in what for what in found)
    said = by_standalone(folder)
    assert said.returncode == 1
    assert said.stderr.count("is not the one that was stamped") == 3


def test_a_checkpoint_file_that_was_cut_back_is_found(busy, authority, tmp_path):  # noqa: F811
    stamped(2)
    folder = unpacked(export(busy), tmp_path)
    place = Path(site.AUDIT_CHECKPOINT_FILE)
    place.write_text(place.read_text().splitlines(keepends=True)[0])
    said = by_standalone(folder)
    assert said.returncode == 1
    assert "checkpoint 2 is not the one that was stamped" in said.stderr


def test_a_token_of_an_authority_that_does_not_count_proves_nothing(authority, settings, tmp_path):
    stamped()
    other = Authority(tmp_path / "other")
    settings.AUDIT_TIMESTAMP_CHAIN_FILE = str(other.chain)
    (fault,) = verify.verify().faults
    assert "no certificate that counts here has signed it" in fault.what


def test_a_root_of_the_right_name_and_another_key_proves_nothing(
    authority, ours, settings, tmp_path
):
    stamped()
    forged = Authority(tmp_path / "forged")
    chain = tmp_path / "chain.pem"
    chain.write_text((forged.folder / "ca.pem").read_text())
    settings.AUDIT_TIMESTAMP_CHAIN_FILE = str(chain)
    assert verify.verify().faults != []


def test_a_changed_token_is_found(authority):
    stamped()
    row = TimeStamp.objects.get()
    stamp = time_stamps.read(row.line)
    for place in (40, len(stamp.token) // 2, len(stamp.token) - 5):
        token = bytearray(stamp.token)
        token[place] ^= 1
        changed = time_stamps.Stamp(1, "x", stamp.sha256, bytes(token), stamp.certificates)
        with pytest.raises(time_stamps.BadStamp):
            time_stamps.check(changed)


def test_an_authority_is_asked_once_an_hour_and_by_one_sender(authority):
    checkpoint()
    now = timezone.now()
    for seconds in (0, 1, 3599):
        checkpoint()
        stamping.stamp_due(now + timedelta(seconds=seconds))
    assert len(authority.asked) == 1
    stamping.stamp_due(now + HOUR)
    assert len(authority.asked) == 2


def test_nothing_new_is_not_stamped_again(authority):
    checkpoint()
    now = timezone.now()
    stamping.stamp_due(now)
    stamping.stamp_due(now + HOUR)
    assert len(authority.asked) == 1
    assert TimeStampAuthority.objects.get().failing_since is None


TROUBLE = {
    "an error": {"status": 500},
    "a redirect": {"status": 302},
    "no token": {"spoil": lambda body: b"<html>"},
    "nothing": {"spoil": lambda body: b""},
    "too much": {"spoil": lambda body: body + bytes(70_000)},
}


@pytest.mark.parametrize("what", TROUBLE)
def test_a_failing_authority_is_asked_again_told_and_seen_by_doctor(authority, what, caplog):
    vars(authority).update(TROUBLE[what])
    now = timezone.now()
    checkpoint()
    with caplog.at_level(logging.WARNING):
        stamping.stamp_due(now)
    assert "asked again" in caplog.text
    assert "planted" not in caplog.text
    assert TimeStamp.objects.count() == 0
    assert ("time_stamp", f"127.0.0.1:{authority.server_port}") not in watch.matters(now)
    stamping.stamp_due(now + timedelta(minutes=5))
    assert len(authority.asked) == 2
    later = now + timedelta(hours=2)
    assert ("time_stamp", f"127.0.0.1:{authority.server_port}") in watch.matters(later)
    (found,) = evidence_checks.check_time_stamps(Asked(now), Limits())
    assert (found.state, "planted" in found.said) == (TROUBLE_STATE, False)
    authority.status, authority.spoil = 200, bytes
    stamping.stamp_due(later)
    assert "time_stamp" not in {kind for kind, _ in watch.matters(later)}
    (found,) = evidence_checks.check_time_stamps(Asked(now), Limits())
    assert found.state == "ok"


def test_an_authority_that_is_down_delays_no_checkpoint(settings, db):
    settings.AUDIT_TIMESTAMP_URL = ["http://127.0.0.1:9/"]
    made = checkpoint()
    stamping.stamp_due(timezone.now())
    assert TimeStampAuthority.objects.get().failing_since is not None
    assert checkpoint().number == made.number + 1


def test_a_file_that_was_lost_or_torn_is_completed(authority):
    stamped(2)
    whole = time_stamps.place().read_bytes()
    for left in (b"", whole[:100]):
        time_stamps.place().write_bytes(left)
        time_stamps.complete_file()
        assert time_stamps.place().read_bytes() == whole
    assert time_stamps.place().stat().st_mode & 0o77 == 0


def test_openssl_alone_finds_a_token_good(authority, ours, tmp_path):
    """As the documents say it."""
    stamped()
    stamp = time_stamps.read(time_stamps.lines()[0])
    (tmp_path / "token").write_bytes(stamp.token)
    shutil.copy(site.AUDIT_CHECKPOINT_FILE, tmp_path / "line")
    line = (tmp_path / "line").read_text().rstrip("\n")
    (tmp_path / "line").write_text(line)
    at = str(int(time_stamps.check(stamp).timestamp()))
    command = ["openssl", "ts", "-verify", "-data", "line", "-in", "token", "-attime", at]
    command += ["-CAfile", str(ours.chain), "-untrusted", str(ours.chain)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "Verification: OK"
