from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_leaving_a_case")]

    operations = [
        migrations.AddField(
            model_name="servicespecification",
            name="names",
            field=models.JSONField(default=dict),
        ),
    ]
