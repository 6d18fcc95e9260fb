"""Tests of agent wallets keep, and alerts tell of, those at the exchange that are not ours."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0006_statistics_of_the_log'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentwallet',
            name='unheld',
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind',
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours'])), name='alert_kind'),
        ),
    ]
