"""A lock that lasts until the transaction ends: whoever comes second waits."""

from django.db import connection


def hold(key: int) -> None:
    """Wait for this key's lock. On SQLite the open IMMEDIATE transaction is that lock already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
