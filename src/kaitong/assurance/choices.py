"""Words of faults. States are TMF621's, so that no translation can be wrong."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class TicketKind(models.TextChoices):
    """What a ticket is about."""

    FAULT = "fault", _("故障")  # BB-12, HALL-09: something does not work
    COMPLAINT = "complaint", _("投诉")  # HALL-10: somebody is not content


class TicketState(models.TextChoices):
    """The state of a ticket (TMF621)."""

    ACKNOWLEDGED = "acknowledged", _("已受理")  # taken in; the telephone is still trying to help
    IN_PROGRESS = "inProgress", _("处理中")
    PENDING = "pending", _("等客户")  # the clock stands for a cause of the customer's
    HELD = "held", _("已挂起")  # waits for something of ours: a common cause, material, weather
    RESOLVED = "resolved", _("已修复")  # archived; the customer has not yet said so
    CLOSED = "closed", _("已归档")  # the customer agrees, or needed no call
    CANCELLED = "cancelled", _("已撤销")  # the customer takes it back
    REJECTED = "rejected", _("不予受理")  # no fault: suspended, ceased, not ours


FINAL = frozenset({TicketState.CLOSED, TicketState.CANCELLED, TicketState.REJECTED})
# Broken as far as anybody knows: what counts when several have one cause.
BROKEN = frozenset(
    {
        TicketState.ACKNOWLEDGED,
        TicketState.IN_PROGRESS,
        TicketState.PENDING,
        TicketState.HELD,
    }
)
# TMF621 as in ../shared/tmf/README.md.
TRANSITIONS: dict[str, frozenset[str]] = {
    TicketState.ACKNOWLEDGED: frozenset({"inProgress", "rejected", "cancelled"}),
    TicketState.IN_PROGRESS: frozenset({"held", "pending", "resolved", "cancelled"}),
    TicketState.HELD: frozenset({"inProgress"}),
    TicketState.PENDING: frozenset({"inProgress", "cancelled"}),
    TicketState.RESOLVED: frozenset({"closed", "inProgress"}),
}


class Severity(models.TextChoices):
    """How grave; the playbook says it for each symptom."""

    CRITICAL = "critical", _("紧急")  # nothing works, and the customer cannot wait
    MAJOR = "major", _("重要")  # nothing works
    MINOR = "minor", _("一般")  # works, but badly


class Level(models.TextChoices):
    """What of the network several faults have in common, the widest first."""

    OLT = "olt", _("OLT")
    PON = "pon", _("PON 口")
    SPLITTER = "splitter", _("分光器")


class CauseState(models.TextChoices):
    """The state of a common cause (群障)."""

    PROPOSED = "proposed", _("待确认")  # by itself, from the count of faults or an alarm
    CONFIRMED = "confirmed", _("抢修中")  # by monitoring: one repair for all
    RESOLVED = "resolved", _("已修复")
    DISMISSED = "dismissed", _("不是群障")  # its faults went on one by one
    MERGED = "merged", _("已并入")  # a wider cause took its faults


OPEN_CAUSES = frozenset({CauseState.PROPOSED, CauseState.CONFIRMED})


class Ownership(models.TextChoices):
    """What the ownership check of a hotline found (10050 → 10086)."""

    OWN = "own", _("本网用户")  # goes on to the hotline that accepts
    FOREIGN = "foreign", _("非本网用户")  # told where to call
    UNKNOWN = "unknown", _("查无此号")  # nothing found by what the caller could say


class SurveyKind(models.TextChoices):
    """What a customer was asked about (满意度)."""

    CALL_BACK = "call-back", _("修复回访")  # BB-14
    VISIT = "visit", _("上门服务")  # HALL-11, by the hall or the service post
    HALL = "hall", _("营业厅服务")  # HALL-11


class HandOverState(models.TextChoices):
    """Shift hand-over (交接班)."""

    GIVEN = "given", _("待接班")  # signed by who goes
    TAKEN = "taken", _("已接班")  # signed by who comes
    WITHDRAWN = "withdrawn", _("已作废")


# The kinds of resources that are a level of common causes.
LEVEL_OF = {
    "olt": Level.OLT,
    "pon-port": Level.PON,
    "splitter": Level.SPLITTER,
    "onu": Level.SPLITTER,
}
WIDEST_FIRST = (Level.OLT, Level.PON, Level.SPLITTER)
