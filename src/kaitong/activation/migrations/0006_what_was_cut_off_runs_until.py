from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("activation", "0005_voice_and_dhcp_elements"),
    ]

    operations = [
        migrations.AddField(
            model_name="exchange",
            name="runs_until",
            field=models.DateTimeField(null=True),
        ),
    ]
