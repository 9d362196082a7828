from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_parts_of_bundles")]

    operations = [migrations.AddField("offering", "leaving", models.JSONField(default=dict))]
