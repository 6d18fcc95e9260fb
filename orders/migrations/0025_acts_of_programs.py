"""Acts that programs asked for, and the name of the token by which a job was asked for."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0024_api_tokens'),
    ]

    operations = [
        migrations.AddField(
            model_name='canceljob',
            name='token_name',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
        migrations.AddField(
            model_name='panicline',
            name='token_name',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
        migrations.CreateModel(
            name='ApiAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64)),
                ('request_sha256', models.CharField(max_length=64)),
                ('made_at', models.DateTimeField()),
                ('answer', models.TextField(blank=True)),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.canceljob')),
                ('preview', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.preview')),
                ('token', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='orders.apitoken')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['made_at'], name='api_act_made')],
                'constraints': [models.UniqueConstraint(fields=('token', 'key'), name='api_act_once')],
            },
        ),
    ]
