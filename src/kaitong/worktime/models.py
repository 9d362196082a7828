"""Tables of working calendars. They are reference data: editable, importable, few rows."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.worktime.calendars import WEEKDAYS, parse_hours, weekly
from kaitong.worktime.errors import CalendarError


def office_hours() -> dict[str, str]:
    """Hours of a calendar nobody has set yet."""
    return dict.fromkeys(WEEKDAYS[:5], "08:30-12:00,14:00-17:30")


class WorkCalendar(Row):
    """A working calendar (工作日历): weekly business hours (营业时间) and a time zone.

    A department names the calendar it works by; usually it has hours of its own and ``follows``
    the statutory calendar's holidays. One that observes no public holidays (a desk that
    never closes) counts every day by its weekly hours.
    """

    key = models.SlugField(_("代码"), max_length=40, unique=True)
    name = models.CharField(_("名称"), max_length=80)
    time_zone = models.CharField(_("时区"), max_length=40, default="Asia/Shanghai")
    hours = models.JSONField(_("每周营业时间"), default=office_hours)
    makeup_hours = models.CharField(
        _("调休日营业时间"), max_length=80, default="08:30-12:00,14:00-17:30"
    )
    follows = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="followers",
        verbose_name=_("节假日同"),
    )
    observes_holidays = models.BooleanField(_("按法定节假日放假"), default=True)

    class Meta:
        db_table = "worktime_calendar"
        verbose_name = verbose_name_plural = _("工作日历")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse hours that cannot be counted on, where they are entered."""
        faults: dict[str, Any] = {}
        for field, check in (
            ("hours", lambda: weekly(self.hours)),
            ("makeup_hours", lambda: parse_hours(self.makeup_hours)),
        ):
            try:
                check()
            except (CalendarError, AttributeError) as error:
                faults[field] = str(error)
        if faults:
            raise ValidationError(faults)


class CalendarYear(Row):
    """A year whose holidays are entered. Deadlines reaching another year are provisional (暂计)."""

    calendar = models.ForeignKey(WorkCalendar, models.CASCADE, related_name="years")
    year = models.PositiveSmallIntegerField(_("年份"))
    source = models.CharField(_("来源"), max_length=120, blank=True)

    class Meta:
        db_table = "worktime_year"
        verbose_name = verbose_name_plural = _("已录入年份")
        ordering = ["calendar_id", "year"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "year"], name="worktime_one_year"),
        ]

    def __str__(self) -> str:
        return str(self.year)


class CalendarDay(Row):
    """An exception to the weekly pattern: a public holiday, or a make-up working day (调休上班)."""

    calendar = models.ForeignKey(WorkCalendar, models.CASCADE, related_name="days")
    date = models.DateField(_("日期"))
    working = models.BooleanField(_("上班"))
    name = models.CharField(_("名称"), max_length=40, blank=True)

    class Meta:
        db_table = "worktime_day"
        verbose_name = verbose_name_plural = _("节假日与调休")
        ordering = ["calendar_id", "date"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "date"], name="worktime_one_day"),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.name}"
