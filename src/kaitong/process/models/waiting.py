"""What an instance waits for, or is told: timers, messages, its inbox."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.models import Row
from kaitong.process.choices import MessageState, SubscriptionKind, SubscriptionState, TimerState
from kaitong.process.models.instances import Instance


class Timer(Row):
    """An intermediate or boundary timer; `next_attempt_at` moves only when firing it failed."""

    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="timers", db_constraint=False
    )
    token_id = models.UUIDField()
    node = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    count = models.IntegerField(default=1)  # which occurrence of a cycle
    # of a duration in working time: {duration, start, calendar}; null for every other
    due_basis = models.JSONField(null=True)
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
    """A token waits for a message of this name and correlation key, for a signal of this name, or
    for a condition (`name` is its text) to become true."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="subscriptions")
    token_id = models.UUIDField()
    node = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    kind = models.CharField(
        max_length=10, choices=SubscriptionKind.choices, default=SubscriptionKind.MESSAGE
    )
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


class Signal(Row):
    """A signal thrown from outside; the sender's id makes it count once. Who listened when it was
    thrown found it in the inbox."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    sender_id = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    actor_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("信号")
        verbose_name_plural = _("信号")
        constraints = [
            models.UniqueConstraint(fields=["name", "sender_id"], name="process_signal_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.sender_id}"


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
