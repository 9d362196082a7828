"""Numbers of the halls' queues, and what was served at each counter."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Came, Grain


class VisitFact(models.Model):
    """What figures need to know of a number of the hall's queue. All counts on its day."""

    ticket_id = models.UUIDField(primary_key=True)
    branch_id = models.UUIDField()
    kind = models.CharField(_("业务"), max_length=60)
    number = models.CharField(_("排队号"), max_length=12)
    day = models.DateField()
    outcome = models.CharField(_("结果"), max_length=10, choices=Came, blank=True)
    waited = models.BigIntegerField(_("等候用时"), null=True)
    on_time = models.BooleanField(_("按时"), null=True)
    handled = models.BigIntegerField(_("办理用时"), null=True)

    class Meta:
        db_table = "reporting_visitfact"
        verbose_name = verbose_name_plural = _("到厅事实")
        indexes = [models.Index(fields=["branch_id", "day"], name="reporting_visit_day")]

    def __str__(self) -> str:
        return self.number


class VisitFigure(models.Model):
    """Numbers of the halls' queues added up by branch, week or month, and business."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    kind = models.CharField(max_length=60)
    n = models.BigIntegerField()
    served = models.BigIntegerField()
    missed = models.BigIntegerField()
    closed = models.BigIntegerField()
    begun = models.BigIntegerField()
    waited = models.BigIntegerField()
    timed = models.BigIntegerField()
    on_time = models.BigIntegerField()
    handled_n = models.BigIntegerField()
    handled = models.BigIntegerField()

    class Meta:
        db_table = "reporting_visitfigure"
        verbose_name = verbose_name_plural = _("到厅指标")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "branch_id", "start", "kind"], name="reporting_visit_figure_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.start}"


class DeskFact(models.Model):
    """What one clerk did for one number of the queue."""

    stint_id = models.UUIDField(primary_key=True)
    ticket_id = models.UUIDField()
    branch_id = models.UUIDField()
    kind = models.CharField(max_length=60)
    person = models.UUIDField(_("办理人"))
    day = models.DateField()
    hour = models.SmallIntegerField()
    handled = models.BigIntegerField(_("办理用时"), null=True)

    class Meta:
        db_table = "reporting_deskfact"
        verbose_name = verbose_name_plural = _("窗口办理事实")
        indexes = [
            models.Index(fields=["ticket_id"], name="reporting_desk_ticket"),
            models.Index(fields=["branch_id", "day"], name="reporting_desk_day"),
        ]

    def __str__(self) -> str:
        return str(self.stint_id)


class DeskFigure(models.Model):
    """What was served at the counters, by branch, week or month, clerk and hour of the day."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    person = models.CharField(max_length=36)
    hour = models.SmallIntegerField()
    n = models.BigIntegerField()
    timed = models.BigIntegerField()
    handled = models.BigIntegerField()

    class Meta:
        db_table = "reporting_deskfigure"
        verbose_name = verbose_name_plural = _("窗口工作量")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "branch_id", "start", "person", "hour"],
                name="reporting_desk_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.start}"
