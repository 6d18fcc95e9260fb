"""Guards, schedules and latches; who a job or a panic was recorded by when nobody clicked."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0026_causes_of_discrepancies'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Guard',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('ttl_s', models.PositiveSmallIntegerField()),
                ('keep_reduce_only', models.BooleanField(default=False)),
                ('keep_stops', models.BooleanField(default=False)),
                ('asks_first', models.BooleanField(default=False)),
                ('set_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('disarmed', 'Disarmed'), ('armed', 'Armed'), ('fired', 'Fired'), ('asking', 'Asks whether to fire')], default='disarmed', max_length=16)),
                ('arming', models.PositiveIntegerField(default=0)),
                ('is_drill', models.BooleanField(default=False)),
                ('armed_by_name', models.CharField(blank=True, max_length=150)),
                ('session_hash', models.CharField(blank=True, max_length=64)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('token_name', models.CharField(blank=True, default='', max_length=60)),
                ('armed_at', models.DateTimeField(null=True)),
                ('beat_no', models.BigIntegerField(default=0)),
                ('beat_at', models.DateTimeField(null=True)),
                ('warned', models.PositiveSmallIntegerField(default=0)),
                ('warning_told_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['desk__name', 'name'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='GuardArming',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('is_drill', models.BooleanField(default=False)),
                ('ttl_s', models.PositiveSmallIntegerField()),
                ('armed_at', models.DateTimeField()),
                ('armed_by_name', models.CharField(max_length=150)),
                ('token_name', models.CharField(blank=True, default='', max_length=60)),
                ('first_beat_no', models.BigIntegerField()),
                ('last_beat_no', models.BigIntegerField(null=True)),
                ('last_beat_at', models.DateTimeField(null=True)),
                ('silence_ms', models.BigIntegerField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('end', models.CharField(blank=True, choices=[('disarmed', 'Disarmed'), ('fired', 'Fired')], max_length=16)),
                ('ended_by_name', models.CharField(blank=True, max_length=150)),
                ('reason', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'ordering': ['-number'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='GuardPulse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('boot', models.CharField(max_length=120, unique=True)),
                ('boot_s', models.FloatField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Latch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_cancelling', models.BooleanField(default=False)),
                ('set_at', models.DateTimeField()),
                ('appeared', models.PositiveIntegerField(default=0)),
                ('released_at', models.DateTimeField(null=True)),
                ('released_by_name', models.CharField(blank=True, max_length=150)),
                ('release_reason', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'verbose_name_plural': 'latches',
                'ordering': ['-set_at'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('kind', models.CharField(choices=[('empty', 'Empty at a time of day'), ('stale', 'Each hour, cancel old orders')], max_length=16)),
                ('at_minute', models.PositiveSmallIntegerField(null=True)),
                ('older_than_h', models.PositiveSmallIntegerField(null=True)),
                ('keep_reduce_only', models.BooleanField(default=False)),
                ('keep_stops', models.BooleanField(default=False)),
                ('is_active', models.BooleanField(default=True)),
                ('set_at', models.DateTimeField()),
                ('last_for', models.DateTimeField(null=True)),
                ('last_said', models.CharField(blank=True, max_length=400)),
                ('is_missed', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['desk__name', 'name'],
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
            model_name='canceljob',
            name='guard_name',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
        migrations.AddField(
            model_name='desk',
            name='latch_mode',
            field=models.CharField(choices=[('off', 'nothing'), ('alarm', 'people are told'), ('cancel', 'people are told, and they are cancelled at once')], default='off', max_length=8),
        ),
        migrations.AddField(
            model_name='panicline',
            name='guard_name',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
        migrations.AddField(
            model_name='panicline',
            name='keep_stops',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question'), ('restored', 'Database older than its checkpoints'), ('guard_low', 'Guard running out'), ('guard_fired', 'Guard fired'), ('guard_unwatched', 'Guard that cannot fire'), ('latched', 'Orders after a halt'), ('schedule', 'Schedule not done'), ('not_followed', 'Account not followed')], max_length=16),
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='event',
            field=models.CharField(choices=[('cancel_asked', 'Cancel asked'), ('job_stopped', 'Job stopped'), ('job_resumed', 'Job resumed'), ('panic', 'Panic'), ('request', 'Request'), ('answer', 'Answer'), ('no_answer', 'No answer'), ('not_sent', 'Not sent'), ('read', 'Read to confirm'), ('stream', 'Stream change'), ('outcome', 'Outcome'), ('sync', 'Sync change'), ('contradiction', 'Contradiction'), ('check_asked', 'Check asked'), ('sent_again', 'Sent again'), ('question_closed', 'Question closed'), ('question_owned', 'Question taken'), ('alert', 'Alert'), ('drift_acknowledged', 'Discrepancy acknowledged'), ('sender_lost', 'Sender lost'), ('agent_wallet_added', 'Agent wallet added'), ('agent_wallet_tested', 'Agent wallet tested'), ('agent_wallet_disabled', 'Agent wallet disabled'), ('agent_wallet_enabled', 'Agent wallet enabled'), ('key_refused', 'Sealed key refused'), ('key_sealed_anew', 'Key sealed anew'), ('desk_changed', 'Desk changed'), ('account_changed', 'Account changed'), ('api_config_key_changed', 'API config key changed'), ('user_changed', 'User changed'), ('membership_changed', 'Membership changed'), ('token_made', 'API token made'), ('token_ended', 'API token ended'), ('token_refused', 'API token refused'), ('guard_armed', 'Guard armed'), ('guard_changed', 'Guard changed'), ('guard_disarmed', 'Guard disarmed'), ('guard_warned', 'Guard running out'), ('guard_fired', 'Guard fired'), ('guard_asked', 'Guard asks'), ('schedule_changed', 'Schedule changed'), ('schedule_run', 'Schedule run'), ('latched', 'Latched'), ('latch_released', 'Latch released'), ('login', 'Signed in'), ('login_failed', 'Sign-in failed'), ('logout', 'Signed out'), ('act_refused', 'Act refused'), ('export_asked', 'Export asked'), ('exported', 'Export made'), ('export_downloaded', 'Export downloaded'), ('verification_asked', 'Verification asked'), ('verified', 'Log verified'), ('archived', 'Log archived'), ('database_behind', 'Restored copy found'), ('database_accepted', 'Restored copy accepted')], max_length=32),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer', 'restored', 'guard_low', 'guard_fired', 'guard_unwatched', 'latched', 'schedule', 'not_followed'])), name='alert_kind'),
        ),
        migrations.AddConstraint(
            model_name='auditrecord',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['cancel_asked', 'job_stopped', 'job_resumed', 'panic', 'request', 'answer', 'no_answer', 'not_sent', 'read', 'stream', 'outcome', 'sync', 'contradiction', 'check_asked', 'sent_again', 'question_closed', 'question_owned', 'alert', 'drift_acknowledged', 'sender_lost', 'agent_wallet_added', 'agent_wallet_tested', 'agent_wallet_disabled', 'agent_wallet_enabled', 'key_refused', 'key_sealed_anew', 'desk_changed', 'account_changed', 'api_config_key_changed', 'user_changed', 'membership_changed', 'token_made', 'token_ended', 'token_refused', 'guard_armed', 'guard_changed', 'guard_disarmed', 'guard_warned', 'guard_fired', 'guard_asked', 'schedule_changed', 'schedule_run', 'latched', 'latch_released', 'login', 'login_failed', 'logout', 'act_refused', 'export_asked', 'exported', 'export_downloaded', 'verification_asked', 'verified', 'archived', 'database_behind', 'database_accepted'])), name='audit_event'),
        ),
        migrations.AddConstraint(
            model_name='desk',
            constraint=models.CheckConstraint(condition=models.Q(('latch_mode__in', ['off', 'alarm', 'cancel'])), name='desk_latch_mode'),
        ),
        migrations.AddField(
            model_name='guard',
            name='account',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='guards', to='orders.account'),
        ),
        migrations.AddField(
            model_name='guard',
            name='armed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='guard',
            name='desk',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='guards', to='orders.desk'),
        ),
        migrations.AddField(
            model_name='guard',
            name='set_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='guardarming',
            name='guard',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='armings', to='orders.guard'),
        ),
        migrations.AddField(
            model_name='guardarming',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.canceljob'),
        ),
        migrations.AddField(
            model_name='latch',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='latches', to='orders.account'),
        ),
        migrations.AddField(
            model_name='latch',
            name='job',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='latches', to='orders.canceljob'),
        ),
        migrations.AddField(
            model_name='schedule',
            name='account',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='orders.account'),
        ),
        migrations.AddField(
            model_name='schedule',
            name='desk',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='orders.desk'),
        ),
        migrations.AddField(
            model_name='schedule',
            name='last_job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.canceljob'),
        ),
        migrations.AddField(
            model_name='schedule',
            name='set_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='guard',
            constraint=models.UniqueConstraint(fields=('desk', 'name'), name='guard_name_once_per_desk'),
        ),
        migrations.AddConstraint(
            model_name='guard',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['disarmed', 'armed', 'fired', 'asking'])), name='guard_status'),
        ),
        migrations.AddConstraint(
            model_name='guard',
            constraint=models.CheckConstraint(condition=models.Q(('ttl_s__gte', 1), ('ttl_s__lte', 600)), name='guard_ttl'),
        ),
        migrations.AddConstraint(
            model_name='guard',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'disarmed'), models.Q(('armed_by__isnull', False), ('arming__gt', 0), ('beat_at__isnull', False)), _connector='OR'), name='guard_armed_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='guardarming',
            constraint=models.UniqueConstraint(fields=('guard', 'number'), name='guard_arming_once'),
        ),
        migrations.AddConstraint(
            model_name='guardarming',
            constraint=models.CheckConstraint(condition=models.Q(('end__in', ['', 'disarmed', 'fired'])), name='guard_arming_end'),
        ),
        migrations.AddConstraint(
            model_name='guardarming',
            constraint=models.UniqueConstraint(condition=models.Q(('job__isnull', False)), fields=('job',), name='guard_arming_one_job'),
        ),
        migrations.AddConstraint(
            model_name='latch',
            constraint=models.UniqueConstraint(condition=models.Q(('released_at__isnull', True)), fields=('account',), name='latch_one_per_account'),
        ),
        migrations.AddConstraint(
            model_name='schedule',
            constraint=models.UniqueConstraint(fields=('desk', 'name'), name='schedule_name_once_per_desk'),
        ),
        migrations.AddConstraint(
            model_name='schedule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('at_minute__lt', 1440), ('kind', 'empty')), models.Q(('kind', 'stale'), ('older_than_h__gte', 1)), _connector='OR'), name='schedule_kind'),
        ),
        append_only(),
    ]
