"""Words of pages: a discrepancy, confirming. What is stored stays."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0017_drop_unused_values'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='drift',
            options={'ordering': ['-pk'], 'verbose_name': 'discrepancy', 'verbose_name_plural': 'discrepancies'},
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='event',
            field=models.CharField(choices=[('cancel_asked', 'Cancel asked'), ('job_stopped', 'Job stopped'), ('job_resumed', 'Job resumed'), ('panic', 'Panic'), ('request', 'Request'), ('answer', 'Answer'), ('no_answer', 'No answer'), ('not_sent', 'Not sent'), ('read', 'Read to confirm'), ('outcome', 'Outcome'), ('sync', 'Sync change'), ('contradiction', 'Contradiction'), ('check_asked', 'Check asked'), ('sent_again', 'Sent again'), ('question_closed', 'Question closed'), ('question_owned', 'Question taken'), ('alert', 'Alert'), ('drift_acknowledged', 'Discrepancy acknowledged'), ('sender_lost', 'Sender lost'), ('agent_wallet_added', 'Agent wallet added'), ('agent_wallet_tested', 'Agent wallet tested'), ('agent_wallet_disabled', 'Agent wallet disabled'), ('agent_wallet_enabled', 'Agent wallet enabled'), ('key_refused', 'Sealed key refused'), ('key_sealed_anew', 'Key sealed anew'), ('desk_changed', 'Desk changed'), ('account_changed', 'Account changed'), ('api_config_key_changed', 'API config key changed'), ('user_changed', 'User changed'), ('membership_changed', 'Membership changed'), ('login', 'Signed in'), ('login_failed', 'Sign-in failed'), ('logout', 'Signed out'), ('act_refused', 'Act refused'), ('export_asked', 'Export asked'), ('exported', 'Export made'), ('export_downloaded', 'Export downloaded'), ('verification_asked', 'Verification asked'), ('verified', 'Log verified'), ('archived', 'Log archived'), ('database_behind', 'Restored copy found'), ('database_accepted', 'Restored copy accepted')], max_length=32),
        ),
        migrations.AlterField(
            model_name='cancel',
            name='status',
            field=models.CharField(choices=[('queued', 'Waiting to be sent'), ('sending', 'Sending'), ('unknown', 'Unknown'), ('settling', 'Confirming'), ('cancelled', 'Cancelled'), ('filled', 'Filled first'), ('gone', 'Already gone'), ('not_found', 'Not found'), ('refused', 'Refused'), ('stopped', 'Stopped'), ('expired', 'Expired, never sent'), ('closed_by_operator', 'Closed by operator')], default='queued', max_length=24),
        ),
    ]
