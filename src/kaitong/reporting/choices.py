"""Words of figures: how an order ended, over what time figures are added up."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Outcome(TextChoices):
    """How an order ended; empty while it is under way."""

    COMPLETED = "completed", _("竣工")
    FAILED = "failed", _("退单")  # cannot be delivered
    WITHDRAWN = "withdrawn", _("撤单")  # taken back by the customer
    REJECTED = "rejected", _("不予受理")  # refused at intake


class Repair(TextChoices):
    """How a fault or complaint ended; empty while it is open."""

    RESOLVED = "resolved", _("已修复")
    WITHDRAWN = "withdrawn", _("已撤销")  # taken back by the customer
    REJECTED = "rejected", _("不予受理")  # no fault


class Came(TextChoices):
    """What became of a number in the hall; empty while it is open."""

    SERVED = "served", _("办结")
    MISSED = "missed", _("过号")  # called, and not there
    CLOSED = "closed", _("未办收号")  # the day ended before its turn


class Grain(TextChoices):
    """Over what time a summary's row adds up. A week begins on its Monday."""

    DAY = "d", _("日")
    WEEK = "w", _("周")
    MONTH = "m", _("月")


class Cut(TextChoices):
    """By what else than branch, time and action a summary's row is told apart."""

    PLAN = "plan", _("套餐")
    GRID = "grid", _("网格")


class Clock(TextChoices):
    """Times whose distribution is kept, so that medians of any choice can be told."""

    GROSS = "gross", _("全程历时")
    NET = "net", _("净历时")
    CONTACT = "contact", _("首次联系用时")
    REPAIR = "repair", _("修复用时")
    WAIT = "wait", _("等候用时")  # in the hall, from the number to the counter
    SERVE = "serve", _("窗口办理用时")
