"""Choices shown with calendars and budgets."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class BudgetKindChoice(models.TextChoices):
    """Kinds of time budget (时限), as a process owner picks them."""

    WORKING_DAYS = "working-days", _("工作日")
    WORKING_HOURS = "working-hours", _("工作小时")
    ELAPSED = "elapsed", _("自然小时")
    CALENDAR = "calendar", _("日历期间")


class ChangeKind(models.TextChoices):
    """What somebody changed of a calendar."""

    DAYS = "days", _("改日子")  # some days, one by one
    YEAR = "year", _("录入一年")  # all exceptions of a year, entered or imported
    HOURS = "hours", _("改营业时间")  # weekly hours, or what it follows
