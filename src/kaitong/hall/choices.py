"""Words of the hall: what becomes of a queue number, and of the form filled in with it."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class TicketState(TextChoices):
    """Of a queue number (排队号)."""

    WAITING = "waiting", _("等候")  # taken, or put back into the line
    CALLED = "called", _("已叫号")  # shown on the board, nobody at the counter yet
    SERVING = "serving", _("办理中")
    ENDED = "ended", _("办结")
    MISSED = "missed", _("过号")  # called and not there
    CLOSED = "closed", _("已收")  # the day ended before its turn


class FormState(TextChoices):
    """Of an application form (业务申请表, F-38) filled in beforehand."""

    OPEN = "open", _("已填")
    TAKEN = "taken", _("已转受理")  # became the clerk's draft
    FORGOTTEN = "forgotten", _("已作废")  # nobody came back to it: what was entered is gone


class Act(TextChoices):
    """What was done to a queue number; each a row of its history."""

    TAKEN = "taken", _("取号")
    CALLED = "called", _("叫号")
    AGAIN = "again", _("重呼")
    MISSED = "missed", _("过号")
    BACK = "back", _("恢复排队")
    BEGUN = "begun", _("开始办理")
    HANDED = "handed", _("转窗口")
    ENDED = "ended", _("办结")
    CLOSED = "closed", _("收号")
    LINKED = "linked", _("关联业务")


OVER = (TicketState.ENDED, TicketState.MISSED, TicketState.CLOSED)
