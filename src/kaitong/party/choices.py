"""Choices of customers: kinds, grades, roles, and the faults an identity document can have."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PartyKind(models.TextChoices):
    """Kind of customer; the words are those of TM Forum's party model."""

    INDIVIDUAL = "individual", _("个人")
    ORGANIZATION = "organization", _("单位")


class Grade(models.TextChoices):
    """Customer grade (客户等级): some budgets and prices differ by it."""

    ORDINARY = "ordinary", _("普通")
    SILVER = "silver", _("银卡")
    GOLD = "gold", _("金卡")
    DIAMOND = "diamond", _("钻石")


class PhoneKind(models.TextChoices):
    MOBILE = "mobile", _("手机")
    FIXED = "fixed", _("固定电话")


class Role(models.TextChoices):
    """Who comes to the counter for somebody else."""

    AGENT = "agent", _("代办人")  # for a person (VER-03)
    HANDLER = "handler", _("经办人")  # for an organisation (VER-04)


class Bearer(models.TextChoices):
    """Whose document is put on the counter."""

    CUSTOMER = "customer", _("客户本人")
    AGENT = "agent", _("代办人")
    HANDLER = "handler", _("经办人")
    ORGANIZATION = "organization", _("单位")
    LETTER = "letter", _("单位介绍信")


class FaceResult(models.TextChoices):
    """Outcome of a face comparison (人像比对)."""

    NOT_DONE = "not-done", _("未比对")
    PASSED = "passed", _("人像比对通过")
    FAILED = "failed", _("人像比对未通过")
    UNAVAILABLE = "unavailable", _("人像比对不可用")


class FaceSource(models.TextChoices):
    """Who compared the face: a machine, or somebody who looked and says why."""

    READER = "reader", _("读卡终端")
    PLATFORM = "platform", _("比对平台")
    BY_HAND = "by-hand", _("人工比对")


class FaultCode(models.TextChoices):
    """What can be wrong with a document, or with what was brought to the counter."""

    UNKNOWN_KIND = "unknown-kind", _("不认识这种证件")
    NOT_ACCEPTED = "not-accepted", _("这种证件当日不可用于办理")
    NOT_FOR_THIS_CUSTOMER = "not-for-this-customer", _("这种证件不适用于该类客户")
    EMPTY = "empty", _("没有填写证件号码")
    WRONG_LENGTH = "wrong-length", _("证件号码位数不对")
    WRONG_FORMAT = "wrong-format", _("证件号码格式不对")
    WRONG_CHECK_DIGIT = "wrong-check-digit", _("证件号码校验位不对")
    WRONG_BIRTH_DATE = "wrong-birth-date", _("证件号码中的出生日期不存在")
    NO_VALIDITY = "no-validity", _("没有填写证件有效期")
    EXPIRED = "expired", _("证件已过有效期")
    NOT_YET_VALID = "not-yet-valid", _("证件尚未生效")
    VALIDITY_REVERSED = "validity-reversed", _("证件有效期的起止颠倒")
    MISSING_DOCUMENT = "missing-document", _("缺少证件")
    NOT_ORIGINAL = "not-original", _("不是证件原件")
    NO_EVIDENCE = "no-evidence", _("没有留存证件影像，也没有读卡")
    FACE_FAILED = "face-failed", _("人像比对未通过")


REMEDIES = {
    FaultCode.UNKNOWN_KIND: _("请从证件类型中选择。"),
    FaultCode.NOT_ACCEPTED: _("请客户出示现行有效的证件。"),
    FaultCode.NOT_FOR_THIS_CUSTOMER: _("个人用个人证件，单位用营业执照等单位证件。"),
    FaultCode.EMPTY: _("请读卡或录入号码。"),
    FaultCode.WRONG_LENGTH: _("请对照证件逐位核对。"),
    FaultCode.WRONG_FORMAT: _("请对照证件逐位核对。"),
    FaultCode.WRONG_CHECK_DIGIT: _("请对照证件逐位核对，或改用读卡器。"),
    FaultCode.WRONG_BIRTH_DATE: _("请核对第 7 至 14 位。"),
    FaultCode.NO_VALIDITY: _("请录入有效期止；长期有效的请勾选长期。"),
    FaultCode.EXPIRED: _("请客户换领新证后再办理。"),
    FaultCode.NOT_YET_VALID: _("请核对有效期起。"),
    FaultCode.VALIDITY_REVERSED: _("请核对有效期起止。"),
    FaultCode.MISSING_DOCUMENT: _("请补齐证件后再办理。"),
    FaultCode.NOT_ORIGINAL: _("请出示原件，复印件不能代替。"),
    FaultCode.NO_EVIDENCE: _("请读卡，或拍照留存证件影像。"),
    FaultCode.FACE_FAILED: _("请重新比对，或由班长核实后办理。"),
}
