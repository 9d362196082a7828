"""What the lab's servers share: each has a PostgreSQL of its own, in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from kaitong.core.postgres import Cluster
from kaitong.lab.daemon import Daemon
from kaitong.lab.state import lab_folder, locked


class ElementLab:
    """A server and its database below the lab's folder. Its life may be told to it by two
    commands at once."""

    NAME: ClassVar[str]  # of its folder

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or lab_folder()
        self.folder = self.home / self.NAME
        self.server_folder = self.folder / "server"
        self.cluster = Cluster(
            self.folder / "postgres",
            settings={"shared_buffers": "32MB", "max_connections": "60"},
        )
        self.daemon = Daemon(self.server_folder / "process.json")

    def down(self) -> bool:
        """End what `up` started, and nothing else. True when something ran."""
        with locked(self.home):
            ended = self.daemon.stop()
            if self.cluster.running():
                self.cluster.stop()
                ended = True
            return ended

    def stop_server(self) -> bool:
        """End the server alone; its database runs on (a bad day to practise)."""
        with locked(self.home):
            return self.daemon.stop()

    def stop_database(self) -> None:
        """End the database alone; the server runs on, and answers nobody until it is back."""
        with locked(self.home):
            self.cluster.stop()


def ensure_role(admin: psycopg.Connection[Any], role: str, password: str) -> None:
    """A role that may log in with this password, whether it was there or not."""
    known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    verb = "ALTER" if known.fetchone() else "CREATE"
    admin.execute(
        sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(password)
        )
    )
