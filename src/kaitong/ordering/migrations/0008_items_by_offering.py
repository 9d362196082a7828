from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ordering", "0007_items_by_address")]

    operations = [
        migrations.AddIndex(
            model_name="orderitem",
            index=models.Index(fields=["offering", "order"], name="order_item_by_offering"),
        ),
    ]
