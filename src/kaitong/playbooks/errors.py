"""The exception family of playbooks."""

from __future__ import annotations

from kaitong.core.errors import KaitongError
from kaitong.process.model import Fault


class PlaybookError(KaitongError):
    """Something about a playbook cannot be done."""

    default_code = "playbook"


class RefusedPlaybook(PlaybookError):
    """A folder that must not be deployed; `faults` lists every reason with file and line."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.file, fault.line, fault.element))
        super().__init__("\n".join(str(fault) for fault in self.faults))
