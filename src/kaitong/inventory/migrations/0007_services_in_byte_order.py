from django.db import migrations, models
from django.db.models.functions import Collate


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0006_bundles_and_set_top_boxes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="service",
            index=models.Index(
                Collate("account", "C"),
                condition=~models.Q(account=""),
                name="service_in_byte_order",
            ),
        ),
    ]
