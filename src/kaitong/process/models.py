"""The rows of the process runtime: definitions, instances, tokens and what watches each wait.

Django's ORM reads and migrates them; steps are written by `store` in raw SQL. Every resting token
has exactly one row that somebody watches: a work item, a command, a timer, a subscription or an
incident. `Instance.open_waits` counts them, and the database refuses a running instance without.
People are kept as plain identifiers: posts, departments and staff are opaque to this package.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.core.models import Row
from kaitong.process.choices import (
    GOING_WORK,
    OPEN_COMMAND,
    OPEN_WORK,
    Cause,
    CommandState,
    IncidentState,
    InstanceState,
    MessageState,
    SubscriptionState,
    TimerState,
    WorkState,
)
from kaitong.process.model import WaitKind


class Definition(Row):
    """A deployed process (流程定义). Immutable: an instance stays on the one it began with."""

    playbook = models.CharField(_("业务流程包"), max_length=100)
    key = models.CharField(_("流程"), max_length=100)
    hash = models.CharField(max_length=64)
    title = models.CharField(_("名称"), max_length=200)
    file = models.CharField(max_length=300, blank=True)
    bpmn = models.BinaryField()
    decisions = models.JSONField(default=dict)  # texts of the DMN files it uses, by file
    deployed_at = models.DateTimeField(_("部署时间"), default=now)
    retired_at = models.DateTimeField(_("停用时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("流程定义")
        verbose_name_plural = _("流程定义")
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "key", "hash"], name="process_definition_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.playbook}/{self.key}@{self.hash[:8]}"


class Instance(Row):
    """One run of a process for one piece of business (`business_id`, for instance an order item).

    `version` asserts that nobody wrote between lock and write; `seq` numbers the history without
    gaps. `variables` hold references, answers that steer and results, never personal data.
    `parameters` are the operator's figures as they stood when the instance began.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    definition = models.ForeignKey(Definition, models.PROTECT, related_name="instances")
    business_id = models.UUIDField(null=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    state = models.CharField(_("状态"), max_length=12, choices=InstanceState.choices)
    variables = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    version = models.IntegerField(default=1)
    seq = models.BigIntegerField(default=0)
    open_waits = models.IntegerField(default=0)
    started_at = models.DateTimeField(_("开始时间"))
    ended_at = models.DateTimeField(_("结束时间"), null=True)

    class Meta:
        verbose_name = _("流程实例")
        verbose_name_plural = _("流程实例")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=InstanceState.RUNNING) | Q(open_waits__gt=0),
                name="process_instance_no_orphan",
            ),
        ]
        indexes = [
            models.Index(fields=["business_id"], name="process_instance_business"),
            models.Index(
                fields=["branch", "started_at"],
                name="process_instance_running",
                condition=Q(state=InstanceState.RUNNING),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Token(Row):
    """A token at rest: (instance, scope, node) and what it waits for."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="tokens")
    node = models.CharField(max_length=200)
    wait = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in WaitKind])
    scope = models.CharField(max_length=200, default="root")
    arrived_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        verbose_name = _("令牌")
        verbose_name_plural = _("令牌")

    def __str__(self) -> str:
        return f"{self.node} ({self.wait})"


class WorkItem(Row):
    """A piece of work (工单) for a post (岗位) in a branch; verbs of the trade move it.

    `candidate` with `assigned_by` is a dispatch (派单) and binds; without, it is the system's
    proposal (least loaded) that any holder of the post may take over. `due_at` is derived from
    `due_basis` and the ledger of suspensions.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    instance = models.ForeignKey(Instance, models.CASCADE, related_name="work_items")
    token_id = models.UUIDField()
    business_id = models.UUIDField(null=True)
    node = models.CharField(_("环节"), max_length=200)
    title = models.CharField(_("名称"), max_length=200)
    post = models.CharField(_("岗位"), max_length=60)
    department = models.CharField(_("部门"), max_length=60, default="", blank=True)
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
    urged = models.IntegerField(_("催办次数"), default=0)
    urged_at = models.DateTimeField(_("催办时间"), null=True)
    returned_from = models.CharField(_("退回自"), max_length=200, default="", blank=True)
    suspended_until = models.DateTimeField(_("预计解挂"), null=True)
    completed_at = models.DateTimeField(_("办结时间"), null=True)
    completed_by = models.UUIDField(_("办结人"), null=True)

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
                include=["state", "candidate", "assigned_by", "claimed_by"],
                name="process_workitem_queue",
                condition=Q(state__in=OPEN_WORK),
            ),
            models.Index(  # a supervisor's queue: every post, most urgent first
                fields=["branch", "due_at", "id"],
                include=["state"],
                name="process_workitem_urgent",
                condition=Q(state__in=OPEN_WORK),
            ),
            models.Index(
                fields=["candidate"],
                name="process_workitem_candidate",
                condition=Q(state=WorkState.TODO, candidate__isnull=False),
            ),
            models.Index(
                fields=["claimed_by"],
                name="process_workitem_claimed",
                condition=Q(state__in=OPEN_WORK, claimed_by__isnull=False),
            ),
            models.Index(
                fields=["completed_by", "completed_at"],
                name="process_workitem_done",
                condition=Q(state=WorkState.DONE),
            ),
            models.Index(
                fields=["branch", "completed_at"],
                name="process_workitem_today",
                condition=Q(state=WorkState.DONE),
            ),
            models.Index(
                fields=["suspended_until"],
                name="process_workitem_wake",
                condition=Q(state=WorkState.SUSPENDED),
            ),
            models.Index(fields=["business_id"], name="process_workitem_business"),
            models.Index(
                fields=["warn_at"],
                name="process_workitem_to_warn",
                condition=Q(state__in=GOING_WORK, warn_at__isnull=False, warned_at=None),
            ),
            models.Index(
                fields=["due_at"],
                name="process_workitem_to_escalate",
                condition=Q(state__in=GOING_WORK, escalated_at=None) & ~Q(escalate_to=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class Suspension(Row):
    """A line of the ledger of suspensions (挂起): the step's clock stands still, and why.

    `stops_customer`: the customer's clock (客户时限) stands still too; waiting for resource never
    does that.
    """

    workitem = models.ForeignKey(WorkItem, models.CASCADE, related_name="suspensions")
    reason_code = models.CharField(_("原因"), max_length=60)
    note = models.TextField(_("说明"), default="", blank=True)
    evidence = models.JSONField(_("凭据"), default=list)
    stops_customer = models.BooleanField(default=False)
    since = models.DateTimeField(_("开始"))
    until_expected = models.DateTimeField(_("预计解挂"))
    ended = models.DateTimeField(_("解挂时间"), null=True)
    suspended_by = models.UUIDField(null=True)
    ended_by = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("挂起记录")
        verbose_name_plural = _("挂起记录")
        constraints = [
            models.UniqueConstraint(
                fields=["workitem"], condition=Q(ended=None), name="process_suspension_one_open"
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


class Timer(Row):
    """An intermediate or boundary timer; `next_attempt_at` moves only when firing it failed."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="timers")
    token_id = models.UUIDField()
    node = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    state = models.CharField(max_length=10, choices=TimerState.choices, default=TimerState.OPEN)

    class Meta:
        verbose_name = _("定时器")
        verbose_name_plural = _("定时器")
        constraints = [
            models.UniqueConstraint(
                fields=["token_id", "node"],
                condition=Q(state=TimerState.OPEN),
                name="process_timer_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="process_timer_due",
                condition=Q(state=TimerState.OPEN),
            )
        ]

    def __str__(self) -> str:
        return self.node


class Subscription(Row):
    """A token waits for a message of this name and correlation key."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="subscriptions")
    token_id = models.UUIDField()
    node = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    state = models.CharField(
        max_length=10, choices=SubscriptionState.choices, default=SubscriptionState.OPEN
    )

    class Meta:
        verbose_name = _("消息订阅")
        verbose_name_plural = _("消息订阅")
        constraints = [
            models.UniqueConstraint(
                fields=["token_id", "node"],
                condition=Q(state=SubscriptionState.OPEN),
                name="process_subscription_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["name", "key"],
                name="process_subscription_open",
                condition=Q(state=SubscriptionState.OPEN),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class Message(Row):
    """Something the world said. Kept when it comes early; the sender's id makes it count once."""

    branch = models.ForeignKey(
        "org.Branch", models.PROTECT, null=True, related_name="+", db_index=False
    )
    scope = models.CharField(max_length=60, default="", blank=True)  # the operator
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    sender_id = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=MessageState.choices, default=MessageState.KEPT)
    keep_until = models.DateTimeField()
    next_attempt_at = models.DateTimeField(default=now)
    attempts = models.IntegerField(default=0)
    instance_id = models.UUIDField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("消息")
        verbose_name_plural = _("消息")
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "name", "sender_id"], name="process_message_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["name", "key"],
                name="process_message_kept",
                condition=Q(state=MessageState.KEPT),
            ),
            models.Index(
                fields=["next_attempt_at"],
                name="process_message_check",
                condition=Q(state=MessageState.KEPT),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.sender_id}"


class Command(Row):
    """An external action under way. Leased, run outside any transaction, recorded with its step.

    `idempotency_key` stays the same over every attempt, so that the receiver counts one effect.
    `attempts` counts failures (an expired lease is one); being asked to wait is none.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    instance = models.ForeignKey(Instance, models.CASCADE, related_name="commands")
    token_id = models.UUIDField()
    business_id = models.UUIDField(null=True)
    node = models.CharField(_("环节"), max_length=200)
    action = models.CharField(_("动作"), max_length=100)
    inputs = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=250, unique=True)
    state = models.CharField(
        _("状态"), max_length=10, choices=CommandState.choices, default=CommandState.PENDING
    )
    actor_id = models.UUIDField(null=True)
    attempts = models.IntegerField(_("失败次数"), default=0)
    runs = models.IntegerField(_("执行次数"), default=0)
    retries = models.IntegerField(_("重试上限"), default=5)
    next_attempt_at = models.DateTimeField(_("下次执行"))
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, default="", blank=True)
    reason = models.CharField(_("等待原因"), max_length=500, default="", blank=True)
    last_error = models.CharField(_("最近错误"), max_length=500, default="", blank=True)
    result = models.JSONField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("命令")
        verbose_name_plural = _("命令")
        constraints = [
            models.UniqueConstraint(
                fields=["token_id"],
                condition=Q(state__in=OPEN_COMMAND),
                name="process_command_token_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="process_command_ready",
                condition=Q(state__in=(CommandState.PENDING, CommandState.WAITING)),
            ),
            models.Index(
                fields=["lease_until"],
                name="process_command_leased",
                condition=Q(state=CommandState.RUNNING),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.state})"


class Incident(Row):
    """An action failed and a person decides (异常单): retry, or done by hand, four eyes."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    instance = models.ForeignKey(Instance, models.CASCADE, related_name="incidents")
    token_id = models.UUIDField()
    business_id = models.UUIDField(null=True)
    node = models.CharField(_("环节"), max_length=200)
    title = models.CharField(_("名称"), max_length=200, default="", blank=True)
    post = models.CharField(_("岗位"), max_length=60, default="", blank=True)
    command_id = models.UUIDField(null=True)
    cause = models.CharField(_("原因类别"), max_length=12, choices=Cause.choices)
    message = models.CharField(_("说明"), max_length=500, default="", blank=True)
    state = models.CharField(
        _("状态"), max_length=10, choices=IncidentState.choices, default=IncidentState.OPEN
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.UUIDField(_("处理人"), null=True)
    resolution = models.CharField(_("处理方式"), max_length=20, default="", blank=True)
    evidence = models.TextField(_("凭据"), default="", blank=True)
    second_person = models.UUIDField(_("复核人"), null=True)

    class Meta:
        verbose_name = _("异常单")
        verbose_name_plural = _("异常单")
        constraints = [
            models.UniqueConstraint(
                fields=["token_id"],
                condition=Q(state=IncidentState.OPEN),
                name="process_incident_token_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["branch", "created_at"],
                name="process_incident_desk",
                condition=Q(state=IncidentState.OPEN),
            ),
            models.Index(
                fields=["token_id"],
                name="process_incident_retrying",
                condition=Q(state=IncidentState.RETRYING),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.cause}"


class Inbox(Row):
    """An effect of one instance on another: it lies here instead of taking a nested lock."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="inbox")
    key = models.CharField(max_length=200)
    event = models.JSONField()
    next_attempt_at = models.DateTimeField(default=now)
    attempts = models.IntegerField(default=0)
    processed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, default="", blank=True)

    class Meta:
        db_table = "process_inbox"
        verbose_name = _("收件")
        verbose_name_plural = _("收件")
        constraints = [
            models.UniqueConstraint(fields=["instance", "key"], name="process_inbox_once")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="process_inbox_open",
                condition=Q(processed_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.key


class History(models.Model):
    """The audit of runtime tables: complete and without gaps in `seq` for each instance.

    Partitioned by month over its UUIDv7 (see `partitions`); each partition is unique by
    (instance, seq). Keys and nodes only: no free text but the reason a verb was given.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    instance_id = models.UUIDField()
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    node = models.CharField(max_length=200)
    token = models.UUIDField(null=True)
    actor_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    data: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "process_history"
        verbose_name = _("流程履历")
        verbose_name_plural = _("流程履历")

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.node}"
