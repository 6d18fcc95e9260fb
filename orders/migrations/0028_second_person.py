"""Acts that wait for a second person, and what became of each."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0027_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('agent_wallet', 'Agent wallet that may sign'), ('api_config_key', 'API config key'), ('role', 'Role that acts'), ('administrator', 'Administrator'), ('second_factor_off', 'Second factor turned off'), ('restored', 'Restored database accepted'), ('four_eyes_off', 'Second person no longer asked'), ('guard', 'Slower or weaker guard')], max_length=20)),
                ('about', models.CharField(max_length=120)),
                ('content', models.TextField()),
                ('words', models.CharField(max_length=600)),
                ('content_sha256', models.CharField(max_length=64)),
                ('state_sha256', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('waiting', 'Waiting for a second person'), ('approved', 'Approved'), ('declined', 'Declined'), ('expired', 'Expired'), ('void', 'Void: what it would change has changed'), ('broken', 'Done by one person alone')], default='waiting', max_length=10)),
                ('asked_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('reviewed_at', models.DateTimeField(null=True)),
                ('review', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'verbose_name_plural': 'acts that wait',
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
            model_name='desk',
            name='needs_second_person',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question'), ('restored', 'Database older than its checkpoints'), ('guard_low', 'Guard running out'), ('guard_fired', 'Guard fired'), ('guard_unwatched', 'Guard that cannot fire'), ('latched', 'Orders after a halt'), ('schedule', 'Schedule not done'), ('not_followed', 'Account not followed'), ('one_person', 'Done by one person alone')], max_length=16),
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='event',
            field=models.CharField(choices=[('cancel_asked', 'Cancel asked'), ('job_stopped', 'Job stopped'), ('job_resumed', 'Job resumed'), ('panic', 'Panic'), ('request', 'Request'), ('answer', 'Answer'), ('no_answer', 'No answer'), ('not_sent', 'Not sent'), ('read', 'Read to confirm'), ('stream', 'Stream change'), ('outcome', 'Outcome'), ('sync', 'Sync change'), ('contradiction', 'Contradiction'), ('check_asked', 'Check asked'), ('sent_again', 'Sent again'), ('question_closed', 'Question closed'), ('question_owned', 'Question taken'), ('alert', 'Alert'), ('drift_acknowledged', 'Discrepancy acknowledged'), ('sender_lost', 'Sender lost'), ('agent_wallet_added', 'Agent wallet added'), ('agent_wallet_tested', 'Agent wallet tested'), ('agent_wallet_disabled', 'Agent wallet disabled'), ('agent_wallet_enabled', 'Agent wallet enabled'), ('key_refused', 'Sealed key refused'), ('key_sealed_anew', 'Key sealed anew'), ('desk_changed', 'Desk changed'), ('account_changed', 'Account changed'), ('api_config_key_changed', 'API config key changed'), ('user_changed', 'User changed'), ('membership_changed', 'Membership changed'), ('token_made', 'API token made'), ('token_ended', 'API token ended'), ('token_refused', 'API token refused'), ('guard_armed', 'Guard armed'), ('guard_changed', 'Guard changed'), ('guard_disarmed', 'Guard disarmed'), ('guard_warned', 'Guard running out'), ('guard_fired', 'Guard fired'), ('guard_asked', 'Guard asks'), ('schedule_changed', 'Schedule changed'), ('schedule_run', 'Schedule run'), ('latched', 'Latched'), ('latch_released', 'Latch released'), ('login', 'Signed in'), ('login_failed', 'Sign-in failed'), ('logout', 'Signed out'), ('act_refused', 'Act refused'), ('export_asked', 'Export asked'), ('exported', 'Export made'), ('export_downloaded', 'Export downloaded'), ('verification_asked', 'Verification asked'), ('verified', 'Log verified'), ('archived', 'Log archived'), ('database_behind', 'Restored copy found'), ('database_accepted', 'Restored copy accepted'), ('proposal', 'Second person asked')], max_length=32),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer', 'restored', 'guard_low', 'guard_fired', 'guard_unwatched', 'latched', 'schedule', 'not_followed', 'one_person'])), name='alert_kind'),
        ),
        migrations.AddConstraint(
            model_name='auditrecord',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['cancel_asked', 'job_stopped', 'job_resumed', 'panic', 'request', 'answer', 'no_answer', 'not_sent', 'read', 'stream', 'outcome', 'sync', 'contradiction', 'check_asked', 'sent_again', 'question_closed', 'question_owned', 'alert', 'drift_acknowledged', 'sender_lost', 'agent_wallet_added', 'agent_wallet_tested', 'agent_wallet_disabled', 'agent_wallet_enabled', 'key_refused', 'key_sealed_anew', 'desk_changed', 'account_changed', 'api_config_key_changed', 'user_changed', 'membership_changed', 'token_made', 'token_ended', 'token_refused', 'guard_armed', 'guard_changed', 'guard_disarmed', 'guard_warned', 'guard_fired', 'guard_asked', 'schedule_changed', 'schedule_run', 'latched', 'latch_released', 'login', 'login_failed', 'logout', 'act_refused', 'export_asked', 'exported', 'export_downloaded', 'verification_asked', 'verified', 'archived', 'database_behind', 'database_accepted', 'proposal'])), name='audit_event'),
        ),
        migrations.CreateModel(
            name='SealedProposal',
            fields=[
                ('proposal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='sealed_secret', serialize=False, to='orders.proposal')),
                ('sealed_with', models.CharField(max_length=40)),
                ('sealed', models.BinaryField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='proposal',
            name='asked_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='proposal',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='proposal',
            name='desk',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='orders.desk'),
        ),
        migrations.AddField(
            model_name='proposal',
            name='reviewed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='proposal',
            index=models.Index(fields=['status', 'expires_at'], name='proposal_waiting'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['agent_wallet', 'api_config_key', 'role', 'administrator', 'second_factor_off', 'restored', 'four_eyes_off', 'guard'])), name='proposal_kind'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'approved', 'declined', 'expired', 'void', 'broken'])), name='proposal_status'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('status', 'waiting')), models.Q(('decided_at__isnull', False), models.Q(('status', 'waiting'), _negated=True)), _connector='OR'), name='proposal_decided_once'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'approved'), _negated=True), models.Q(('decided_by__isnull', False), models.Q(('decided_by', models.F('asked_by')), _negated=True)), _connector='OR'), name='proposal_second_person'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('reviewed_by__isnull', True), models.Q(('reviewed_by', models.F('decided_by')), _negated=True), _connector='OR'), name='proposal_reviewed_by_another'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'waiting')), fields=('kind', 'about'), name='proposal_one_waits'),
        ),
        append_only(),
    ]
