"""A state of an earlier version: backed up, then migrated; or left as it is, and said why."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.database import state_url
from kaitong.core.home import home, private_folder
from kaitong.transfer.backup import making, restoring, schema
from kaitong.transfer.errors import BackupRefused
from kaitong.transfer.watch import Watch

NOTE = "upgrade.json"
_LOCK = "kaitong-upgrade"
Say = Callable[[str], None]


def ready(say: Say, *, watch: Watch | None = None, go_on: bool = False) -> None:
    """Bring this state to this version. An empty database is simply made.

    Before an existing one is changed, a backup is put into `KAITONG_HOME/backups`. Refused, with
    nothing changed, when the state is of a newer version, an earlier upgrade did not finish (unless
    `go_on`), or the disk is too small for the backup. Processes that start together take turns.
    """
    if restoring.unfinished():
        say(_("完成上次中断的恢复"))
        restoring.finish()
    with psycopg.connect(state_url(), autocommit=True) as turn:
        turn.execute("SELECT pg_advisory_lock(hashtext(%s))", [_LOCK])
        _in_turn(say, watch, go_on)


def _in_turn(say: Say, watch: Watch | None, go_on: bool) -> None:
    names = schema.applied()
    schema.refuse_newer(names, _("数据"))
    note = home() / NOTE
    if note.exists() and names and not go_on:
        facts = json.loads(note.read_text())
        raise BackupRefused(
            _("%(at)s 开始的升级没有做完。") % {"at": facts["at"]},
            _("用 ./run kaitong migrate --continue 继续；或用备份 %(backup)s 恢复。")
            % {"backup": facts["backup"] or "-"},
        )
    waiting = schema.pending()
    if not waiting:
        note.unlink(missing_ok=True)
        return
    if not names:
        schema.to_newest()
        return
    backup: Path | str = json.loads(note.read_text())["backup"] if note.exists() else ""
    if not backup:
        _room()
        stamp = f"{timezone.localtime(now()):%Y%m%d-%H%M%S}"
        backup = private_folder("backups") / f"before-upgrade-{stamp}.zip"
        say(_("升级前备份到 %(path)s") % {"path": backup})
        making.make(Path(backup), watch=watch)
        _write(note, {"at": now().isoformat(timespec="seconds"), "backup": str(backup)})
    say(_("升级数据库（%(count)s 步）") % {"count": len(waiting)})
    schema.to_newest()
    note.unlink(missing_ok=True)


def quick_check() -> bool:
    """Whether the connected database has exactly the migrations of this version; milliseconds.

    Names of files against names of rows: nothing is imported.
    """
    from importlib.util import find_spec

    from django.apps import apps

    on_disk: set[tuple[str, str]] = set()
    for config in apps.get_app_configs():
        name = settings.MIGRATION_MODULES.get(config.label, f"{config.name}.migrations")
        spec = find_spec(name) if name else None
        for folder in (spec and spec.submodule_search_locations) or ():
            on_disk |= {(config.label, p.stem) for p in Path(folder).glob("[0-9]*.py")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.django_migrations')")
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute("SELECT app, name FROM django_migrations")
        return on_disk == {(app, name) for app, name in cursor.fetchall()}


def _room() -> None:
    """The backup is smaller than the database, the migrated tables may be as large again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = int(cursor.fetchone()[0])
    size += sum(p.stat().st_size for p in (home() / "files").rglob("*") if p.is_file())
    home().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home()).free
    if free < 2 * size:
        raise BackupRefused(
            _("升级前要备份，磁盘空间不够：需要约 %(needed)s MB，只有 %(free)s MB。")
            % {"needed": 2 * size // 1024**2 + 1, "free": free // 1024**2},
            _("腾出空间再启动。什么也没有改变。"),
        )


def _write(path: Path, facts: dict[str, str]) -> None:
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
