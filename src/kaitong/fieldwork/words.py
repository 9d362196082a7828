"""Findings of the live check in sentences: what was found, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from kaitong.fieldwork.choices import Finding, Tone


def sentence(code: str, tone: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    """(what, remedy) in the reader's language; the remedy is empty where nothing is to be done."""
    good = tone in (Tone.OK, Tone.WAIT)
    match code:
        case Finding.AWAY:
            return (
                _("认证系统没有应答，无法核验。") % facts,
                _("请稍后再核验；等不得的，由班长凭证据放行。"),
            )
        case Finding.DATA:
            return _("线路登记不完整：%(what)s") % facts, _("请联系资源配置岗或网络部门。")
        case Finding.ACCOUNT if tone == Tone.OK:
            return _("账号 %(account)s 已验证。") % facts, ""
        case Finding.ACCOUNT:
            return _("账号 %(account)s 还在验证。") % facts, ""
        case Finding.SESSION if facts.get("registered"):
            if good:
                return _("号码 %(account)s 的话机已注册。") % facts, ""
            return (
                _("没有看到号码 %(account)s 的话机注册。") % facts,
                _("请核对光猫电源、皮线、逻辑 SN 和话机接线，注册后再核验。"),
            )
        case Finding.SESSION if good:
            return _("账号 %(account)s 的会话在线。") % facts, ""
        case Finding.SESSION:
            return (
                _("没有看到账号 %(account)s 的会话。") % facts,
                _("请核对光猫电源、皮线和逻辑 SN，上线后再核验。"),
            )
        case Finding.PORT_NAME:
            return (
                _("现网报的端口名 %(seen)s 认不出来。") % facts,
                _("请网管监控核对接入服务器的端口格式。"),
            )
        case Finding.PORT if good:
            return _("PON 口与登记一致：%(seen)s。") % facts, ""
        case Finding.PORT:
            return (
                _("PON 口与登记不一致：现网 %(seen)s，登记 %(expected)s。") % facts,
                _("标签属实就更正登记；插错了就改回登记的端口，再核验。"),
            )
        case Finding.LOGICAL_ID if good:
            return _("逻辑 SN 与登记一致。"), ""
        case Finding.LOGICAL_ID:
            return (
                _("逻辑 SN 与登记不一致：现网 %(seen)s，登记 %(expected)s。") % facts,
                _("请把登记的逻辑 SN 重新写入光猫；首位是字母 O，不是数字 0。"),
            )
        case Finding.USER_PORT:
            return (
                _("ONU 用户端口与登记不一致：现网 %(seen)s，登记 %(expected)s。") % facts,
                _("请改接登记的用户端口，或换端口后再核验。"),
            )
        case Finding.POWER:
            return _power(tone, facts)
        case Finding.TERMINAL:
            return _terminal(tone, facts)
    return code, ""


def _power(tone: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    if facts.get("value") is None:
        return _("没有填接收光功率。"), _("请用光功率计在光猫侧测量后填写。")
    if tone == Tone.OK:
        return _("光功率 %(value)s dBm，达标。") % facts, ""
    if tone == Tone.SOON:
        return (
            _("光功率 %(value)s dBm，偏弱（好：%(good)s 至 %(highest)s）。") % facts,
            _("可以回单；能处理的请先清洁接头。"),
        )
    if facts.get("too") == "high":
        return (
            _("光功率 %(value)s dBm，高于 %(highest)s dBm。") % facts,
            _("请加光衰或核对分光级数，再测。"),
        )
    return (
        _("光功率 %(value)s dBm，低于 %(lowest)s dBm。") % facts,
        _("请清洁接头、查弯折和分光器，再测。"),
    )


def _terminal(tone: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    if tone == Tone.OK:
        return _("终端 %(serial)s（%(model)s）。") % facts, ""
    match facts.get("why"):
        case "missing":
            return _("还没有登记终端。"), _("请扫终端标签上的串号。")
        case "logical-id":
            return (
                _("%(serial)s 是逻辑 SN，不是终端串号。") % facts,
                _("请扫终端标签上的串号。"),
            )
        case "confused":
            return (
                _("串号 %(serial)s 不在库存里，库存有 %(meant)s。") % facts,
                _("请核对标签：数字 0 与字母 O、数字 1 与字母 I 容易混。"),
            )
        case "elsewhere":
            return (
                _("终端 %(serial)s 已装在另一个服务上。") % facts,
                _("请核对标签上的串号，或换一台。"),
            )
        case "state":
            return (
                _("终端 %(serial)s 现在是%(state)s，不能安装。") % facts,
                _("请换一台，或先办理入库。"),
            )
    return (
        _("串号 %(serial)s 不在本分公司的库存里。") % facts,
        _("请核对标签；新终端先入库。"),
    )
