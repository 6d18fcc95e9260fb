"""How the stream of each account stands; an alert of an account that nothing tells of."""


import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0020_stream_evidence'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccountStream',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='stream', serialize=False, to='orders.account')),
                ('token', models.CharField(blank=True, max_length=32)),
                ('leased_until', models.DateTimeField(null=True)),
                ('connected_at', models.DateTimeField(null=True)),
                ('subscribed_at', models.DateTimeField(null=True)),
                ('caught_up_at', models.DateTimeField(null=True)),
                ('healthy_at', models.DateTimeField(null=True)),
                ('last_frame_at', models.DateTimeField(null=True)),
                ('lag_ms', models.IntegerField(null=True)),
                ('frames_per_minute', models.PositiveIntegerField(default=0)),
                ('reconnects', models.PositiveIntegerField(default=0)),
                ('trouble', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind',
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question'), ('restored', 'Database older than its checkpoints'), ('not_followed', 'Account not followed')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer', 'restored', 'not_followed'])), name='alert_kind'),
        ),
    ]
