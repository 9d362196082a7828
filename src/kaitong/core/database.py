"""Which PostgreSQL Kaitong uses: the one of KAITONG_DATABASE_URL, else the embedded one.

Called before Django reads its settings; it sets the environment variable they read.
"""

from __future__ import annotations

import os

from kaitong.core.home import home
from kaitong.core.postgres import Cluster

VARIABLE = "KAITONG_DATABASE_URL"


def embedded() -> Cluster | None:
    """The embedded cluster of this state folder; None when another database is named."""
    if os.environ.get(VARIABLE):
        return None
    return Cluster(home() / "pg")


def serving(url: str) -> Cluster | None:
    """The embedded cluster of this state folder, if the URL leads to it."""
    cluster = Cluster(home() / "pg")
    return cluster if cluster.serves(url) else None


def connect() -> Cluster | None:
    """Make the database ready to use; the embedded cluster when this call had to start it.

    The caller stops what it started (`release`).
    """
    cluster = embedded()
    if cluster is None:
        return None
    started = not cluster.running()
    cluster.start()
    os.environ[VARIABLE] = cluster.application("kaitong", "kaitong")
    return cluster if started else None


def release(cluster: Cluster | None) -> None:
    """Stop a cluster this process started, unless somebody else has begun to use it."""
    if cluster is None or not cluster.running():
        return
    import psycopg
    from django.db import connections

    connections.close_all()
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        others = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    if others is not None and others[0] == 0:
        cluster.stop()


def state_url(database: str = "") -> str:
    """The URL of the database Django is connected to, or of another one on its server."""
    from urllib.parse import quote

    from django.db import connection

    facts = connection.settings_dict
    user, password = quote(str(facts["USER"])), quote(str(facts["PASSWORD"]))
    place = f"{facts['HOST']}:{facts['PORT'] or 5432}"
    return f"postgresql://{user}:{password}@{place}/{quote(database or str(facts['NAME']))}"
