"""Commands of who keeps the system: tokens, the checks of rows and books, worker and web server."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaitong.charging import books
from kaitong.cli.asking import SYSTEM
from kaitong.process import services as process
from kaitong.tmf import services as tmf
from kaitong.transfer import veiling


def token(asked: argparse.Namespace) -> None:
    print(tmf.issue_token(actor=SYSTEM, staff_username=asked.user, title="command line"))


def check(asked: argparse.Namespace) -> int:
    if asked.mend:
        for problem in process.mend():
            print(f"mended  {problem}")
    problems = [*process.check(), *books.check()]
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


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
