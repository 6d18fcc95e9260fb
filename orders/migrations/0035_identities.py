"""Who people are at the provider of single sign-on; the alarm of the emergency password."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0034_passkeys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Identity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(max_length=500)),
                ('subject', models.CharField(max_length=255)),
                ('groups', models.JSONField(default=list)),
                ('linked_at', models.DateTimeField()),
                ('last_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'identities',
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
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question'), ('restored', 'Database older than its checkpoints'), ('guard_low', 'Guard running out'), ('guard_fired', 'Guard fired'), ('guard_unwatched', 'Guard that cannot fire'), ('latched', 'Orders after a halt'), ('schedule', 'Schedule not done'), ('not_followed', 'Account not followed'), ('time_stamp', 'No time stamps'), ('one_person', 'Done by one person alone'), ('emergency', 'Emergency password used'), ('copied_passkey', 'Passkey that may be copied')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer', 'restored', 'guard_low', 'guard_fired', 'guard_unwatched', 'latched', 'schedule', 'not_followed', 'time_stamp', 'one_person', 'emergency', 'copied_passkey'])), name='alert_kind'),
        ),
        migrations.AddField(
            model_name='identity',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identities', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='identity',
            constraint=models.UniqueConstraint(fields=('issuer', 'subject'), name='identity_once'),
        ),
        migrations.AddConstraint(
            model_name='identity',
            constraint=models.UniqueConstraint(fields=('user', 'issuer'), name='identity_one_per_person'),
        ),
    ]
