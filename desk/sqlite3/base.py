"""Django's SQLite backend, whose writers look more often whether it is their turn.

SQLite has one writer at a time, and whoever waits looks again after 1, 2, 5 and so on up to 100 ms:
with several senders busy, a click waits far longer than the writers before it take. Here it looks
every half millisecond at first, and never less often than every five.

The database and what SQLite puts beside it, which gets the same mode, are private to their user.

A look in vain leaves nothing for the garbage collector. Django's own cursor would: its exception
holds the cursor in a circle, and the thread that collects it waits, with all of Python, until the
cursor's connection has ended its own wait, perhaps for that very thread.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

from django.db.backends.sqlite3 import base

from desk import private

FIRST_PAUSE_S, MAX_PAUSE_S, GROWTH = 0.0005, 0.005, 1.05  # between two looks


class DatabaseWrapper(base.DatabaseWrapper):
    """Of the setting ``timeout``, in seconds, nothing changes: whoever waited so long fails."""

    transaction_mode: str  # set by Django as it reads the options

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        name = str(conn_params["database"])
        if not name.startswith("file:") and ":memory:" not in name:
            with contextlib.suppress(OSError):  # SQLite says what is wrong with it
                private.make_file(name)
            for beside in (f"{name}-wal", f"{name}-shm", f"{name}-journal"):
                with contextlib.suppress(OSError):  # mostly there is none
                    private.shut(beside)
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        return connection

    def _start_transaction_under_autocommit(self) -> None:
        timeout_s = self.settings_dict["OPTIONS"]["timeout"]
        ends_at = time.monotonic() + timeout_s
        pause_s = FIRST_PAUSE_S
        self._wait_ms(0)
        try:
            with self.wrap_database_errors:
                while not self._has_begun(ends_at):
                    time.sleep(pause_s)
                    pause_s = min(pause_s * GROWTH, MAX_PAUSE_S)
        finally:
            self._wait_ms(timeout_s * 1000)

    @contextlib.contextmanager
    def without_waiting(self) -> Iterator[None]:
        """Let a statement fail at once where another one writes."""
        self.ensure_connection()
        self._wait_ms(0)
        try:
            yield
        finally:
            self._wait_ms(self.settings_dict["OPTIONS"]["timeout"] * 1000)

    def _has_begun(self, ends_at: float) -> bool:
        try:
            self.connection.execute(f"BEGIN {self.transaction_mode}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends_at:
                raise
            return False
        return True

    def _wait_ms(self, ms: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {ms}")
