"""Whether this process can serve: one look at the database at a time, never waited for long."""

import threading
from collections.abc import Callable

from django.db import DatabaseError, connection

from orders.models import Installation

PATIENCE_S = 2.0
NO_ANSWER = "The database does not answer."


def why_not() -> str:
    """Look at the database; "" where it can be written, else a sentence without any secret."""
    try:
        if not Installation.objects.exists():
            return "The database is not migrated."
        if _takes_reads_only():
            return "The database takes reads only."
    except DatabaseError:
        return "The database cannot be used."
    finally:
        connection.close()
    return ""


def _takes_reads_only() -> bool:
    """Whether this is a replica that was not promoted: nothing could be recorded there."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() == ("on",))


class _Look(threading.Thread):
    """One look, in a thread of its own: a database that hangs holds no page's thread."""

    def __init__(self, look: Callable[[], str]) -> None:
        super().__init__(name="readiness", daemon=True)
        self._look, self.said = look, NO_ANSWER

    def run(self) -> None:
        self.said = self._look()


class Readiness:
    """Asked any number of times at once, it looks once; ``look`` says why not, or nothing."""

    def __init__(self, look: Callable[[], str] = why_not, patience_s: float = PATIENCE_S) -> None:
        self._look, self._patience_s = look, patience_s
        self._lock = threading.Lock()
        self._current: _Look | None = None

    def why_not(self) -> str:
        """Return why this process cannot serve; "" where it can."""
        with self._lock:
            if self._current is None or not self._current.is_alive():
                self._current = _Look(self._look)
                self._current.start()
            current = self._current
        current.join(self._patience_s)
        return NO_ANSWER if current.is_alive() else current.said
