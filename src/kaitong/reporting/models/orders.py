"""Orders: a row each, and what is added up from them: counts, spans, causes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Clock, Cut, Grain, Outcome


class OrderFact(models.Model):
    """What figures need to know of an order. Days are the operator's; spans are seconds."""

    order_id = models.UUIDField(primary_key=True)
    branch_id = models.UUIDField()
    number = models.CharField(_("订单号"), max_length=40, blank=True)
    playbook = models.CharField(max_length=60, blank=True)
    action = models.CharField(_("业务"), max_length=60)  # key of the procedure: open, move...
    offering = models.CharField(_("套餐"), max_length=80, blank=True)
    grid = models.CharField(_("网格"), max_length=40, blank=True)
    channel = models.CharField(max_length=20, blank=True)
    received_at = models.DateTimeField(_("受理时间"))
    received_day = models.DateField()
    due_at = models.DateTimeField(_("客户时限"), null=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True)
    ended_day = models.DateField(null=True)
    outcome = models.CharField(_("结果"), max_length=10, choices=Outcome, blank=True)
    cause_group = models.CharField(_("原因大类"), max_length=80, blank=True)
    cause = models.CharField(_("原因"), max_length=130, blank=True)
    gross = models.BigIntegerField(_("全程历时"), null=True)
    net = models.BigIntegerField(_("净历时"), null=True)
    on_time = models.BooleanField(_("按时"), null=True)
    contact = models.BigIntegerField(_("首次联系用时"), null=True)
    contact_on_time = models.BooleanField(null=True)
    kept = models.BooleanField(_("履约"), null=True)
    visits = models.PositiveSmallIntegerField(_("上门次数"), default=0)
    right_first = models.BooleanField(_("一次成功"), null=True)
    suspended = models.BooleanField(_("挂起过"), default=False)
    delayed = models.BooleanField(_("延期过"), default=False)
    sent_back = models.BooleanField(_("退回过"), default=False)

    class Meta:
        db_table = "reporting_orderfact"
        verbose_name = verbose_name_plural = _("订单事实")
        indexes = [
            models.Index(
                fields=["branch_id", "ended_day", "order_id"],
                name="reporting_order_ended",
                condition=Q(ended_day__isnull=False),
            ),
            models.Index(
                fields=["branch_id", "received_day", "order_id"], name="reporting_order_received"
            ),
            models.Index(  # under way, and what of it is late: from the index alone
                fields=["branch_id", "due_at"],
                include=["action", "offering", "grid"],
                name="reporting_order_open",
                condition=Q(ended_day=None),
            ),
        ]

    def __str__(self) -> str:
        return self.number or str(self.order_id)


class OrderFigure(models.Model):
    """Orders added up by branch, time, action and plan (or grid). `n` counts what is in it.

    What was received counts on its day of receipt; everything else on the day an order ended.
    """

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    by = models.CharField(max_length=4, choices=Cut)
    action = models.CharField(max_length=60)
    key = models.CharField(max_length=80, blank=True)
    n = models.BigIntegerField()
    received = models.BigIntegerField()
    rejected = models.BigIntegerField()
    completed = models.BigIntegerField()
    failed = models.BigIntegerField()
    withdrawn = models.BigIntegerField()
    timed = models.BigIntegerField()
    on_time = models.BigIntegerField()
    gross = models.BigIntegerField()
    net = models.BigIntegerField()
    contacted = models.BigIntegerField()
    contact = models.BigIntegerField()
    contact_timed = models.BigIntegerField()
    contact_on_time = models.BigIntegerField()
    appointed = models.BigIntegerField()
    kept = models.BigIntegerField()
    visited = models.BigIntegerField()
    visits = models.BigIntegerField()
    one_visit = models.BigIntegerField()
    judged = models.BigIntegerField()
    right_first = models.BigIntegerField()
    suspended = models.BigIntegerField()
    delayed = models.BigIntegerField()
    sent_back = models.BigIntegerField()

    class Meta:
        db_table = "reporting_orderfigure"
        verbose_name = verbose_name_plural = _("订单指标")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "by", "branch_id", "start", "action", "key"],
                name="reporting_order_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.grain} {self.start}"


class TimeFigure(models.Model):
    """A histogram of spans (`bins.BOUNDS`) by branch, week or month, action and plan."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    clock = models.CharField(max_length=8, choices=Clock)
    action = models.CharField(max_length=60)
    key = models.CharField(max_length=80, blank=True)
    bin = models.SmallIntegerField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "reporting_timefigure"
        verbose_name = verbose_name_plural = _("历时分布")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "clock", "branch_id", "start", "action", "key", "bin"],
                include=["n"],
                name="reporting_time_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.clock} {self.start}"


class CauseFigure(models.Model):
    """Why orders failed, were withdrawn or refused, two levels, by branch, week or month."""

    branch_id = models.UUIDField()
    grain = models.CharField(max_length=1, choices=Grain)
    start = models.DateField()
    action = models.CharField(max_length=60)
    key = models.CharField(max_length=80, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    cause_group = models.CharField(max_length=80, blank=True)
    cause = models.CharField(max_length=130, blank=True)
    n = models.BigIntegerField()

    class Meta:
        db_table = "reporting_causefigure"
        verbose_name = verbose_name_plural = _("退单原因")
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "grain",
                    "branch_id",
                    "start",
                    "outcome",
                    "action",
                    "key",
                    "cause_group",
                    "cause",
                ],
                name="reporting_cause_figure_once",
            )
        ]

    def __str__(self) -> str:
        return self.cause
