"""Where a benchmark runs: a PostgreSQL cluster of its own, databases copied from a template.

Everything lies in `KAITONG_HOME/bench`, keys and lab included, so that a benchmark touches nothing
else. Migrating and seeding take minutes; they are done once for each state of the code and kept as
a template, from which every benchmark gets a fresh copy.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from kaitong.bench.figures import say
from kaitong.core.database import VARIABLE
from kaitong.core.home import REPOSITORY, home
from kaitong.core.postgres import Cluster, binaries, major_version

COMMITS = "bench_commits"  # where pgbench writes: nothing of Kaitong is in it


@dataclass(slots=True)
class Place:
    """A cluster and the way to point this process and its children at one of its databases."""

    dsn: Callable[[str], str]
    version: int
    borrowed: str = ""  # a database that is there already (tests): used as it is, never dropped

    @contextmanager
    def database(self, name: str, template: str = "") -> Iterator[str]:
        """A fresh database, dropped afterwards; Django and children use it within the block."""
        if self.borrowed:
            yield self.dsn(self.borrowed)
            return
        self._drop(name)
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else None
        made = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        self.admin(made + source if source else made)
        try:
            with self.using(name) as url:
                yield url
        finally:
            self._drop(name)

    @contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """An empty database beside the one in use, dropped afterwards."""
        if self.borrowed:
            yield self.dsn(self.borrowed)
            return
        self._drop(name)
        self.admin(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield self.dsn(name)
        finally:
            self._drop(name)

    @contextmanager
    def using(self, name: str) -> Iterator[str]:
        """Django and children use this database within the block."""
        from django.db import connections

        url = self.dsn(name)
        before = os.environ.get(VARIABLE)
        kept = connections["default"].settings_dict["NAME"]
        connections.close_all()
        os.environ[VARIABLE] = url
        connections["default"].settings_dict["NAME"] = name
        try:
            yield url
        finally:
            connections.close_all()
            connections["default"].settings_dict["NAME"] = kept
            if before is not None:
                os.environ[VARIABLE] = before

    def template(
        self, name: str, make: Callable[[], None], *, shaped_by: tuple[str, ...], base: str = ""
    ) -> str:
        """The name of a template database with what `make` puts into it, made when it is missing.

        Its name carries a fingerprint of the files that shape it; templates of older files go.
        """
        full = f"{name}_{hashlib.sha256((base + fingerprint(shaped_by)).encode()).hexdigest()[:12]}"
        if self.borrowed:
            return self.borrowed
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as admin:
            names = [row[0] for row in admin.execute("SELECT datname FROM pg_database")]
        if full in names:
            return full
        for old in names:
            if old.startswith(f"{name}_"):
                self._drop(old)
        draft = f"draft_{name}"
        self._drop(draft)
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(base)) if base else sql.SQL("")
        self.admin(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)) + source)
        with self.using(draft):
            make()
        self.admin(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(draft), sql.Identifier(full)
            )
        )
        return full

    def admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _drop(self, name: str) -> None:
        self.admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def settings(self) -> dict[str, str]:
        """The server's settings that decide what a commit costs."""
        names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        with psycopg.connect(self.dsn("postgres")) as connection:
            found = {}
            for name in names:
                row = connection.execute(f"SHOW {name}".encode()).fetchone()
                found[name] = str(row[0]) if row else ""
        return found


def child(module: str, *arguments: str, url: str = "", **options: object) -> subprocess.Popen[str]:
    """Start a Python process of Kaitong with this process's environment, on the database of `url`
    if it names another."""
    database = {VARIABLE: url} if url else {}
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), **database},
        text=True,
        **options,
    )


def fingerprint(patterns: tuple[str, ...]) -> str:
    """A hash over the files these patterns name below the repository."""
    total = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(p for p in REPOSITORY.glob(pattern) if p.is_file()):
            total.update(str(path.relative_to(REPOSITORY)).encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:12]


@contextmanager
def own_place() -> Iterator[Place]:
    """The benchmark's own durable cluster: started here, stopped at the end if it was started here.

    Must be entered before Django is set up: state folder and database are told by the environment.
    """
    folder: Path = home() / "bench"
    os.environ["KAITONG_HOME"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    version = major_version(binaries())
    cluster = Cluster(
        folder / f"pg{version}",
        settings={"fsync": "on", "synchronous_commit": "on", "max_wal_size": "4GB"},
    )
    started = not cluster.running()
    say("starting the benchmark's own PostgreSQL (durable)")
    cluster.start()
    try:
        os.environ[VARIABLE] = cluster.dsn("postgres")
        import django

        django.setup()
        yield Place(cluster.dsn, version)
    finally:
        from django.db import connections

        connections.close_all()
        if started:
            cluster.stop()
