"""Which module copies the configured database, by its vendor's name."""

from types import ModuleType

from django.db import connection

from orders.operations.backups import postgresql_copies, sqlite_copies

ENGINES = {"sqlite": sqlite_copies, "postgresql": postgresql_copies}


def engine() -> ModuleType:
    """Return the module for the configured database; all of them have the same functions."""
    return ENGINES[connection.vendor]


def version() -> str:
    """Return the version of the database's library or server."""
    with connection.cursor() as cursor:
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute("SELECT sqlite_version()" if is_sqlite else "SHOW server_version")
        return str(cursor.fetchone()[0])


def vendor() -> str:
    """Return the name of the configured database's engine, as a manifest has it."""
    return str(connection.vendor)
