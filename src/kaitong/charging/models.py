"""The journal and what stands on it. Money is integer fen; debit is positive, credit negative.

That an entry balances is checked by the database at commit (migration 0002), as is that nothing in
the journal is ever changed or deleted: a mistake is corrected by a further entry.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.charging.choices import AccountKey, ChargeState, EntryKind, Method, PaymentKind
from kaitong.core.models import Row
from kaitong.org.models import Branch


class JournalEntry(Row):
    """One movement (记账凭证) with its lines. ``key`` makes a repeated verb harmless."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField()
    kind = models.CharField(max_length=8, choices=EntryKind)
    key = models.CharField(max_length=120, unique=True)
    actor_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("记账凭证")
        indexes = [models.Index(fields=["branch", "order_id"], name="charging_entry_by_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class JournalLine(Row):
    """One line of an entry: so many fen on one account of one branch."""

    entry = models.ForeignKey(JournalEntry, models.PROTECT, related_name="lines")
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    account = models.CharField(_("科目"), max_length=12, choices=AccountKey)
    amount_fen = models.BigIntegerField(_("金额（分）"))

    class Meta:
        verbose_name = verbose_name_plural = _("分录")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(amount_fen=0), name="charging_line_moves_money"
            )
        ]
        indexes = [models.Index(fields=["branch", "account"], name="charging_line_by_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_fen}"


class Payment(Row):
    """Money taken or given back at once (收费, 退费), with the clerk who did it.

    ``amount_fen`` is positive either way; ``kind`` says the direction. ``key`` comes from the page:
    a double click sends the same one.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField()
    kind = models.CharField(max_length=8, choices=PaymentKind, default=PaymentKind.PAYMENT)
    method = models.CharField(_("收费方式"), max_length=8, choices=Method)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    key = models.CharField(max_length=80)
    reference = models.CharField(_("交易参考"), max_length=80, blank=True)
    reason = models.CharField(_("原因"), max_length=200, blank=True)
    refund_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="refunds")
    clerk_id = models.UUIDField(null=True)
    approved_by = models.UUIDField(_("复核人"), null=True)  # the second person of a large refund
    paid_at = models.DateTimeField(_("时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("收退费")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "key"], name="charging_payment_once"),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="charging_payment_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="payment", refund_of=None)
                | models.Q(kind="refund", refund_of__isnull=False),
                name="charging_refund_names_its_payment",
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "order_id"], name="charging_payment_by_order"),
            models.Index(fields=["branch", "paid_at"], name="charging_payment_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_fen}"


class Charge(Row):
    """What is to be paid for an order (费用). ``code`` names it within its item, once."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField()
    item = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=60)
    title = models.CharField(_("费用项目"), max_length=80)
    note = models.CharField(_("计算说明"), max_length=160, blank=True)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    refund_rule = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=8, choices=ChargeState, default=ChargeState.DUE)
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="charges")
    refund = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="refunded")
    refunded_fen = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("费用")
        constraints = [
            models.UniqueConstraint(
                fields=["order_id", "item", "code"], name="charging_charge_once"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="charging_charge_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(refunded_fen__gte=0)
                & models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="charging_refund_within_charge",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["due", "void"], payment=None)
                | models.Q(state__in=["paid", "billed", "refunded"], payment__isnull=False),
                name="charging_paid_by_a_payment",
            ),
        ]
        indexes = [models.Index(fields=["branch", "order_id"], name="charging_charge_by_order")]

    def __str__(self) -> str:
        return f"{self.title} {self.amount_fen}"
