"""What begins instances by itself: start events of deployed definitions, and signals they heard."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.models import Row
from kaitong.process.choices import StarterKind, StarterState


class Starter(Row):
    """A start event of the newest version of a process: a message, signal or timer begins an
    instance in its branch, with these parameters.

    Of a timer `due_at` is the next occurrence, numbered `count`; `next_attempt_at` moves away from
    it only when beginning failed. `text` is the timer as written: a new version that says the
    same goes on where the old one was.
    """

    definition = models.ForeignKey(
        "process.Definition", models.PROTECT, related_name="starters", db_index=False
    )
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    parameters = models.JSONField(default=dict)
    node = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=StarterKind.choices)
    name = models.CharField(max_length=100, default="", blank=True)
    text = models.CharField(max_length=200, default="", blank=True)
    state = models.CharField(max_length=10, choices=StarterState.choices, default=StarterState.OPEN)
    due_at = models.DateTimeField(null=True)
    count = models.IntegerField(default=1)
    next_attempt_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)

    class Meta:
        verbose_name = _("开始事件")
        verbose_name_plural = _("开始事件")
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "node"],
                condition=Q(state=StarterState.OPEN),
                name="process_starter_once",
            ),
            models.UniqueConstraint(
                fields=["branch", "name"],
                condition=Q(state=StarterState.OPEN, kind=StarterKind.MESSAGE),
                name="process_starter_message",
            ),
            models.CheckConstraint(
                condition=~Q(state=StarterState.OPEN, kind=StarterKind.TIMER)
                | Q(due_at__isnull=False, next_attempt_at__isnull=False),
                name="process_starter_timed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="process_starter_due",
                condition=Q(state=StarterState.OPEN, kind=StarterKind.TIMER),
            ),
            models.Index(
                fields=["kind", "name"],
                name="process_starter_named",
                condition=Q(state=StarterState.OPEN),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.name}"


class Beginning(Row):
    """A signal that a start event heard: a worker begins the instance, once for each."""

    starter = models.ForeignKey(Starter, models.CASCADE, related_name="beginnings")
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    next_attempt_at = models.DateTimeField(default=now)
    attempts = models.IntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    instance_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("待开始的流程")
        verbose_name_plural = _("待开始的流程")
        constraints = [
            models.UniqueConstraint(fields=["starter", "key"], name="process_beginning_once")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="process_beginning_open",
                condition=Q(done_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.key
