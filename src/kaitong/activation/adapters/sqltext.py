"""SQL statements with their parameters, shown to people with secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kaitong.core.masking import mask_secret

_HOLDER = re.compile(r"%s")


@dataclass(frozen=True, slots=True)
class Secret:
    """A parameter that is sent, and never shown."""

    value: str

    def __repr__(self) -> str:
        return "<secret>"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with `%s` places and their values."""

    sql: str
    params: tuple[Any, ...] = ()

    def values(self) -> tuple[Any, ...]:
        """What is sent."""
        return tuple(p.value if isinstance(p, Secret) else p for p in self.params)

    def __str__(self) -> str:
        """What is shown."""
        words = iter(self.params)
        return _HOLDER.sub(lambda _: _literal(next(words)), self.sql) + ";"


def _literal(value: Any) -> str:
    if isinstance(value, Secret):
        return f"'{mask_secret(value.value)}'"
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def transaction_text(statements: Iterable[Statement]) -> str:
    """Statements as one transaction, one a line."""
    return "\n".join(["BEGIN;", *(str(s) for s in statements), "COMMIT;"])
