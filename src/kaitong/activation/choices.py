"""Words of activation; each says what it means."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ElementKind(TextChoices):
    # the server that decides who may log in and keeps the accounting of sessions
    AAA = "aaa", _("认证系统")
    # the voice platform: the registrar of fixed telephones
    VOICE = "voice", _("固话平台")
    # the server that gives set-top boxes their addresses and options
    DHCP = "dhcp", _("DHCP 平台")
    # optical line terminal
    OLT = "olt", _("OLT")


class ElementState(TextChoices):
    # changes are sent and proofs are asked
    IN_SERVICE = "in-service", _("在用")
    # nothing is sent: work for it waits
    OUT_OF_SERVICE = "out-of-service", _("停用")


class DifferenceKind(TextChoices):
    """How an element and the inventory disagree about an account."""

    # a service in operation the element knows nothing of
    MISSING = "missing", _("网元缺少")
    # an account no service has
    EXTRA = "extra", _("网元多出")
    # both have it, and not alike
    DIFFERENT = "different", _("两边不同")


class Verb(TextChoices):
    """What an exchange with an element was for."""

    APPLY = "apply", _("下发")
    READ = "read", _("读取")
    PROVE_ACCOUNT = "prove-account", _("账号验证")
    PROVE_LINE = "prove-line", _("开通验证")
    UNDO = "undo", _("撤销")
    PROVE_REMOVED = "prove-removed", _("撤下验证")
    SUSPEND = "suspend", _("停机")
    PROVE_SUSPENDED = "prove-suspended", _("停机验证")
    RESUME = "resume", _("复机")
    PASSWORD = "change-password", _("改密码")
    PROVE_PASSWORD = "prove-password", _("新密码验证")
    RENAME = "rename-account", _("改账号")
    PLAN = "change-plan", _("改套餐")
    PROVE_PLAN = "prove-plan", _("套餐验证")
    CHANGE_LIVE = "change-live", _("在线变更")
    DISCONNECT = "disconnect", _("断线")
    SESSIONS = "sessions", _("查询会话")
    BATCH = "batch", _("批量下发")
