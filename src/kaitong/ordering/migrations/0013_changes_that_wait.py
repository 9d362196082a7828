from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ordering", "0012_failed_refunds")]

    operations = [
        migrations.AddField("servicechange", "agreed", models.JSONField(default=dict)),
        migrations.AddField("servicechange", "waits_until", models.DateTimeField(null=True)),
        migrations.RemoveConstraint("servicechange", "service_changed_once_at_a_time"),
        migrations.AddConstraint(
            "servicechange",
            models.UniqueConstraint(
                fields=["service_id"],
                condition=models.Q(ended_at__isnull=True, waits_until__isnull=True),
                name="service_changed_once_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            "servicechange",
            models.UniqueConstraint(
                fields=["service_id", "procedure"],
                condition=models.Q(ended_at__isnull=True),
                name="service_changed_once_by_procedure",
            ),
        ),
    ]
