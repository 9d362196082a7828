"""What the network was found to be when work was handed in, and answers already given."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.fieldwork.choices import ChangeKind


class Check(Row):
    """One live check (现网核验) of the line a work item is about. Never changed.

    Kept whatever became of the completion: who looked, when, what was expected and seen. `subject`
    is the line it speaks of (port, logical identifier, terminal); a completion stands only on a
    check whose subject is still the line's. `findings` are codes and facts, worded when shown.
    `override_reason` and `evidence_id` are a supervisor's who let a failed one pass.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    item_id = models.UUIDField()  # the work item
    order_id = models.UUIDField(null=True)
    service_id = models.UUIDField()
    actor_id = models.UUIDField(null=True)
    ok = models.BooleanField(_("通过"))
    findings = models.JSONField(default=list)  # [{code, tone, facts}]
    expected = models.JSONField(default=dict)
    seen = models.JSONField(default=dict)
    subject = models.JSONField(default=dict)
    took_ms = models.PositiveIntegerField(default=0)
    override_reason = models.CharField(_("放行原因"), max_length=200, blank=True)
    evidence_id = models.UUIDField(null=True)  # the attachment that bears the override out

    class Meta:
        verbose_name = _("现网核验")
        verbose_name_plural = _("现网核验")
        indexes = [
            models.Index(fields=["item_id", "id"], name="fieldwork_check_item"),
            models.Index(fields=["order_id", "id"], name="fieldwork_check_order"),
            models.Index(fields=["branch", "id"], name="fieldwork_check_branch"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {'ok' if self.ok else 'failed'}"


class Change(Row):
    """What an installer changed at the customer's (换端口, 更正登记, 换终端, 重发数据).

    `resend_id` is the process that sends the data again, `resource_check_id` the one that lets the
    resource post look at the port that was left. One correction a check, however often confirmed.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=ChangeKind)
    item_id = models.UUIDField()
    order_id = models.UUIDField(null=True)
    service_id = models.UUIDField()
    actor_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=40, blank=True)  # its key in the playbook
    was = models.CharField(max_length=200, blank=True)
    now = models.CharField(max_length=200, blank=True)
    check_id = models.UUIDField(null=True)
    resend_id = models.UUIDField(null=True)  # process instances
    resource_check_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("现场变更")
        verbose_name_plural = _("现场变更")
        constraints = [
            models.UniqueConstraint(
                fields=["check_id"],
                condition=models.Q(kind="correct"),
                name="fieldwork_correct_once",
            )
        ]
        indexes = [
            models.Index(fields=["item_id", "id"], name="fieldwork_change_item"),
            models.Index(fields=["order_id", "id"], name="fieldwork_change_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.now}"


class Receipt(Row):
    """A completion that was answered, by the sender's key: asked again it answers the same."""

    actor_id = models.UUIDField()
    key = models.CharField(max_length=80)
    item_id = models.UUIDField()
    answer = models.JSONField()

    class Meta:
        verbose_name = _("回单回执")
        verbose_name_plural = _("回单回执")
        constraints = [
            models.UniqueConstraint(fields=["actor_id", "key"], name="fieldwork_receipt_once")
        ]

    def __str__(self) -> str:
        return self.key
