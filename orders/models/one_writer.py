"""What need not wait for SQLite's one writer: a note that the next look writes as well."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from django.db import OperationalError, connection


@contextmanager
def unless_busy() -> Iterator[None]:
    """Write within this, unless SQLite's writer is busy; elsewhere nobody holds a row for long."""
    with suppress(OperationalError), getattr(connection, "without_waiting", nullcontext)():
        yield
