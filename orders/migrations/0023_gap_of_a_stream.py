"""Since when a stream's account may have missed what came and went."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0022_what_senders_tell'),
    ]

    operations = [
        migrations.AddField(
            model_name='accountstream',
            name='gap_began_at',
            field=models.DateTimeField(null=True),
        ),
    ]
