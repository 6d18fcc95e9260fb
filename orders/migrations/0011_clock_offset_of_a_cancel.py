"""The exchange's clock against ours, as it was when a cancel's first request left."""

from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("orders", "0010_order_rows_without_look_ups")]

    operations = [
        migrations.AddField("cancel", "clock_offset_ms", models.IntegerField(null=True)),
        append_only(),
    ]
