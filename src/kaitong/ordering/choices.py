"""States of orders after TMF641, refusals after BB-17."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrderState(models.TextChoices):
    """ServiceOrderStateType of TMF641 v4. Names are the contract's."""

    ACKNOWLEDGED = "acknowledged", _("已受理")  # taken in, nothing started
    REJECTED = "rejected", _("不予受理")  # refused at intake, with a reason
    IN_PROGRESS = "inProgress", _("施工中")  # a process is at work
    PENDING = "pending", _("待客户")  # all work stands suspended for the customer's sake (缓装)
    HELD = "held", _("已挂起")  # waits for us: an incident, or all work stands suspended
    ASSESSING_CANCELLATION = "assessingCancellation", _("撤单评估")
    PENDING_CANCELLATION = "pendingCancellation", _("撤单中")
    CANCELLED = "cancelled", _("已撤单")  # withdrawn by the customer
    COMPLETED = "completed", _("已竣工")  # every item is done and proven
    FAILED = "failed", _("已退单")  # cannot be delivered
    PARTIAL = "partial", _("部分竣工")  # some items done, some failed


FINAL = frozenset(
    {
        OrderState.REJECTED,
        OrderState.CANCELLED,
        OrderState.COMPLETED,
        OrderState.FAILED,
        OrderState.PARTIAL,
    }
)

_S = OrderState
TRANSITIONS: dict[str, frozenset[str]] = {
    _S.ACKNOWLEDGED: frozenset(
        {_S.IN_PROGRESS, _S.REJECTED, _S.ASSESSING_CANCELLATION, _S.CANCELLED}
    ),
    _S.IN_PROGRESS: frozenset(
        {_S.PENDING, _S.HELD, _S.COMPLETED, _S.FAILED, _S.PARTIAL, _S.CANCELLED,
         _S.ASSESSING_CANCELLATION}
    ),
    _S.PENDING: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.HELD: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.ASSESSING_CANCELLATION: frozenset(
        {_S.PENDING_CANCELLATION, _S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.PENDING, _S.HELD}
    ),
    _S.PENDING_CANCELLATION: frozenset({_S.CANCELLED, _S.PARTIAL}),
}  # fmt: skip


class ItemAction(models.TextChoices):
    """OrderItemActionType of TMF641 v4."""

    ADD = "add", _("新装")
    MODIFY = "modify", _("变更")
    DELETE = "delete", _("拆机")
    NO_CHANGE = "noChange", _("不变")


class DraftState(models.TextChoices):
    """Life of a draft at the counter."""

    # being filled in; its port, if any, is held until the countdown runs out
    OPEN = "open", _("草稿")
    # an order was made of it
    TAKEN = "taken", _("已受理")
    # the countdown ran out; what was entered is kept for a day
    EXPIRED = "expired", _("预占已到时")
    # given up; what was entered is forgotten
    DROPPED = "dropped", _("已放弃")


class DemandReason(models.TextChoices):
    """Why a request could not be served where it was asked for (BB-17, LIM-22)."""

    NOT_COVERED = "not-covered", _("未覆盖")
    NO_FREE_PORT = "no-free-port", _("无空闲端口")
    PLANNED = "planned", _("规划中")
    NO_ENTRY = "no-entry", _("物业不允许进入")


class FindBy(models.TextChoices):
    """By what a clerk finds a customer at the counter (客户统一视图, BB-07)."""

    ACCOUNT = "account", _("业务号码")
    DOCUMENT = "document", _("证件号码")
    BOUND = "bound", _("绑定号码")  # a mobile number that is bound to the line
    PHONE = "phone", _("联系电话")
    NAME = "name", _("姓名和地址")
    ORDER = "order", _("订单号")


class DemandState(models.TextChoices):
    """Life of an unmet demand (待装需求)."""

    # nothing can be had there yet
    WAITING = "waiting", _("等待覆盖")
    # a line is kept in mind for who asked, until the time told to him; told once
    TOLD = "told", _("已通知可办")
    # an order was taken in
    SERVED = "served", _("已成订单")
    # the customer no longer wants it
    WITHDRAWN = "withdrawn", _("已撤销")


LIVING_DEMAND = (DemandState.WAITING.value, DemandState.TOLD.value)


class AskedBy(models.TextChoices):
    """How a customer asked for something about an order under way."""

    COUNTER = "counter", _("到营业厅")
    PHONE = "phone", _("电话")
