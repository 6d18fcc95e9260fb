"""The exchange's words may grow: as long as what its rows may hold."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0002_append_only_and_network'),
    ]

    operations = [
        migrations.AlterField(
            model_name='order',
            name='order_status',
            field=models.CharField(default='open', max_length=128),
        ),
        migrations.AlterField(
            model_name='order',
            name='order_type',
            field=models.CharField(max_length=128),
        ),
        migrations.AlterField(
            model_name='order',
            name='reason',
            field=models.CharField(blank=True, default='', max_length=128),
        ),
        migrations.AlterField(
            model_name='order',
            name='trigger_price_type',
            field=models.CharField(blank=True, max_length=128, null=True),
        ),
    ]
