"""Tables of customers' accounts: what runs by the month, bills, and what was paid off them.

Days are dates, stretches half open: `until` is the first day that no longer counts.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kaitong.charging.choices import LineKind
from kaitong.core.models import Row
from kaitong.org.models import Branch


class Account(Row):
    """A customer's account (账户): one of a customer in his branch.

    Its row is the lock of everything on it. `balance_fen` (余额) is what was paid in and not yet
    used; the check of the books counts it again from payments and settlements.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    customer_id = models.UUIDField(unique=True)
    balance_fen = models.BigIntegerField(_("余额（分）"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("账户")
        constraints = [
            models.CheckConstraint(
                condition=Q(balance_fen__gte=0), name="charging_balance_not_negative"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Policy(Row):
    """Rules about money that a playbook brought with it: when a bill is due, what a suspended
    service costs, when who is reminded. The newest deployment's counts for everything from now."""

    playbook = models.CharField(max_length=60, unique=True)
    version = models.CharField(max_length=64)
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("收费规则")

    def __str__(self) -> str:
        return self.playbook


class Rent(Row):
    """A price item that a service in operation pays by the month (起租, 停租).

    From `since` on until `until`; another plan is another rent. `code` names the item within its
    offering. A customer who takes over a service has rents of his own.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="rents")
    service_id = models.UUIDField()
    order_id = models.UUIDField(null=True)
    playbook = models.CharField(max_length=60, blank=True)
    offering = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=80)
    title = models.CharField(_("费用项目"), max_length=120)
    amount_fen = models.BigIntegerField(_("月费（分）"))
    prorate = models.CharField(max_length=8, blank=True)
    since = models.DateField(_("起租日"))
    until = models.DateField(_("停租日"), null=True)
    # months before this one are billed; later corrections are made by whoever causes them
    billed_to = models.DateField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("月租")
        constraints = [
            models.UniqueConstraint(
                fields=["service_id", "code", "since"], name="charging_rent_once"
            ),
            models.UniqueConstraint(
                fields=["service_id", "code"],
                condition=Q(until=None),
                name="charging_rent_runs_once",
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="charging_rent_positive"),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=F("since")), name="charging_rent_forward"
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "id"], name="charging_rent_by_branch"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.amount_fen}"


class Bill(Row):
    """What an account owes for a month (账单); its lines say for what."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="bills")
    month = models.DateField(_("账期"))
    total_fen = models.BigIntegerField(_("应收（分）"), default=0)
    paid_fen = models.BigIntegerField(_("已销（分）"), default=0)
    due_on = models.DateField(_("缴费截止"))
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("账单")
        constraints = [
            models.UniqueConstraint(fields=["account", "month"], name="charging_bill_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="charging_bill_of_a_month"),
            models.CheckConstraint(
                condition=Q(paid_fen__gte=0) & Q(paid_fen__lte=F("total_fen")),
                name="charging_bill_not_overpaid",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "month"],
                condition=Q(paid_fen__lt=F("total_fen")),
                name="charging_bill_open",
            ),
            models.Index(
                fields=["branch", "due_on"],
                condition=Q(paid_fen__lt=F("total_fen")),
                name="charging_bill_overdue",
            ),
        ]

    @property
    def open_fen(self) -> int:
        return self.total_fen - self.paid_fen

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.total_fen}"


class BillLine(Row):
    """One line of a bill. A rent is billed once a month: `number` counts its corrections, which
    add to what was billed before. A charge put on the bill (并入账单, TAR-09) is billed once."""

    bill = models.ForeignKey(Bill, models.PROTECT, related_name="lines")
    kind = models.CharField(max_length=10, choices=LineKind)
    service_id = models.UUIDField(null=True)
    rent = models.ForeignKey(Rent, models.PROTECT, null=True, related_name="lines")
    month = models.DateField()
    number = models.PositiveSmallIntegerField(default=1)
    charge = models.ForeignKey("charging.Charge", models.PROTECT, null=True, related_name="lines")
    refund = models.ForeignKey("charging.Payment", models.PROTECT, null=True, related_name="+")
    title = models.CharField(max_length=120)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    days = models.PositiveSmallIntegerField(null=True)  # paid in full
    paused_days = models.PositiveSmallIntegerField(default=0)
    of_days = models.PositiveSmallIntegerField(null=True)
    since = models.DateField(null=True)
    entry = models.ForeignKey("charging.JournalEntry", models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = _("账单项目")
        constraints = [
            models.UniqueConstraint(fields=["rent", "month", "number"], name="charging_line_once"),
            models.UniqueConstraint(
                fields=["charge"], condition=Q(kind="charge"), name="charging_charge_billed_once"
            ),
            models.UniqueConstraint(
                fields=["refund", "charge"],
                condition=Q(kind="refund"),
                name="charging_refund_billed_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["rent", "correction"], rent__isnull=False)
                | Q(kind="charge", charge__isnull=False, refund=None)
                | Q(kind="refund", charge__isnull=False, refund__isnull=False),
                name="charging_line_names_its_cause",
            ),
        ]
        indexes = [models.Index(fields=["bill"], name="charging_line_by_bill")]

    def __str__(self) -> str:
        return f"{self.title} {self.amount_fen}"


class Settlement(Row):
    """So much of an account's balance went to a bill (销账); below nothing it came back."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="settlements")
    bill = models.ForeignKey(Bill, models.PROTECT, related_name="settlements")
    amount_fen = models.BigIntegerField(_("金额（分）"))
    entry = models.ForeignKey("charging.JournalEntry", models.PROTECT, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = _("销账")
        constraints = [
            models.CheckConstraint(condition=~Q(amount_fen=0), name="charging_settles_something")
        ]

    def __str__(self) -> str:
        return str(self.amount_fen)


class BillingRun(Row):
    """One going through a month's rents (出账): what it did, and whether it came to its end."""

    branch = models.ForeignKey(Branch, models.PROTECT, null=True, related_name="+")
    month = models.DateField()
    actor_id = models.UUIDField(null=True)
    services = models.IntegerField(default=0)
    lines = models.IntegerField(default=0)
    total_fen = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("出账")
        indexes = [models.Index(fields=["month", "branch"], name="charging_run_by_month")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
