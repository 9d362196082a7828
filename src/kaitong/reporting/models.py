"""Facts, one row an order and one a piece of work, and what is added up from them.

Everything here can be made anew from the other packages' rows (`rebuild`). Summaries are only ever
changed in the transaction that changes a fact, by the difference. Besides the rows of each branch
stand those of what is below one, under grains of their own (`adding.BELOW`).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Came, Clock, Cut, Grain, Outcome, Repair


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


class Touched(models.Model):
    """Something whose facts are to be read again: an order, or whatever else work was done for.

    `tries` counts how often it could not be read: it stands behind the others, in the end aside.
    """

    business_id = models.UUIDField(primary_key=True)
    tries = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "reporting_touched"
        verbose_name = verbose_name_plural = _("待汇总")

    def __str__(self) -> str:
        return str(self.business_id)


class Watermark(models.Model):
    """Up to when changes have been looked for. One row."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "reporting_watermark"
        verbose_name = verbose_name_plural = _("汇总进度")

    def __str__(self) -> str:
        return self.name
