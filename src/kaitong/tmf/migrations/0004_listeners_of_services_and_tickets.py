from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tmf", "0003_listeners")]

    operations = [
        migrations.AddField(
            model_name="listener",
            name="api",
            field=models.CharField(
                db_default="TMF641", default="TMF641", max_length=10, verbose_name="接口"
            ),
        ),
        migrations.RemoveIndex(model_name="delivery", name="tmf_delivery_in_order"),
        migrations.RenameField(model_name="delivery", old_name="order_id", new_name="subject_id"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("given_up_at", None), ("sent_at", None)),
                fields=["listener", "subject_id", "number"],
                name="tmf_delivery_in_order",
            ),
        ),
    ]
