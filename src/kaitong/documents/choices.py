"""Choices of documents."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Restart(models.TextChoices):
    """When a number's sequence starts at one again."""

    DAILY = "daily", _("每日")
    MONTHLY = "monthly", _("每月")
    YEARLY = "yearly", _("每年")
    NEVER = "never", _("不重排")


class PaperState(models.TextChoices):
    ISSUED = "issued", _("有效")
    VOID = "void", _("作废")


class AttachmentKind(models.TextChoices):
    """What an attachment shows. Identity evidence is recorded at every reading."""

    IDENTITY = "identity", _("证件影像")
    IDENTITY_FRONT = "identity-front", _("证件正面")
    IDENTITY_BACK = "identity-back", _("证件背面")
    LICENCE = "licence", _("单位证照")
    LETTER = "letter", _("单位介绍信")
    PORT_LABEL = "port-label", _("端口标签照片")
    TERMINAL = "terminal", _("终端照片")
    POWER = "power", _("光功率照片")
    SCENE = "scene", _("现场照片")
    SPEED = "speed", _("测速照片")
    SIGNATURE = "signature", _("签名")
    EVIDENCE = "evidence", _("凭证")
    OTHER = "other", _("其他")


SENSITIVE = {
    AttachmentKind.IDENTITY,
    AttachmentKind.IDENTITY_FRONT,
    AttachmentKind.IDENTITY_BACK,
    AttachmentKind.LICENCE,
    AttachmentKind.LETTER,
}
