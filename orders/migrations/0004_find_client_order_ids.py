"""The log finds client order ids by an index of those alone that are there."""

from django.db import migrations, models

from orders.models.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_words_of_the_exchange")]
    operations = [
        migrations.AlterField(
            model_name="auditrecordorder",
            name="client_order_id",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddIndex(
            model_name="auditrecordorder",
            index=models.Index(
                condition=models.Q(("client_order_id__isnull", False)),
                fields=["client_order_id"],
                name="audit_client_order_id",
            ),
        ),
        append_only(),
    ]
