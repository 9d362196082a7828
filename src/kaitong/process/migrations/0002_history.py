"""The partitioned history, which Django's schema editor cannot make."""

from django.db import migrations

from kaitong.process import partitions

CREATE = """
create table process_history (
    id uuid not null,
    instance_id uuid not null,
    seq bigint not null,
    kind varchar(40) not null,
    node varchar(200) not null,
    token uuid,
    actor_id uuid,
    at timestamptz not null,
    data jsonb not null default '{}'
) partition by range (id);
create table process_history_rest partition of process_history default;
create unique index process_history_rest_seq on process_history_rest (instance_id, seq);
"""


def make_partitions(apps, schema_editor):
    partitions.ensure(using=schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("process", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE, "drop table process_history"),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
    ]
