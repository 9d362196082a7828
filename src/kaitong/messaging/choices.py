"""Who is told, by which channel, and how far a notice has come."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class To(TextChoices):
    CUSTOMER = "customer", _("客户")
    AGENT = "agent", _("代办人")
    STAFF = "staff", _("员工")


class Channel(TextChoices):
    """What a playbook asks for. What serves it is configuration (``channels``)."""

    SMS = "sms", _("短信")
    MAIL = "mail", _("邮件")
    FILE = "file", _("文件")


class NoticeState(TextChoices):
    QUEUED = "queued", _("待发送")  # to be sent at `next_at`, first or again
    SENDING = "sending", _("发送中")  # leased by a worker until `lease_until`
    SENT = "sent", _("已发送")  # the channel took it
    FAILED = "failed", _("发送失败")  # given up; a person may send it again
    SKIPPED = "skipped", _("未发送")  # nobody to send it to


class Trouble(TextChoices):
    """Why the last try did not send it."""

    NO_ADDRESS = "no-address", _("没有可用的号码或邮箱")
    UNREACHABLE = "unreachable", _("通道没有应答")
    BUSY = "busy", _("通道暂时不收")
    RECIPIENT = "recipient", _("收件人被拒绝")
    REFUSED = "refused", _("通道拒收")
    CONFIGURATION = "configuration", _("通道没有配好")
    INTERRUPTED = "interrupted", _("发送中断，结果不明")
    TOO_LATE = "too-late", _("已过有效期，不再发送")


OPEN = (NoticeState.QUEUED.value, NoticeState.SENDING.value)
UNSENT = (NoticeState.FAILED.value, NoticeState.SKIPPED.value)
