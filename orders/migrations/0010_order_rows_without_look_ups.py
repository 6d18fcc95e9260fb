"""PostgreSQL no longer looks up what each order row of the log names; cancels stay for ever."""

import django.db.models.deletion
from django.db import migrations, models

from orders.models.append_only import install


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
        migrations.RunPython(install, migrations.RunPython.noop),  # of it, that cancels stay
        _link("account", "account", db_index=False, related_name="+"),
        _link("cancel", "cancel", null=True, related_name="+"),
        _link("record", "auditrecord", db_index=False, related_name="order_rows"),
    ]
