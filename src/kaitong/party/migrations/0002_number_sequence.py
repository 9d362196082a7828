"""Customer numbers (客户编号) come from a sequence: gaps are harmless, waiting for a lock is not."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("party", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE party_number_seq START 10001",
            "DROP SEQUENCE party_number_seq",
        ),
    ]
