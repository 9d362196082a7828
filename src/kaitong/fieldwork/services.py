"""The public verbs of fieldwork."""

from kaitong.fieldwork.changes import (
    change_port,
    change_terminal,
    correct_port,
    give_up,
    require_on_site,
    resend_data,
)
from kaitong.fieldwork.check import (
    FOR_CHECK,
    Asked,
    check_line,
    hold,
    override_faults,
    require,
)
from kaitong.fieldwork.receipts import Answered, answered, keep

__all__ = [
    "FOR_CHECK",
    "Answered",
    "Asked",
    "answered",
    "change_port",
    "change_terminal",
    "check_line",
    "correct_port",
    "give_up",
    "hold",
    "keep",
    "override_faults",
    "require",
    "require_on_site",
    "resend_data",
]
