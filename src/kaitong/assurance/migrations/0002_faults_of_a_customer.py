from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assurance", "0001_tickets")]

    operations = [
        migrations.AddIndex(
            model_name="fault",
            index=models.Index(fields=["party_id", "-id"], name="assurance_fault_party"),
        ),
    ]
