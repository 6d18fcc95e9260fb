"""What explains a discrepancy, as far as was known when it was found."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0025_acts_of_programs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='drift',
            name='cause',
            field=models.CharField(choices=[('none', 'Not explained'), ('panic', 'A panic'), ('job', 'A cancel of ours'), ('restored', 'A restored copy'), ('outage', 'A time without news'), ('foreign_wallet', 'Perhaps a foreign agent wallet')], default='none', max_length=16),
        ),
        migrations.AddField(
            model_name='drift',
            name='cause_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='drift',
            name='cause_job',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.canceljob'),
        ),
        migrations.AddConstraint(
            model_name='drift',
            constraint=models.CheckConstraint(condition=models.Q(('cause__in', ['none', 'panic', 'job', 'restored', 'outage', 'foreign_wallet'])), name='drift_cause'),
        ),
    ]
