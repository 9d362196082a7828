from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tmf", "0004_listeners_of_services_and_tickets")]

    operations = [
        migrations.AddField(
            model_name="listener",
            name="suspended_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="停用时间"),
        ),
        migrations.AddField(
            model_name="listener",
            name="suspended_for",
            field=models.CharField(blank=True, max_length=120, verbose_name="停用原因"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="part",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.RemoveConstraint(model_name="delivery", name="tmf_delivery_once"),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=["listener", "number", "part"], name="tmf_delivery_once"
            ),
        ),
    ]
