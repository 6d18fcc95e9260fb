"""Triggers that make the audit tables append-only on SQLite and PostgreSQL, and keep the cancels
that the log names.

Django remakes a table on SQLite by copying it, which silently drops its triggers: every migration
that touches one of these tables ends with ``append_only()``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# table -> the columns on which INSERT OR REPLACE could push an older row out
TABLES: dict[str, list[tuple[str, ...]]] = {
    "orders_auditrecord": [("position",)],
    "orders_auditrecordorder": [("id",), ("record_id", "row")],
    "orders_auditpayload": [("record_id",)],
    "orders_auditcheckpoint": [("number",)],
}
REFUSAL = "the audit log is append-only"
CANCELS = "orders_cancel"
STAYS = f"{CANCELS}_stays"
CANCELS_STAY = "cancels are never deleted: the audit log names them"


def append_only() -> migrations.RunPython:
    """The migration step that (re)creates every trigger."""
    return migrations.RunPython(install, uninstall)


def install(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers of this engine; safe to run again."""
    uninstall(apps, schema_editor)
    vendor = schema_editor.connection.vendor
    for table, keys in TABLES.items():
        for statement in STATEMENTS[vendor](table, keys):
            schema_editor.execute(statement)
    for statement in KEEP_CANCELS[vendor]:
        schema_editor.execute(statement)


def uninstall(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers of this engine where they exist."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for name, table in _triggers(schema_editor.connection.vendor).items():
        schema_editor.execute(
            f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if is_postgresql else "")
        )


def _triggers(vendor: str) -> dict[str, str]:
    """Names of all triggers, with the table of each."""
    names = {f"{table}_{name}": table for table in TABLES for name in TRIGGERS[vendor]}
    return names | {STAYS: CANCELS}


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that should stand in this database and do not."""
    with connection.cursor() as cursor:
        cursor.execute(CATALOGUE[connection.vendor])
        found = {name for (name,) in cursor.fetchall()}
        return sorted(_triggers(connection.vendor).keys() - found)


def _sqlite(table: str, keys: Iterable[Sequence[str]]) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}"
    yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"
    taken = "WHEN " + " OR ".join(_exists(table, key) for key in keys)
    yield f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {taken} {refuse}"


def _exists(table: str, key: Sequence[str]) -> str:
    """One EXISTS for each key: SQLite is twice as slow over one with an OR inside."""
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    return f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 our own names


def _postgresql(table: str, keys: Iterable[Sequence[str]]) -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION orders_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
    for act in ("update", "delete", "truncate"):
        name = f"{table}_no_{act}"
        yield (
            f"CREATE TRIGGER {name} BEFORE {act.upper()} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION orders_append_only()"
        )
        # also while session_replication_role is "replica"
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


KEEP_CANCELS = {
    "sqlite": [
        f"CREATE TRIGGER {STAYS} BEFORE DELETE ON {CANCELS} "
        f"BEGIN SELECT RAISE(ABORT, '{CANCELS_STAY}'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION orders_cancels_stay() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{CANCELS_STAY}'; END $$",
        f"CREATE TRIGGER {STAYS} BEFORE DELETE OR TRUNCATE ON {CANCELS} "
        "FOR EACH STATEMENT EXECUTE FUNCTION orders_cancels_stay()",
        f"ALTER TABLE {CANCELS} ENABLE ALWAYS TRIGGER {STAYS}",
    ],
}
STATEMENTS: dict[str, Callable[[str, Iterable[Sequence[str]]], Iterator[str]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}
TRIGGERS = {
    "sqlite": ("no_update", "no_delete", "no_replace"),
    "postgresql": ("no_update", "no_delete", "no_truncate"),
}
CATALOGUE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    # Of this schema's tables alone: a restore keeps the older ones in another.
    "postgresql": (
        "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A' AND pg_table_is_visible(tgrelid)"
    ),
}
