"""Marks and decimals of markets, and whether a page asks for them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0032_alert_ways'),
    ]

    operations = [
        migrations.CreateModel(
            name='Market',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=64, unique=True)),
                ('mark', models.CharField(blank=True, max_length=64)),
                ('marked_at', models.DateTimeField(null=True)),
                ('tick_size', models.CharField(blank=True, max_length=64)),
                ('lot_size', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'ordering': ['symbol'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='MarketWatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('needed_at', models.DateTimeField(null=True)),
                ('next_prices_at', models.DateTimeField()),
                ('next_decimals_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='market_watch_one')],
            },
        ),
    ]
