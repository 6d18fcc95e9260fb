"""The amounts of an order that our cancel closed follow from the history."""

from django.db import migrations, models

from orders.models.append_only import append_only


def say_untold(apps, schema_editor):
    """What was cancelled before this by an answer's yes never had its amounts told."""
    orders = apps.get_model("orders", "Order").objects
    closed = orders.filter(state="closed", order_status="cancelled", cancelled_amount="0")
    closed.update(amounts_state="untold")


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_restored_copies")]

    operations = [
        migrations.AddField("cancel", "amounts_due_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "order",
            "amounts_state",
            models.CharField(
                choices=[
                    ("told", "As the exchange tells them"),
                    ("being_read", "Being read"),
                    ("untold", "Not told by the exchange"),
                ],
                default="told",
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            "cancel",
            models.Index(
                condition=models.Q(("amounts_due_at__isnull", False)),
                fields=["account", "amounts_due_at"],
                name="cancel_amounts_due",
            ),
        ),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(("amounts_state__in", ["told", "being_read", "untold"])),
                name="order_amounts_state",
            ),
        ),
        append_only(),
        migrations.RunPython(say_untold, migrations.RunPython.noop, elidable=True),
    ]
