"""Making a backup while everything runs: one snapshot of the database, and the files it names."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.utils.translation import gettext as _

from kaitong import __version__
from kaitong.core.clock import now
from kaitong.core.database import state_url
from kaitong.core.home import home
from kaitong.documents.blobs import LOCK
from kaitong.transfer.backup import archive as archives
from kaitong.transfer.backup import keys, tables
from kaitong.transfer.backup.archive import FileFacts, Hashing, Manifest, blocks
from kaitong.transfer.errors import BackupRefused
from kaitong.transfer.watch import Nobody, Watch


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    bytes: int
    rows: int
    files: int
    with_keys: bool


def make(path: Path, *, passphrase: str = "", watch: Watch | None = None) -> Made:
    """Write a backup of this state. With a passphrase the keys are in it, sealed under it.

    Takes no lock that keeps anybody from working; only the sweeper of unowned files waits.
    """
    watch = watch or Nobody()
    if not path.parent.is_dir():
        raise BackupRefused(_("没有这个文件夹。"), _("先建文件夹。"))
    own_keys = keys.key_files()
    sealed = keys.seal(own_keys, passphrase) if passphrase else b""
    with psycopg.connect(state_url(), client_encoding="utf8") as connection:
        # Before the snapshot: a file of a row that it shows is not swept until we have it.
        connection.autocommit = True
        connection.execute("SELECT pg_advisory_lock_shared(%s)", [LOCK])
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        manifest = _manifest(connection)
        manifest.keys = keys.digests(own_keys)
        manifest.with_keys = bool(sealed)
        with archives.writing(path) as archive:
            watch.stage(_("备份数据"), len(tables.table_columns(connection)))
            tables.write_all(connection, archive, manifest, watch)
            _files(archive, manifest, watch)
            if sealed:
                archive.writestr(archives.KEYS, sealed)
            archive.writestr(archives.MANIFEST, manifest.dumped())
    rows = sum(table.rows for table in manifest.tables)
    return Made(path, path.stat().st_size, rows, len(manifest.files), bool(sealed))


def _manifest(connection: tables.Connection) -> Manifest:
    there = connection.execute("SELECT to_regclass('public.django_migrations')").fetchone()
    if there is None or there[0] is None:
        raise BackupRefused(_("数据库是空的，没有可备份的。"), "")
    migrations = connection.execute(
        "SELECT app, name FROM django_migrations ORDER BY app, name"
    ).fetchall()
    return Manifest(
        made_at=now().isoformat(timespec="seconds"),
        version=__version__,
        postgresql=connection.info.server_version // 10000,
        migrations=[[str(app), str(name)] for app, name in migrations],
    )


def _files(archive: zipfile.ZipFile, manifest: Manifest, watch: Watch) -> None:
    """The encrypted files as they lie on the disk."""
    folder = home() / "files"
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    watch.stage(_("备份文件"), len(found))
    for done, path in enumerate(found, start=1):
        name = path.relative_to(folder).as_posix()
        draft = FileFacts(name, 0, "")
        info = zipfile.ZipInfo(draft.member)
        info.compress_type = zipfile.ZIP_STORED  # ciphertext does not get smaller
        with (
            path.open("rb") as source,
            archive.open(info, "w", force_zip64=True) as member,
        ):
            out = Hashing(member)
            for block in blocks(source):
                out.write(block)
        manifest.files.append(FileFacts(name, out.bytes, out.hash.hexdigest()))
        watch.tick(done)
