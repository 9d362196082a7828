from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("process", "0018_work_of_many_branches"),
    ]

    operations = [
        migrations.AddField(
            model_name="workitem",
            name="passage",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
