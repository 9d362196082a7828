from django.db import migrations, models

TEXT = {"blank": True, "default": ""}


class Migration(migrations.Migration):
    """A proof and a one-time code serve one procedure, and the order being made. Those given before
    serve none any more: they were good for a quarter of an hour."""

    dependencies = [("ordering", "0016_one_time_codes")]

    operations = [
        migrations.AddField(model, name, models.CharField(max_length=length, **TEXT), False)
        for model in ("authentication", "numbercode")
        for name, length in (("procedure", 60), ("request_key", 160))
    ]
