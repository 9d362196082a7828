from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ordering", "0017_proofs_of_one_procedure")]

    operations = [
        migrations.AlterField(
            model_name="failedrefund",
            name="account",
            field=models.CharField(blank=True, max_length=80, verbose_name="业务号码"),
        ),
    ]
