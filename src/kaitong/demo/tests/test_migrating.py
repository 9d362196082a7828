"""A fresh database is migrated in a short way that must come to the same schema."""

from __future__ import annotations

import re
import subprocess

import pytest
from django.core.management import call_command
from django.db import connection, connections

from kaitong.conftest import _migration_state
from kaitong.core.postgres import binaries


def schema(database: str) -> str:
    settings = connection.settings_dict
    dump = subprocess.run(
        [
            str(binaries() / "pg_dump"), "--schema-only", "--no-owner",
            "-h", settings["HOST"], "-p", str(settings["PORT"]), "-U", settings["USER"], database,
        ],
        env={"PGPASSWORD": settings["PASSWORD"]}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # a dump's key against injected commands is another each time
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)


@pytest.mark.django_db(transaction=True)
def test_the_short_way_makes_the_schema_django_makes():
    own = connection.settings_dict["NAME"]
    made = (
        f"template_{_migration_state()}"  # by the short way: what databases of tests are copies of
    )
    with connection._nodb_cursor() as admin:
        admin.execute('DROP DATABASE IF EXISTS "kaitong_plainly" WITH (FORCE)')
        admin.execute('CREATE DATABASE "kaitong_plainly"')
        connection.close()
        connections["default"].settings_dict["NAME"] = "kaitong_plainly"
        try:
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
            connection.close()
        finally:
            connection.close()
            connections["default"].settings_dict["NAME"] = own
        plainly = schema("kaitong_plainly")
        admin.execute('DROP DATABASE "kaitong_plainly" WITH (FORCE)')

    assert schema(made) == plainly
    assert plainly.count("CREATE TABLE") > 60
