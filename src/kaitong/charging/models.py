"""The journal and what stands on it. Money is integer fen; debit is positive, credit negative.

That an entry balances is checked by the database at commit (migration 0002), as is that nothing in
the journal is ever changed or deleted: a mistake is corrected by a further entry.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.charging.choices import (
    AccountKey,
    BuyerKind,
    ChargeState,
    EntryKind,
    InvoiceKind,
    InvoiceState,
    Method,
    PaymentKind,
)
from kaitong.core.clock import now
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row
from kaitong.org.models import Branch


class JournalEntry(Row):
    """One movement (记账凭证) with its lines. ``key`` makes a repeated verb harmless."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField(null=True)  # null: of accounts, bills or a cash closing
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
    a double click sends the same one. It is for an order, or into a customer's account (缴费,
    预存), or both: an order's charges put on the bill of an account.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField(null=True)
    account = models.ForeignKey(
        "charging.Account", models.PROTECT, null=True, related_name="payments"
    )
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
            models.UniqueConstraint(
                fields=["account", "key"],
                condition=models.Q(order_id=None),
                name="charging_deposit_once",
            ),
            models.CheckConstraint(
                condition=models.Q(order_id__isnull=False) | models.Q(account__isnull=False),
                name="charging_payment_is_somebodys",
            ),
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
            models.Index(fields=["clerk_id", "paid_at"], name="charging_payment_by_clerk"),
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


class TaxPlatform(Row):
    """Where tax invoices are issued (开票平台): it serves a branch and those below it.

    `is_test` marks one that issues nothing valid; every page says so.
    """

    key = models.CharField(max_length=40, unique=True)
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    title = models.CharField(_("名称"), max_length=80)
    url = models.CharField(max_length=200)
    seller_name = models.CharField(_("销售方"), max_length=120)
    seller_number = models.CharField(_("销售方税号"), max_length=20)
    is_test = models.BooleanField(_("测试平台"), default=False)
    secret = EncryptedTextField(purpose="charging.tax-platform")
    in_service = models.BooleanField(_("在用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("开票平台")

    def __str__(self) -> str:
        return self.title


class Invoice(Row):
    """A tax invoice of a payment, or the red one of a refund (发票, 红字发票; F-31).

    The row is the request: a worker leases it, asks the platform under `key`, and records the
    answer. The buyer's name and taxpayer number are sealed; `buyer` is masked for lists.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField(null=True)  # null: of money paid into an account
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="invoice")
    kind = models.CharField(max_length=4, choices=InvoiceKind)
    of = models.ForeignKey("self", models.PROTECT, null=True, related_name="reds")
    state = models.CharField(max_length=14, choices=InvoiceState, default=InvoiceState.REQUESTED)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    key = models.CharField(max_length=80, unique=True)
    buyer_kind = models.CharField(max_length=12, choices=BuyerKind)
    buyer = models.CharField(_("抬头"), max_length=120)
    buyer_name = EncryptedTextField(purpose="charging.invoice.buyer")
    buyer_number = EncryptedTextField(purpose="charging.invoice.number", null=True)
    number = models.CharField(_("发票号码"), max_length=40, blank=True)
    code = models.CharField(_("发票代码"), max_length=20, blank=True)
    issued_at = models.DateTimeField(_("开具时间"), null=True)
    platform = models.CharField(max_length=80, blank=True)
    is_test = models.BooleanField(default=False)
    error = models.CharField(_("失败原因"), max_length=300, blank=True)
    refused = models.BooleanField(default=False)  # by the platform: surely nothing was issued
    requested_by = models.UUIDField(null=True)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=now)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=60, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("发票")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="charging_invoice_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="blue", of=None) | models.Q(kind="red", of__isnull=False),
                name="charging_red_names_its_blue",
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "order_id"], name="charging_invoice_by_order"),
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state="requested"),
                name="charging_invoice_due",
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.key


# The rest of the tables, each in the module of its subject.
from kaitong.charging.account_models import (  # noqa: E402
    Account,
    Bill,
    BillingRun,
    BillLine,
    Policy,
    Rent,
    Settlement,
)
from kaitong.charging.till_models import (  # noqa: E402
    CardTry,
    CashClosing,
    ChannelDay,
    PayCallback,
    PayChannel,
    PayRequest,
    RechargeCard,
)

__all__ = [
    "Account",
    "Bill",
    "BillLine",
    "BillingRun",
    "CardTry",
    "CashClosing",
    "ChannelDay",
    "Charge",
    "Invoice",
    "JournalEntry",
    "JournalLine",
    "PayCallback",
    "PayChannel",
    "PayRequest",
    "Payment",
    "Policy",
    "RechargeCard",
    "Rent",
    "Settlement",
    "TaxPlatform",
]
