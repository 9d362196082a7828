"""Definitions, instances, their tokens at rest and their history."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.models import Row
from kaitong.process.choices import InstanceState
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
    calls = models.JSONField(default=dict)  # what it calls: process -> id of its definition
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

    Branches and definitions are never deleted, and Django protects them. To ask the database at
    each commit would lock the branch's one row for everybody's steps at once, and write that down;
    the sweeper asks (`sweeper`). So it is for pieces of work.
    """

    branch = models.ForeignKey(
        "org.Branch", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    definition = models.ForeignKey(
        Definition, models.PROTECT, related_name="instances", db_constraint=False
    )
    business_id = models.UUIDField(null=True)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="children",
        db_index=False,
        db_constraint=False,
    )
    state = models.CharField(_("状态"), max_length=12, choices=InstanceState.choices)
    variables = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    scopes = models.JSONField(null=True)  # see `scopes`; null until it opens one
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
                fields=["parent"],
                name="process_instance_children",
                condition=Q(parent__isnull=False),
            ),
            models.Index(  # what runs of each process: counted from the index alone
                fields=["branch", "definition", "started_at"],
                include=["id"],
                name="process_instance_of",
                condition=Q(state=InstanceState.RUNNING),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Token(Row):
    """A token at rest: (instance, scope, node) and what it waits for.

    A token, work item or timer is written by the statement that writes its instance, with the
    identifier that statement gives, and no instance is ever deleted. The database is not asked
    again at every commit whether it is there; the sweeper is (`sweeper`).
    """

    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="tokens", db_constraint=False
    )
    node = models.CharField(max_length=200)
    wait = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in WaitKind])
    scope = models.CharField(max_length=200, default="root")
    arrived_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        verbose_name = _("令牌")
        verbose_name_plural = _("令牌")

    def __str__(self) -> str:
        return f"{self.node} ({self.wait})"


class History(models.Model):
    """The audit of runtime tables: complete and without gaps in `seq` for each instance.

    A view over `process_history`, which has one row for all lines of a step: what a step writes is
    one row and one entry of an index, not eight. Those rows are partitioned by month over their
    UUIDv7 (see `partitions`); each partition is unique by (instance, number of the first line).
    Keys and nodes only: no free text but the reason a verb was given.
    """

    id = models.UUIDField(primary_key=True)  # of the step: all its lines have it
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
        db_table = "process_line"
        verbose_name = _("流程履历")
        verbose_name_plural = _("流程履历")

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.node}"
