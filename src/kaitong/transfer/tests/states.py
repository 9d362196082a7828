"""State folders and databases of tests of backup and restore."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connections
from psycopg import sql

from kaitong.core import crypto
from kaitong.core.database import state_url


def admin(*statements):
    with psycopg.connect(state_url("postgres"), autocommit=True) as server:
        for statement in statements:
            server.execute(statement)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A state folder of the test's own, with keys."""
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path / "home"))
    crypto.forget_cached_keys()
    crypto.seal("test", "x", b"makes the keys")
    crypto.blind_index("test", "makes the other")
    yield tmp_path
    crypto.forget_cached_keys()


@pytest.fixture
def elsewhere(folder, monkeypatch):
    """Go to another state: an empty folder and an empty database on the same server."""
    settings = connections["default"].settings_dict
    original, name = settings["NAME"], f"{settings['NAME']}_other"
    drop = [
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(n))
        for n in (name, f"{name}_restore", f"{name}_old")
    ]

    def go() -> None:
        admin(*drop, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connections.close_all()
        settings["NAME"] = name
        monkeypatch.setenv("KAITONG_HOME", str(folder / "other"))
        crypto.forget_cached_keys()

    yield go
    connections.close_all()
    settings["NAME"] = original
    admin(*drop)
