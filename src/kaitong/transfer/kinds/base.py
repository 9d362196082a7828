"""What an import of a kind needs: its columns, how a row becomes the verb's, and the verb."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from kaitong.core.rows import Mode, Put
from kaitong.org.actor import Actor
from kaitong.transfer.columns import Column, folded
from kaitong.transfer.watch import Watch


def choices(enumeration: Any, *, without: tuple[str, ...] = ()) -> Mapping[str, str]:
    """What may stand in a column of an enumeration: Chinese word, value, name in the code."""
    from django.utils import translation

    found: dict[str, str] = {}
    for member in enumeration:
        if member.value in without:
            continue
        for language in ("zh-hans", "en"):
            with translation.override(language):
                found.setdefault(folded(str(member.label)), member.value)
        found.setdefault(folded(str(member.value)), member.value)
    return found


class Layout(ABC):
    """A kind of sheet. `posts` may import it; `shared` says that its rows belong to no branch."""

    key: ClassVar[str]
    title: ClassVar[Any]
    posts: ClassVar[frozenset[str]] = frozenset({"resource", "supervisor"})
    shared: ClassVar[bool] = False

    @property
    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The columns in the template's order."""

    @abstractmethod
    def make(self, values: Mapping[str, Any]) -> Any:
        """The verb's row. Raises BadCells."""

    @abstractmethod
    def put(
        self,
        *,
        actor: Actor,
        branch_id: UUID | None,
        rows: Sequence[Any],
        mode: Mode,
        watch: Watch,
    ) -> Put:
        """Check or write rows by the verb of their package."""


class BadCells(Exception):
    """Cells of a row do not fit together: `(column key, what, remedy)` each."""

    def __init__(self, *faults: tuple[str, str, str]) -> None:
        super().__init__(str(faults))
        self.faults = faults
