"""What customers think of us (满意度), by what they were asked about: each asked once an event."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Grain


class OpinionFact(models.Model):
    """One person asked about one event: by a survey, or by a ticket's own call-back."""

    asked_id = models.UUIDField(primary_key=True)
    business_id = models.UUIDField()
    branch_id = models.UUIDField()
    source = models.CharField(max_length=10)  # order, visit, fault, complaint, hall
    asked_day = models.DateField()
    offering = models.CharField(_("套餐"), max_length=80, blank=True)
    person = models.UUIDField(null=True)  # who did what was asked about
    post = models.CharField(max_length=60, blank=True)
    reached = models.BooleanField()
    score = models.PositiveSmallIntegerField(null=True)
    reason_group = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=130, blank=True)

    class Meta:
        db_table = "reporting_opinionfact"
        verbose_name = verbose_name_plural = _("评价事实")
        indexes = [
            models.Index(fields=["business_id"], name="reporting_opinion_business"),
            models.Index(fields=["branch_id", "asked_day"], name="reporting_opinion_asked"),
        ]

    def __str__(self) -> str:
        return self.source


class OpinionFigure(models.Model):
    """Opinions added up by branch, week or month, source, and one thing more: the plan or the
    reason (`by`), or nothing."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    source = models.CharField(max_length=10)
    by = models.CharField(max_length=6, blank=True)
    key = models.CharField(max_length=220, blank=True)
    n = models.BigIntegerField()
    reached = models.BigIntegerField()
    answered = models.BigIntegerField()
    score = models.BigIntegerField()
    content = models.BigIntegerField()  # 4 and 5
    unhappy = models.BigIntegerField()  # 1 and 2

    class Meta:
        db_table = "reporting_opinionfigure"
        verbose_name = verbose_name_plural = _("评价指标")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "by", "branch_id", "start", "source", "key"],
                name="reporting_opinion_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.start}"


class OpinionPerson(models.Model):
    """The same by who did what was asked about, and at which post."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    source = models.CharField(max_length=10)
    post = models.CharField(max_length=60, blank=True)
    person = models.CharField(max_length=36, blank=True)
    n = models.BigIntegerField()
    reached = models.BigIntegerField()
    answered = models.BigIntegerField()
    score = models.BigIntegerField()
    content = models.BigIntegerField()
    unhappy = models.BigIntegerField()

    class Meta:
        db_table = "reporting_opinionperson"
        verbose_name = verbose_name_plural = _("评价，按人员")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "branch_id", "start", "source", "post", "person"],
                name="reporting_opinion_person_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.start}"
