"""`./run kaitong ...`: runs one command. What there is stands in `cli.grammar`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kaitong.cli.grammar import parser
from kaitong.cli.grammar.runtime import PURE
from kaitong.core.errors import BadInput, KaitongError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 done, 1 refused, 2 wrong arguments; what was wrong goes to stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if any(map(_torn, given)):
        print("kaitong: an argument is not UTF-8 text.", file=sys.stderr)
        return 2
    if given[:1] == ["lab"]:
        return _lab(given[1:])
    asked = parser().parse_args(given)
    if asked.handler == PURE:
        return _pure(asked)
    from kaitong.core import database

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    started = None
    try:
        started = database.connect()
        import django

        django.setup()

        _speak()
        _fit(asked.verb)
        module, _, name = asked.handler.rpartition(".")
        return int(getattr(import_module(f"kaitong.cli.{module}"), name)(asked) or 0)
    except BadInput as error:
        for fault in error.faults:
            print(f"kaitong: {fault}", file=sys.stderr)
        return 1
    except KaitongError as error:
        print(f"kaitong: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"kaitong: {error.filename or 'the machine'}: {error.strerror}.", file=sys.stderr)
        return 1
    except _schema_errors():
        print(
            "kaitong: the database is empty or of another version. "
            "Start ./run demo, or ./run kaitong migrate.",
            file=sys.stderr,
        )
        return 1
    except _database_errors() as error:
        print(
            f"kaitong: the database does not answer ({type(error).__name__}). "
            "Start ./run demo, or check KAITONG_DATABASE_URL.",
            file=sys.stderr,
        )
        return 1
    finally:
        if started is not None:
            database.release(started)


# What may begin on an empty database, and what looks after the schema itself.
_MAKES = frozenset({"serve", "worker", "setup"})
_OWN = frozenset({"backup", "restore", "migrate"})


def _pure(asked: argparse.Namespace) -> int:
    """A command that looks at files only."""
    try:
        return int(import_module("kaitong.cli.bpmn").process_check(asked))
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"kaitong: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1


def _fit(verb: str) -> None:
    """Bring a state of an earlier version to this one before anything is read."""
    from kaitong.transfer.backup import schema, upgrading

    if verb in _OWN or upgrading.quick_check():
        return
    if verb in _MAKES or schema.applied():
        upgrading.ready(lambda text: print(f"· {text}", file=sys.stderr, flush=True))


def _speak() -> None:
    """Words in the language of KAITONG_LANGUAGE (zh-hans, en); Chinese without it."""
    from django.conf import settings
    from django.utils import translation

    asked = os.environ.get("KAITONG_LANGUAGE", "")
    if asked in dict(settings.LANGUAGES):
        translation.activate(asked)


def _torn(word: str) -> bool:
    """Whether a word holds what no text may: NUL, or bytes that are not UTF-8."""
    return any(sign == "\x00" or "\ud800" <= sign <= "\udfff" for sign in word)


def _schema_errors() -> tuple[type[Exception], ...]:
    from django.db import ProgrammingError

    return (ProgrammingError,)


def _database_errors() -> tuple[type[Exception], ...]:
    import psycopg
    from django.db import InterfaceError, OperationalError

    return (OperationalError, InterfaceError, psycopg.OperationalError)


def _lab(arguments: list[str]) -> int:
    """The lab runs without Kaitong, but looks at its database where that is running."""
    from kaitong.core import database

    cluster = database.embedded()
    if cluster is not None and cluster.running():
        os.environ[database.VARIABLE] = cluster.application("kaitong", "kaitong")
    from kaitong.lab.commands import main as lab

    try:
        return lab(arguments)
    except OSError as error:
        print(f"lab: {error.filename or 'the machine'}: {error.strerror}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
