"""Tables of working calendars. They are reference data: editable, importable, few rows."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.worktime.calendars import WEEKDAYS, parse_hours, weekly
from kaitong.worktime.choices import ChangeKind
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


class CalendarChange(Row):
    """What somebody changed of a calendar, when and why: the trail of audit, never edited.

    `first` and `last` bound the days it touches (both empty: all of them). Due times that stand on
    the calendar are recounted because of it, part by part (`Recount`).
    """

    calendar = models.ForeignKey(WorkCalendar, models.CASCADE, related_name="changes")
    kind = models.CharField(_("改动"), max_length=12, choices=ChangeKind)
    actor_id = models.UUIDField(_("改动人"), null=True)
    reason = models.CharField(_("原因"), max_length=200, blank=True)
    first = models.DateField(_("起"), null=True)
    last = models.DateField(_("止"), null=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        db_table = "worktime_change"
        verbose_name = verbose_name_plural = _("日历改动")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["calendar", "-created_at"], name="worktime_change_trail")]

    def __str__(self) -> str:
        return f"{self.kind} {self.calendar_id}"


class Recount(models.Model):
    """How far one part of the due times (work, phases, timers, orders) is recounted after a change.

    `passed` 0 runs at once; 1 again when every process has forgotten the old calendar, for what was
    opened by it meanwhile. `cursor` is the last row looked at, `left` rows that somebody held.
    """

    change = models.ForeignKey(CalendarChange, models.CASCADE, related_name="recounts")
    part = models.CharField(max_length=12)
    passed = models.PositiveSmallIntegerField()
    ready_at = models.DateTimeField()
    cursor = models.UUIDField(null=True)
    left = models.JSONField(default=list)
    looked = models.IntegerField(default=0)
    moved = models.IntegerField(default=0)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "worktime_recount"
        verbose_name = verbose_name_plural = _("时限重算")
        constraints = [
            models.UniqueConstraint(
                fields=["change", "part", "passed"], name="worktime_recount_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["part", "ready_at"],
                name="worktime_recount_open",
                condition=models.Q(done_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.passed}"
