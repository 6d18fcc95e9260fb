"""What a copy of the database holds, as its manifest tells: read in the copy's own snapshot."""

from dataclasses import dataclass
from typing import Any, Protocol

from orders.models import append_only


class Cursor(Protocol):
    """What the drivers of both engines have."""

    def execute(self, sql: str, /) -> Any:
        """Run a statement."""

    def fetchall(self) -> list[Any]:
        """Return its rows."""


@dataclass(frozen=True)
class Facts:
    """What the fields of the same name in a manifest mean."""

    network: str
    records: int
    head: str
    checkpoint: int
    migrations: dict[str, str]
    triggers: tuple[str, ...]


def facts(cursor: Cursor, vendor: str) -> Facts:
    """Read them by this cursor of a database of this vendor."""
    newest = _rows(
        cursor, "SELECT position, hash FROM orders_auditrecord ORDER BY position DESC LIMIT 1"
    )
    records, head = newest[0] if newest else (0, "")
    checkpoint = _rows(cursor, "SELECT COALESCE(MAX(number), 0) FROM orders_auditcheckpoint")[0][0]
    network = _rows(cursor, "SELECT network FROM orders_installation")[0][0]
    return Facts(network, records, head, checkpoint, migrations(cursor), triggers(cursor, vendor))


def migrations(cursor: Cursor) -> dict[str, str]:
    """Return the newest migration that was applied of each app."""
    return dict(_rows(cursor, "SELECT app, MAX(name) FROM django_migrations GROUP BY app"))


def triggers(cursor: Cursor, vendor: str) -> tuple[str, ...]:
    """Return the app's triggers that stand, by name."""
    names = (name for (name,) in _rows(cursor, append_only.CATALOGUE[vendor]))
    return tuple(sorted(name for name in names if name.startswith("orders_")))


def _rows(cursor: Cursor, sql: str) -> list[Any]:
    cursor.execute(sql)
    return cursor.fetchall()


# What `migrate` writes into an empty database.
MADE_BY_MIGRATE = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "orders_installation",
    "sqlite_sequence",
}


def tables_with_rows(cursor: Cursor, tables: list[str]) -> list[str]:
    """Return which of these tables hold rows that no migration wrote."""
    found = []
    for table in sorted(set(tables) - MADE_BY_MIGRATE):
        if _rows(cursor, f'SELECT 1 FROM "{table}" LIMIT 1'):  # noqa: S608 the catalogue's own name
            found.append(table)
    return found
