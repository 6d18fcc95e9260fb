"""By which ways people were told of an alert, so that each tells once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0031_time_stamps'),
    ]

    operations = [
        migrations.AddField(
            model_name='alert',
            name='told_ways',
            field=models.JSONField(default=list),
        ),
    ]
