"""Failed orders whose money waits for the customer at the counter (退单退费, BB-10)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row

FAILED_PURPOSE = "ordering.failed-refund"


class FailedRefund(Row):
    """What a failed order still has of the customer's, and how he proves that it is his (VER-10).

    `account` and the sealed password are those the line had when it failed: the inventory forgets
    them with the line. Both are empty where the order failed before they were made. The password is
    forgotten when the money is given back.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    order = models.ForeignKey("ordering.Order", models.PROTECT, related_name="failed_refunds")
    item = models.OneToOneField("ordering.OrderItem", models.PROTECT, related_name="failed_refund")
    account = models.CharField(_("业务号码"), max_length=80, blank=True)
    password = EncryptedTextField(purpose=FAILED_PURPOSE, null=True)
    amount_fen = models.BigIntegerField(_("应退（分）"))
    failed_for = models.CharField(_("退单原因"), max_length=300)
    called_at = models.DateTimeField(_("联系客户"), null=True)
    called_by = models.UUIDField(null=True)
    settled_at = models.DateTimeField(_("退费时间"), null=True)
    settled_by = models.UUIDField(null=True)
    reason_code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(_("退费原因"), max_length=60, blank=True)
    invoice_back = models.BooleanField(_("发票已收回"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("退单退费")
        indexes = [
            models.Index(
                fields=["branch", "-id"],
                condition=models.Q(settled_at=None),
                name="failed_refund_open",
            ),
            models.Index(fields=["branch", "-settled_at"], name="failed_refund_done"),
        ]

    def __str__(self) -> str:
        return str(self.order_id)
