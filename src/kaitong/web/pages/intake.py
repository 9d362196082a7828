"""The counter's page (新装受理): address, plan, people, money, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging.choices import Method
from kaitong.core.clock import now
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.ordering import bundles, counter, evidence
from kaitong.ordering.models import Draft
from kaitong.ordering.number_choice import NumberRange
from kaitong.ordering.requests import AddressRef, PaymentData, SubmitItem, SubmitOrder
from kaitong.org.actor import Actor
from kaitong.party import kinds as tables
from kaitong.party.queries import Summary
from kaitong.places import queries as places
from kaitong.web.forms import Field
from kaitong.web.pages import intake_case as marketing
from kaitong.web.pages import intake_evidence as proof
from kaitong.web.pages import intake_number as telephone
from kaitong.web.pages import intake_people as people
from kaitong.web.pages.intake_parts import (
    Fee,
    Hold,
    Plan,
    Spot,
    Todo,
    Waiting,
    address_of,
    branch_name,
    fees_of,
    hold_of,
    plan_of,
    spot,
    todo_of,
    waiting_of,
)
from kaitong.web.pages.intake_people import Data, Faults, Known

SHORTEST, MOST = 2, 12
ASKED = ("q", "offering", "method", telephone.INPUT, *marketing.INPUTS, *people.names())


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
    telephone: telephone.Pick | None  # where the plan has a number to be picked (选号)
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
        spot(hit, verdicts[hit.id], draft if hit.id == chosen else None)
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
    address = address_of(actor, draft)
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
    hold = hold_of(draft, offers, moment)
    fees = fees_of(offer)
    total = sum(fee.amount for fee in fees)
    promise = None
    if offer is not None and actor.branch_id is not None and not refusing:
        promise = offer.promise(actor.branch_id, moment)
    return IntakePage(
        draft_id=draft_id,
        branch=branch_name(actor),
        saved=draft.updated_at if draft is not None else None,
        q=str(data.get("q", "")),
        spots=spots(actor, str(data.get("q", "")), draft),
        address=address,
        hold=hold,
        gone=bool(draft and draft.port and hold is None and not refusing),
        plans=tuple(
            plan_of(one, one.offering.key == data.get("offering"), refusing=refusing)
            for one in offers
        ),
        cases=marketing.cards(offer, cases, data, wrong, shown) if not refusing else nothing_more,
        telephone=None if refusing else telephone.pick(actor, draft_id, offer, data, shown),
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
        todo=tuple(todo_of(data, wrong, known, hold, offer, total, refusing=refusing)),
        due=promise.due_at if promise is not None else None,
        hold_minutes=round(offers[0].hold_time.total_seconds() / 60) if offers else 0,
        unread=not refusing
        and not (own.complete and (agents.complete or not people.with_agent(data))),
        fault=fault,
        waiting=() if draft is not None else waiting_of(actor, moment),
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
        telephone.check(found, draft.pk, offer, data)
    if offer is None:
        found["offering"] = [people.sentences(_("没有选套餐。"), _("请选一个。"))]
    elif offer.lacking and not refusing:
        found["offering"] = [people.sentences(*bundles.without_platforms(offer.lacking))]
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
                telephone=""
                if refusing or telephone.range_for(offer) is None
                else str(data.get(telephone.INPUT, "")),
                address=AddressRef(address_id=draft.address_id),
            ),
        ),
    )


def hold_time(actor: Actor, data: Data) -> timedelta:
    """How long a port is held: as the chosen plan's playbook says, or the first one's."""
    offers = counter.offers(actor)
    offer = _chosen(offers, data) or next(iter(offers), None)
    return offer.hold_time if offer is not None else timedelta(0)


def numbers(actor: Actor, draft: Draft | None, data: Data, ending: str) -> tuple[str, ...]:
    """Telephone numbers that may be picked, by their last digits."""
    if draft is None:
        return ()
    return telephone.found(actor, draft.pk, _chosen(counter.offers(actor), data), ending)


def number_range(actor: Actor, data: Data) -> NumberRange | None:
    """The range that the chosen plan's number is picked from."""
    return telephone.range_for(_chosen(counter.offers(actor), data))


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
