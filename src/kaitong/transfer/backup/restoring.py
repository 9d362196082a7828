"""Restoring: verified first, built beside what is there, and put in place in one stroke.

A new database and new folders are made whole under other names. Then a note `restore.json` is
written, and names change. Killed before the note, nothing has happened and the drafts are cleared
away by the next restore; killed after it, the next start finishes (`finish`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import connections
from django.utils.translation import gettext as _
from psycopg import sql

from kaitong.core import crypto, wording
from kaitong.core.database import serving, state_url
from kaitong.core.home import home
from kaitong.transfer.backup import archive as archives
from kaitong.transfer.backup import keys, schema, tables
from kaitong.transfer.backup.archive import Manifest, blocks
from kaitong.transfer.errors import BackupRefused
from kaitong.transfer.watch import Nobody, Watch

NOTE = "restore.json"
_DRAFTS = ("files.restore", "keys.restore")


@dataclass(frozen=True, slots=True)
class Restored:
    made_at: str
    version: str
    rows: int
    files: int
    upgraded: int  # migrations newer than the backup


def restore(
    path: Path, *, passphrase: str = "", replace: bool = False, watch: Watch | None = None
) -> Restored:
    """Put a backup in the place of this state, which must be empty unless `replace`.

    Everything is checked before anything is touched. Raises BackupRefused with what to do.
    """
    watch = watch or Nobody()
    if unfinished():
        finish()
    with archives.reading(path) as (archive, manifest):
        watch.stage(_("核对备份"), 1)
        archives.verify(archive, manifest, path.name)
        schema.refuse_newer([(app, name) for app, name in manifest.migrations], _("备份"))
        own_keys = _keys(archive, manifest, passphrase)
        _refuse_if_used(replace)
        _enough_room(path, manifest)
        server = Server.of_this_state()
        server.refuse_if_busy()
        draft = f"{server.name}_restore"
        _clear_drafts(server, draft)
        try:
            server.create(draft)
            with _using(draft):
                upgraded = _load(archive, manifest, watch)
            _draft_files(archive, manifest, watch)
            keys.write(home() / "keys.restore", own_keys)
        except BaseException:
            _clear_drafts(server, draft)
            raise
        server.refuse_if_busy()
        _note({"database": server.name, "draft": draft})
        finish()
    rows = sum(table.rows for table in manifest.tables)
    return Restored(manifest.made_at, manifest.version, rows, len(manifest.files), upgraded)


def _load(archive: zipfile.ZipFile, manifest: Manifest, watch: Watch) -> int:
    """Schema of that day, its rows, then the way to this version; how many migrations that took."""
    watch.stage(_("建立数据库"), 1)
    schema.make_as_of([(app, name) for app, name in manifest.migrations])
    watch.stage(_("恢复数据"), len(manifest.tables))
    connections.close_all()
    with psycopg.connect(state_url()) as connection:
        tables.read_all(connection, archive, manifest, watch)
    newer = schema.pending()
    schema.to_newest()
    connections.close_all()
    with psycopg.connect(state_url(), autocommit=True) as connection:
        connection.execute("ANALYZE")
    return len(newer)


def _draft_files(archive: zipfile.ZipFile, manifest: Manifest, watch: Watch) -> None:
    folder = home() / "files.restore"
    folder.mkdir(mode=0o700)
    watch.stage(_("恢复文件"), len(manifest.files))
    for done, file in enumerate(manifest.files, start=1):
        target = (folder / file.path).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise BackupRefused(_("备份里的文件名不对。"), _("用另一份备份。"))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out, archive.open(file.member) as member:
            for block in blocks(member):
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        watch.tick(done)


# ---- what must be right before -------------------------------------------------------------------


def _keys(archive: zipfile.ZipFile, manifest: Manifest, passphrase: str) -> dict[str, bytes]:
    """The keys that belong to the backup: from it, or those that lie in the state folder."""
    if manifest.with_keys and passphrase:
        return keys.unseal(archive.read(archives.KEYS), passphrase)
    there = keys.key_files()
    found = keys.digests(there)
    # A newer version of a key may be there too; the one that signs sessions is nobody's loss.
    needed = {n: d for n, d in manifest.keys.items() if n != "django.key"}
    if all(found.get(name) == digest for name, digest in needed.items()):
        return there
    folder = home() / "keys"
    remedy = (
        _("给出备份时的口令（--passphrase-file）。")
        if manifest.with_keys
        else _("把当时的 keys 文件夹放到 %(folder)s 再恢复。") % {"folder": folder}
    )
    raise BackupRefused(_("缺少这份备份的密钥，恢复后加密的数据谁也读不了。"), remedy)


def _refuse_if_used(replace: bool) -> None:
    """Whether something is here that a restore would take away."""
    if replace:
        return
    used = [name for name in ("files",) if any((home() / name).glob("*/*"))]
    if schema.applied():
        used.append(_("数据库"))
    if used:
        raise BackupRefused(
            _("这里已有数据（%(list)s）。") % {"list": wording.several(used)},
            _("换一个 KAITONG_HOME，或加 --replace 用备份代替。什么也没有改变。"),
        )


def _enough_room(path: Path, manifest: Manifest) -> None:
    """Tables take about twice their text with indexes; files what they are."""
    needed = 3 * sum(t.bytes for t in manifest.tables) + sum(f.bytes for f in manifest.files)
    home().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home()).free
    if free < needed:
        raise BackupRefused(
            _("磁盘空间不够：需要约 %(needed)s MB，只有 %(free)s MB。")
            % {"needed": needed // 1024**2 + 1, "free": free // 1024**2},
            _("腾出空间再恢复。什么也没有改变。"),
        )


# ---- in place ------------------------------------------------------------------------------------


def _note(facts: dict[str, str]) -> None:
    """From here on the restore is done, whatever happens."""
    draft = home() / f".{NOTE}.new"
    with draft.open("w") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(home() / NOTE)


def unfinished() -> bool:
    """Whether a restore was killed while names changed."""
    return (home() / NOTE).exists()


def finish() -> None:
    """Change names, each step once however often it is begun; then the note goes."""
    path = home() / NOTE
    facts = json.loads(path.read_text())
    connections.close_all()
    Server.of_this_state().swap(facts["database"], facts["draft"])
    for draft in _DRAFTS:
        new, name = home() / draft, home() / draft.partition(".")[0]
        if new.is_dir():
            old = home() / f"{name.name}.old"
            if name.exists() and not old.exists():
                name.rename(old)
            elif name.exists():
                shutil.rmtree(name)
            new.rename(name)
    for name in ("files.old", "keys.old"):
        shutil.rmtree(home() / name, ignore_errors=True)
    Server.of_this_state().drop(f"{facts['database']}_old")
    path.unlink()
    crypto.forget_cached_keys()


def _clear_drafts(server: Server, draft: str) -> None:
    connections.close_all()
    server.drop(draft)
    server.drop(f"{server.name}_old")
    for name in (*_DRAFTS, "files.old", "keys.old"):
        shutil.rmtree(home() / name, ignore_errors=True)


@contextlib.contextmanager
def _using(name: str) -> Iterator[None]:
    """Django works on this database within the block."""
    settings = connections["default"].settings_dict
    before = settings["NAME"]
    connections.close_all()
    settings["NAME"] = name
    try:
        yield
    finally:
        connections.close_all()
        settings["NAME"] = before


@dataclass(frozen=True, slots=True)
class Server:
    """The PostgreSQL server of this state, as who may make and rename databases there."""

    name: str  # the state's database
    owner: str
    admin: str  # URL of a maintenance database

    @classmethod
    def of_this_state(cls) -> Server:
        facts = connections["default"].settings_dict
        cluster = serving(state_url())
        admin = cluster.dsn("postgres") if cluster else state_url("postgres")
        return cls(str(facts["NAME"]), str(facts["USER"]), admin)

    def _run(self, *statements: sql.Composed, together: bool = False) -> None:
        with psycopg.connect(self.admin, autocommit=not together) as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self, name: str) -> None:
        try:
            self._run(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(self.owner)
                )
            )
        except psycopg.errors.InsufficientPrivilege:
            raise BackupRefused(
                _("数据库用户 %(owner)s 不能建立数据库。") % {"owner": self.owner},
                "ALTER ROLE … CREATEDB",
            ) from None

    def drop(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def swap(self, name: str, draft: str) -> None:
        """The draft takes the name, what had it becomes `…_old`; both or neither."""
        with psycopg.connect(self.admin) as connection:
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE datname = ANY(%s)", [[name, draft]]
            ).fetchall()
            there = {str(row[0]) for row in found}
            if draft not in there:
                return  # done before
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            if name in there:
                old = sql.Identifier(f"{name}_old")
                connection.execute(rename.format(sql.Identifier(name), old))
            connection.execute(rename.format(sql.Identifier(draft), sql.Identifier(name)))

    def refuse_if_busy(self) -> None:
        """Nobody may work in a state that is about to be another."""
        connections.close_all()
        with psycopg.connect(self.admin) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = %s AND backend_type = 'client backend'",
                [self.name],
            ).fetchone()
        if row and row[0]:
            raise BackupRefused(
                _("还有进程在使用这个数据库。"),
                _("先停止 demo、serve 和 worker。什么也没有改变。"),
            )
