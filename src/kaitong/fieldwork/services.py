"""The public verbs of fieldwork."""

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
    "check_line",
    "hold",
    "keep",
    "override_faults",
    "require",
]
