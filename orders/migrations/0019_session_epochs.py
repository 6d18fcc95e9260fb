"""What ends all sessions of a person says so by its name. The table keeps its own: no row moves."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("orders", "0018_words_of_pages"),
    ]

    operations = [
        migrations.AlterModelTable("Standing", "orders_standing"),
        migrations.RenameModel("Standing", "SessionEpoch"),
        migrations.AlterField(
            "SessionEpoch",
            "user",
            models.OneToOneField(
                on_delete=models.deletion.PROTECT,
                primary_key=True,
                related_name="session_epoch",
                serialize=False,
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
