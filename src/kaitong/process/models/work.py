"""Pieces of work (工单), their suspensions and words from those at work."""

from __future__ import annotations

from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.process.choices import OPEN_WORK, WorkState
from kaitong.process.models.instances import Instance

# When an item is next looked at: to be resumed, or warned of, or told to who hears of what is late.
# Whoever looks asks for this too (`overdue`, `alarms`, `inbound`): one index finds all of them.
NEXT_LOOK = (
    "(case when state = 'suspended' then suspended_until else least("
    "case when warned_at is null then warn_at end, alarm_at,"
    " case when escalated_at is null and escalate_to <> '' then due_at end) end)"
)


class NextLook(Func):
    """`NEXT_LOOK` for the index."""

    arity = 0
    output_field = models.DateTimeField()
    template = NEXT_LOOK


class WorkItem(Row):
    """A piece of work (工单) for a post (岗位) in a branch; verbs of the trade move it.

    `candidate` with `assigned_by` is a dispatch (派单) and binds; without, it is the system's
    proposal (least loaded) that any holder of the post may take over. `due_at` is derived from
    `due_basis` and the ledger of suspensions.
    """

    branch = models.ForeignKey(
        "org.Branch", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="work_items", db_constraint=False
    )
    token_id = models.UUIDField()
    business_id = models.UUIDField(null=True)
    node = models.CharField(_("环节"), max_length=200)
    title = models.CharField(_("名称"), max_length=200)
    # which of many the work is about, where a step is done several times at once
    part = models.CharField(max_length=100, default="", db_default="", blank=True)
    # the instances of repeated activities it lies in (see `four_eyes`)
    passage = models.CharField(max_length=200, default="", db_default="", blank=True)
    post = models.CharField(_("岗位"), max_length=60)
    department = models.CharField(_("部门"), max_length=60, default="", blank=True)
    # a department's key where the playbook makes this that department's work: others do not see it
    only_department = models.CharField(max_length=60, default="", db_default="", blank=True)
    state = models.CharField(
        _("状态"), max_length=10, choices=WorkState.choices, default=WorkState.TODO
    )
    candidate = models.UUIDField(_("派给"), null=True)
    assigned_by = models.UUIDField(_("派单人"), null=True)
    claimed_by = models.UUIDField(_("接单人"), null=True)
    claimed_at = models.DateTimeField(_("接单时间"), null=True)
    due_at = models.DateTimeField(_("时限"), null=True)
    due_basis = models.JSONField(null=True)
    provisional = models.BooleanField(default=False)
    warn_at = models.DateTimeField(_("预警时间"), null=True)
    warned_at = models.DateTimeField(null=True)
    escalate_to = models.CharField(_("超时报"), max_length=60, default="", blank=True)  # a post
    escalated_at = models.DateTimeField(null=True)
    alarm_at = models.DateTimeField(_("下一级预警"), null=True)
    alarms = models.JSONField(null=True)  # levels told: {level, at}
    urged = models.IntegerField(_("催办次数"), default=0)
    urged_at = models.DateTimeField(_("催办时间"), null=True)
    returned_from = models.CharField(_("退回自"), max_length=200, default="", blank=True)
    suspended_until = models.DateTimeField(_("预计解挂"), null=True)
    completed_at = models.DateTimeField(_("办结时间"), null=True)
    completed_by = models.UUIDField(_("办结人"), null=True)
    completed_for = models.UUIDField(_("代谁办结"), null=True)  # 委托: on whose behalf

    class Meta:
        verbose_name = _("工单")
        verbose_name_plural = _("工单")
        constraints = [
            models.UniqueConstraint(
                fields=["token_id"],
                condition=Q(state__in=OPEN_WORK),
                name="process_workitem_token_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["branch", "post", "due_at", "id"],
                include=["state", "candidate", "assigned_by", "claimed_by", "only_department"],
                name="process_workitem_queue",
                condition=Q(state__in=OPEN_WORK),
            ),
            models.Index(  # a supervisor's queue: every post, most urgent first
                fields=["branch", "due_at", "id"],
                include=["state"],
                name="process_workitem_urgent",
                condition=Q(state__in=OPEN_WORK),
            ),
            models.Index(  # of somebody who sees many branches
                fields=["due_at", "id"],
                include=["branch", "state"],
                name="process_workitem_all_urgent",
                condition=Q(state__in=OPEN_WORK),
            ),
            models.Index(  # by step, and what is due today, soon, late: from the index alone
                fields=["branch", "title", "due_at", "id"],
                include=["state", "post", "warn_at", "created_at", "only_department"],
                name="process_workitem_step",
                condition=Q(state__in=OPEN_WORK),
            ),
            models.Index(  # proposed to somebody and in nobody's hand: counted by `picking.loads`
                fields=["candidate"],
                name="process_workitem_proposed",
                condition=Q(state__in=OPEN_WORK, claimed_by=None, candidate__isnull=False),
            ),
            models.Index(
                fields=["claimed_by"],
                name="process_workitem_claimed",
                condition=Q(state__in=OPEN_WORK, claimed_by__isnull=False),
            ),
            models.Index(  # what a branch did today; and one person, counted from the index alone
                fields=["branch", "completed_at"],
                include=["completed_by"],
                name="process_workitem_done_today",
                condition=Q(state=WorkState.DONE),
            ),
            models.Index(fields=["business_id"], name="process_workitem_business"),
            models.Index(  # few of what is open, and a tab of their own
                fields=["branch"],
                name="process_workitem_suspended",
                condition=Q(state=WorkState.SUSPENDED),
            ),
            models.Index(
                NextLook(),
                name="process_workitem_next_look",
                condition=Q(state__in=OPEN_WORK)
                & (
                    Q(warn_at__isnull=False)
                    | Q(alarm_at__isnull=False)
                    | Q(suspended_until__isnull=False)
                    | ~Q(escalate_to="")
                ),
            ),
            models.Index(
                fields=["id"],
                name="process_workitem_provisional",
                condition=Q(state__in=OPEN_WORK, provisional=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class Suspension(Row):
    """A line of the ledger of suspensions (挂起): the step's clock stands still, and why.

    `stops_customer`: the customer's clock (客户时限) stands still too; waiting for resource never
    does that. A wrong line is never changed: a supervisor voids it, and the right one names it in
    `corrects_id`; both stay, and only those not voided count.
    """

    workitem = models.ForeignKey(WorkItem, models.CASCADE, related_name="suspensions")
    reason_code = models.CharField(_("原因"), max_length=60)
    note = models.TextField(_("说明"), default="", blank=True)
    evidence = models.JSONField(_("凭据"), default=list)
    stops_customer = models.BooleanField(default=False)
    stops_step = models.BooleanField(default=True)
    cause = models.CharField(_("责任方"), max_length=20, default="", blank=True)  # whose time
    since = models.DateTimeField(_("开始"))
    until_expected = models.DateTimeField(_("预计解挂"))
    ended = models.DateTimeField(_("解挂时间"), null=True)
    suspended_by = models.UUIDField(null=True)
    ended_by = models.UUIDField(null=True)
    corrects_id = models.UUIDField(null=True)  # the line this one stands for
    voided_at = models.DateTimeField(_("更正时间"), null=True)
    voided_by = models.UUIDField(null=True)
    void_reason = models.CharField(_("更正原因"), max_length=200, default="", blank=True)

    class Meta:
        verbose_name = _("挂起记录")
        verbose_name_plural = _("挂起记录")
        constraints = [
            models.UniqueConstraint(
                fields=["workitem"],
                condition=Q(ended=None, voided_at=None),
                name="process_suspension_one_open",
            )
        ]

    def __str__(self) -> str:
        return self.reason_code


class Helper(Row):
    """Somebody who helps with a piece of work (协办): sees it, may give feedback."""

    workitem = models.ForeignKey(WorkItem, models.CASCADE, related_name="helpers")
    staff_id = models.UUIDField(_("协办人"))
    asked_by = models.UUIDField(null=True)
    reason = models.CharField(_("原因"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("协办")
        verbose_name_plural = _("协办")
        constraints = [
            models.UniqueConstraint(fields=["workitem", "staff_id"], name="process_helper_once")
        ]
        indexes = [models.Index(fields=["staff_id"], name="process_helper_by_staff")]

    def __str__(self) -> str:
        return str(self.workitem_id)


class Feedback(Row):
    """A word from the one at work (阶段反馈), kept apart from history because it is free text."""

    workitem = models.ForeignKey(WorkItem, models.CASCADE, related_name="feedback")
    by = models.UUIDField(null=True)
    text = models.TextField(_("反馈"))

    class Meta:
        verbose_name = _("阶段反馈")
        verbose_name_plural = _("阶段反馈")

    def __str__(self) -> str:
        return str(self.workitem_id)


class Phase(Row):
    """A stretch of several steps with a time budget of its own (阶段时限), beside the steps'.

    One row for each phase of an instance: come back to, it is open again and runs on from its first
    beginning (`created_at`).
    """

    branch = models.ForeignKey(
        "org.Branch", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="phases", db_constraint=False
    )
    business_id = models.UUIDField(null=True)
    key = models.CharField(_("阶段"), max_length=60)
    title = models.CharField(_("名称"), max_length=80)
    due_at = models.DateTimeField(_("时限"), null=True)
    due_basis = models.JSONField(null=True)
    provisional = models.BooleanField(default=False)
    alarm_at = models.DateTimeField(_("下一级预警"), null=True)
    alarms = models.JSONField(null=True)  # levels told: {level, at}
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("阶段")
        verbose_name_plural = _("阶段")
        constraints = [
            models.UniqueConstraint(fields=["instance", "key"], name="process_phase_once")
        ]
        indexes = [
            models.Index(
                fields=["alarm_at"],
                name="process_phase_to_alarm",
                condition=Q(ended_at=None, alarm_at__isnull=False),
            ),
            models.Index(fields=["business_id"], name="process_phase_business"),
        ]

    def __str__(self) -> str:
        return self.key
