"""Time stamps of checkpoints, and how their authorities do."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0030_preferences'),
    ]

    operations = [
        migrations.CreateModel(
            name='TimeStamp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField()),
                ('authority', models.CharField(max_length=200)),
                ('at', models.DateTimeField()),
                ('line', models.TextField()),
            ],
            options={
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='TimeStampAuthority',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True)),
                ('next_ask_at', models.DateTimeField()),
                ('stamped_at', models.DateTimeField(null=True)),
                ('failing_since', models.DateTimeField(null=True)),
                ('said', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['name'],
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
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question'), ('restored', 'Database older than its checkpoints'), ('guard_low', 'Guard running out'), ('guard_fired', 'Guard fired'), ('guard_unwatched', 'Guard that cannot fire'), ('latched', 'Orders after a halt'), ('schedule', 'Schedule not done'), ('not_followed', 'Account not followed'), ('time_stamp', 'No time stamps'), ('one_person', 'Done by one person alone')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer', 'restored', 'guard_low', 'guard_fired', 'guard_unwatched', 'latched', 'schedule', 'not_followed', 'time_stamp', 'one_person'])), name='alert_kind'),
        ),
        migrations.AddConstraint(
            model_name='timestamp',
            constraint=models.UniqueConstraint(fields=('number', 'authority'), name='time_stamp_once'),
        ),
    ]
