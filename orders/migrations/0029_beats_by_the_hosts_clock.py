"""When a guard heard its last beat, by the clock of the host that wrote it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0028_second_person'),
    ]

    operations = [
        migrations.AddField(
            model_name='guard',
            name='beat_boot',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='guard',
            name='beat_boot_s',
            field=models.FloatField(null=True),
        ),
    ]
