"""Alerts keep what they told of, so that a matter that becomes more is told again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0041_events_of_a_desk"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="covers",
            field=models.TextField(blank=True, default=""),
        ),
    ]
