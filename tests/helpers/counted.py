"""Count queries, but for the one that depends on how fast the machine is; and SQLite's work."""

from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext


@contextmanager
def queries():
    """Within, list each statement; afterwards without the clock's, which is due every 5 seconds."""
    made = []
    with CaptureQueriesContext(connection) as caught:
        yield made
    clock = 'UPDATE "orders_exchangeclock"'
    made += [each["sql"] for each in caught if not each["sql"].startswith(clock)]


@contextmanager
def work():
    """Within, note what SQLite does for this connection: one entry for ten of its instructions."""
    done = []
    connection.connection.set_progress_handler(lambda: done.append(1), 10)
    try:
        yield done
    finally:
        connection.connection.set_progress_handler(None, 0)
