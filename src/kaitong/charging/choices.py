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
    RECHARGE = "recharge", _("充值卡")  # to a customer account only
    ONLINE = "online", _("线上支付")  # to a customer account only, told by a channel


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
    PREPAID = "prepaid", _("客户预存款")  # owed to customers: the sum of their balances
    RECHARGE = "recharge", _("充值卡待清算")
    ONLINE = "online", _("线上支付待清算")
    BANKED = "banked", _("已缴存现金")
    OVER_SHORT = "over-short", _("长短款")


class EntryKind(models.TextChoices):
    CHARGE = "charge", _("计费")
    PAYMENT = "payment", _("收费")
    REFUND = "refund", _("退费")
    VOID = "void", _("取消收费")
    BILL = "bill", _("出账")
    SETTLE = "settle", _("销账")
    CLOSING = "closing", _("日结缴存")


class InvoiceKind(models.TextChoices):
    BLUE = "blue", _("蓝字发票")
    RED = "red", _("红字发票")  # takes a blue one back, wholly or in part


class InvoiceState(models.TextChoices):
    """Life of a tax invoice (发票, F-31). A red one takes back the blue one it names."""

    # asked of the tax platform, no answer yet
    REQUESTED = "requested", _("开票中")
    # the platform gave it a number
    ISSUED = "issued", _("已开具")
    # money was given back: a red one is asked for
    RED_REQUESTED = "red-requested", _("红冲中")
    # wholly taken back
    RED_LETTERED = "red-lettered", _("已红冲")
    # the platform refused, or did not answer for long: a person looks and tries again
    FAILED = "failed", _("开票失败")
    # the money was given back before anything was issued
    CANCELLED = "cancelled", _("未开即撤")


class BuyerKind(models.TextChoices):
    """Whose name an invoice bears (抬头)."""

    INDIVIDUAL = "individual", _("个人")
    ORGANIZATION = "organization", _("单位")


class DunningAct(models.TextChoices):
    """What a level of dunning (催缴) asks for; doing it is another package's business."""

    NOTICE = "notice", _("催缴提醒")
    SUSPEND = "suspend", _("欠费停机")
    CANCEL = "cancel", _("建议销户")


class LineKind(models.TextChoices):
    """What a line of a bill is."""

    RENT = "rent", _("月租")
    CHARGE = "charge", _("一次性费用")
    CORRECTION = "correction", _("更正")
    REFUND = "refund", _("冲减")


class ClosingState(models.TextChoices):
    """A clerk's day (日结)."""

    OPEN = "open", _("已撤回")  # taken back before anybody confirmed it
    CLOSED = "closed", _("待确认")
    CONFIRMED = "confirmed", _("已确认")


class CardState(models.TextChoices):
    """Life of a recharge card (充值卡)."""

    IN_STOCK = "in-stock", _("可用")
    USED = "used", _("已充值")
    LOCKED = "locked", _("已锁定")  # too many wrong tries; a supervisor unlocks it
    VOID = "void", _("已作废")


class RequestState(models.TextChoices):
    """Life of an online payment (线上支付单)."""

    ASKED = "asked", _("下单中")  # the channel has not answered yet
    OPEN = "open", _("待支付")  # the channel waits for the customer
    PAID = "paid", _("已支付")
    FAILED = "failed", _("未支付")  # the channel says so, or refused


class Verdict(models.TextChoices):
    """What became of a channel's message (支付通知)."""

    CREDITED = "credited", _("已入账")
    KNOWN = "known", _("已入过账")
    NOT_PAID = "not-paid", _("未支付")
    UNKNOWN = "unknown", _("没有这张支付单")
    MISMATCH = "mismatch", _("金额或币种不符")
    UNREADABLE = "unreadable", _("内容不完整")
