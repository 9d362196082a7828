"""Choices of charging."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ChargeState(models.TextChoices):
    DUE = "due", _("待收")
    PAID = "paid", _("已收")  # cash or card, at the counter
    BILLED = "billed", _("已并入账单")  # TAR-09: collected with the bill
    REFUNDED = "refunded", _("已退")
    VOID = "void", _("已取消")  # never collected: withdrawn before payment


class Method(models.TextChoices):
    """How money is collected (收费方式)."""

    CASH = "cash", _("现金")
    CARD = "card", _("刷卡")
    BILL = "bill", _("并入账单")


class PaymentKind(models.TextChoices):
    PAYMENT = "payment", _("收费")
    REFUND = "refund", _("退费")


class AccountKey(models.TextChoices):
    """The chart of accounts (科目), small on purpose: an operator's ledger is elsewhere."""

    RECEIVABLE = "receivable", _("应收款")
    CASH = "cash", _("库存现金")
    CARD = "card", _("刷卡待清算")
    BILL = "bill", _("账单应收")
    REVENUE = "revenue", _("业务收入")


class EntryKind(models.TextChoices):
    CHARGE = "charge", _("计费")
    PAYMENT = "payment", _("收费")
    REFUND = "refund", _("退费")
    VOID = "void", _("取消收费")
