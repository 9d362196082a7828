"""Commands of who keeps the system: tokens, the checks of rows and books, worker and web server."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.utils.translation import gettext as _

from kaitong.charging import books
from kaitong.cli.asking import SYSTEM, show
from kaitong.core import crypto
from kaitong.core.audit import record
from kaitong.core.home import home
from kaitong.process import queries as process_queries
from kaitong.process import services as process
from kaitong.tmf import services as tmf
from kaitong.transfer import veiling


def token(asked: argparse.Namespace) -> None:
    print(tmf.issue_token(actor=SYSTEM, staff_username=asked.user, title="command line"))


def check(asked: argparse.Namespace) -> int:
    if asked.mend:
        for problem in process.mend():
            print(f"mended  {problem}")
    problems = [*process_queries.check(), *books.check()]
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


def keys_rotate(asked: argparse.Namespace) -> None:
    """A new key for what is sealed from now on, by every process that runs."""
    version = crypto.rotate()
    record(
        "key-rotated",
        actor_id=SYSTEM.id,
        subject_type="core.Key",
        subject_id=None,
        data={"version": version},
    )
    print(
        _("从现在起用第 %(n)s 版密钥加密，旧密文仍用各自的版本解密。请重新备份 %(folder)s。")
        % {"n": version, "folder": home() / "keys"}
    )


def keys_list(asked: argparse.Namespace) -> None:
    versions = crypto.versions()
    if asked.json:
        show({"versions": versions, "current": versions[-1]})
        return
    for version in versions:
        print(f"v{version}{'  current' if version == versions[-1] else ''}")


def veil(asked: argparse.Namespace) -> None:
    def say(table: str, looked: int, changed: int) -> None:
        print(f"  {table}: {looked} looked at, {changed} veiled")

    print(f"{veiling.veil(say)} rows veiled")


def worker(asked: argparse.Namespace) -> None:
    from kaitong.cli.worker import run

    run()


def serve(asked: argparse.Namespace) -> None:
    from django.conf import settings

    from kaitong.cli import serving

    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    serving.serve(asked.host, asked.port, asked.processes or serving.default_processes())
