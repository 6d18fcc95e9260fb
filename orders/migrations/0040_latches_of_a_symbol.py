"""Latches of one symbol beside those of a whole account, which have none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0039_newest_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="latch",
            name="symbol",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.RemoveConstraint(
            model_name="latch",
            name="latch_one_per_account",
        ),
        migrations.AddConstraint(
            model_name="latch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("released_at__isnull", True)),
                fields=("account", "symbol"),
                name="latch_one_per_symbol",
            ),
        ),
    ]
