from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("process", "0010_ledger_with_causes_and_corrections"),
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
