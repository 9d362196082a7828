"""One row of history a step, instead of one a line; `process_line` tells the lines as they were.

What is there is brought over: consecutive lines of one instance, moment and actor were one step.
"""

from django.db import migrations

CREATE = """
create table process_history (
    id uuid not null,
    instance_id uuid not null,
    seq bigint not null,
    actor_id uuid,
    at timestamptz not null,
    lines jsonb not null
) partition by range (id);
create table process_history_rest partition of process_history default;
create unique index process_history_rest_seq on process_history_rest (instance_id, seq);
"""
# of several lines only the first is numbered: (instance, seq) is unique, and steps do not overlap
# because each begins where its instance's `seq`, which is asserted, stands
LINES = """
create view process_line as
select s.id, s.instance_id, s.seq + l.place - 1 as seq, (l.line->>0)::varchar as kind,
 (l.line->>1)::varchar as node, (l.line->>2)::uuid as token, s.actor_id, s.at,
 coalesce(l.line->3, '{}'::jsonb) as data
 from process_history s
 cross join lateral jsonb_array_elements(s.lines) with ordinality as l(line, place)
"""
BRING = """
insert into process_history (id, instance_id, seq, actor_id, at, lines)
select (array_agg(id order by seq))[1], instance_id, min(seq), actor_id, at,
 jsonb_agg(jsonb_build_array(kind, node, token, data) order by seq)
 from (select *, seq - row_number() over
  (partition by instance_id, at, actor_id order by seq) as run from process_history_before) h
 group by instance_id, at, actor_id, run
"""
# as it was on the lines
WRITTEN = """
create index process_history_written on process_history
 using brin (id) with (pages_per_range = 32, autosummarize = on)
"""
PARTITIONS = """
select c.relname, pg_get_expr(c.relpartbound, c.oid) from pg_inherits i
 join pg_class c on c.oid = i.inhrelid
 where i.inhparent = 'process_history'::regclass and c.relname <> 'process_history_rest'
 order by c.relname
"""


def bring_over(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        months = cursor.fetchall()
        for name in ("process_history", "process_history_rest", *(name for name, _bound in months)):
            cursor.execute(f"alter table {name} rename to {name}_before")
            if name != "process_history":
                cursor.execute(f"alter index {name}_seq rename to {name}_before_seq")
        cursor.execute(CREATE)
        for name, bound in months:
            cursor.execute(f"create table {name} partition of process_history {bound}")
            cursor.execute(f"create unique index {name}_seq on {name} (instance_id, seq)")
        cursor.execute(BRING)
        cursor.execute("drop table process_history_before")
        cursor.execute(WRITTEN)
        cursor.execute(LINES)


class Migration(migrations.Migration):
    dependencies = [("process", "0020_history_found_by_time")]

    operations = [migrations.RunPython(bring_over, migrations.RunPython.noop)]
