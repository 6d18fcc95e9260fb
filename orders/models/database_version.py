"""Whether anybody has committed since the last look, where the engine can tell for nothing."""

import time
from collections.abc import Callable

from django.db import connection


def database_version() -> tuple[object, int] | None:
    """Return what SQLite changes at each commit of others, and of which connection that is.

    It costs microseconds. None on PostgreSQL, which has nothing of the kind.
    """
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        version: int = cursor.execute("PRAGMA data_version").fetchone()[0]
    return connection.connection, version


class ChangeWatch:
    """One thread's: is another look worth its cost? ``at_least_s``: a look is due after so long."""

    def __init__(self, at_least_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_least_s, self._clock = at_least_s, clock
        self._seen: tuple[object, int] | None = None
        self._looked_at = -at_least_s

    def is_due(self) -> bool:
        """Whether anybody committed since the last time, or that is long ago, or untold."""
        version, now = database_version(), self._clock()
        is_new = version is None or version != self._seen
        if not is_new and now - self._looked_at < self._at_least_s:
            return False
        self._seen, self._looked_at = version, now
        return True
