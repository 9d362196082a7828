"""Words of changes to a service in operation (变更办理)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuthenticationKind(models.TextChoices):
    """How a customer proves that a broadband account is his (VER-09..VER-12)."""

    # account + number of the holder's document (VER-09)
    ACCOUNT_DOCUMENT = "account-document", _("账号加开户证件号码")
    # account + its password (VER-10)
    ACCOUNT_PASSWORD = "account-password", _("账号加密码")
    # the mobile number bound to the account, with the holder's document (VER-11)
    BOUND_NUMBER = "bound-number", _("绑定手机号码")
    # that number, and a one-time code that was sent to it (VER-11, VER-12)
    NUMBER_CODE = "number-code", _("绑定手机号码加短信验证码")
    # a system that proves its customers itself, by the scope of its token (TMF641)
    VOUCHED = "vouched", _("由接入系统鉴权")


# What a playbook may ask for at the counter.
AT_COUNTER = tuple(kind for kind in AuthenticationKind if kind != AuthenticationKind.VOUCHED)


class Standing(models.TextChoices):
    """How a service stands, as a playbook asks (`counter: from`, `unless`)."""

    WORKING = "working", _("在用")
    SUSPENDED = "suspended", _("客户停机")
    BARRED = "barred", _("欠费停机")


class Weight(models.TextChoices):
    """What a finding of a check means: `counter: checks`."""

    REFUSE = "refuse", _("不能办理")
    WARN = "warn", _("提示")
