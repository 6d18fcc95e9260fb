"""Whether anybody has committed since the last look, where the engine can tell for nothing."""

from django.db import connection

#: What SQLite changes at each commit of others, and of which connection that is; None on
#: PostgreSQL, which has nothing of the kind.
Version = tuple[object, int] | None


def database_version() -> Version:
    """Return it, at the cost of microseconds. Raises `django.db.Error`."""
    if connection.vendor != "sqlite":
        return None
    connection.ensure_connection()
    with connection.wrap_database_errors:
        (version,) = connection.connection.execute("PRAGMA data_version").fetchone()
    return connection.connection, version
