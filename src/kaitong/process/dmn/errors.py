"""What can be wrong with a decision while it is made."""

from __future__ import annotations

from kaitong.process.errors import ProcessError


class DecisionError(ProcessError):
    """A decision that has no outcome: no rule applies, several do, a value that is not allowed.

    `decision` is its name, `where` the cell (`rule 3, output reason`) if it is one.
    """

    def __init__(self, what: str, remedy: str = "", *, decision: str = "", where: str = ""):
        super().__init__(what, remedy, code="decision")
        self.decision = decision
        self.where = where

    def __str__(self) -> str:
        place = "，".join(part for part in (self.decision, self.where) if part)
        return f"{place}：{self.what}" if place else str(self.what)
