"""What a book's row does not tell stays empty, and is said of its order and its account."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', "0011_clock_offset_of_a_cancel"),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='book_trouble',
            field=models.CharField(blank=True, default='', editable=False, max_length=400),
        ),
        migrations.AddField(
            model_name='order',
            name='trouble',
            field=models.CharField(blank=True, default='', max_length=300),
        ),
        migrations.AlterField(
            model_name='order',
            name='created_at',
            field=models.DateTimeField(help_text='as the exchange dates it', null=True),
        ),
        migrations.AlterField(
            model_name='order',
            name='reduce_only',
            field=models.BooleanField(default=False, null=True),
        ),
        migrations.AlterField(
            model_name='order',
            name='updated_at',
            field=models.DateTimeField(help_text='as the exchange dates it', null=True),
        ),
    ]
