"""Weeks and months added up for what stands below each branch, and below everything (the nil UUID).

The rows of the branches are there; whoever folds from now on adds to both.
"""

from django.db import migrations

KEYS = {
    "reporting_orderfigure": ("by", "start", "action", "key"),
    "reporting_timefigure": ("clock", "start", "action", "key", "bin"),
    "reporting_causefigure": ("start", "outcome", "action", "key", "cause_group", "cause"),
    "reporting_ticketfigure": ("start", "kind", "place"),
    "reporting_surveyfigure": ("start", "kind"),
}
SUMS = {
    "reporting_orderfigure": (
        "n", "received", "rejected", "completed", "failed", "withdrawn", "timed", "on_time",
        "gross", "net", "contacted", "contact", "contact_timed", "contact_on_time", "appointed",
        "kept", "visited", "visits", "one_visit", "judged", "right_first", "suspended", "delayed",
        "sent_back",
    ),
    "reporting_timefigure": ("n",),
    "reporting_causefigure": ("n",),
    "reporting_ticketfigure": (
        "n", "received", "resolved", "withdrawn", "rejected", "timed", "on_time", "gross", "net",
        "responded", "response", "repeats", "common", "reopened", "urged",
    ),
    "reporting_surveyfigure": ("n", "reached", "asked_fixed", "fixed", "scored", "score", "content"),
}  # fmt: skip


def _add_up(table):
    keys, sums = ", ".join(KEYS[table]), SUMS[table]
    return f"""
INSERT INTO {table} (grain, branch_id, {keys}, {", ".join(sums)})
SELECT upper(t.grain), up.above, {keys}, {", ".join(f"sum(t.{one})" for one in sums)}
FROM {table} t JOIN (
    SELECT b.id AS branch, a.id AS above FROM org_branch b
    JOIN org_branch a ON starts_with(b.path, a.path || '.')
    UNION ALL SELECT DISTINCT branch_id, '00000000-0000-0000-0000-000000000000'::uuid FROM {table}
) up ON up.branch = t.branch_id
WHERE t.grain IN ('w', 'm')
GROUP BY t.grain, up.above, {keys}
"""


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0001_initial"),
        ("reporting", "0003_what_cannot_be_read_stands_aside"),
    ]

    operations = [
        migrations.RunSQL(_add_up(table), f"DELETE FROM {table} WHERE grain IN ('W', 'M')")
        for table in KEYS
    ]
