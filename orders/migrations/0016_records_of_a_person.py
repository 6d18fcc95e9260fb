"""An index that finds what one person did, whatever they were called then."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0015_amounts_follow'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='auditrecord',
            index=models.Index(fields=['operator', '-position'], name='audit_person'),
        ),
    ]
