from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("process", "0021_history_by_steps"),
    ]

    operations = [
        migrations.AddField(
            model_name="timer",
            name="due_basis",
            field=models.JSONField(null=True),
        ),
    ]
