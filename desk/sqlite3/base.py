"""Django's SQLite backend, whose writers look more often whether it is their turn.

SQLite has one writer at a time, and whoever waits looks again after 1, 2, 5 and so on up to 100 ms:
with several senders busy, a click waits far longer than the writers before it take, and a lone
statement among them can wait for seconds. Here each looks every half millisecond at first, and
never less often than every five.

The database and what SQLite puts beside it, which gets the same mode, are private to their user.

A look in vain leaves nothing for the garbage collector: it is made below Django, whose exception
would hold the cursor in a circle. The thread that collects it waits, with all of Python, until the
cursor's connection has ended its own wait, perhaps for that very thread.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from django.db.backends.sqlite3 import base
from django.db.backends.utils import debug_transaction

from desk import private

T = TypeVar("T")
FIRST_PAUSE_S, MAX_PAUSE_S, GROWTH = 0.0005, 0.005, 1.05  # between two looks


class DatabaseWrapper(base.DatabaseWrapper):
    """Of the setting ``timeout``, in seconds, nothing changes: whoever waited so long fails."""

    transaction_mode: str  # set by Django as it reads the options
    _may_wait = True

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        name = str(conn_params["database"])
        if not name.startswith("file:") and ":memory:" not in name:
            with contextlib.suppress(OSError):  # SQLite says what is wrong with it
                private.make_file(name)
            for beside in (f"{name}-wal", f"{name}-shm", f"{name}-journal"):
                with contextlib.suppress(OSError):  # mostly there is none
                    private.shut(beside)
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA busy_timeout = 0")  # it waited to open; from now `in_turn` does
        return connection

    def create_cursor(self, name: str | None = None) -> "Cursor":
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.in_turn = self.in_turn
        return cursor

    def in_turn(self, act: Callable[[], T]) -> T:
        """Do something of SQLite's, again and again while another one writes; what it returns."""
        ends_at, pause_s = 0.0, FIRST_PAUSE_S
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                if not self._may_wait or not _is_busy(error):
                    raise
                ends_at = ends_at or time.monotonic() + self.settings_dict["OPTIONS"]["timeout"]
                if time.monotonic() > ends_at:
                    raise
            time.sleep(pause_s)
            pause_s = min(pause_s * GROWTH, MAX_PAUSE_S)

    @contextlib.contextmanager
    def without_waiting(self) -> Iterator[None]:
        """Let a statement fail at once where another one writes."""
        self._may_wait = False
        try:
            yield
        finally:
            self._may_wait = True

    def _start_transaction_under_autocommit(self) -> None:
        begin = partial(self.connection.execute, f"BEGIN {self.transaction_mode}")
        with self.wrap_database_errors:
            self.in_turn(begin)

    def _commit(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
                self.in_turn(self.connection.commit)


class Cursor(base.SQLiteCursorWrapper):
    """Waits for the writer as a transaction does: a statement of its own needs its turn too."""

    in_turn: Callable[[Callable[[], Any]], Any]

    def execute(self, query: str, params: Any = None) -> Any:
        return self.in_turn(partial(super().execute, query, params))

    def executemany(self, query: str, param_list: Any) -> Any:
        rows = list(param_list)  # to be read again, should it have to wait
        return self.in_turn(partial(super().executemany, query, rows))


def _is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another one writes; a transaction that read before may never write, however late."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT
