"""Migrations: which a database has, which this version knows, and making exactly those of a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from kaitong.core.migrating import lightly, migrate
from kaitong.transfer.errors import BackupRefused

Name = tuple[str, str]


def applied() -> set[Name]:
    """Migrations of the connected database; empty when it is empty."""
    executor = MigrationExecutor(connection)
    return set(executor.loader.applied_migrations)


def unknown(names: Iterable[Name]) -> list[str]:
    """Those that this version does not have: they come from a newer one."""
    loader = MigrationExecutor(connection).loader
    known = set(loader.disk_migrations) | set(loader.replacements)
    return sorted(f"{app}.{name}" for app, name in set(names) - known)


def pending() -> list[str]:
    """What this version would still do to the connected database."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def refuse_newer(names: Iterable[Name], what: str) -> None:
    """Refuse a schema that only a newer version understands."""
    foreign = unknown(names)
    if foreign:
        shown = ", ".join(foreign[:5]) + (" …" if len(foreign) > 5 else "")
        raise BackupRefused(
            _("%(what)s来自更新的版本（%(list)s）。") % {"what": what, "list": shown},
            _("用那个版本，或另用一个 KAITONG_HOME。什么也没有改变。"),
        )


def make_as_of(names: Collection[Name]) -> None:
    """Migrate the connected, empty database to exactly these migrations."""
    wanted = set(names)
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    nodes = {name for name in wanted if name in graph.nodes}
    leaves = [
        name
        for name in sorted(nodes)
        if not any(child.key in nodes for child in graph.node_map[name].children)
    ]
    with lightly():
        executor.migrate(leaves)


def to_newest() -> None:
    """Migrate the connected database to this version."""
    migrate()
