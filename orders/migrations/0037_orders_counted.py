"""Open orders, their symbols, and those with a contradiction are counted by an index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0036_cosigned_notes'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='order',
            name='order_account_state',
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['account', 'state', 'symbol'], name='order_account_state_symbol'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('has_contradiction', True)), fields=['account', 'state'], name='order_contradicted'),
        ),
    ]
