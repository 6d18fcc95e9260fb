"""PostgreSQL learns which desks, accounts, events and outcomes of the log go together.

Taken for independent, an account and another desk seem common, and every record is walked over to
find none. SQLite's planner is told by `orders.searching` which index to take.
"""

from django.db import migrations

MAKE = (
    "CREATE STATISTICS audit_together (mcv) ON desk_id, account_id, event, outcome "
    "FROM orders_auditrecord"
)


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(MAKE)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP STATISTICS audit_together")


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_indexes_of_cancels")]
    operations = [migrations.RunPython(make, drop)]
