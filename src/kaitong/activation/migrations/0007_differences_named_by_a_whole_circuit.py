from django.db import migrations, models


class Migration(migrations.Migration):
    """A line at a DHCP server is called by its marked circuit, of up to 128 octets."""

    dependencies = [("activation", "0006_what_was_cut_off_runs_until")]

    operations = [
        migrations.AlterField(
            model_name="difference",
            name="account",
            field=models.CharField(max_length=255, verbose_name="账号"),
        ),
    ]
