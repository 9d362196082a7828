"""The family of errors people read: what was wrong, where, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class KaitongError(Exception):
    """Root of every error family of the house.

    `what` says what was wrong, `remedy` what to do, `field` names the place in the input, `code`
    is a stable word for programs.
    """

    default_code = "error"

    def __init__(self, what: str, remedy: str = "", *, field: str = "", code: str = "") -> None:
        self.what = what
        self.remedy = remedy
        self.field = field
        self.code = code or self.default_code
        super().__init__(what, remedy)

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.what), str(self.remedy)) if part)


class Refused(KaitongError):
    """A rule of the business says no."""

    default_code = "refused"


class Conflict(Refused):
    """Somebody was faster, or the thing is no longer in the state the request assumed."""

    default_code = "conflict"


class NotFound(KaitongError):
    """There is no such thing, or it is not this actor's to see. Both sound the same."""

    default_code = "not-found"


class Forbidden(KaitongError):
    """The actor sees the thing but may not do this to it."""

    default_code = "forbidden"


@dataclass(frozen=True, slots=True)
class InputFault:
    """One fault of an input: which field (or row, or line), what was wrong, what to do."""

    field: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.what} {self.remedy}".rstrip()


class BadInput(KaitongError):
    """The input has faults; all of them are listed, and nothing was written."""

    default_code = "bad-input"

    def __init__(self, faults: Iterable[InputFault], what: str = "") -> None:
        self.faults = list(faults)
        first = self.faults[0] if self.faults else InputFault("", "")
        super().__init__(what or "; ".join(str(f) for f in self.faults), field=first.field)
