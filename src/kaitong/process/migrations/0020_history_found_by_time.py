"""What was written when: figures look for it every minute, in a history of tens of millions.

A BRIN over the UUIDv7, which the rows already lie in order of: a few kilobytes, and nothing to an
insert.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("process", "0019_work_knows_its_passage")]

    operations = [
        migrations.RunSQL(
            "create index process_history_written on process_history"
            " using brin (id) with (pages_per_range = 32, autosummarize = on)",
            "drop index process_history_written",
        )
    ]
