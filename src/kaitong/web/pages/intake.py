"""The counter's page (新装受理): address, plan, people, money, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.catalog.models import Offering
from kaitong.charging.choices import Method
from kaitong.core.clock import now
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.ordering import counter, drafts, evidence
from kaitong.ordering.models import Draft
from kaitong.ordering.requests import AddressRef, PaymentData, SubmitItem, SubmitOrder
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import kinds as tables
from kaitong.party.queries import Summary
from kaitong.places import queries as places
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.forms import Field
from kaitong.web.pages import intake_case as marketing
from kaitong.web.pages import intake_evidence as proof
from kaitong.web.pages import intake_people as people
from kaitong.web.pages.intake_people import Data, Faults, Known

SHORTEST, MOST = 2, 12
ASKED = ("q", "offering", "method", *marketing.INPUTS, *people.names())


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


@dataclass(frozen=True, slots=True)
class IntakePage:
    draft_id: UUID
    branch: str
    saved: datetime | None
    q: str
    spots: tuple[Spot, ...]
    address: Spot | None
    hold: Hold | None
    gone: bool
    plans: tuple[Plan, ...]
    cases: marketing.Cases
    data: Data
    known: Known | None
    hits: tuple[Summary, ...]
    fields: tuple[Field, ...]
    agent_fields: tuple[Field, ...]
    organization: bool
    letter: Field
    evidence: proof.Evidence
    agent_evidence: proof.Evidence
    letter_photo: Field | None
    differs: str  # the input whose name is another than the one registered
    faults: Faults
    fees: tuple[Fee, ...]
    total: int
    monthly: int
    methods: tuple[tuple[str, str, bool], ...]
    todo: tuple[Todo, ...]
    due: datetime | None
    hold_minutes: int
    unread: bool
    fault: str
    waiting: tuple[Waiting, ...]

    @property
    def refusing(self) -> bool:
        """The address cannot be served: all that can be done is to record the demand."""
        return self.address is not None and self.address.refused

    @property
    def missing(self) -> int:
        return sum(not one.done for one in self.todo)

    @property
    def people_done(self) -> bool:
        return all(one.done for one in self.todo if one.anchor == "s-people")

    @property
    def ready(self) -> int:
        return sum(one.done for one in self.todo)


def read(posted: Mapping[str, str]) -> dict[str, str]:
    """What the page asks, as it was entered; empty inputs are left out."""
    entered = {name: (posted.get(name) or "").strip()[:120] for name in (*ASKED, "party")}
    return {name: text for name, text in entered.items() if text}


def spots(actor: Actor, typed: str, draft: Draft | None = None) -> tuple[Spot, ...]:
    """Addresses while a clerk types, each with its verdict."""
    if len(typed.strip()) < SHORTEST:
        return ()
    found = places.search(actor, typed, limit=MOST)
    verdicts = inventory.coverage_verdicts(hit.id for hit in found)
    chosen = draft.address_id if draft is not None else None
    rows = [
        _spot(hit, verdicts[hit.id], draft if hit.id == chosen else None)
        for hit in found
        if hit.id in verdicts
    ]
    return tuple(sorted(rows, key=lambda row: not row.chosen))


def page(
    actor: Actor,
    draft_id: UUID,
    draft: Draft | None,
    data: Data,
    *,
    faults: Faults | None = None,
    fault: str = "",
    differs: str = "",
) -> IntakePage:
    """The page as it stands. Without `faults` only what was typed is judged."""
    moment = now()
    on = timezone.localdate(moment)
    offers = counter.offers(actor)
    cases = counter.cases(on, offers)
    offer = marketing.chosen(_chosen(offers, data), cases, data)
    kinds = _kinds(offers, data)
    address = _address(actor, draft)
    refusing = address is not None and address.refused
    uploads = documents.uploads(actor, draft_id) if draft is not None else {}
    terms = offer or next(iter(offers), None)
    face_pass = terms.face_pass if terms is not None else 0
    wrong = people.check(
        data,
        on,
        kinds,
        short=refusing,
        face_pass=face_pass,
        letter_kept=evidence.LETTER in uploads,
    )
    if not refusing:
        marketing.check(wrong, offer, data)
    shown = people.typed_only(wrong, data) if faults is None else faults
    known = people.known(actor, data["party"], on, kinds) if data.get("party") else None
    organization = people.is_organization(data)
    of_person = partial(
        proof.of_person, data, draft_id, uploads, kinds, shown, wrong, face_pass=face_pass
    )
    nothing, nothing_more = proof.Evidence(), marketing.Cases()
    own = agents = nothing
    if not refusing:
        record = proof.kept(actor, known.id, kinds) if known is not None else None
        own = of_person(prefix="", organization=organization, known=record)
        if people.with_agent(data):
            agents = of_person(prefix=people.AGENT, organization=False)
    hold = _hold(draft, offers, moment)
    fees = _fees(offer)
    total = sum(fee.amount for fee in fees)
    promise = None
    if offer is not None and actor.branch_id is not None and not refusing:
        promise = offer.promise(actor.branch_id, moment)
    return IntakePage(
        draft_id=draft_id,
        branch=_branch(actor),
        saved=draft.updated_at if draft is not None else None,
        q=str(data.get("q", "")),
        spots=spots(actor, str(data.get("q", "")), draft),
        address=address,
        hold=hold,
        gone=bool(draft and draft.port and hold is None and not refusing),
        plans=tuple(_plan(one, one.offering.key == data.get("offering")) for one in offers),
        cases=marketing.cards(offer, cases, data, wrong, shown) if not refusing else nothing_more,
        data=data,
        known=known,
        hits=tuple(people.hits(actor, data)),
        fields=tuple(people.fields(data, shown, on, kinds, prefix="", short=refusing)),
        agent_fields=tuple(
            people.fields(data, shown, on, kinds, prefix=people.AGENT, short=False)
            if people.with_agent(data)
            else ()
        ),
        organization=organization,
        evidence=own,
        agent_evidence=agents,
        letter_photo=proof.letter(draft_id, uploads) if organization and not refusing else None,
        differs=differs,
        letter=Field(
            "letter",
            _("已收存单位介绍信原件"),
            "check",
            value=bool(data.get("letter")),
            required=evidence.LETTER not in uploads,
            errors=tuple(shown.get("letter", ())),
        ),
        faults=shown,
        fees=fees,
        total=total,
        monthly=offer.monthly_fen if offer is not None else 0,
        methods=tuple(
            (str(value), str(label), data.get("method") == value)
            for value, label in (
                (Method.CARD.value, Method.CARD.label),
                (Method.CASH.value, Method.CASH.label),
                (Method.BILL.value, Method.BILL.label),
            )
        ),
        todo=tuple(_todo(data, wrong, known, hold, offer, total, refusing=refusing)),
        due=promise.due_at if promise is not None else None,
        hold_minutes=round(offers[0].hold_time.total_seconds() / 60) if offers else 0,
        unread=not refusing
        and not (own.complete and (agents.complete or not people.with_agent(data))),
        fault=fault,
        waiting=() if draft is not None else _waiting(actor, moment),
    )


def faults_of(actor: Actor, draft: Draft, data: Data, *, refusing: bool) -> Faults:
    """All that keeps the request from being submitted, by input."""
    offers = counter.offers(actor)
    on = timezone.localdate(now())
    kinds = _kinds(offers, data)
    offer = marketing.chosen(_chosen(offers, data), counter.cases(on, offers), data)
    found = people.check(
        data,
        on,
        kinds,
        short=refusing,
        face_pass=offer.face_pass if offer is not None else 0,
        letter_kept=evidence.LETTER in documents.uploads(actor, draft.pk),
    )
    if not refusing:
        marketing.check(found, offer, data)
    if offer is None:
        found["offering"] = [people.sentences(_("没有选套餐。"), _("请选一个。"))]
    if data.get("party"):
        known = people.known(actor, data["party"], on, kinds)
        if known is None or (known.fault and not refusing):
            found["party"] = [known.fault if known else _("没有这位客户。")]
    if not refusing and offer is not None and offer.due_now_fen and not data.get("method"):
        found["method"] = [people.sentences(_("没有选收费方式。"), _("请选一种。"))]
    return found


def request(actor: Actor, draft: Draft, data: Data, *, refusing: bool, shown: int) -> SubmitOrder:
    """The request as `submit` takes it; `shown` is the sum that stood on the page."""
    offers = counter.offers(actor)
    cases = counter.cases(timezone.localdate(now()), offers)
    offer = marketing.chosen(_chosen(offers, data), cases, data)
    assert offer is not None
    case = None if refusing else offer.case
    bound = str(data.get("bound_number", "")) if case is not None and case.bound_number else ""
    return SubmitOrder(
        draft_id=draft.pk,
        channel="counter",
        customer=people.customer(
            data,
            short=refusing,
            letter_kept=evidence.LETTER in documents.uploads(actor, draft.pk),
        ),
        demand_only=refusing,
        payment=None
        if refusing or not offer.due_now_fen
        else PaymentData(method=str(data["method"]), expected_fen=shown),
        items=(
            SubmitItem(
                item_id="1",
                action="add",
                specification=offer.specification,
                offering=offer.offering.key,
                case=case.key if case is not None else "",
                bound_number=bound,
                address=AddressRef(address_id=draft.address_id),
            ),
        ),
    )


def hold_time(actor: Actor, data: Data) -> timedelta:
    """How long a port is held: as the chosen plan's playbook says, or the first one's."""
    offers = counter.offers(actor)
    offer = _chosen(offers, data) or next(iter(offers), None)
    return offer.hold_time if offer is not None else timedelta(0)


def kinds_of(actor: Actor, data: Data) -> tuple[tables.KindRule, ...]:
    """The documents that the chosen plan's playbook takes."""
    return _kinds(counter.offers(actor), data)


def photo_purpose(actor: Actor, data: Data) -> str:
    """What the watermark says: as the chosen plan's playbook has it, or the first one's."""
    offers = counter.offers(actor)
    offer = _chosen(offers, data) or next(iter(offers), None)
    return offer.photo_purpose if offer is not None else ""


# ---- inside --------------------------------------------------------------------------------------


def _chosen(offers: list[counter.Offer], data: Data) -> counter.Offer | None:
    return next((one for one in offers if one.offering.key == data.get("offering")), None)


def _kinds(offers: list[counter.Offer], data: Data) -> tuple[tables.KindRule, ...]:
    offer = _chosen(offers, data) or next(iter(offers), None)
    return offer.document_kinds if offer is not None else tables.DEFAULT_KINDS


def _spot(hit: Any, verdict: Any, draft: Draft | None) -> Spot:
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


def _address(actor: Actor, draft: Draft | None) -> Spot | None:
    if draft is None or draft.address_id is None:
        return None
    row = places.address(actor, draft.address_id)
    verdict = inventory.coverage_verdict(row.pk)
    return _spot(row, verdict, draft)


def _hold(draft: Draft | None, offers: list[counter.Offer], moment: datetime) -> Hold | None:
    if draft is None or draft.held_until is None or draft.held_until <= moment:
        return None
    left = int((draft.held_until - moment).total_seconds())
    whole = int(offers[0].hold_time.total_seconds()) if offers else left
    return Hold(draft.port, draft.held_until, left, max(left, whole))


def _english() -> bool:
    return (get_language() or "zh").startswith("en")


def _branch(actor: Actor) -> str:
    if actor.branch_id is None:
        return ""
    own = org.branch(actor.branch_id)
    return own.name_en if _english() and own.name_en else own.name


def _title(offering: Offering) -> str:
    return offering.title_en if _english() and offering.title_en else offering.title


def _plan(offer: counter.Offer, chosen: bool) -> Plan:
    offering = offer.offering
    lines = []
    speed = offering.characteristics
    if speed.get("down_mbps"):
        lines.append(
            _("下行 %(down)sM，上行 %(up)sM")
            % {"down": speed["down_mbps"], "up": speed.get("up_mbps", fmt.DASH)}
        )
    number, _space, unit = offering.term.partition(" ")
    if number.isdigit() and unit.startswith("month"):
        lines.append(_("合约 %(n)s 个月") % {"n": number})
    lines += [f"{fee.title} {fmt.yuan(fee.amount)}" for fee in _fees(offer)]
    return Plan(offering.key, _title(offering), offer.monthly_fen, tuple(lines), chosen)


def _fees(offer: counter.Offer | None) -> tuple[Fee, ...]:
    if offer is None:
        return ()
    say = playbooks.words(offer.offering.playbook, offer.offering.version)
    return tuple(
        Fee(say(str(charge["title"])), int(charge["amount"]), charge.get("listed"))
        for charge in offer.charges
        if charge["when"] == counter.NOW
    )


def _todo(
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
        Todo(_("套餐"), offer is not None and "bound_number" not in wrong, "s-plan"),
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


def _waiting(actor: Actor, moment: datetime) -> tuple[Waiting, ...]:
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
