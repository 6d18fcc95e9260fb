"""A database file that is damaged is a database that cannot be used: the same sentence and code."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import DatabaseError, connection, connections

from orders.audit import log
from orders.models import Cancel, Event
from tests.helpers.terminal import process

pytestmark = pytest.mark.skipif(not site.IS_SQLITE, reason="of SQLite's file")


@pytest.mark.thorough
def test_watch_does_not_tell_that_no_sender_is_alive(tmp_path):
    file = tmp_path / "desk.sqlite3"
    file.write_bytes(b"ruined" * 1000)
    ended = process(
        "watch", "--once", DATABASE_URL=f"sqlite:///{file}", DATA_DIR=str(tmp_path / "data")
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (69, 1), ended.stderr


def test_a_log_with_a_damaged_page_was_not_checked_or_is_named(committing_firm, run):
    """Exit code 1 or 2, by a sentence; not a traceback."""
    for _ in range(20):
        log.record(*(log.Fact(Event.ANSWER, body=b"x" * 500) for _ in range(20)))
    name = connection.settings_dict["NAME"]
    connections.close_all()
    with closing(sqlite3.connect(name)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = database.execute("PRAGMA page_size").fetchone()
        (root,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'orders_auditpayload'"
        ).fetchone()
    with Path(name).open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    code, _, said = run("audit_verify")
    assert code == 2, said
    assert "malformed" in said
    assert "Traceback" not in said


def test_a_cancel_has_the_code_of_a_lost_database(firm, run, monkeypatch):
    """1 means that a cancel ended otherwise; this one has not ended."""

    def damaged(*args, **options):
        raise DatabaseError("database disk image is malformed")

    monkeypatch.setattr("orders.management.cancel_runner.run", damaged)
    order = firm.order()
    about = ("--operator", "olivia", "--reason", "drill")
    asked = ("--account", "Alpha", "--symbol", "BTC", "--order-id", str(order.order_id))
    code = run("cancel", *asked, *about)[0]
    assert (code, Cancel.objects.live().count()) == (69, 1)
