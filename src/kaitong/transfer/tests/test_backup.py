# ruff: noqa: F401, F811 (fixtures of another module)
"""Backup, destroy, restore: an order's paper opens and its history is whole; or nothing changes."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest
from django.db import connection, connections

from kaitong.core.home import home
from kaitong.transfer.backup import archive as archives
from kaitong.transfer.backup import keys, restoring, schema, tables, upgrading
from kaitong.transfer.backup.archive import Manifest, TableFacts
from kaitong.transfer.errors import BackupRefused, UnreadableFile
from kaitong.transfer.tests.states import elsewhere, folder

PASSPHRASE = "correct horse battery"


def test_a_killed_restore_is_nothing_or_is_finished(transactional_db, folder, elsewhere):
    """Names change after the note only; then each step may be begun again."""
    elsewhere()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE here (was int)")
    server = restoring.Server.of_this_state()
    draft = f"{server.name}_restore"
    server.create(draft)
    for name in ("files", "files.restore", "keys.restore"):
        (home() / name).mkdir(parents=True)
        (home() / name / name.replace(".", "-")).touch()
    restoring._note({"database": server.name, "draft": draft})
    # killed after the database and one folder changed their names
    connections.close_all()
    server.swap(server.name, draft)
    (home() / "files").rename(home() / "files.old")
    assert restoring.unfinished()

    restoring.finish()

    assert not restoring.unfinished()
    assert (home() / "files" / "files-restore").exists()
    assert (home() / "keys" / "keys-restore").exists()
    assert sorted(p.name for p in home().iterdir()) == ["files", "keys"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('here')")
        assert cursor.fetchone()[0] is None


def small_backup(path, **changes):
    """An archive with one table, as far as checks before the restore go."""
    manifest = Manifest(
        made_at="2026-01-01T00:00:00+00:00",
        version="0",
        postgresql=18,
        migrations=[list(name) for name in sorted(schema.applied())],
        keys=keys.digests(keys.key_files()),
    )
    with archives.writing(path) as archive:
        archive.writestr("tables/t.copy", b"1\n")
        digest = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"
        manifest.tables.append(TableFacts("t", ["a"], 1, 2, digest))
        for name, value in changes.items():
            setattr(manifest, name, value)
        archive.writestr(archives.MANIFEST, manifest.dumped())
    return path


@pytest.mark.django_db
def test_what_is_wrong_is_said_before_anything_is_touched(folder):
    good = small_backup(folder / "a.zip")
    newer = small_backup(folder / "b.zip", migrations=[["core", "9999_from_the_future"]])
    other_keys = small_backup(folder / "c.zip", keys={"v1.key": "0" * 64})
    damaged = folder / "d.zip"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(damaged, "w") as new:
        new.writestr("tables/t.copy", b"2\n")
        new.writestr(archives.MANIFEST, old.read(archives.MANIFEST))
    short = folder / "e.zip"
    short.write_bytes(good.read_bytes()[:60])

    for path, word in (
        (good, "--replace"),
        (newer, "9999_from_the_future"),
        (other_keys, "keys"),
        (damaged, "tables/t.copy"),
    ):
        with pytest.raises(BackupRefused) as caught:
            restoring.restore(path)
        assert word in str(caught.value)
    for path in (short, folder / "gone.zip"):
        with pytest.raises(UnreadableFile):
            restoring.restore(path)
    assert not restoring.unfinished()


@pytest.mark.django_db
def test_too_little_room_is_said(folder, monkeypatch):
    path = small_backup(folder / "a.zip")
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=3))
    with pytest.raises(BackupRefused) as caught:
        restoring.restore(path, replace=True)
    assert "MB" in str(caught.value)


def test_keys_open_by_their_passphrase_only(folder):
    sealed = keys.seal(keys.key_files(), PASSPHRASE)
    assert keys.unseal(sealed, PASSPHRASE) == keys.key_files()
    assert {"v1.key", "index.key"} <= set(keys.key_files())
    with pytest.raises(BackupRefused):
        keys.unseal(sealed, PASSPHRASE + "!")
    with pytest.raises(BackupRefused):
        keys.seal(keys.key_files(), "short")
    for data in keys.key_files().values():
        assert data.strip() not in sealed


def test_tables_come_after_what_they_refer_to_at_once():
    ordered = tables.in_order({"a": 0, "b": 0, "c": 0}, [("a", "c"), ("c", "b"), ("a", "gone")])
    assert ordered == ["b", "c", "a"]


# ---- upgrade -------------------------------------------------------------------------------------


def test_an_earlier_state_is_backed_up_and_upgraded(transactional_db, folder, elsewhere):
    """The schema of an earlier day with a row in it: backed up, migrated, the row is there."""
    everything = schema.applied()
    last = {("messaging", "0001_initial")} | {
        (app, name) for app, name in everything if app == "messaging"
    }
    earlier = everything - last
    elsewhere()
    schema.make_as_of(earlier)
    assert schema.applied() == earlier
    assert not upgrading.quick_check()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_auditentry (id, at, kind, subject_type, data)"
            " VALUES (gen_random_uuid(), now(), 'kept', 't', '{}')"
        )
    said: list[str] = []

    # begun once and killed: refused until somebody says how to go on
    (home() / upgrading.NOTE).parent.mkdir(parents=True, exist_ok=True)
    (home() / upgrading.NOTE).write_text(json.dumps({"at": "2026-01-01", "backup": "x.zip"}))
    with pytest.raises(BackupRefused) as caught:
        upgrading.ready(said.append)
    assert "--continue" in str(caught.value)
    assert schema.applied() == earlier
    (home() / upgrading.NOTE).unlink()

    upgrading.ready(said.append)

    assert schema.applied() == everything
    assert upgrading.quick_check()
    assert not (home() / upgrading.NOTE).exists()
    backup = next((home() / "backups").glob("*.zip"))
    assert str(backup) in said[0]
    with archives.reading(backup) as (archive, manifest):
        archives.verify(archive, manifest, backup.name)
        assert {tuple(name) for name in manifest.migrations} == earlier
        facts = {table.name: table.rows for table in manifest.tables}
    assert facts["core_auditentry"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM core_auditentry")
        assert cursor.fetchall() == [("kept",)]
        # as if a newer version had been here
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('core', '9999_x', now())"
        )
    with pytest.raises(BackupRefused) as caught:
        upgrading.ready(said.append)
    assert "9999_x" in str(caught.value)
    # and a backup of the earlier day is restored into this version
    done = restoring.restore(backup, replace=True)
    assert done.upgraded == len(last)
    assert schema.applied() == everything
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM core_auditentry")
        assert cursor.fetchall() == [("kept",)]


@pytest.mark.django_db
def test_no_upgrade_without_room_for_its_backup(folder, monkeypatch):
    monkeypatch.setattr(schema, "pending", lambda: ["core.0099_next"])
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=3))
    with pytest.raises(BackupRefused) as caught:
        upgrading.ready(lambda _text: None)
    assert "MB" in str(caught.value)
    assert not (home() / "backups").exists()
