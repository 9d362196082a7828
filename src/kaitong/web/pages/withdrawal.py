"""The question before an order is withdrawn (撤单): what will happen, in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging.queries import yuan
from kaitong.core.ids import uuid7
from kaitong.ordering import queries as ordering
from kaitong.ordering.plans import MoneyLine, ReasonGroup, WithdrawalPlan, method_back
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.pages import spoken
from kaitong.web.pages.names import post_names


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that will happen: a number, and what it counts."""

    number: str
    text: str


@dataclass(frozen=True, slots=True)
class WithdrawPage:
    order_id: UUID
    number: str
    refusal: str
    remedy: str
    effects: tuple[Effect, ...]
    warnings: tuple[str, ...]
    reasons: tuple[ReasonGroup, ...]
    button: str
    plan: str  # fingerprint of what is shown
    key: str
    reason: str = ""
    note: str = ""
    fault: str = ""
    error: str = ""  # at the reason


def page(
    actor: Actor,
    order_id: UUID,
    *,
    key: str = "",
    reason: str = "",
    note: str = "",
    fault: str = "",
    error: str = "",
) -> WithdrawPage:
    plan = ordering.withdrawal_plan(actor, order_id)
    back = plan.refund_fen
    say: Callable[[str], str] = playbooks.words(*plan.playbook) if all(plan.playbook) else str
    return WithdrawPage(
        order_id=order_id,
        number=plan.number,
        refusal=spoken.steps(plan.refusal, say),
        remedy=plan.remedy,
        effects=tuple(_effects(plan)) if plan.possible else (),
        warnings=tuple(_warnings(plan)) if plan.possible else (),
        reasons=plan.reasons,
        button=_("撤单并退 %(sum)s") % {"sum": yuan(back)} if back else _("撤单"),
        plan=plan.fingerprint,
        key=key or str(uuid7()),
        reason=reason,
        note=note,
        fault=fault,
        error=error,
    )


def _effects(plan: WithdrawalPlan) -> list[Effect]:
    posts = post_names()
    say: Callable[[str], str] = playbooks.words(*plan.playbook) if all(plan.playbook) else str
    found = [Effect(yuan(fen), method_back(method)) for method, fen in plan.by_method.items()]
    if not found:
        found.append(Effect(yuan(0), _("没有要退的费用")))
    kept = [(line, _kept(line, say(line.title))) for line in plan.money]
    found += [Effect(yuan(line.amount_fen), text) for line, text in kept if text]
    if plan.fee_fen:
        found.append(Effect(yuan(plan.fee_fen), _("扣作撤单手续费")))
    for service in plan.services:
        if service.port:
            text = _("端口放开：%(port)s") % {"port": service.port}
            found.append(Effect(_("1 个"), text))
        if service.account:
            text = _("账号停用，从认证系统撤下：%(account)s") % {"account": service.account}
            found.append(Effect(_("1 个"), text))
        if service.terminals:
            text = _("光猫已装，转为待回收：%(serials)s") % {
                "serials": fmt.mark("、").join(service.terminals)
            }
            found.append(Effect(_("%(n)s 台") % {"n": len(service.terminals)}, text))
    if plan.work:
        told = fmt.mark("、").join(
            _("%(work)s（%(who)s）")
            % {"work": say(work.title), "who": work.person or posts.get(work.post, work.post)}
            for work in plan.work
        )
        text = _("在办工单结束：%(work)s") % {"work": told}
        found.append(Effect(_("%(n)s 张") % {"n": len(plan.work)}, text))
    if plan.appointment is not None:
        at = f"{timezone.localtime(plan.appointment[0]):%m-%d %H:%M}"
        found.append(Effect(_("1 次"), _("上门预约取消：%(at)s") % {"at": at}))
    return found


def _kept(line: MoneyLine, title: str) -> str:
    match line.outcome:
        case "keep":
            return _("%(title)s不退：%(why)s") % {"title": title, "why": line.why}
        case "owed":
            return _("%(title)s仍要收：%(why)s") % {"title": title, "why": line.why}
        case "void":
            return _("%(title)s不再收") % {"title": title}
    return ""


def _warnings(plan: WithdrawalPlan) -> list[str]:
    found = []
    if plan.needs_approval and plan.approve_above_fen is not None:
        text = _("退费超过 %(limit)s，要由另一人复核后才退。")
        found.append(text % {"limit": yuan(plan.approve_above_fen)})
    found.append(_("撤单后不能恢复，只能重新受理。"))
    return found
