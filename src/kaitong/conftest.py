"""Fixtures every package's tests may use: a small organisation, and what the machine lacks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.utils import translation

REQUIRE_ALL = os.environ.get("KAITONG_REQUIRE_ALL") == "1"


def lacking(what: str, remedy: str) -> None:
    """Skip because the machine lacks something; fail instead where everything is required."""
    message = f"lacks {what}: {remedy}"
    if REQUIRE_ALL:
        pytest.fail(message)
    pytest.skip(message)


# Where single tests take longest. Several processes share the files out in this order: what is
# begun last is short, so that none works on alone at the end.
_LONG = (
    "tests/chaos",
    "tests/path",
    "tests/browser",
    "src/kaitong/bench",
    "src/kaitong/demo",
    "src/kaitong/transfer",
    "src/kaitong/lab",
    "src/kaitong/cli",
    "src/kaitong/tmf",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items) -> None:
    """The long files first."""

    def rank(item) -> int:
        return next((n for n, place in enumerate(_LONG) if item.nodeid.startswith(place)), 99)

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def own_language():
    """A request or command in English leaves its language in the thread: not to the next test."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def playbooks_read_once():
    """The same folder with the same content is the same playbook: hundreds of tests deploy it."""
    from kaitong.playbooks import loader

    own, read = loader.load, {}

    def load(folder, **names):
        key = (folder.resolve(), loader.fingerprint(folder), *sorted(names.items(), key=str))
        if key not in read:
            read[key] = own(folder, **names)
        return read[key]

    loader.load = load
    yield
    loader.load = own


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party contracts and test cases (KAITONG_SHARED)."""
    repository = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("KAITONG_SHARED") or repository.parent / "shared")
    if not (folder / "README.md").exists():
        lacking("the shared folder of contracts", "set KAITONG_SHARED to it")
    return folder


@pytest.fixture
def county(db):
    """休宁分公司 below a province and a city, with the posts that home broadband needs."""
    from kaitong.core.tests.kept import kept

    return kept("county", _county)


def _county():
    from kaitong.org import services

    province = services.ensure_branch(code="AH", name="安徽省公司", kind="province")
    city = services.ensure_branch(code="HS", name="黄山市分公司", kind="city", parent=province)
    branch = services.ensure_branch(code="XN", name="休宁分公司", kind="county", parent=city)
    for key, name in [
        ("clerk", "营业员"),
        ("resource", "资源配置岗"),
        ("network", "网络部门"),
        ("monitor", "网管监控"),
        ("installer", "装维班组"),
        ("service", "客服回访"),
        ("supervisor", "班长"),
    ]:
        services.ensure_post(key=key, name=name)
    return branch


@pytest.fixture
def other_county(county):
    """A sibling branch whose staff must not see the first one's rows."""
    from kaitong.core.tests.kept import kept
    from kaitong.org import services

    return kept(
        ("other-county", county.pk),
        lambda: services.ensure_branch(
            code="SX", name="歙县分公司", kind="county", parent=county.parent
        ),
    )


@pytest.fixture
def staff_of():
    """Make a member of staff: `staff_of(branch, "username", "clerk", ...)` -> Actor."""
    from kaitong.org import services
    from kaitong.org.actor import actor_for

    def make(branch, username, *posts):
        user = services.ensure_staff(
            username=username,
            name=username,
            branch=branch,
            password="x",
            posts=posts,
        )
        return actor_for(user)

    return make


def _migration_state() -> str:
    """A fingerprint of every migration there is, ours and others'."""
    import hashlib

    from django.apps import apps

    total = hashlib.sha256()
    for config in sorted(apps.get_app_configs(), key=lambda c: c.label):
        for path in sorted(Path(config.path).glob("**/migrations/*.py")):
            total.update(str(path.relative_to(config.path)).encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]


# What a test left is deleted where there is something. Django would truncate each of some two
# hundred tables with their indexes and make all permissions anew: longer than most tests take.
_EMPTY = """
DO $$
DECLARE one record;
BEGIN
  SET LOCAL session_replication_role = replica;  -- history lets nobody delete
  FOR one IN
    SELECT c.oid::regclass AS name, pg_relation_size(c.oid) AS size
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
       AND c.relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
       AND pg_relation_size(c.oid) > 0
  LOOP
    IF one.size > 1000000 THEN
      EXECUTE format('TRUNCATE %s CASCADE', one.name);
    ELSE
      EXECUTE format('DELETE FROM %s', one.name);
    END IF;
  END LOOP;
END $$
"""


def _empty_tables() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_EMPTY)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, worker_id):
    """A test database copied from a template that holds the migrated schema.

    Migrating takes most of a minute, copying half a second. The template is made once for each set
    of migrations, whoever of several test processes comes first.
    """
    from django.db import connection, connections
    from django.test import TransactionTestCase

    from kaitong.core.migrating import migrate

    name = connection.settings_dict["TEST"]["NAME"] or "test_kaitong"
    if worker_id != "master":
        name = f"{name}_{worker_id}"
    template = f"template_{_migration_state()}"

    def admin(*statements: str) -> None:
        with connection._nodb_cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def there(database: str) -> bool:
        with connection._nodb_cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            return cursor.fetchone() is not None

    def use(database: str) -> None:
        connection.close()
        connections["default"].settings_dict["NAME"] = database

    with django_db_blocker.unblock():
        original = connection.settings_dict["NAME"]
        with connection._nodb_cursor() as cursor:
            # One process makes the template; the others wait for its lock.
            cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])
            if not there(template):
                draft = f"{template}_draft"
                admin(f'DROP DATABASE IF EXISTS "{draft}"', f'CREATE DATABASE "{draft}"')
                use(draft)
                migrate(skip_checks=True)
                use(original)
                admin(f'ALTER DATABASE "{draft}" RENAME TO "{template}"')
            admin(
                f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
                f'CREATE DATABASE "{name}" TEMPLATE "{template}"',
            )
        use(name)
    own = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda case: _empty_tables()
    yield
    TransactionTestCase._fixture_teardown = own
    with django_db_blocker.unblock():
        use(original)
        admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
