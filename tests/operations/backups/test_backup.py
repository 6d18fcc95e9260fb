"""A backup is whole or not there, private, holds no key, and overwrites nothing."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection

from orders.audit import log
from orders.evidence import checkpoints
from orders.models import Event
from orders.operations.backups import backup, engines, files, manifest, postgresql_programs
from orders.operations.backups.refusals import CannotCopy
from tests.helpers.terminal import ROOT
from tests.keys.test_leaks import RAW, hits

ON_POSTGRESQL = pytest.mark.skipif(site.IS_SQLITE, reason="of PostgreSQL's programs")
ON_SQLITE = pytest.mark.skipif(not site.IS_SQLITE, reason="of SQLite's own copy")


@pytest.fixture
def firm(committing_firm):
    checkpoints.make()
    return committing_firm


@pytest.fixture
def to(tmp_path):
    return tmp_path / "copies" / "monday"


@pytest.fixture(autouse=True)
def _folder(to):
    to.parent.mkdir()


def content(folder):
    """All that can be read in a backup, a dump as its statements too."""
    found = {str(one): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    for dump in folder.glob("*.dump"):
        command = ["pg_restore", "--file=-", str(dump)]
        found["statements"] = subprocess.run(command, capture_output=True, check=True).stdout
    return found


def files_of(folder):
    return {one.name: one.read_bytes() for one in folder.rglob("*")}


def test_it_holds_database_checkpoint_file_and_a_manifest_that_is_true(firm, to):
    made = backup.take(folder=to)
    assert manifest.read(to) == made
    assert {part.name for part in made.parts} == {
        engines.engine().FILE,
        "checkpoints.jsonl",
        "README.txt",
    }
    manifest.verify(to, made)
    assert (made.records, made.checkpoint, made.network) == (tip(), 1, "paper")
    assert made.migrations["orders"] >= "0018"
    assert "orders_auditrecord_no_update" in made.triggers


def tip():
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(position) FROM orders_auditrecord")
        return cursor.fetchone()[0]


def test_nobody_else_may_read_it_whatever_the_umask_says(firm, to):
    before = os.umask(0)
    try:
        backup.take(folder=to)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(one.stat().st_mode) for one in to.iterdir()}
    assert (stat.S_IMODE(to.stat().st_mode), modes) == (0o700, {0o600})


def test_no_agent_key_no_session_and_no_key_of_the_settings_is_in_it(firm, to, client):
    client.force_login(firm.operator)
    session = client.cookies["sessionid"].value
    backup.take(folder=to)
    keys = [site.SECRET_KEY, site.AUDIT_CHECKPOINT_KEY, site.AGENT_KEY_OPENING_KEYS, session]
    keys += [str(firm.account.agent_keypair), os.environ.get("PGPASSWORD") or "x" * 99]
    found = content(to)
    raw = bytes(firm.account.agent_keypair)
    assert [key for key in keys for text in found.values() if key.encode() in text] == []
    assert [name for name, text in found.items() if raw in text or raw[:32] in text] == []
    assert RAW and hits(found) == []


def test_it_says_that_it_holds_no_key_and_what_to_keep_elsewhere(firm, to):
    backup.take(folder=to)
    said = (to / "README.txt").read_text()
    assert "No key is in it" in said
    for name in ("AGENT_KEY_OPENING_KEYS", "SECRET_KEY", "AUDIT_CHECKPOINT_KEY"):
        assert name in said


@pytest.mark.parametrize("there", ["a backup", "an empty folder", "a file", "a broken link"])
def test_it_never_overwrites(firm, to, there):
    if there == "a backup":
        backup.take(folder=to)
    elif there == "an empty folder":
        to.mkdir()
    elif there == "a file":
        to.write_text("mine")
    else:
        to.symlink_to(to.parent / "nowhere")
    before = files_of(to)
    with pytest.raises(CannotCopy, match="exists already"):
        backup.take(folder=to)
    assert files_of(to) == before


def test_it_is_never_in_the_folder_of_the_code_unasked(firm, to):
    with pytest.raises(CannotCopy, match="in the folder of the code"):
        backup.take(folder=ROOT / "copy-of-monday")
    to.parent.joinpath("link").symlink_to(ROOT)
    with pytest.raises(CannotCopy, match="in the folder of the code"):
        backup.take(folder=to.parent / "link" / "copy-of-monday")
    assert not (ROOT / "copy-of-monday").exists()


def test_one_that_failed_leaves_nothing(firm, to, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest, "write", full)
    with pytest.raises(CannotCopy, match="No space left on device"):
        backup.take(folder=to)
    assert list(to.parent.iterdir()) == []


KILLED = """
import os, signal, sys
import django
django.setup()
from pathlib import Path
from django.db import connection
from orders.operations.backups import backup, files, manifest
connection.settings_dict["NAME"] = sys.argv[2]
place, name = {"files": files, "manifest": manifest}[sys.argv[3]], sys.argv[4]
setattr(place, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
backup.take(folder=Path(sys.argv[1]))
"""


@pytest.mark.parametrize("at", [("files", "measured"), ("manifest", "write"), ("files", "sync")])
def test_one_that_was_killed_is_never_taken_for_a_whole_one(firm, to, at):
    command = [sys.executable, "-c", KILLED, str(to), connection.settings_dict["NAME"], *at]
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (left,) = to.parent.iterdir()
    assert not to.exists()
    assert files.UNFINISHED in left.name
    with pytest.raises(CannotCopy, match="never finished"):
        manifest.read(left)


def test_archives_are_copied_where_it_is_told(firm, to, tmp_path):
    archives = tmp_path / "archives"
    archives.mkdir()
    (archives / "until-2026.zip").write_bytes(b"zip")
    (archives / "half.work").mkdir()
    made = backup.take(folder=to, archives=archives)
    assert made.part("archives/until-2026.zip").bytes == 3
    assert [one.name for one in (to / "archives").iterdir()] == ["until-2026.zip"]


def test_it_is_one_moment_while_somebody_writes(firm, to):
    stopping, written = threading.Event(), []

    def write():
        while not stopping.is_set():
            log.record(*(log.Fact(Event.LOGIN) for _ in range(20)))
            written.append(20)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not written:
            pass
        made = backup.take(folder=to)
    finally:
        stopping.set()
        writer.join()
    assert made.records >= 20
    if site.IS_SQLITE:
        with closing(sqlite3.connect(to / "database.sqlite3")) as copied:
            count = copied.execute("SELECT COUNT(*), MAX(position) FROM orders_auditrecord")
            assert count.fetchone() == (made.records, made.records)
    else:
        rows = content(to)["statements"].partition(b"COPY public.orders_auditrecord (")[2]
        assert rows.partition(b"\\.")[0].count(b"\n") - 1 == made.records


@ON_SQLITE
def test_where_nobody_could_write_meanwhile_it_is_told_to(firm, to, run):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = DELETE")
    code, _, err = run("backup", str(to))
    assert (code, "--hold-writers" in err, to.exists()) == (2, True, False)
    assert run("backup", str(to), "--hold-writers")[0] == 0


@ON_SQLITE
def test_a_damaged_database_gives_no_backup(firm, to, tmp_path):
    place = Path(connection.settings_dict["NAME"])
    connection.close()
    with place.open("r+b") as file:
        file.seek(4096 * 10)
        file.write(b"\xff" * 4096 * 40)
    with pytest.raises(CannotCopy, match=r"cannot be copied|damaged"):
        backup.take(folder=to)
    assert list(to.parent.iterdir()) == []


@ON_POSTGRESQL
def test_a_missing_program_is_named(firm, to, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotCopy, match=r"pg_dump is missing\. Install PostgreSQL's client"):
        backup.take(folder=to)
    assert list(to.parent.iterdir()) == []


@ON_POSTGRESQL
def test_an_older_program_is_refused_with_both_versions(firm, to, monkeypatch, tmp_path):
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CannotCopy, match=r"pg_dump is of PostgreSQL 9, and the server is of \d\d"):
        backup.take(folder=to)


@ON_POSTGRESQL
def test_a_password_stands_in_no_argument(firm, to, monkeypatch):
    ran, run = [], subprocess.run
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "hush-hush")
    monkeypatch.setattr(
        subprocess, "run", lambda command, **how: (ran.append(command), run(command, **how))[1]
    )
    backup.take(folder=to)
    assert ran and "hush-hush" not in str(ran)
    assert postgresql_programs.environment()["PGPASSWORD"] == "hush-hush"


def test_the_command_says_what_it_wrote_and_where_not(firm, to, run):
    code, out, _ = run("backup", str(to))
    assert (code, f"{tip()} records, checkpoint 1" in out) == (0, True)
    code, _, err = run("backup", str(to))
    assert (code, "exists already" in err) == (2, True)
    code, out, _ = run("backup", str(to.with_name("tuesday")), "--json")
    assert json.loads(out)["records"] == tip()
