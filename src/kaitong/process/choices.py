"""States of the process runtime's rows; each says what it means."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class InstanceState(TextChoices):
    RUNNING = "running", _("进行中")
    COMPLETED = "completed", _("已完成")  # every token reached an end event
    TERMINATED = "terminated", _("已终止")  # a terminate end event ended it
    CANCELLED = "cancelled", _("已撤销")  # taken back by a person: 撤单, 退单


class WorkState(TextChoices):
    TODO = "todo", _("待接单")  # nobody has claimed it yet
    CLAIMED = "claimed", _("处理中")
    SUSPENDED = "suspended", _("已挂起")  # the step's clock stands still
    DONE = "done", _("已办结")
    RETURNED = "returned", _("已退回")  # sent back to an earlier step
    CANCELLED = "cancelled", _("已取消")  # the process moved on without it


GOING_WORK = (WorkState.TODO.value, WorkState.CLAIMED.value)  # open, its clock runs
OPEN_WORK = (WorkState.TODO.value, WorkState.CLAIMED.value, WorkState.SUSPENDED.value)


class CommandState(TextChoices):
    PENDING = "pending", _("待执行")  # to be run at `next_attempt_at`, first or again
    RUNNING = "running", _("执行中")  # leased by a worker until `lease_until`
    WAITING = "waiting", _("等待中")  # the action asks to be asked again; no failure
    DONE = "done", _("已完成")
    FAILED = "failed", _("已失败")  # an incident stands for it
    CANCELLED = "cancelled", _("已取消")


OPEN_COMMAND = (
    CommandState.PENDING.value,
    CommandState.RUNNING.value,
    CommandState.WAITING.value,
)


class CallState(TextChoices):
    PENDING = "pending", _("待开始")  # the called process is begun by a worker after commit
    RUNNING = "running", _("进行中")  # its child instance exists
    DONE = "done", _("已完成")  # it ended, and the caller has heard of it
    CANCELLED = "cancelled", _("已取消")


OPEN_CALL = (CallState.PENDING.value, CallState.RUNNING.value)


class TimerState(TextChoices):
    OPEN = "open", _("未到时")
    FIRED = "fired", _("已触发")
    CANCELLED = "cancelled", _("已取消")


class StarterKind(TextChoices):
    MESSAGE = "message", _("消息")
    SIGNAL = "signal", _("信号")
    TIMER = "timer", _("定时")


class StarterState(TextChoices):
    OPEN = "open", _("生效")
    WITHDRAWN = "withdrawn", _("已撤下")  # a newer version of the process stands in its place
    SPENT = "spent", _("已用完")  # a timer that has no further occurrence


class SubscriptionKind(TextChoices):
    MESSAGE = "message", _("消息")
    SIGNAL = "signal", _("信号")
    CONDITION = "condition", _("条件")


class SubscriptionState(TextChoices):
    OPEN = "open", _("等待消息")
    DELIVERED = "delivered", _("已收到")
    CANCELLED = "cancelled", _("已取消")


class MessageState(TextChoices):
    KEPT = "kept", _("待投递")  # nobody waits for it yet, or a worker is about to deliver it
    DELIVERED = "delivered", _("已投递")
    EXPIRED = "expired", _("已过期")


class IncidentState(TextChoices):
    OPEN = "open", _("待处理")
    RETRYING = "retrying", _("重试中")  # a person asked for another run; its outcome is awaited
    RESOLVED = "resolved", _("已解决")
    CANCELLED = "cancelled", _("已取消")


class NoteKind(TextChoices):
    NOTE = "note", _("备注")
    CORRECTED = "corrected", _("改正")
    ASKED = "asked", _("申请")  # a proposal for a second person
    AGREED = "agreed", _("同意")
    DECLINED = "declined", _("不同意")
    CLAIMED = "claimed", _("认领")
    RELEASED = "released", _("放回")
    ASSIGNED = "assigned", _("指派")


class ProposalKind(TextChoices):
    BY_HAND = "by-hand", _("人工处理")
    CORRECT = "correct", _("改正后重试")


class ProposalState(TextChoices):
    OPEN = "open", _("待复核")
    AGREED = "agreed", _("已同意")
    DECLINED = "declined", _("不同意")
    VOID = "void", _("已失效")  # the incident was settled otherwise, or whoever asked took it back


class Cause(TextChoices):
    """Cause classes of the fallout desk (异常单)."""

    NETWORK = "network", _("网络")
    DATA = "data", _("数据")
    TIMEOUT = "timeout", _("超时")
    BUG = "bug", _("程序错误")
    BUSINESS = "business", _("业务规则")
    LOOP = "loop", _("流程循环")  # the process runs in circles without waiting
    DEADLOCK = "deadlock", _("流程互等")  # a join nobody will complete
    ORPHAN = "orphan", _("无主等待")  # a wait that nobody watched: the sweeper found it


class Position(TextChoices):
    """Where a node of an instance stands, for the picture and the step table."""

    DONE = "done", _("已完成")
    ACTIVE = "active", _("进行中")
    WAITING = "waiting", _("等待中")
    FAILED = "failed", _("异常")
    NOT_REACHED = "not-reached", _("未到")
    SKIPPED = "skipped", _("不经过")
    CANCELLED = "cancelled", _("已取消")
