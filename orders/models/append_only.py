"""Triggers that make the audit tables append-only on SQLite and PostgreSQL.

Django remakes a table on SQLite by copying it, which silently drops its triggers: every migration
that touches one of these tables ends with ``append_only()``.
"""

from django.db import migrations

# table -> the columns on which INSERT OR REPLACE could push an older row out
TABLES = {
    "orders_auditrecord": [("position",)],
    "orders_auditrecordorder": [("id",), ("record_id", "row")],
    "orders_auditpayload": [("record_id",)],
    "orders_auditcheckpoint": [("number",)],
}
REFUSAL = "the audit log is append-only"


def append_only():
    """The migration step that (re)creates every trigger."""
    return migrations.RunPython(install, uninstall)


def install(apps, schema_editor):
    """Create the triggers of this engine; safe to run again."""
    uninstall(apps, schema_editor)
    for table, keys in TABLES.items():
        for statement in STATEMENTS[schema_editor.connection.vendor](table, keys):
            schema_editor.execute(statement)


def uninstall(apps, schema_editor):
    """Drop the triggers of this engine where they exist."""
    for table in TABLES:
        for name in TRIGGERS[schema_editor.connection.vendor]:
            on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


def missing_triggers(connection):
    """Names of triggers that should stand in this database and do not."""
    wanted = {f"{table}_{name}" for table in TABLES for name in TRIGGERS[connection.vendor]}
    with connection.cursor() as cursor:
        cursor.execute(CATALOGUE[connection.vendor])
        return sorted(wanted - {name for (name,) in cursor.fetchall()})


def _sqlite(table, keys):
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}"
    yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"
    taken = "WHEN " + " OR ".join(_exists(table, key) for key in keys)
    yield f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {taken} {refuse}"


def _exists(table, key):
    """One EXISTS for each key: SQLite is twice as slow over one with an OR inside."""
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    return f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 our own names


def _postgresql(table, keys):
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


STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
TRIGGERS = {
    "sqlite": ("no_update", "no_delete", "no_replace"),
    "postgresql": ("no_update", "no_delete", "no_truncate"),
}
CATALOGUE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'",
}
