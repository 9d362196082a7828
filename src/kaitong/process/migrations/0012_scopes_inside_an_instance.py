from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("process", "0011_work_of_departments_and_on_behalf"),
    ]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="scopes",
            field=models.JSONField(null=True),
        ),
        migrations.AlterField(
            model_name="token",
            name="wait",
            field=models.CharField(
                choices=[
                    ("work", "work"),
                    ("command", "command"),
                    ("timer", "timer"),
                    ("message", "message"),
                    ("signal", "signal"),
                    ("condition", "condition"),
                    ("child", "child"),
                    ("event", "event"),
                    ("join", "join"),
                    ("incident", "incident"),
                    ("scope", "scope"),
                    ("listen", "listen"),
                ],
                max_length=10,
            ),
        ),
    ]
