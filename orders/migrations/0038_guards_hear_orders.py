"""Guards that take new orders for beats."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0037_orders_counted"),
    ]

    operations = [
        migrations.AddField(
            model_name="guard",
            name="heard_order",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="guard",
            name="hears_orders",
            field=models.BooleanField(default=False),
        ),
    ]
