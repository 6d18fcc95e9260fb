"""SQLite has one writer at a time: whoever waits for it begins soon after it ends."""

import gc
import sqlite3
import threading
import time

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

pytestmark = pytest.mark.skipif(not settings.IS_SQLITE, reason="about SQLite's one writer")


class Writer(threading.Thread):
    """Another process that writes for so long, or until it may end."""

    def __init__(self, seconds):
        super().__init__(daemon=True)
        self.seconds = seconds
        self.is_writing, self.may_end = threading.Event(), threading.Event()
        self.start()
        self.is_writing.wait()

    def run(self):
        rival = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        rival.execute("BEGIN IMMEDIATE")
        self.is_writing.set()
        self.may_end.wait(self.seconds)
        self.ended = time.monotonic()
        rival.execute("ROLLBACK")
        rival.close()


def lateness_s():
    """How long after the end of a long writer the next one begins."""
    writer = Writer(0.34)
    with transaction.atomic():
        return time.monotonic() - writer.ended


def test_who_waited_long_for_the_writer_begins_soon_after_it(committing_firm):
    assert any(lateness_s() < 0.03 for _ in range(30))  # a busy machine may be late too


def test_who_waited_in_vain_is_told_so(committing_firm, monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.1)
    writer = Writer(60)
    with pytest.raises(OperationalError, match="locked"), transaction.atomic():
        pass
    writer.may_end.set()
    writer.join()


def test_a_statement_of_its_own_still_waits(committing_firm):
    with transaction.atomic():
        pass
    writer = Writer(0.1)
    committing_firm.account.save()
    writer.join()


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
