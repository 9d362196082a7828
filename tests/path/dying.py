"""Dying at one instant: as a process begins to commit, or around a word that changes the network.

Everything happens in this very process, so that hundreds of deaths take minutes. `Death` is no
`Exception`: nothing catches it; and whoever is dead reaches no database any more, whatever his
`finally` would like to do. The server hears the connection go, as it does after SIGKILL, and rolls
back. What is not covered is what Python itself would lose: `test_killed_workers` kills processes.

A death right after a commit is, for everybody else, one before the next thing that leaves a trace.
So each commit is an instant once, before it is sent, and each word to the network twice: unsaid,
and said with nobody left to write that down.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.utils import CursorWrapper

from kaitong.activation.adapters import aaadb
from kaitong.activation.adapters.radius import RadiusAdapter
from kaitong.core import swift, wire

# What changes something outside; to ask leaves no trace.
WORDS = ("bring", "bring_many", "disconnect", "change_live")
_WRITES = re.compile(r"\s*(insert|update|delete|with)\b", re.IGNORECASE)


class Death(BaseException):
    """The process is no more."""


class Reaper:
    """Numbers the instants that pass and strikes at one of them; `passed` says what they were."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.at = 0
        self.dead = False
        self.watching = False

    def waits_for(self, number: int) -> None:
        """Strike at the instant of this number from now; 0 strikes nobody."""
        self.passed, self.at, self.dead = [], number, False

    def instant(self, what: str) -> None:
        self.must_live()
        if not self.watching:
            return
        self.passed.append(what)
        if len(self.passed) == self.at:
            self.dead = True
            raw = connections[DEFAULT_DB_ALIAS].connection
            if raw is not None:
                raw.pgconn.finish()
            raise Death(what)

    def must_live(self) -> None:
        if self.dead:
            raise Death("again")

    def lives(self, act: Callable[[], object]) -> bool:
        """Do it as a process of its own; whether that lived to the end."""
        self.watching = True
        try:
            act()
        except BaseException:
            if not self.dead:
                raise
        finally:
            self.watching = False
        if not self.dead:
            return True
        self.dead = False
        del connections[DEFAULT_DB_ALIAS]  # who comes next begins with nothing of his
        swift._here.__dict__.clear()
        kept = aaadb._kept.__dict__.pop("open", {})
        for connection in kept.values():
            connection.close()
        return False


@contextlib.contextmanager
def reaping() -> Iterator[Reaper]:
    """A reaper that sees every commit of Kaitong's database and every word to the AAA server."""
    reaper = Reaper()
    with pytest.MonkeyPatch.context() as patch:
        _see_commits(patch, reaper)
        for word in WORDS:
            _hear(patch, reaper, word)
        yield reaper


def _see_commits(patch: pytest.MonkeyPatch, reaper: Reaper) -> None:
    commit, connect = DatabaseWrapper._commit, DatabaseWrapper.get_new_connection
    execute, ask = CursorWrapper.execute, wire.Line.ask

    def committing(self: Any) -> Any:
        reaper.instant("commit")
        return commit(self)

    def connecting(self: Any, params: Any) -> Any:
        reaper.must_live()
        return connect(self, params)

    def executing(self: Any, sql: Any, params: Any = None) -> Any:
        if not self.db.in_atomic_block and _WRITES.match(str(sql)):
            reaper.instant("statement")  # commits by itself
        reaper.must_live()
        return execute(self, sql, params)

    def asking(
        self: Any, *asked: Any, begin: bool = False, commit: bool = False, **more: Any
    ) -> Any:
        if commit:
            reaper.instant("step")  # commits with its last statement
        elif not begin and any(_WRITES.match(text) for text, _params in asked):
            reaper.instant("statement")
        reaper.must_live()
        return ask(self, *asked, begin=begin, commit=commit, **more)

    patch.setattr(DatabaseWrapper, "_commit", committing)
    patch.setattr(DatabaseWrapper, "get_new_connection", connecting)
    patch.setattr(CursorWrapper, "execute", executing)
    patch.setattr(wire.Line, "ask", asking)


def _hear(patch: pytest.MonkeyPatch, reaper: Reaper, word: str) -> None:
    own = getattr(RadiusAdapter, word)

    def saying(self: Any, *given: Any, **named: Any) -> Any:
        reaper.instant(f"before {word}")
        said = own(self, *given, **named)
        reaper.instant(f"after {word}")
        return said

    patch.setattr(RadiusAdapter, word, saying)
