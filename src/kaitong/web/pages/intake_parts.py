"""Pieces of the counter's page: addresses, the held port, plans, fees, what is missing, drafts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.ordering import bundles, case_rules, counter, drafts
from kaitong.ordering.models import Draft
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.places import queries as places
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.pages import intake_evidence as proof
from kaitong.web.pages import intake_people as people
from kaitong.web.pages.intake_people import Data, Faults, Known


@dataclass(frozen=True, slots=True)
class Spot:
    """An address and what can be had there; the refusals are told apart (BB-17)."""

    id: UUID
    title: str
    area: str
    full: str
    tone: str
    word: str
    text: str
    chosen: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """The port in front of the clerk; `left` and `whole` are seconds."""

    port: str
    until: datetime
    left: int
    whole: int


@dataclass(frozen=True, slots=True)
class Plan:
    key: str
    title: str
    monthly: int
    lines: tuple[str, ...]
    chosen: bool
    lacking: str = ""  # why it cannot be had here


@dataclass(frozen=True, slots=True)
class Fee:
    """A charge taken now; `listed` is what it costs without the marketing case."""

    title: str
    amount: int
    listed: int | None = None


@dataclass(frozen=True, slots=True)
class Todo:
    text: str
    done: bool
    anchor: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft of the same clerk to go on with."""

    id: UUID
    address: str
    word: str
    tone: str
    saved: datetime


def spot(hit: Any, verdict: Any, draft: Draft | None) -> Spot:
    """An address as its row says it; for the draft's own, its port comes before the verdict."""
    ours = draft is not None and bool(draft.port)
    tone, word = verdict.tone, verdict.label
    if draft is not None and ours:
        live = draft.held_until is not None and draft.held_until > now()
        tone, word = ("ok", _("已预占")) if live else ("soon", _("预占已到时"))
    return Spot(
        id=hit.id,
        title=hit.short_text,
        area=hit.area_text,
        full=hit.full_text,
        tone=tone,
        word=word,
        text=verdict.text if verdict.text != verdict.label else "",
        chosen=draft is not None,
        refused=not verdict.available and not ours,
    )


def address_of(actor: Actor, draft: Draft | None) -> Spot | None:
    if draft is None or draft.address_id is None:
        return None
    row = places.address(actor, draft.address_id)
    verdict = inventory.coverage_verdict(row.pk)
    return spot(row, verdict, draft)


def hold_of(draft: Draft | None, offers: list[counter.Offer], moment: datetime) -> Hold | None:
    if draft is None or draft.held_until is None or draft.held_until <= moment:
        return None
    left = int((draft.held_until - moment).total_seconds())
    whole = int(offers[0].hold_time.total_seconds()) if offers else left
    return Hold(draft.port, draft.held_until, left, max(left, whole))


def branch_name(actor: Actor) -> str:
    if actor.branch_id is None:
        return ""
    own = org.branch(actor.branch_id)
    return own.name_en if wording.english() and own.name_en else own.name


def plan_of(offer: counter.Offer, chosen: bool, *, refusing: bool = False) -> Plan:
    """`refusing`: only a demand is kept, which any plan may be."""
    offering = offer.offering
    lines = []
    speed = offering.characteristics
    if speed.get("down_mbps"):
        lines.append(
            _("下行 %(down)sM，上行 %(up)sM")
            % {"down": speed["down_mbps"], "up": speed.get("up_mbps", fmt.DASH)}
        )
    if offering.parts:
        lines.append(_("含 %s") % wording.several(bundles.titles(offering)))
    number, _space, unit = offering.term.partition(" ")
    if number.isdigit() and unit.startswith("month"):
        lines.append(_("合约 %(n)s 个月") % {"n": number})
    lines += [f"{fee.title} {fmt.yuan(fee.amount)}" for fee in fees_of(offer)]
    lacking = bundles.without_platforms(offer.lacking)[0] if offer.lacking and not refusing else ""
    chosen = chosen and not lacking
    return Plan(
        offering.key,
        case_rules.title_of(offering),
        offer.monthly_fen,
        tuple(lines),
        chosen,
        lacking,
    )


def fees_of(offer: counter.Offer | None) -> tuple[Fee, ...]:
    if offer is None:
        return ()
    say = playbooks.words(offer.offering.playbook, offer.offering.version)
    return tuple(
        Fee(say(str(charge["title"])), int(charge["amount"]), charge.get("listed"))
        for charge in offer.charges
        if charge["when"] == counter.NOW
    )


def todo_of(
    data: Data,
    wrong: Faults,
    known: Known | None,
    hold: Hold | None,
    offer: counter.Offer | None,
    total: int,
    *,
    refusing: bool,
) -> list[Todo]:
    own = [
        name
        for name in wrong
        if not name.startswith(people.AGENT) and name not in ("letter", "bound_number")
    ]
    faces = [name for name in wrong if name.removeprefix(people.AGENT) in proof.INPUTS]
    documents = [name for name in own if name not in ("name", "phone", *proof.INPUTS)]
    listed = [
        Todo(_("装机地址"), True, "s-address")
        if refusing
        else Todo(_("地址与端口"), hold is not None, "s-address"),
        Todo(
            _("套餐"),
            offer is not None and "bound_number" not in wrong and (refusing or not offer.lacking),
            "s-plan",
        ),
        Todo(
            _("客户姓名与电话"),
            known is not None if data.get("party") else not set(own) & {"name", "phone"},
            "s-people",
        ),
    ]
    if refusing:
        return listed
    good = not known.fault if known is not None else not documents and not data.get("party")
    listed.append(Todo(_("证件有效"), good, "s-people"))
    if faces:
        listed.append(Todo(_("人像比对"), False, "s-people"))
    if people.with_agent(data):
        title = _("经办人与介绍信") if people.is_organization(data) else _("代办人证件")
        clean = not any(
            (n.startswith(people.AGENT) and n not in faces) or n == "letter" for n in wrong
        )
        listed.append(Todo(title, clean, "s-agent"))
    if offer is None or total:
        listed.append(Todo(_("收费方式"), bool(data.get("method")), "s-pay"))
    return listed


def waiting_of(actor: Actor, moment: datetime) -> tuple[Waiting, ...]:
    rows = drafts.drafts_of(actor, limit=8)
    texts = places.short_texts(row.address_id for row in rows)
    return tuple(
        Waiting(
            row.pk,
            texts.get(row.address_id, fmt.DASH) if row.address_id else fmt.DASH,
            *_stand(row, moment),
            row.updated_at,
        )
        for row in rows
    )


def _stand(row: Draft, moment: datetime) -> tuple[str, str]:
    if not row.port:
        return _("没有预占端口"), "wait"
    if row.held_until is None or row.held_until <= moment:
        return _("预占已到时"), "soon"
    return _("预占还剩 %(left)s") % {"left": fmt.span(row.held_until - moment)}, "you"
