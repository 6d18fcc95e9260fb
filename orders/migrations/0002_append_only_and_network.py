"""The audit tables become append-only, and the database is given its network."""

from django.conf import settings
from django.db import migrations

from orders.models.append_only import append_only


def name_network(apps, schema_editor):
    apps.get_model("orders", "Installation").objects.get_or_create(
        pk=1, defaults={"network": settings.PACIFICA_NETWORK}
    )


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [
        append_only(),
        migrations.RunPython(name_network, migrations.RunPython.noop),
    ]
