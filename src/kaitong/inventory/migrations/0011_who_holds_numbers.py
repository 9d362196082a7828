from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("inventory", "0010_stock_counts")]

    operations = [
        migrations.AddField("poolnumber", "held_by", models.UUIDField(blank=True, null=True)),
        migrations.AddField("poolnumber", "held_of", models.UUIDField(blank=True, null=True)),
        migrations.AddIndex(
            "poolnumber",
            models.Index(fields=["held_by"], condition=Q(state="held"), name="number_held_by"),
        ),
        migrations.AddIndex(
            "poolnumber",
            models.Index(fields=["held_of"], condition=Q(state="held"), name="number_held_of"),
        ),
    ]
