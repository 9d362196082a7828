"""What an instance asks of others: external actions, called processes, people who decide."""

from __future__ import annotations

from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.models import Row
from kaitong.process.choices import (
    OPEN_CALL,
    OPEN_COMMAND,
    CallState,
    Cause,
    CommandState,
    IncidentState,
    NoteKind,
    ProposalKind,
    ProposalState,
)
from kaitong.process.models.instances import Instance


class Sameness(Func):
    """What equal incidents share: node, action, cause and the message without what differs.

    Numbers, identifiers and quoted words of a message become one sign, so that "端口 3 不存在"
    and "端口 7 不存在" are one trouble. PostgreSQL keeps it, whoever writes the row.
    """

    arity = 0
    output_field = models.CharField(max_length=32)
    template = (
        "md5(node || '|' || action || '|' || cause || '|' || regexp_replace(message,"
        ' \'“[^”]*”|「[^」]*」|《[^》]*》|"[^"]*"|[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}'
        "|[A-Za-z]*[0-9][0-9A-Za-z:./_-]*', '#', 'g'))"
    )


class Command(Row):
    """An external action under way. Leased, run outside any transaction, recorded with its step.

    `idempotency_key` stays the same over every attempt, so that the receiver counts one effect.
    `attempts` counts failures (an expired lease is one); being asked to wait is none.
    """

    branch = models.ForeignKey(
        "org.Branch", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="commands", db_constraint=False
    )
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


class Call(Row):
    """A call activity waits for a process of its own: a child instance, begun after commit.

    `child_id` is given before the child is, so that beginning it twice is impossible. `catches`
    are the error codes the caller's boundary events catch (`*`: every one).
    """

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="calls")
    token_id = models.UUIDField()
    node = models.CharField(max_length=200)
    called = models.CharField(max_length=100)
    definition = models.ForeignKey(
        "process.Definition", models.PROTECT, related_name="+", db_index=False
    )
    child_id = models.UUIDField(unique=True)
    inputs = models.JSONField(default=dict)
    catches = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=CallState.choices, default=CallState.PENDING)
    actor_id = models.UUIDField(null=True)
    next_attempt_at = models.DateTimeField(default=now)
    attempts = models.IntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("调用")
        verbose_name_plural = _("调用")
        constraints = [
            models.UniqueConstraint(
                fields=["token_id"],
                condition=Q(state__in=OPEN_CALL),
                name="process_call_token_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="process_call_pending",
                condition=Q(state=CallState.PENDING),
            )
        ]

    def __str__(self) -> str:
        return self.called


class Incident(Row):
    """An action failed and a person decides (异常单): retry, correct, or done by hand, four eyes.

    `tries` counts the retries people asked for; who presses a button names the number he saw, so
    that two do not retry twice. `sameness` is equal for incidents that are the same trouble.
    """

    branch = models.ForeignKey(
        "org.Branch", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="incidents", db_constraint=False
    )
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
    definition_id = models.UUIDField(null=True)  # what the instance runs, for figures
    action = models.CharField(_("动作"), max_length=100, db_default="", blank=True)
    tries = models.IntegerField(_("重试次数"), db_default=0)
    retried_at = models.DateTimeField(_("上次重试"), null=True)
    claimed_by = models.UUIDField(_("认领人"), null=True)
    claimed_at = models.DateTimeField(null=True)
    sameness = models.GeneratedField(
        expression=Sameness(), output_field=models.CharField(max_length=32), db_persist=True
    )

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
            models.Index(  # equal incidents as one line, and causes counted: from the index alone
                fields=["branch", "sameness", "created_at", "id"],
                include=["cause", "business_id", "post", "claimed_by"],
                name="process_incident_same",
                condition=Q(state=IncidentState.OPEN),
            ),
            models.Index(  # figures of a period, from the index alone
                fields=["branch", "created_at"],
                include=[
                    "state",
                    "cause",
                    "node",
                    "title",
                    "definition_id",
                    "resolution",
                    "resolved_at",
                    "token_id",
                ],
                name="process_incident_figures",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.cause}"


class IncidentNote(Row):
    """What people said and did about a token that failed, over all its incidents.

    Free text stands here and not in the history. Of a correction `data` holds what the variables
    were and became; variables never hold personal data.
    """

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="notes")
    token_id = models.UUIDField()
    kind = models.CharField(max_length=12, choices=NoteKind.choices, default=NoteKind.NOTE)
    by = models.UUIDField(null=True)
    text = models.TextField(_("说明"), default="", blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("异常单记录")
        verbose_name_plural = _("异常单记录")
        indexes = [models.Index(fields=["token_id"], name="process_note_token")]

    def __str__(self) -> str:
        return f"{self.kind} {self.incident_id}"


class Proposal(Row):
    """What one person wants to settle an incident with, until another agrees (四眼)."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="proposals")
    kind = models.CharField(max_length=10, choices=ProposalKind.choices)
    by = models.UUIDField()
    text = models.TextField(_("凭据"))
    values = models.JSONField(default=dict)
    state = models.CharField(
        max_length=10, choices=ProposalState.choices, default=ProposalState.OPEN
    )
    decided_by = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    remark = models.TextField(default="", blank=True)

    class Meta:
        verbose_name = _("处理申请")
        verbose_name_plural = _("处理申请")
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(state=ProposalState.OPEN),
                name="process_proposal_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.incident_id}"
