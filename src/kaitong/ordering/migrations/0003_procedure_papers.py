from django.db import migrations, models


class Migration(migrations.Migration):
    """Procedures carry the papers of their playbook, so that orders pin them too."""

    dependencies = [("ordering", "0002_draft")]

    operations = [
        migrations.AddField(
            model_name="procedure",
            name="papers",
            field=models.JSONField(default=dict),
        ),
    ]
