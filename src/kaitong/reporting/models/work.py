"""Pieces of work that were done, and how much each post and person did."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Grain


class WorkFact(models.Model):
    """A piece of work that was done: by whom, in what time. `held` runs from the claim."""

    item_id = models.UUIDField(primary_key=True)
    business_id = models.UUIDField(null=True)
    branch_id = models.UUIDField()
    post = models.CharField(_("岗位"), max_length=60)
    step = models.CharField(_("环节"), max_length=200)
    person = models.UUIDField(_("办结人"), null=True)
    done_day = models.DateField()
    waited = models.BigIntegerField(_("等候接单"), default=0)
    held = models.BigIntegerField(_("办理用时"), default=0)
    on_time = models.BooleanField(_("按时"), null=True)
    sent_back = models.BooleanField(_("被退回"), default=False)

    class Meta:
        db_table = "reporting_workfact"
        verbose_name = verbose_name_plural = _("工单事实")
        indexes = [
            models.Index(fields=["business_id"], name="reporting_work_business"),
            models.Index(fields=["branch_id", "done_day"], name="reporting_work_done"),
        ]

    def __str__(self) -> str:
        return self.step


class WorkFigure(models.Model):
    """Work done, by branch, week or month, post, person and step."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    post = models.CharField(max_length=60)
    person = models.CharField(max_length=36, blank=True)
    step = models.CharField(max_length=200)
    n = models.BigIntegerField()
    timed = models.BigIntegerField()
    on_time = models.BigIntegerField()
    sent_back = models.BigIntegerField()
    waited = models.BigIntegerField()
    held = models.BigIntegerField()

    class Meta:
        db_table = "reporting_workfigure"
        verbose_name = verbose_name_plural = _("工作量")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "branch_id", "start", "post", "person", "step"],
                name="reporting_work_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.post} {self.start}"
