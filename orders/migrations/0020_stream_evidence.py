"""News of the exchange's stream: its records, its proof, and which of two facts is newer."""

from django.conf import settings
from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0019_session_epochs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='auditrecord',
            name='audit_event',
        ),
        migrations.RemoveConstraint(
            model_name='cancel',
            name='cancel_proof',
        ),
        migrations.AddField(
            model_name='account',
            name='book_last_order_id',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='told_li',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='event',
            field=models.CharField(choices=[('cancel_asked', 'Cancel asked'), ('job_stopped', 'Job stopped'), ('job_resumed', 'Job resumed'), ('panic', 'Panic'), ('request', 'Request'), ('answer', 'Answer'), ('no_answer', 'No answer'), ('not_sent', 'Not sent'), ('read', 'Read to confirm'), ('stream', 'Stream change'), ('outcome', 'Outcome'), ('sync', 'Sync change'), ('contradiction', 'Contradiction'), ('check_asked', 'Check asked'), ('sent_again', 'Sent again'), ('question_closed', 'Question closed'), ('question_owned', 'Question taken'), ('alert', 'Alert'), ('drift_acknowledged', 'Discrepancy acknowledged'), ('sender_lost', 'Sender lost'), ('agent_wallet_added', 'Agent wallet added'), ('agent_wallet_tested', 'Agent wallet tested'), ('agent_wallet_disabled', 'Agent wallet disabled'), ('agent_wallet_enabled', 'Agent wallet enabled'), ('key_refused', 'Sealed key refused'), ('key_sealed_anew', 'Key sealed anew'), ('desk_changed', 'Desk changed'), ('account_changed', 'Account changed'), ('api_config_key_changed', 'API config key changed'), ('user_changed', 'User changed'), ('membership_changed', 'Membership changed'), ('login', 'Signed in'), ('login_failed', 'Sign-in failed'), ('logout', 'Signed out'), ('act_refused', 'Act refused'), ('export_asked', 'Export asked'), ('exported', 'Export made'), ('export_downloaded', 'Export downloaded'), ('verification_asked', 'Verification asked'), ('verified', 'Log verified'), ('archived', 'Log archived'), ('database_behind', 'Restored copy found'), ('database_accepted', 'Restored copy accepted')], max_length=32),
        ),
        migrations.AlterField(
            model_name='cancel',
            name='proof',
            field=models.PositiveSmallIntegerField(choices=[(0, 'nothing yet'), (1, 'what the connection showed'), (2, "the exchange's answer"), (3, 'its absence from the open orders'), (4, "the exchange's order history"), (5, "the exchange's stream")], default=0),
        ),
        migrations.AddConstraint(
            model_name='auditrecord',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['cancel_asked', 'job_stopped', 'job_resumed', 'panic', 'request', 'answer', 'no_answer', 'not_sent', 'read', 'stream', 'outcome', 'sync', 'contradiction', 'check_asked', 'sent_again', 'question_closed', 'question_owned', 'alert', 'drift_acknowledged', 'sender_lost', 'agent_wallet_added', 'agent_wallet_tested', 'agent_wallet_disabled', 'agent_wallet_enabled', 'key_refused', 'key_sealed_anew', 'desk_changed', 'account_changed', 'api_config_key_changed', 'user_changed', 'membership_changed', 'login', 'login_failed', 'logout', 'act_refused', 'export_asked', 'exported', 'export_downloaded', 'verification_asked', 'verified', 'archived', 'database_behind', 'database_accepted'])), name='audit_event'),
        ),
        migrations.AddConstraint(
            model_name='cancel',
            constraint=models.CheckConstraint(condition=models.Q(('proof__in', [0, 1, 2, 3, 4, 5])), name='cancel_proof'),
        ),
        append_only(),
    ]
