"""What a sender tells of itself: its memory, and how often database and broker failed it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0021_account_streams'),
    ]

    operations = [
        migrations.AddField(
            model_name='sender',
            name='broker_errors',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='sender',
            name='database_errors',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='sender',
            name='memory_kb',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
