"""Two choices that no row ever had are gone: a job's *previewed*, an order's source."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0016_records_of_a_person'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='canceljob',
            name='job_status',
        ),
        migrations.RemoveConstraint(
            model_name='order',
            name='order_source',
        ),
        migrations.RemoveField(
            model_name='order',
            name='source',
        ),
        migrations.AlterField(
            model_name='canceljob',
            name='status',
            field=models.CharField(choices=[('running', 'Running'), ('stopping', 'Stopping'), ('stopped', 'Stopped'), ('done', 'Done')], default='running', max_length=16),
        ),
        migrations.AddConstraint(
            model_name='canceljob',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['running', 'stopping', 'stopped', 'done'])), name='job_status'),
        ),
    ]
