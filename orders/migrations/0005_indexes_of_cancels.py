"""Indexes that SQLite uses too, so that a long past makes no click slower."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0004_find_client_order_ids'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='cancel',
            name='cancel_queue',
        ),
        migrations.RemoveIndex(
            model_name='cancel',
            name='cancel_leases',
        ),
        migrations.AlterField(
            model_name='cancel',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='cancels', to='orders.account'),
        ),
        migrations.AlterField(
            model_name='cancel',
            name='job',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='cancels', to='orders.canceljob'),
        ),
        migrations.AddIndex(
            model_name='cancel',
            index=models.Index(fields=['account', 'status', '-is_urgent', 'id'], name='cancel_by_account'),
        ),
        migrations.AddIndex(
            model_name='cancel',
            index=models.Index(fields=['job', 'status'], name='cancel_by_job'),
        ),
        migrations.AddIndex(
            model_name='cancel',
            index=models.Index(condition=models.Q(('claim_token__isnull', False)), fields=['claim_token'], name='cancel_claims'),
        ),
        migrations.AddIndex(
            model_name='cancel',
            index=models.Index(condition=models.Q(('lease_until__isnull', False)), fields=['lease_until'], name='cancel_leases'),
        ),
    ]
