"""A database that was put back from an older copy is found, held back, and accepted by a person."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0013_alert_of_foreign_answers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Restore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_waiting', models.BooleanField(default=True)),
                ('number', models.BigIntegerField()),
                ('count', models.BigIntegerField()),
                ('line_hash', models.CharField(max_length=64)),
                ('signed_at', models.CharField(max_length=40)),
                ('shared', models.BigIntegerField()),
                ('tip', models.BigIntegerField()),
                ('lost_from', models.DateTimeField(null=True)),
                ('is_other', models.BooleanField(default=False)),
                ('found_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('operator_name', models.CharField(blank=True, max_length=150)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('checkpoint', models.BigIntegerField(null=True)),
            ],
            options={
                'ordering': ['-pk'],
                'default_permissions': (),
            },
        ),
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind',
        ),
        migrations.RemoveConstraint(
            model_name='auditrecord',
            name='audit_event',
        ),
        migrations.AddField(
            model_name='auditcheckpoint',
            name='lost_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='cancel',
            name='restored_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='panicline',
            name='restored_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question'), ('restored', 'Database older than its checkpoints')], max_length=16),
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='event',
            field=models.CharField(choices=[('cancel_asked', 'Cancel asked'), ('job_stopped', 'Job stopped'), ('job_resumed', 'Job resumed'), ('panic', 'Panic'), ('request', 'Request'), ('answer', 'Answer'), ('no_answer', 'No answer'), ('not_sent', 'Not sent'), ('read', 'Read to settle'), ('outcome', 'Outcome'), ('sync', 'Sync change'), ('contradiction', 'Contradiction'), ('check_asked', 'Check asked'), ('sent_again', 'Sent again'), ('question_closed', 'Question closed'), ('question_owned', 'Question taken'), ('alert', 'Alert'), ('drift_acknowledged', 'Drift acknowledged'), ('sender_lost', 'Sender lost'), ('agent_wallet_added', 'Agent wallet added'), ('agent_wallet_tested', 'Agent wallet tested'), ('agent_wallet_disabled', 'Agent wallet disabled'), ('agent_wallet_enabled', 'Agent wallet enabled'), ('key_refused', 'Sealed key refused'), ('key_sealed_anew', 'Key sealed anew'), ('desk_changed', 'Desk changed'), ('account_changed', 'Account changed'), ('api_config_key_changed', 'API config key changed'), ('user_changed', 'User changed'), ('membership_changed', 'Membership changed'), ('login', 'Signed in'), ('login_failed', 'Sign-in failed'), ('logout', 'Signed out'), ('act_refused', 'Act refused'), ('export_asked', 'Export asked'), ('exported', 'Export made'), ('export_downloaded', 'Export downloaded'), ('verification_asked', 'Verification asked'), ('verified', 'Log verified'), ('archived', 'Log archived'), ('database_behind', 'Restored copy found'), ('database_accepted', 'Restored copy accepted')], max_length=32),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer', 'restored'])), name='alert_kind'),
        ),
        migrations.AddConstraint(
            model_name='auditrecord',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['cancel_asked', 'job_stopped', 'job_resumed', 'panic', 'request', 'answer', 'no_answer', 'not_sent', 'read', 'outcome', 'sync', 'contradiction', 'check_asked', 'sent_again', 'question_closed', 'question_owned', 'alert', 'drift_acknowledged', 'sender_lost', 'agent_wallet_added', 'agent_wallet_tested', 'agent_wallet_disabled', 'agent_wallet_enabled', 'key_refused', 'key_sealed_anew', 'desk_changed', 'account_changed', 'api_config_key_changed', 'user_changed', 'membership_changed', 'login', 'login_failed', 'logout', 'act_refused', 'export_asked', 'exported', 'export_downloaded', 'verification_asked', 'verified', 'archived', 'database_behind', 'database_accepted'])), name='audit_event'),
        ),
        migrations.AddField(
            model_name='restore',
            name='operator',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='restore',
            constraint=models.UniqueConstraint(condition=models.Q(('is_waiting', True)), fields=('is_waiting',), name='restore_one_waits'),
        ),
        append_only(),
    ]
