"""What can be wrong with work at the customer's."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kaitong.core.errors import BadInput, Conflict, InputFault, KaitongError, Refused


class FieldworkError(KaitongError):
    """Root of this package's errors."""

    default_code = "fieldwork"


class CheckFailed(FieldworkError, BadInput):
    """The live check (现网核验) did not pass: one fault a finding, the work stays open.

    `findings` names what was found by code; `account` is whose line was looked at.
    """

    default_code = "check-failed"

    def __init__(
        self,
        faults: Iterable[InputFault],
        *,
        check_id: UUID,
        findings: Iterable[str],
        account: str = "",
    ) -> None:
        BadInput.__init__(self, faults)
        self.check_id, self.findings, self.account = check_id, tuple(findings), account


class CheckStale(FieldworkError, Conflict):
    """The check no longer speaks of the line as it is, or is too old: check again."""

    default_code = "check-stale"


class ChangeRefused(FieldworkError, Refused):
    """A port or terminal cannot be changed as asked."""

    default_code = "change-refused"
