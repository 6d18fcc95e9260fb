"""A panic's line knows who asked for it last, and ends by a person's word; alerts tell of it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def ask_with_the_job(apps, schema_editor):
    """Lines from before were asked for with their job, and those in flight have a request out."""
    Line, Job = apps.get_model("orders", "PanicLine"), apps.get_model("orders", "CancelJob")
    job = Job.objects.filter(pk=models.OuterRef("job_id"))
    same = ("operator_id", "operator_name", "session_hash", "address")
    values = {name: models.Subquery(job.values(name)[:1]) for name in same}
    Line.objects.update(asked_at=models.Subquery(job.values("created_at")[:1]), **values)
    Line.objects.filter(status="sending").update(has_open_request=True)


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0007_alert_of_foreign_agent_wallets'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind',
        ),
        migrations.RemoveConstraint(
            model_name='panicline',
            name='panic_line_status',
        ),
        migrations.AddField(
            model_name='panicline',
            name='address',
            field=models.CharField(blank=True, max_length=45),
        ),
        migrations.AddField(
            model_name='panicline',
            name='asked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='panicline',
            name='has_open_request',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='panicline',
            name='operator',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='panicline',
            name='operator_name',
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name='panicline',
            name='session_hash',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='panicline',
            name='takes',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody')], max_length=16),
        ),
        migrations.AlterField(
            model_name='panicline',
            name='status',
            field=models.CharField(choices=[('waiting', 'Waiting to be sent'), ('sending', 'Cancel-all being sent'), ('finishing', 'Reading back and finishing'), ('empty', 'Seen empty'), ('needs_you', 'Not seen empty: needs you'), ('withdrawn', 'Withdrawn, never sent'), ('closed', 'Not seen empty: closed by operator')], default='waiting', max_length=16),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you'])), name='alert_kind'),
        ),
        migrations.AddConstraint(
            model_name='panicline',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'sending', 'finishing', 'empty', 'needs_you', 'withdrawn', 'closed'])), name='panic_line_status'),
        ),
        # Last: PostgreSQL alters no table whose rows wait for a foreign key to be checked.
        migrations.RunPython(ask_with_the_job, migrations.RunPython.noop, elidable=True),
    ]
