from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_marketing_cases")]

    operations = [migrations.AddField("offering", "parts", models.JSONField(default=list))]
