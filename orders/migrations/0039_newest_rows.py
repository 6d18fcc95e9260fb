"""Indexes of orders and jobs by age, so that their newest are found however many there are."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0038_guards_hear_orders'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='canceljob',
            name='desk',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='orders.desk'),
        ),
        migrations.AlterField(
            model_name='canceljob',
            name='operator',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='cancel_jobs', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='canceljob',
            index=models.Index(fields=['desk', '-created_at'], name='job_desk_created'),
        ),
        migrations.AddIndex(
            model_name='canceljob',
            index=models.Index(fields=['desk', 'operator', '-created_at'], name='job_operator_created'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['account', 'state', '-created_at'], name='order_account_created'),
        ),
        migrations.AddIndex(
            model_name='canceljob',
            index=models.Index(condition=models.Q(('is_drill', True)), fields=['desk', '-created_at'], name='job_drills'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('closed_at__isnull', False)), fields=['closed_at'], name='order_closed_at'),
        ),
        # Anew, so that it is the youngest: among equals SQLite takes that one.
        migrations.RemoveIndex(
            model_name='order',
            name='order_contradicted',
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('has_contradiction', True)), fields=['account', 'state'], name='order_contradicted'),
        ),
    ]
