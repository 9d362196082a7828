"""Network elements, and every exchange Kaitong had with one."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.activation.choices import DifferenceKind, ElementKind, ElementState, Verb
from kaitong.core.audit import tracked
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row


@tracked(exclude=["secret"])
class NetworkElement(Row):
    """A network element: what is where, and how it is spoken to.

    `connection` is read by the element's adapter and holds no secret; `secret` is a JSON object of
    them, encrypted. A branch uses its own element of a kind, else the nearest one above it: one AAA
    server serves the counties below its city.
    """

    key = models.CharField(_("网元标识"), max_length=60, unique=True)
    kind = models.CharField(_("类型"), max_length=20, choices=ElementKind.choices)
    title = models.CharField(_("名称"), max_length=120)
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    connection = models.JSONField(_("连接"), default=dict)
    secret = EncryptedTextField(purpose="activation.element", null=True)
    state = models.CharField(
        _("状态"), max_length=20, choices=ElementState.choices, default=ElementState.IN_SERVICE
    )

    class Meta:
        db_table = "activation_networkelement"
        verbose_name = _("网元")
        verbose_name_plural = _("网元")
        ordering = ["key"]
        indexes = [models.Index(fields=["branch", "kind"], name="element_by_branch")]

    def __str__(self) -> str:
        return self.title


class Exchange(Row):
    """What was sent to an element and what it answered, secrets masked. Never changed.

    Written in a transaction of its own, so it stays when the step that asked for it fails. `key` is
    the idempotency key of the command; an attempt that is repeated has a row for each time.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    element = models.ForeignKey(NetworkElement, models.PROTECT, related_name="+")
    order_id = models.UUIDField(null=True)
    service_id = models.UUIDField(null=True)
    key = models.CharField(max_length=200, blank=True)
    verb = models.CharField(_("动作"), max_length=20, choices=Verb.choices)
    request = models.TextField(_("发送"))
    response = models.TextField(_("应答"))
    ok = models.BooleanField(_("成功"))
    # why it failed: network, data, or the proof's result; empty when ok
    cause = models.CharField(_("原因"), max_length=40, blank=True)
    # what was ended by it may be used so long yet: a box hears of its lease's end when it next asks
    runs_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(_("开始时间"))
    took_ms = models.PositiveIntegerField(_("用时（毫秒）"))

    class Meta:
        db_table = "activation_exchange"
        verbose_name = _("网络交互")
        verbose_name_plural = _("网络交互")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["order_id", "id"], name="exchange_by_order"),
            models.Index(fields=["service_id", "id"], name="exchange_by_service"),
            models.Index(fields=["branch", "id"], name="exchange_by_branch"),
            models.Index(fields=["element", "ok", "id"], name="exchange_by_element"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.element_id} {'ok' if self.ok else self.cause}"


class SessionCursor(models.Model):
    """How far the accounting of an AAA server has been read. Its row is the readers' lock.

    Numbers are given before rows are visible, so a lower number may appear after a higher one:
    `recent` holds the numbers already seen in the window below `last_number`.
    """

    element = models.OneToOneField(
        NetworkElement, models.CASCADE, primary_key=True, related_name="cursor"
    )
    last_number = models.BigIntegerField(default=0)
    recent = models.JSONField(default=list)
    read_at = models.DateTimeField()

    class Meta:
        db_table = "activation_sessioncursor"

    def __str__(self) -> str:
        return str(self.last_number)


class Difference(Row):
    """An account about which an element and the inventory disagree; open until they agree again.

    `branch` is the service's, of an account nobody has the element's. `fields` says what differs:
    {field: [by the inventory, at the element]}, of a password only that it does.
    """

    element = models.ForeignKey(NetworkElement, models.PROTECT, related_name="+")
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    service_id = models.UUIDField(null=True)
    # the longest is a marked circuit of 128 octets; an AAA server may hold longer names than ours
    account = models.CharField(_("账号"), max_length=255)
    kind = models.CharField(_("差异"), max_length=12, choices=DifferenceKind.choices)
    fields = models.JSONField(default=dict)
    seen_at = models.DateTimeField(_("最近发现"))
    closed_at = models.DateTimeField(null=True)
    closed_how = models.CharField(max_length=20, blank=True)  # gone, resent, removed
    closed_by = models.UUIDField(null=True)
    told_at = models.DateTimeField(null=True)  # when a work item was made of it

    class Meta:
        db_table = "activation_difference"
        verbose_name = _("对账差异")
        verbose_name_plural = _("对账差异")
        constraints = [
            models.UniqueConstraint(
                fields=["element", "account"],
                condition=models.Q(closed_at__isnull=True),
                name="difference_open_once",
            )
        ]
        indexes = [models.Index(fields=["branch", "closed_at", "id"], name="difference_by_branch")]

    def __str__(self) -> str:
        return f"{self.account} {self.kind}"


class Reconciliation(Row):
    """One run over an element: how many accounts were compared, what was found and closed."""

    element = models.ForeignKey(NetworkElement, models.CASCADE, related_name="+")
    ended_at = models.DateTimeField(null=True)
    compared = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    closed = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "activation_reconciliation"
        verbose_name = _("对账")
        verbose_name_plural = _("对账")
        indexes = [models.Index(fields=["element", "-created_at"], name="reconciled_last")]

    def __str__(self) -> str:
        return f"{self.element_id} {self.compared}"
