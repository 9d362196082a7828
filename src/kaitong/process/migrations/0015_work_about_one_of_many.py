from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("process", "0014_figures_of_steps"),
    ]

    operations = [
        migrations.AddField(
            model_name="workitem",
            name="part",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
    ]
