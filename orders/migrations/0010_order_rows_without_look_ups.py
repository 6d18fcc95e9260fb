"""PostgreSQL no longer looks up what each order row of the log names; cancels stay for ever."""

import django.db.models.deletion
from django.db import migrations, models

REFUSE = [
    """
    CREATE FUNCTION orders_cancels_stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'cancels are never deleted: the audit log names them'; END $$
    """,
    """
    CREATE TRIGGER orders_cancel_stays BEFORE DELETE OR TRUNCATE ON orders_cancel
    FOR EACH STATEMENT EXECUTE FUNCTION orders_cancels_stay()
    """,
]
ALLOW = ["DROP TRIGGER orders_cancel_stays ON orders_cancel", "DROP FUNCTION orders_cancels_stay()"]


def _on_postgresql(statements):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return run


class AlterLink(migrations.AlterField):
    """SQLite would copy the whole table for it, and looks up a row in a microsecond."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def _link(name, to, **how):
    link = models.ForeignKey(
        to=f"orders.{to}", on_delete=django.db.models.deletion.PROTECT, db_constraint=False, **how
    )
    return AlterLink("auditrecordorder", name, link)


class Migration(migrations.Migration):

    dependencies = [("orders", "0009_leaner_indexes")]

    operations = [
        migrations.RunPython(_on_postgresql(REFUSE), _on_postgresql(ALLOW)),
        _link("account", "account", db_index=False, related_name="+"),
        _link("cancel", "cancel", null=True, related_name="+"),
        _link("record", "auditrecord", db_index=False, related_name="order_rows"),
    ]
