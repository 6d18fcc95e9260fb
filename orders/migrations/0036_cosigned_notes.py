"""Notes of checkpoints that witnesses cosigned."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0035_identities'),
    ]

    operations = [
        migrations.CreateModel(
            name='CosignedNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField()),
                ('line', models.TextField()),
            ],
            options={
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
    ]
