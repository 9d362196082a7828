"""Backup, restore and upgrade on the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.core.home import home
from kaitong.transfer.backup import making, restoring, upgrading
from kaitong.transfer.watch import on_screen

VARIABLE = "KAITONG_PASSPHRASE"


def backup(asked: argparse.Namespace) -> None:
    """Works while everything runs."""
    passphrase = _passphrase(asked, again=True) if asked.with_keys else ""
    with on_screen() as watch:
        made = making.make(Path(asked.file), passphrase=passphrase, watch=watch)
    counts = {"rows": f"{made.rows:,}", "files": f"{made.files:,}", "mb": made.bytes // 1024**2 + 1}
    print(_("已备份 %(rows)s 行、%(files)s 个文件，%(mb)s MB：") % counts + str(made.path))
    if made.with_keys:
        print(_("密钥在内，用口令加密。口令丢了，密钥就打不开。"))
    else:
        print(
            _("密钥不在内；没有它，证件号码、密码、单据和附件谁也读不了。另存 %(folder)s。")
            % {"folder": home() / "keys"}
        )
    print(_("不含网元自己的数据（如认证服务器的数据库）。"))


def restore(asked: argparse.Namespace) -> None:
    """Into this KAITONG_HOME and KAITONG_DATABASE_URL."""
    passphrase = _passphrase(asked) if asked.passphrase_file or os.environ.get(VARIABLE) else ""
    with on_screen() as watch:
        done = restoring.restore(
            Path(asked.file), passphrase=passphrase, replace=asked.replace, watch=watch
        )
    counts = {"at": done.made_at, "rows": f"{done.rows:,}", "files": f"{done.files:,}"}
    print(_("已恢复到 %(at)s：%(rows)s 行、%(files)s 个文件。") % counts)
    if done.upgraded:
        print(_("并升级到本版本（%(count)s 步）。") % {"count": done.upgraded})
    print(_("所有人要重新登录。"))


def migrate(asked: argparse.Namespace) -> None:
    """Make or upgrade the schema; an existing one is backed up first."""
    with on_screen() as watch:
        upgrading.ready(lambda text: print(f"· {text}", flush=True), watch=watch, go_on=asked.go_on)
    print(_("数据库已是本版本。"))


def _passphrase(asked: argparse.Namespace, *, again: bool = False) -> str:
    """From a file, the environment, or typed; never an argument, which others could see."""
    if asked.passphrase_file:
        try:
            return Path(asked.passphrase_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            fault = InputFault(asked.passphrase_file, str(error), _("检查文件名。"))
            raise BadInput([fault]) from None
    if given := os.environ.get(VARIABLE):
        return given
    if not sys.stdin.isatty():
        remedy = _("写 --passphrase-file 文件名，或设 KAITONG_PASSPHRASE。")
        raise BadInput([InputFault("--passphrase-file", _("没有口令。"), remedy)])
    typed = getpass.getpass(_("口令："))
    if again and typed != getpass.getpass(_("再输一次：")):
        raise BadInput([InputFault("passphrase", _("两次口令不同。"), _("重新执行。"))])
    return typed
