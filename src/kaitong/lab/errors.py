"""What can go wrong in the lab."""

from __future__ import annotations

from kaitong.core.errors import KaitongError


class LabError(KaitongError):
    """An element cannot be started, stopped or asked. `exit_code` is for the command line."""

    default_code = "lab"
    exit_code = 1


class LabMissing(LabError):
    """The machine lacks the element's programs."""

    default_code = "lab-missing"
    exit_code = 3
