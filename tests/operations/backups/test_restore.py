"""The drill: a backup is put back on either engine, checked first, and nothing old is dropped."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection, connections
from django.utils import timezone

from desk import startup_checks
from orders.audit import log
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import checkpoints, verify
from orders.lifecycle import restored_copy, restored_copy_acceptance
from orders.models import AuditRecord, Cancel, CancelStatus, Event, Order, append_only
from orders.operations.backups import backup, engines, files, manifest, restore, snapshot
from orders.operations.backups.refusals import CannotCopy
from tests.conftest import _administer, connected_to

ON_POSTGRESQL = pytest.mark.skipif(site.IS_SQLITE, reason="of PostgreSQL's schemas and roles")
ON_SQLITE = pytest.mark.skipif(not site.IS_SQLITE, reason="of SQLite's files")


@pytest.fixture
def firm(committing_firm):
    return committing_firm


@pytest.fixture
def to(tmp_path):
    return tmp_path / "monday"


@pytest.fixture(autouse=True)
def _unkept(monkeypatch):
    monkeypatch.setattr(restored_copy, "_told", set())


def ask(firm, order):
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])


def tip():
    return AuditRecord.objects.order_by("-position").values_list("position", flat=True).first()


def everything():
    """Every row of every table but those of sessions, as text."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if table != "django_session":
                cursor.execute(f'SELECT * FROM "{table}"')
                found[table] = sorted(map(repr, map(tuple, map(_bytes, cursor.fetchall()))))
    return found


def _bytes(row):
    return [bytes(cell) if isinstance(cell, memoryview) else cell for cell in row]


def test_the_drill(firm, to):
    """A copy, work after it, the loss, the restore, the acceptance: nothing is sent twice."""
    ask(firm, firm.order())
    checkpoints.make()
    backup.take(folder=to)
    before = tip()
    worker.deliver_account(account_id=firm.account.pk)
    checkpoints.make()
    in_place = Path(site.AUDIT_CHECKPOINT_FILE).read_bytes()
    done = restore.put_back(folder=to, is_told=True)
    assert done.is_behind
    assert any("older than its checkpoints" in note for note in done.notes)
    assert any(f"The copy has {before} records and the file tells of" in n for n in done.notes)
    assert Path(site.AUDIT_CHECKPOINT_FILE).read_bytes() == in_place
    assert append_only.missing_triggers(connection) == []
    startup_checks.check_append_only()
    sent = len(firm.paper.requests())
    worker.deliver_account(account_id=firm.account.pk)
    assert len(firm.paper.requests()) == sent
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    with pytest.raises(restored_copy.Behind):
        restored_copy.refuse_behind()
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    checkpoints.make()
    assert verify.verify().faults == []


def test_every_row_comes_back_and_new_ones_follow(firm, to):
    firm.orders(3)
    backup.take(folder=to)
    before = everything()
    firm.orders(2)
    restore.put_back(folder=to, is_told=True)
    assert everything() == before
    firm.order()  # no id is given twice
    log.record(log.Fact(Event.LOGIN))
    checkpoints.make()
    assert verify.verify().faults == []


def test_what_stands_in_place_is_kept_whole(firm, to):
    backup.take(folder=to)
    firm.orders(2)
    ids = sorted(Order.objects.values_list("order_id", flat=True))
    done = restore.put_back(folder=to, is_told=True)
    assert (len(ids), kept(done.kept), Order.objects.count()) == (2, ids, 0)


def kept(where):
    """The order ids in the database that was kept."""
    sql = "SELECT order_id FROM {}orders_order ORDER BY order_id"
    if site.IS_SQLITE:
        with closing(sqlite3.connect(where)) as old:
            return [one for (one,) in old.execute(sql.format(""))]
    with connection.cursor() as cursor:
        cursor.execute(sql.format(where.removeprefix("schema ") + "."))
        return [one for (one,) in cursor.fetchall()]


def test_a_database_that_holds_rows_is_refused_unless_told(firm, to):
    backup.take(folder=to)
    firm.order()
    before = everything()
    with pytest.raises(CannotCopy, match=r"holds rows already .* --replace"):
        restore.put_back(folder=to)
    assert everything() == before


def test_a_database_that_was_only_migrated_takes_it_unasked(firm, to, empty):
    backup.take(folder=to)
    with empty():
        assert engines.engine().tables_with_rows() == []
        done = restore.put_back(folder=to)
        assert (tip(), done.kept != "") == (done.manifest.records, True)


@pytest.fixture
def empty(template, tmp_path):
    """A migrated database without a row of anybody's, in use once the block begins."""
    if site.IS_SQLITE:
        name = str(shutil.copy(template, tmp_path / "empty.sqlite3"))
    else:
        name = f"{template}_empty"
        _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        _administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield lambda: connected_to(NAME=name)
    if not site.IS_SQLITE:
        _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.mark.parametrize("harm", ["a changed byte", "cut short", "missing", "a link outwards"])
def test_every_hash_is_checked_before_anything_is_touched(firm, to, harm):
    checkpoints.make()
    backup.take(folder=to)
    firm.order()
    before = everything()
    for part in manifest.read(to).parts:
        path = to / part.name
        whole = path.read_bytes()
        if harm == "a changed byte":
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        elif harm == "cut short":
            path.write_bytes(whole[:-1])
        elif harm == "missing":
            path.unlink()
        else:
            path.rename(to.parent / "elsewhere")
            path.symlink_to(to.parent / "elsewhere")
        with pytest.raises(CannotCopy, match=part.name):
            restore.put_back(folder=to, is_told=True)
        path.unlink(missing_ok=True)
        path.write_bytes(whole)
    assert everything() == before
    restore.put_back(folder=to, is_told=True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("network", "mainnet", "is of mainnet"),
        ("engine", "oracle", "is of oracle"),
        ("migrations", {"orders": "9999_from_tomorrow"}, "newer version"),
        ("version", 2, "another format"),
        ("parts", [{"name": "../x", "bytes": 1, "sha256": "0" * 64}], "cannot be read"),
        ("parts", 7, "cannot be read"),
        ("records", "7", "cannot be read"),
    ],
)
def test_a_manifest_of_something_else_is_refused(firm, to, name, value, words):
    backup.take(folder=to)
    facts = json.loads((to / "manifest.json").read_text()) | {name: value}
    (to / "manifest.json").write_text(json.dumps(facts))
    with pytest.raises(CannotCopy, match=words):
        restore.put_back(folder=to, is_told=True)


def test_a_copy_without_its_triggers_is_refused_and_nothing_changes(firm, to):
    facts = backup.take(folder=to)
    ours = {*facts.triggers, "orders_auditrecord_no_fun"}
    part = facts.part(engines.engine().FILE)
    before = everything()
    connections.close_all()
    with pytest.raises(CannotCopy, match="lacks triggers: orders_auditrecord_no_fun"):
        engines.engine().put_back(to / part.name, part.sha256, ours, "before-restore-x")
    assert everything() == before


def test_the_copys_checkpoint_file_is_kept_beside_the_one_in_place(firm, to):
    checkpoints.make()
    backup.take(folder=to)
    log.record(log.Fact(Event.LOGIN))
    checkpoints.make()
    place = Path(site.AUDIT_CHECKPOINT_FILE)
    newer = place.read_bytes()
    restore.put_back(folder=to, is_told=True)
    (beside,) = place.parent.glob(f"{place.name}.before-restore-*")
    assert (place.read_bytes(), beside.read_bytes()) == (
        newer,
        (to / "checkpoints.jsonl").read_bytes(),
    )


def test_without_a_checkpoint_file_in_place_it_says_that_nobody_can_tell(firm, to):
    checkpoints.make()
    backup.take(folder=to)
    Path(site.AUDIT_CHECKPOINT_FILE).unlink()
    done = restore.put_back(folder=to, is_told=True)
    assert not done.is_behind
    assert any("sending is not locked" in note for note in done.notes)
    assert Path(site.AUDIT_CHECKPOINT_FILE).read_bytes() == (to / "checkpoints.jsonl").read_bytes()


def test_a_copy_that_lacks_nothing_is_not_locked(firm, to):
    checkpoints.make()
    backup.take(folder=to)
    done = restore.put_back(folder=to, is_told=True)
    assert (done.is_behind, restored_copy.look(timezone.now())) == (False, None)


def test_a_database_that_somebody_uses_is_refused(firm, to):
    backup.take(folder=to)
    with somebody(), pytest.raises(CannotCopy, match=r"connected|open"):
        restore.put_back(folder=to, is_told=True)
    restore.put_back(folder=to, is_told=True)


@contextmanager
def somebody():
    """Another connection that does nothing."""
    if site.IS_SQLITE:
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
            other.execute("SELECT COUNT(*) FROM orders_order").fetchone()
            yield
        return
    other = connection.copy()
    other.ensure_connection()
    yield
    other.close()


def test_a_swap_that_fails_leaves_no_file_behind(firm, to, monkeypatch):
    checkpoints.make()
    backup.take(folder=to)
    place = Path(site.AUDIT_CHECKPOINT_FILE)
    before = {one.name for one in place.parent.iterdir()}

    def refused(*_):
        raise CannotCopy("no")

    monkeypatch.setattr(engines.engine(), "put_back", refused)
    with pytest.raises(CannotCopy, match="no"):
        restore.put_back(folder=to, is_told=True)
    assert {one.name for one in place.parent.iterdir()} == before


def test_a_disk_that_fills_up_leaves_no_half_of_a_file(firm, to, tmp_path, monkeypatch):
    checkpoints.make()
    archives, back = tmp_path / "archives", tmp_path / "back"
    archives.mkdir()
    back.mkdir()
    (archives / "a.zip").write_bytes(b"zip")
    backup.take(folder=to, archives=archives)
    place = Path(site.AUDIT_CHECKPOINT_FILE)
    place.unlink()

    def full(_, target):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(restore, "check", manifest.read)
        patch.setattr(files, "_pour", full)
        with pytest.raises(CannotCopy, match="No space left on device"):
            restore.put_back(folder=to, is_told=True)
        assert not place.exists()
        with pytest.raises(OSError, match="No space"):
            files.copied(to / "archives" / "a.zip", back / "a.zip")
    assert not (back / "a.zip").exists()
    (back / "a.zip").write_bytes(b"ours")
    with pytest.raises(FileExistsError):
        files.copied(to / "archives" / "a.zip", back / "a.zip")
    assert (back / "a.zip").read_bytes() == b"ours"


def test_a_file_that_may_not_be_read_ends_in_a_sentence(firm, to, monkeypatch):
    backup.take(folder=to)

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "measured", refused)
    with pytest.raises(CannotCopy, match=r"cannot be used \(Permission denied\)"):
        restore.put_back(folder=to, is_told=True)


def test_archives_come_back_and_meet_no_other_of_their_name(firm, to, tmp_path):
    archives, back = tmp_path / "archives", tmp_path / "back"
    archives.mkdir()
    back.mkdir()
    (archives / "a.zip").write_bytes(b"zip")
    backup.take(folder=to, archives=archives)
    (back / "a.zip").write_bytes(b"other")
    with pytest.raises(CannotCopy, match="another archive of the same name"):
        restore.put_back(folder=to, is_told=True, archives=back)
    (back / "a.zip").unlink()
    restore.put_back(folder=to, is_told=True, archives=back)
    assert (back / "a.zip").read_bytes() == b"zip"


def test_the_command_checks_puts_back_and_says_what_is_locked(firm, to, run):
    assert run("backup", str(to))[0] == 0
    log.record(log.Fact(Event.LOGIN))
    checkpoints.make()
    code, out, _ = run("restore", str(to), "--check")
    assert (code, out.startswith("Whole: ")) == (0, True)
    code, _, err = run("restore", str(to))
    assert (code, "--replace" in err) == (2, True)
    code, out, _ = run("restore", str(to), "--replace")
    assert (code, "SENDING IS LOCKED" in out, "is kept" in out) == (0, True, True)
    code, _, err = run("restore", str(to.with_name("nowhere")), "--replace")
    assert (code, "is no backup" in err) == (2, True)


@ON_SQLITE
def test_a_database_that_is_past_reading_is_kept_too(firm, to):
    backup.take(folder=to)
    place = Path(connection.settings_dict["NAME"])
    connection.close()
    place.write_bytes(b"ruined" * 1000)
    with pytest.raises(CannotCopy, match="cannot be read"):
        restore.put_back(folder=to)
    done = restore.put_back(folder=to, is_told=True)
    assert Path(done.kept).read_bytes() == b"ruined" * 1000
    assert tip() == done.manifest.records


@ON_SQLITE
def test_an_old_log_of_transactions_is_not_read_into_the_new_database(firm, to):
    backup.take(folder=to)
    before = everything()
    place = Path(connection.settings_dict["NAME"])
    log.record(log.Fact(Event.LOGIN))
    wal = place.with_name(f"{place.name}-wal").read_bytes()
    connection.close()
    place.write_bytes(b"ruined" * 1000)
    place.with_name(f"{place.name}-wal").write_bytes(wal)
    restore.put_back(folder=to, is_told=True)
    assert everything() == before


@ON_POSTGRESQL
def test_a_second_role_gets_no_right_to_change_the_log(firm, to):
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS desk_app_of_a_test")
        cursor.execute("CREATE ROLE desk_app_of_a_test")
        try:
            cursor.execute(DEFAULTS)
            cursor.execute("GRANT SELECT, INSERT ON orders_auditrecord TO desk_app_of_a_test")
            backup.take(folder=to)
            restore.put_back(folder=to, is_told=True)
            with connection.cursor() as after:
                after.execute(RIGHTS)
                assert after.fetchone() == (True, True, False, False)
        finally:
            with connection.cursor() as after:
                after.execute("DROP OWNED BY desk_app_of_a_test")
                after.execute("DROP ROLE desk_app_of_a_test")


DEFAULTS = """
    ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO desk_app_of_a_test
"""
RIGHTS = "SELECT " + ", ".join(
    f"has_table_privilege('desk_app_of_a_test', 'orders_auditrecord', '{right}')"
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
)


@ON_POSTGRESQL
@pytest.mark.parametrize("dies", ["at once", "half way", "near the end"])
def test_a_program_that_dies_half_way_changes_nothing(firm, to, monkeypatch, tmp_path, dies):
    backup.take(folder=to)
    firm.order()
    before = everything()
    lines = {"at once": "1", "half way": "400", "near the end": "-12"}[dies]
    fake = tmp_path / "pg_restore"
    real = subprocess.run(["which", "pg_restore"], capture_output=True, text=True).stdout.strip()
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\n'
        f'{real} "$@" | head -n {lines}\nkill -9 $$\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CannotCopy, match="pg_restore failed"):
        restore.put_back(folder=to, is_told=True)
    assert everything() == before


@ON_POSTGRESQL
def test_what_was_kept_is_in_no_later_backup(firm, to):
    backup.take(folder=to)
    restore.put_back(folder=to, is_told=True)
    later = to.with_name("tuesday")
    backup.take(folder=later)
    command = ["pg_restore", "--list", str(later / "database.dump")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "before_restore" not in listed
    assert "orders_auditrecord" in listed


def test_the_rows_that_migrations_write_are_not_taken_for_somebodys(firm, empty):
    with empty(), connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        assert snapshot.tables_with_rows(cursor, tables) == []
