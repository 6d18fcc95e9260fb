"""People are told of an answer that speaks of something else than was asked."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0012_odd_rows'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind',
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('unresolved', 'Unresolved cancels'), ('stuck_job', 'Stuck job'), ('no_sender', 'No sender alive'), ('clock', 'Clock off'), ('contradiction', 'Contradiction'), ('not_ours', 'Agent wallet that is not ours'), ('panic_waiting', 'Panic not sent'), ('panic_needs_you', 'Panic that needs somebody'), ('foreign_answer', 'Answer to another question')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['unresolved', 'stuck_job', 'no_sender', 'clock', 'contradiction', 'not_ours', 'panic_waiting', 'panic_needs_you', 'foreign_answer'])), name='alert_kind'),
        ),
    ]
