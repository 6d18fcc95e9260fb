"""SQLite has one writer at a time: whoever waits for it begins soon after it ends."""

import gc
import sqlite3
import threading
import time

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

from orders.models import Account
from tests.helpers.writers import Writer

pytestmark = pytest.mark.skipif(not settings.IS_SQLITE, reason="about SQLite's one writer")


def transact(firm):
    with transaction.atomic():
        pass


def state(firm):
    """One statement, in no transaction."""
    Account.objects.filter(pk=firm.account.pk).update(name="Momentum 1")


def state_many(firm):
    """One statement for each of several rows, which come from a generator."""
    rows = ((name, firm.account.pk) for name in ("Momentum 2", "Momentum 3"))
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE orders_account SET name = %s WHERE id = %s", rows)


each_way = pytest.mark.parametrize("write", [transact, state, state_many])


def lateness_s(write, firm):
    """How long after the end of a long writer the next one has written."""
    writer = Writer(0.34)
    write(firm)
    return time.monotonic() - writer.ended


@each_way
def test_who_waited_long_for_the_writer_begins_soon_after_it(committing_firm, write):
    # the machine may be busy
    assert any(lateness_s(write, committing_firm) < 0.03 for _ in range(6))


@each_way
def test_who_waited_in_vain_is_told_so(committing_firm, monkeypatch, write):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.1)
    writer = Writer(60)
    began = time.monotonic()
    with pytest.raises(OperationalError, match="locked"):
        write(committing_firm)
    assert time.monotonic() - began >= 0.1
    writer.may_end.set()
    writer.join()


def test_what_came_from_a_generator_is_written_after_a_wait(committing_firm):
    writer = Writer(0.05)
    state_many(committing_firm)
    assert Account.objects.get(pk=committing_firm.account.pk).name == "Momentum 3"
    writer.join()


def test_who_may_not_wait_is_told_at_once_and_waits_the_next_time(committing_firm):
    writer = Writer(60)
    with connection.without_waiting(), pytest.raises(OperationalError, match="locked"):
        state(committing_firm)
    threading.Timer(0.05, writer.may_end.set).start()
    state(committing_firm)
    writer.join()


def test_who_opens_the_database_while_nobody_may_waits_too(db, tmp_path):
    """As the last one who closes it does, who shuts it for a moment."""
    path = str(tmp_path / "db.sqlite3")
    rival = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    rival.execute("CREATE TABLE t (a)")
    rival.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.2, rival.rollback).start()
    other = connection.copy()
    other.settings_dict["NAME"] = path
    other.connect()
    assert other.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    rival.close()


def test_a_look_in_vain_leaves_no_cursor_to_the_garbage_collector(committing_firm):
    """Whichever thread collected it would wait for this connection, and all of Python with it."""
    gc.collect()
    gc.disable()
    try:
        writer = Writer(0.1)
        with transaction.atomic():
            writer.join()
        cursors = [one for one in gc.get_objects() if issubclass(type(one), sqlite3.Cursor)]
        left = [one for one in cursors if one.connection is connection.connection]
    finally:
        gc.enable()
    assert not left
