"""Tables of the till: a clerk's closed day, recharge cards, online channels."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.charging.choices import CardState, ClosingState, RequestState, Verdict
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row
from kaitong.org.models import Branch


class CashClosing(Row):
    """A clerk's day, added up and closed (日结). From then on the database refuses money of that
    clerk on that day; taken back (`state` open again) it may be closed anew.

    `sums` are fen by method: taken, given back. `counted_fen` is the cash that was counted, below
    zero where more went back than came in.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    clerk_id = models.UUIDField()
    day = models.DateField(_("营业日"))
    state = models.CharField(max_length=10, choices=ClosingState, default=ClosingState.CLOSED)
    sums = models.JSONField(default=dict)
    expected_fen = models.BigIntegerField(_("应有现金（分）"))
    counted_fen = models.BigIntegerField(_("实点现金（分）"))
    reason = models.CharField(_("差异原因"), max_length=200, blank=True)
    closed_at = models.DateTimeField()
    confirmed_by = models.UUIDField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("日结")
        constraints = [
            models.UniqueConstraint(fields=["clerk_id", "day"], name="charging_closing_once"),
            models.CheckConstraint(
                condition=(Q(counted_fen__gte=0) | Q(counted_fen__gte=models.F("expected_fen")))
                & (Q(counted_fen=models.F("expected_fen")) | ~Q(reason="")),
                name="charging_difference_has_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed")
                | (Q(confirmed_by__isnull=False) & ~Q(confirmed_by=models.F("clerk_id"))),
                name="charging_closing_second_person",
            ),
        ]
        indexes = [models.Index(fields=["branch", "day"], name="charging_closing_by_day")]

    @property
    def difference_fen(self) -> int:
        return self.counted_fen - self.expected_fen

    def __str__(self) -> str:
        return f"{self.day}"


class RechargeCard(Row):
    """A recharge card (充值卡) of stock. Its secret is kept as a keyed fingerprint bound to its
    serial: who reads the table cannot use it, and it is good once."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    batch = models.CharField(_("批次"), max_length=40)
    serial = models.CharField(_("卡号"), max_length=32, unique=True)
    secret_index = models.BinaryField(max_length=32, editable=False)
    amount_fen = models.BigIntegerField(_("面值（分）"))
    expires_on = models.DateField(_("有效期至"))
    state = models.CharField(max_length=10, choices=CardState, default=CardState.IN_STOCK)
    wrong = models.PositiveSmallIntegerField(_("错误次数"), default=0)
    reason = models.CharField(max_length=200, blank=True)
    payment = models.OneToOneField(
        "charging.Payment", models.PROTECT, null=True, related_name="card"
    )
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("充值卡")
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="charging_card_positive"),
            models.CheckConstraint(
                condition=Q(state="used", payment__isnull=False)
                | (~Q(state="used") & Q(payment=None)),
                name="charging_card_used_by_a_payment",
            ),
        ]
        indexes = [models.Index(fields=["branch", "batch", "state"], name="charging_card_stock")]

    def __str__(self) -> str:
        return self.serial


class CardTry(Row):
    """A wrong serial or secret (试错): what locks a card, an account and a clerk for a while."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    account = models.ForeignKey("charging.Account", models.PROTECT, related_name="+")
    card = models.ForeignKey(RechargeCard, models.PROTECT, null=True, related_name="+")
    actor_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("充值卡试错")
        indexes = [
            models.Index(fields=["account", "created_at"], name="charging_try_by_account"),
            models.Index(fields=["actor_id", "created_at"], name="charging_try_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


class PayChannel(Row):
    """An online channel (支付渠道) serving a branch and those below it. `is_test` marks one that
    moves no money; every page says so."""

    key = models.SlugField(max_length=40, unique=True)
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    title = models.CharField(_("名称"), max_length=80)
    url = models.CharField(max_length=200)
    notify_url = models.CharField(max_length=200)  # where it tells us of payments
    currency = models.CharField(max_length=3, default="CNY")
    secret = EncryptedTextField(purpose="charging.pay-channel")
    is_test = models.BooleanField(_("测试渠道"), default=False)
    in_service = models.BooleanField(_("在用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("支付渠道")

    def __str__(self) -> str:
        return self.title


class PayRequest(Row):
    """An online payment asked of a channel (线上支付单); `number` is our name for it there."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    account = models.ForeignKey("charging.Account", models.PROTECT, related_name="requests")
    channel = models.ForeignKey(PayChannel, models.PROTECT, related_name="+")
    key = models.CharField(max_length=80)
    number = models.CharField(max_length=40, unique=True)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=RequestState, default=RequestState.ASKED)
    pay_url = models.CharField(max_length=300, blank=True)
    reference = models.CharField(_("渠道流水"), max_length=80, blank=True)
    error = models.CharField(max_length=300, blank=True)
    asked_by = models.UUIDField(null=True)
    payment = models.OneToOneField(
        "charging.Payment", models.PROTECT, null=True, related_name="online"
    )
    paid_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("线上支付单")
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="charging_request_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="charging_request_positive"),
            models.CheckConstraint(
                condition=Q(state="paid", payment__isnull=False)
                | (~Q(state="paid") & Q(payment=None)),
                name="charging_request_paid_by_a_payment",
            ),
        ]
        indexes = [models.Index(fields=["channel", "paid_at"], name="charging_request_by_day")]

    def __str__(self) -> str:
        return self.number


class PayCallback(Row):
    """A channel's message that was truly signed (支付通知), by its identifier: told again it
    changes nothing. What is not signed leaves no row."""

    channel = models.ForeignKey(PayChannel, models.PROTECT, related_name="+")
    callback_id = models.CharField(max_length=80)
    digest = models.BinaryField(max_length=32)
    verdict = models.CharField(max_length=12, choices=Verdict)
    request = models.ForeignKey(PayRequest, models.PROTECT, null=True, related_name="callbacks")

    class Meta:
        verbose_name = verbose_name_plural = _("支付通知")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "callback_id"], name="charging_callback_once"
            )
        ]

    def __str__(self) -> str:
        return self.callback_id


class ChannelDay(Row):
    """A day of a channel compared with ours (对账): what matched, and each difference."""

    channel = models.ForeignKey(PayChannel, models.PROTECT, related_name="days")
    day = models.DateField()
    matched = models.IntegerField(default=0)
    matched_fen = models.BigIntegerField(default=0)
    differences = models.JSONField(default=list)
    compared_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("渠道对账")
        constraints = [
            models.UniqueConstraint(fields=["channel", "day"], name="charging_channel_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.day}"
