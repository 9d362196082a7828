"""The public verbs of assurance."""

from kaitong.assurance.alarms import report_alarm
from kaitong.assurance.desk import cancel, not_mended, urge
from kaitong.assurance.handling import HandlingEntry, deploy_handling
from kaitong.assurance.intake import Report, require_taker, route, take_in
from kaitong.assurance.states import ledger_changed, note

__all__ = [
    "HandlingEntry",
    "Report",
    "cancel",
    "deploy_handling",
    "ledger_changed",
    "not_mended",
    "note",
    "report_alarm",
    "require_taker",
    "route",
    "take_in",
    "urge",
]
