"""The database as rows: which tables, written in one snapshot, read back without their triggers."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from functools import cache

import psycopg
from django.apps import apps
from psycopg import sql

from kaitong.transfer.backup.archive import Hashing, Manifest, TableFacts, blocks
from kaitong.transfer.watch import Watch

# Made by migrating, of a moment only (sign-ins), or of the job queue's own.
LEFT_OUT = frozenset({"django_migrations", "django_session"})
LEFT_OUT_PREFIXES = ("procrastinate_",)

_TABLES = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname ORDER BY c.relname
"""
_PARTITIONS = """
SELECT p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
JOIN pg_namespace n ON n.oid = p.relnamespace
WHERE n.nspname = 'public' AND c.relispartition AND p.relkind = 'p' ORDER BY 1, 2
"""
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
# Keys that must hold at once, not at commit: their tables are read in this order.
_AT_ONCE = """
SELECT DISTINCT r.relname, f.relname FROM pg_constraint k
JOIN pg_class r ON r.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND NOT k.condeferrable AND r.oid <> f.oid
"""
Connection = psycopg.Connection[tuple[object, ...]]


def kept(name: str) -> bool:
    """Whether a backup holds this table: one of ours, of this version or an earlier one.

    What else stands in the database (somebody's scratch table) no restore's schema would have.
    """
    if name in LEFT_OUT or name.startswith(LEFT_OUT_PREFIXES):
        return False
    return name in _tables_of_models() or name.startswith(_prefixes())


@cache
def _tables_of_models() -> frozenset[str]:
    return frozenset(m._meta.db_table for m in apps.get_models(include_auto_created=True))


@cache
def _prefixes() -> tuple[str, ...]:
    return tuple(f"{config.label}_" for config in apps.get_app_configs())


def table_columns(connection: Connection) -> dict[str, list[str]]:
    """Tables that a backup holds, with their columns (generated ones make themselves)."""
    rows = connection.execute(_TABLES).fetchall()
    return {str(name): list(columns) for name, columns in rows if kept(str(name))}  # type: ignore[call-overload]


def write_all(
    connection: Connection, archive: zipfile.ZipFile, manifest: Manifest, watch: Watch
) -> None:
    """Every table into the archive; the connection's snapshot makes them of one moment."""
    found = table_columns(connection)
    for parent, name, bound in connection.execute(_PARTITIONS).fetchall():
        if kept(str(parent)):
            manifest.partitions.setdefault(str(parent), []).append([str(name), str(bound)])
    for (name,) in connection.execute(_SEQUENCES).fetchall():
        if kept(str(name)):
            value = connection.execute(
                sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(str(name)))
            ).fetchone()
            manifest.sequences[str(name)] = list(value or (1, False))
    for done, (name, columns) in enumerate(found.items(), start=1):
        # A partitioned table itself holds nothing: its rows are asked for.
        statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name)
        )
        draft = TableFacts(name, columns, 0, 0, "")
        with (
            archive.open(draft.member, "w", force_zip64=True) as member,
            connection.cursor() as cursor,
        ):
            out = Hashing(member)
            with cursor.copy(statement) as copy:
                for block in copy:
                    out.write(bytes(block))
            rows = cursor.rowcount
        manifest.tables.append(
            TableFacts(name, columns, max(rows, 0), out.bytes, out.hash.hexdigest())
        )
        watch.tick(done)


def read_all(
    connection: Connection, archive: zipfile.ZipFile, manifest: Manifest, watch: Watch
) -> None:
    """Rows back into an empty schema of the same migrations, in one transaction.

    Triggers of ours rest meanwhile: what they write is among the rows. Foreign keys are checked
    at the commit, unique and check constraints at once.
    """
    _make_partitions(connection, manifest)
    facts = {table.name: table for table in manifest.tables}
    names = in_order(facts, connection.execute(_AT_ONCE).fetchall())  # type: ignore[arg-type]
    for name in names:
        connection.execute(_alter(name, "DISABLE"))
    connection.execute(
        sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, names)))
    )
    for done, name in enumerate(names, start=1):
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, facts[name].columns))
        )
        with archive.open(facts[name].member) as member, connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for block in blocks(member):
                    copy.write(block)
            if cursor.rowcount != facts[name].rows:
                raise psycopg.DataError(f"{name}: {cursor.rowcount} of {facts[name].rows} rows")
        watch.tick(done)
    # Deferred checks now: a table with pending ones cannot be altered.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for name in names:
        connection.execute(_alter(name, "ENABLE"))
    for name, (value, called) in manifest.sequences.items():
        connection.execute(
            "SELECT setval(%s::regclass, %s, %s)", [f'public."{name}"', value, called]
        )


def _alter(table: str, what: str) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} {} TRIGGER USER").format(
        sql.Identifier(table), sql.SQL("DISABLE" if what == "DISABLE" else "ENABLE")
    )


def _make_partitions(connection: Connection, manifest: Manifest) -> None:
    """Partitions of months that this schema's migrations did not make."""
    for parent, made in manifest.partitions.items():
        for name, bound in made:
            there = connection.execute("SELECT to_regclass(%s)", [f'public."{name}"']).fetchone()
            if there is not None and there[0] is None:
                # The bound is what pg_get_expr printed, of a file whose digest was checked.
                connection.execute(
                    sql.SQL("CREATE TABLE {} PARTITION OF {} {}").format(
                        sql.Identifier(name),
                        sql.Identifier(parent),
                        sql.SQL(bound),  # type: ignore[arg-type]
                    )
                )
                connection.execute(
                    sql.SQL("CREATE UNIQUE INDEX {} ON {} (instance_id, seq)").format(
                        sql.Identifier(f"{name}_seq"), sql.Identifier(name)
                    )
                )


def in_order(names: Mapping[str, object], pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Tables with those that others refer to before them."""
    needs: dict[str, set[str]] = {name: set() for name in names}
    for table, referred in pairs:
        if table in needs and referred in needs:
            needs[table].add(referred)
    ordered: list[str] = []
    while needs:
        free = sorted(name for name, others in needs.items() if not others & set(needs))
        if not free:  # a ring: whoever made it made it deferrable, or it cannot be loaded
            free = sorted(needs)
        ordered += free
        for name in free:
            del needs[name]
    return ordered
