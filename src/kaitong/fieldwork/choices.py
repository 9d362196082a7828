"""Words of the live check."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Tone(TextChoices):
    """How a finding stands; `late` is what refuses the completion."""

    OK = "ok", _("通过")
    SOON = "soon", _("注意")  # passes, and somebody should look at it
    LATE = "late", _("未通过")
    WAIT = "wait", _("等待")  # not known yet, and not what the completion hangs on


class ChangeKind(TextChoices):
    """What was changed on the spot."""

    PORT = "port", _("换端口")  # the line was moved to another port
    CORRECT = "correct", _("更正登记")  # the line was there all along, the record was not
    TERMINAL = "terminal", _("换终端")
    RESEND = "resend", _("重发数据")


class Finding(TextChoices):
    """What the check looks at. Sentences for each: `words.py`."""

    AWAY = "away", _("认证系统")  # the network could not be asked
    DATA = "data", _("登记资料")  # the record of the line is not complete
    ACCOUNT = "account", _("账号")  # proven before, by the process itself
    SESSION = "session", _("会话")
    PORT_NAME = "port-name", _("端口名")  # the network names a port nobody can read
    PORT = "port", _("PON 口")
    LOGICAL_ID = "logical-id", _("逻辑 SN")
    USER_PORT = "user-port", _("用户端口")
    POWER = "power", _("光功率")
    TERMINAL = "terminal", _("终端")
