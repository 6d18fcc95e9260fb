"""The log's index by event holds the desk too: what is bounded by desks reads no record for it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0040_latches_of_a_symbol'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='auditrecord',
            name='audit_event_position',
        ),
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['event', '-position', 'desk'], name='audit_event_desk'),
        ),
    ]
