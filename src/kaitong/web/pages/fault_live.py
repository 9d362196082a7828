"""Live facts beside a fault's form: account, line, network, neighbours, orders (BB-12 step 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.activation import queries as activation
from kaitong.activation.adapters.base import Proof, ProofResult
from kaitong.activation.choices import Verb
from kaitong.activation.refusals import Why, refusals
from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import CauseState, Level, TicketState
from kaitong.charging import queries as charging
from kaitong.core import wording
from kaitong.inventory import beneath
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import FINAL as ENDED
from kaitong.ordering.choices import OrderState
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.pages import spoken
from kaitong.web.pages.fault_facts import of_faults
from kaitong.web.pages.parts import Note

_SAID = 5


@dataclass(frozen=True, slots=True)
class Said:
    """Something the network said of the line."""

    at: datetime
    what: str
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Near:
    """Another broken line, or an order, beside this one."""

    url: str
    number: str
    text: str
    where: str
    tone: str = "wait"
    state: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """What is known of a line while the customer is on the telephone."""

    service_id: UUID
    notes: tuple[Note, ...]
    account: str
    state_text: str
    tone: str
    reason: str
    plan: str
    address: str
    olt: str
    pon: str
    box: str
    port: str
    logical_id: str
    terminal: str
    power: str
    said: tuple[Said, ...]
    near: tuple[Near, ...]
    orders: tuple[Near, ...]
    before: tuple[Near, ...]
    not_fault: str


def live(actor: Actor, service: ServiceView, *, but: UUID | None = None) -> Live:
    """`but`: the ticket whose page it is. Constant queries; the network is not asked."""
    there = beneath.line_places([service.id]).get(service.id)
    places = {
        level: one
        for level, one in (
            (Level.SPLITTER.value, there.box_id if there else None),
            (Level.PON.value, there.pon_id if there else None),
            (Level.OLT.value, there.olt_id if there else None),
        )
        if one is not None
    }
    pieces = inventory.terminals_of([service.id]).get(service.id, [])
    power = service.characteristics.get("power_dbm")
    speeds = [service.characteristics.get(key) for key in ("down_mbps", "up_mbps")]
    say = playbooks.words(service.playbook, service.version) if service.version else str
    plan = say(service.title)
    if all(speeds):
        plan += f" · {speeds[0]}M/{speeds[1]}M"
    refused = assurance.not_a_fault(service)
    return Live(
        service_id=service.id,
        notes=tuple(_notes(actor, service.id, places, refused)),
        account=service.account,
        state_text=str(service.state.label),
        tone=service.state.tone,
        reason=spoken.reason(service.reason, say),
        plan=plan,
        address=service.address_short,
        olt=there.olt if there else "",
        pon=there.pon if there else "",
        box=there.box if there else "",
        port=service.port_text,
        logical_id=service.logical_id_grouped,
        terminal=wording.several(f"{t.model} {t.serial}" for t in pieces),
        power=f"{str(power).replace('-', '−')} dBm" if power is not None else "",
        said=tuple(_said(actor, service)),
        near=tuple(_near(actor, places, but)),
        orders=tuple(_orders(actor, service)),
        before=tuple(_before(actor, service, but)),
        not_fault=wording.read(refused),
    )


def seen_text(proof: Proof, account: str) -> tuple[str, str]:
    """(tone, sentence) of a look at the network."""
    seen = proof.facts.get("seen", {})
    if proof.facts.get("expected") == {}:  # who is registered is seen there, and not from where
        return ("ok", _("话机已注册。")) if proof.ok else ("late", _("话机没有注册。"))
    if proof.result is ProofResult.NOT_SEEN:
        return "late", _("账号 %(account)s 现在没有会话。") % {"account": account}
    where = f"{seen.get('access_node', '')} {seen.get('pon_port', '')}".strip()
    if proof.ok:
        return "ok", _("会话在线，从 %(where)s 上线，与登记一致。") % {"where": where}
    return "soon", _("会话在线，但从 %(where)s 上线，与登记不一致。") % {"where": where}


def refused_texts(service: ServiceView) -> list[tuple[str, str]]:
    """(tone, sentence) of logins the server refused lately; none where it cannot be asked."""
    words = {
        Why.BARRED: _("账号已停机"),
        Why.PASSWORD: _("密码不对"),
        Why.OTHER: _("账号不对或没有登记"),
    }
    return [
        (
            "late",
            _("%(at)s 拨号被拒绝：%(why)s。") % {"at": fmt.short(one.at), "why": words[one.why]},
        )
        for one in refusals(service)
    ]


# ---- inside --------------------------------------------------------------------------------------


def _arrears(service_id: UUID) -> list[Note]:
    owed = charging.arrears(service_id=service_id)
    if not owed.overdue_fen:
        return []
    text = _("其中逾期 %(sum)s，请提醒客户缴清。") % {"sum": charging.yuan(owed.overdue_fen)}
    strong = _("欠费 %(sum)s。") % {"sum": charging.yuan(owed.owed_fen)}
    return [Note("soon", "coin", strong, text)]


def _notes(actor: Actor, service_id: UUID, places: dict[str, UUID], refused: str) -> list[Note]:
    found = list(_arrears(service_id))
    if refused:
        text = _("受理后会登记为“不予受理”，并告知客户。")
        found.append(Note("late", "ban", wording.read(refused), text))
    for cause in assurance.causes_at(actor, places):
        until = fmt.short(cause.expected_at) if cause.expected_at else "—"
        if cause.state == CauseState.CONFIRMED:
            strong = _("群障 %(number)s 正在抢修。") % {"number": cause.number}
            text = _("%(place)s，预计 %(until)s 恢复：告诉客户，不必逐项询问。")
            tone = "late"
        else:
            strong = _("可能是群障 %(number)s。") % {"number": cause.number}
            text = _("%(place)s 下有几户同时报障，监控正在确认。")
            tone = "soon"
        words = {"place": cause.resource_text, "until": until}
        found.append(Note(tone, "alert-triangle", strong, text % words))
    for alarm in assurance.alarms_at(actor, places.values())[:3]:
        what = f"{alarm.element} {alarm.component}".strip()
        text = " · ".join(p for p in (alarm.kind, alarm.text, fmt.short(alarm.raised_at)) if p)
        found.append(Note("late", "bell-ringing", _("网元告警：%(what)s") % {"what": what}, text))
    return found


def _said(actor: Actor, service: ServiceView) -> list[Said]:
    proofs = [
        Said(p.at, str(Verb(f"prove-{p.kind}").label), wording.read(p.summary), _tone(p.ok))
        for p in service.proofs
    ]
    rows = activation.exchanges(actor, service_id=service.id, limit=20)
    failed = [
        Said(row.at, row.verb_title, f"{row.element}：{row.cause}", "late")
        for row in rows
        if not row.ok and row.cause
    ]
    return sorted([*proofs, *failed], key=lambda one: one.at, reverse=True)[:_SAID]


def _tone(ok: bool) -> str:
    return "ok" if ok else "late"


def _near(actor: Actor, places: dict[str, UUID], but: UUID | None) -> list[Near]:
    rows = assurance.open_near(actor, places, but=but)
    facts = of_faults([row for _level, row in rows])
    return [
        Near(
            url=reverse("web:fault", args=[row.pk]),
            number=facts[row.pk].number,
            text=f"{facts[row.pk].product} · {facts[row.pk].address}",
            where=_("同%(level)s") % {"level": Level(level).label},
            tone="late" if level == Level.SPLITTER else "soon",
        )
        for level, row in rows
    ]


def _orders(actor: Actor, service: ServiceView) -> list[Near]:
    """Orders of this line that have not ended."""
    found = []
    ids = [service.order_id] if service.order_id else []
    for row in ordering.by_ids(actor, ids):
        if row.state in ENDED:
            continue
        found.append(
            Near(
                url=reverse("web:order", args=[row.pk]),
                number=row.number or "",
                text=str(OrderState(row.state).label),
                where=_("在途订单"),
            )
        )
    return found


def _before(actor: Actor, service: ServiceView, but: UUID | None) -> list[Near]:
    rows = [row for row in assurance.recent_of_service(actor, service.id) if row.pk != but]
    facts = of_faults(rows)
    return [
        Near(
            url=reverse("web:fault", args=[row.pk]),
            number=facts[row.pk].number,
            text=" · ".join(
                part for part in (facts[row.pk].product, facts[row.pk].say(row.cause_title)) if part
            ),
            where=fmt.short(row.reported_at),
            state=str(TicketState(row.state).label),
        )
        for row in rows[:5]
    ]
