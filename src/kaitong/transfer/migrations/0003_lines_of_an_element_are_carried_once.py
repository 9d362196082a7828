from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("transfer", "0002_former_names_veiled"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("kind__startswith", "carry."), ("state__in", ("queued", "running"))
                ),
                fields=("name",),
                name="job_carries_once",
            ),
        ),
    ]
