"""Faults and complaints, and what customers said of how they were handled."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Grain, Repair


class TicketFact(models.Model):
    """What figures need to know of a fault or a complaint."""

    ticket_id = models.UUIDField(primary_key=True)
    branch_id = models.UUIDField()
    kind = models.CharField(max_length=10)  # fault, complaint
    number = models.CharField(_("故障号"), max_length=40, blank=True)
    place = models.CharField(max_length=12, blank=True)
    received_at = models.DateTimeField(_("受理时间"))
    received_day = models.DateField()
    due_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True)
    ended_day = models.DateField(null=True)
    outcome = models.CharField(_("结果"), max_length=10, choices=Repair, blank=True)
    cause_group = models.CharField(_("原因大类"), max_length=80, blank=True)
    cause = models.CharField(_("原因"), max_length=130, blank=True)
    gross = models.BigIntegerField(_("全程历时"), null=True)
    net = models.BigIntegerField(_("净历时"), null=True)
    response = models.BigIntegerField(_("响应用时"), null=True)
    on_time = models.BooleanField(_("按时"), null=True)
    repeats = models.BooleanField(_("重复"), default=False)
    common = models.BooleanField(_("群障"), default=False)
    reopened = models.BooleanField(_("重开过"), default=False)
    urged = models.BooleanField(_("催过"), default=False)

    class Meta:
        db_table = "reporting_ticketfact"
        verbose_name = verbose_name_plural = _("故障事实")
        indexes = [
            models.Index(fields=["branch_id", "ended_day"], name="reporting_ticket_ended"),
            models.Index(fields=["branch_id", "received_day"], name="reporting_ticket_received"),
        ]

    def __str__(self) -> str:
        return self.number or str(self.ticket_id)


class TicketFigure(models.Model):
    """Faults and complaints added up by branch, time, kind and place."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    kind = models.CharField(max_length=10)
    place = models.CharField(max_length=12, blank=True)
    n = models.BigIntegerField()
    received = models.BigIntegerField()
    resolved = models.BigIntegerField()
    withdrawn = models.BigIntegerField()
    rejected = models.BigIntegerField()
    timed = models.BigIntegerField()
    on_time = models.BigIntegerField()
    gross = models.BigIntegerField()
    net = models.BigIntegerField()
    responded = models.BigIntegerField()
    response = models.BigIntegerField()
    repeats = models.BigIntegerField()
    common = models.BigIntegerField()
    reopened = models.BigIntegerField()
    urged = models.BigIntegerField()

    class Meta:
        db_table = "reporting_ticketfigure"
        verbose_name = verbose_name_plural = _("故障指标")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "branch_id", "start", "kind", "place"],
                name="reporting_ticket_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.start}"


class SurveyFact(models.Model):
    """What one customer said (满意度): 5 is very content, 1 is not."""

    survey_id = models.UUIDField(primary_key=True)
    business_id = models.UUIDField()
    branch_id = models.UUIDField()
    kind = models.CharField(max_length=10)
    asked_day = models.DateField()
    reached = models.BooleanField()
    fixed = models.BooleanField(null=True)
    score = models.PositiveSmallIntegerField(null=True)

    class Meta:
        db_table = "reporting_surveyfact"
        verbose_name = verbose_name_plural = _("满意度事实")
        indexes = [
            models.Index(fields=["business_id"], name="reporting_survey_business"),
            models.Index(fields=["branch_id", "asked_day"], name="reporting_survey_asked"),
        ]

    def __str__(self) -> str:
        return self.kind


class SurveyFigure(models.Model):
    """What customers said, by branch, week or month, and what they were asked about."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    kind = models.CharField(max_length=10)
    n = models.BigIntegerField()
    reached = models.BigIntegerField()
    asked_fixed = models.BigIntegerField()
    fixed = models.BigIntegerField()
    scored = models.BigIntegerField()
    score = models.BigIntegerField()
    content = models.BigIntegerField()  # 4 and 5

    class Meta:
        db_table = "reporting_surveyfigure"
        verbose_name = verbose_name_plural = _("满意度指标")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "branch_id", "start", "kind"], name="reporting_survey_figure_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.start}"
