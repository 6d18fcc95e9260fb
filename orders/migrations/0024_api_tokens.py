"""Tokens of the API, and the records of their making, ending and refusal."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0023_gap_of_a_stream'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('hint', models.CharField(max_length=8)),
                ('secret_sha256', models.CharField(max_length=64, unique=True)),
                ('rights', models.CharField(max_length=64)),
                ('networks', models.CharField(blank=True, max_length=400)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(null=True)),
                ('last_used_from', models.CharField(blank=True, max_length=45)),
                ('ended_at', models.DateTimeField(null=True)),
                ('end_reason', models.CharField(blank=True, max_length=300)),
                ('requests_until', models.BigIntegerField(default=0)),
                ('acts_until', models.BigIntegerField(default=0)),
                ('panics_until', models.BigIntegerField(default=0)),
                ('refusal_told_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'API token',
                'ordering': ['desk__name', 'name'],
                'default_permissions': (),
            },
        ),
        migrations.RemoveConstraint(
            model_name='auditrecord',
            name='audit_event',
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='event',
            field=models.CharField(choices=[('cancel_asked', 'Cancel asked'), ('job_stopped', 'Job stopped'), ('job_resumed', 'Job resumed'), ('panic', 'Panic'), ('request', 'Request'), ('answer', 'Answer'), ('no_answer', 'No answer'), ('not_sent', 'Not sent'), ('read', 'Read to confirm'), ('stream', 'Stream change'), ('outcome', 'Outcome'), ('sync', 'Sync change'), ('contradiction', 'Contradiction'), ('check_asked', 'Check asked'), ('sent_again', 'Sent again'), ('question_closed', 'Question closed'), ('question_owned', 'Question taken'), ('alert', 'Alert'), ('drift_acknowledged', 'Discrepancy acknowledged'), ('sender_lost', 'Sender lost'), ('agent_wallet_added', 'Agent wallet added'), ('agent_wallet_tested', 'Agent wallet tested'), ('agent_wallet_disabled', 'Agent wallet disabled'), ('agent_wallet_enabled', 'Agent wallet enabled'), ('key_refused', 'Sealed key refused'), ('key_sealed_anew', 'Key sealed anew'), ('desk_changed', 'Desk changed'), ('account_changed', 'Account changed'), ('api_config_key_changed', 'API config key changed'), ('user_changed', 'User changed'), ('membership_changed', 'Membership changed'), ('token_made', 'API token made'), ('token_ended', 'API token ended'), ('token_refused', 'API token refused'), ('login', 'Signed in'), ('login_failed', 'Sign-in failed'), ('logout', 'Signed out'), ('act_refused', 'Act refused'), ('export_asked', 'Export asked'), ('exported', 'Export made'), ('export_downloaded', 'Export downloaded'), ('verification_asked', 'Verification asked'), ('verified', 'Log verified'), ('archived', 'Log archived'), ('database_behind', 'Restored copy found'), ('database_accepted', 'Restored copy accepted')], max_length=32),
        ),
        migrations.AddConstraint(
            model_name='auditrecord',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['cancel_asked', 'job_stopped', 'job_resumed', 'panic', 'request', 'answer', 'no_answer', 'not_sent', 'read', 'stream', 'outcome', 'sync', 'contradiction', 'check_asked', 'sent_again', 'question_closed', 'question_owned', 'alert', 'drift_acknowledged', 'sender_lost', 'agent_wallet_added', 'agent_wallet_tested', 'agent_wallet_disabled', 'agent_wallet_enabled', 'key_refused', 'key_sealed_anew', 'desk_changed', 'account_changed', 'api_config_key_changed', 'user_changed', 'membership_changed', 'token_made', 'token_ended', 'token_refused', 'login', 'login_failed', 'logout', 'act_refused', 'export_asked', 'exported', 'export_downloaded', 'verification_asked', 'verified', 'archived', 'database_behind', 'database_accepted'])), name='audit_event'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='desk',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_tokens', to='orders.desk'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='ended_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='made_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_tokens', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.UniqueConstraint(fields=('desk', 'name'), name='api_token_name_once_per_desk'),
        ),
        append_only(),
    ]
