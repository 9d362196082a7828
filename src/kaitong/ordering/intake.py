"""Taking in a request (受理): from what was asked to an order whose process runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.catalog.choices import OfferingKind
from kaitong.catalog.models import Offering, ServiceSpecification
from kaitong.catalog.pricing import priced
from kaitong.charging import services as charging
from kaitong.core import audit, wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.core.ids import uuid7
from kaitong.core.masking import mask_phone
from kaitong.documents import services as documents
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState, Verdict
from kaitong.inventory.results import CoverageVerdict
from kaitong.ordering import bindings, drafts, evidence, notices, papers
from kaitong.ordering.choices import DemandReason, ItemAction, OrderState
from kaitong.ordering.errors import BadOrder, OrderForbidden, OrderRefused
from kaitong.ordering.models import Demand, Order, OrderItem, Procedure
from kaitong.ordering.requests import AddressRef, CustomerData, SubmitItem, SubmitOrder
from kaitong.ordering.states import move, note
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import kinds
from kaitong.party import queries as parties
from kaitong.party import services as party_verbs
from kaitong.party.errors import PartyConflict
from kaitong.party.names import PhoneNumber
from kaitong.places import queries as places
from kaitong.process import services as process
from kaitong.process.definitions import model_of
from kaitong.worktime import queries as worktime

# What an address is refused for at intake. A full box is none of these: such an order is taken in,
# and the resource post finds a port or has the box expanded.
REFUSED_AT_INTAKE = {
    Verdict.NOT_COVERED: DemandReason.NOT_COVERED,
    Verdict.PLANNED: DemandReason.PLANNED,
    Verdict.NO_ENTRY: DemandReason.NO_ENTRY,
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One item with everything it refers to, checked."""

    asked: SubmitItem
    procedure: Procedure
    specification: ServiceSpecification
    offering: Offering | None
    address_id: UUID | None
    verdict: CoverageVerdict | None
    case: Offering | None = None
    number: PhoneNumber | None = None  # bound to the case

    @property
    def charges(self) -> list[dict[str, Any]]:
        """What the plan costs, with the case where there is one."""
        if self.offering is None:
            return []
        if self.case is None:
            return priced(self.offering.charges)
        return priced(self.offering.charges, self.case.prices, self.case.charges)


def submit(*, actor: Actor, request: SubmitOrder) -> Order:
    """Take in an order and start its processes, all in one transaction.

    Where the address cannot be served the order is kept as `rejected` with its reason, and the
    demand is recorded (BB-01 step 2, BB-17). A repeated `idempotency_key` of the same requester
    returns the order it made before, as does a draft that was taken. The port held for a draft
    becomes the order's, and `payment` collects what is due; if the port is gone nothing is written.
    Raises BadOrder with every fault of the request.
    """
    if request.idempotency_key:
        known = _made_before(actor, request.idempotency_key)
        if known is not None:
            return known
    try:
        with audit.acting(actor.id, "submit order"), transaction.atomic():
            return _submit(actor, request)
    except IntegrityError:
        # Somebody sent the same key at the same instant and was first.
        known = _made_before(actor, request.idempotency_key) if request.idempotency_key else None
        if known is None:
            raise
        return known


def _made_before(actor: Actor, key: str) -> Order | None:
    return Order.objects.filter(requester_id=actor.id, idempotency_key=key).first()


def _submit(actor: Actor, request: SubmitOrder) -> Order:
    if actor.branch_id is None:
        raise OrderRefused(_("受理人没有所属分公司。"), _("请用分公司人员的账号受理。"))
    draft = None
    if request.draft_id is not None:
        draft = drafts.take(actor=actor, draft_id=request.draft_id)
        if draft is None:
            return Order.objects.get(pk=request.draft_id)
    wanted = _check(actor, request)
    _require_post(actor, wanted)
    if draft is not None and draft.address_id != wanted[0].address_id:
        raise OrderRefused(_("地址不是草稿选的那个。"), _("请重新选地址。"), field="address")
    moment = now()
    first = wanted[0]
    order = Order(
        id=request.draft_id or uuid7(),
        branch_id=actor.branch_id,
        external_id=request.external_id[:120],
        idempotency_key=request.idempotency_key or None,
        requester_id=actor.id,
        category=request.category[:120],
        priority=request.priority[:20],
        description=request.description[:500],
        channel=request.channel,
        ordered_at=moment,
        requested_start=request.requested_start,
        requested_completion=request.requested_completion,
        playbook=first.procedure.playbook,
        playbook_hash=first.procedure.playbook_hash,
        parameters=first.procedure.parameters,
        prices=[_price(w) for w in wanted if w.offering is not None],
        ext=dict(request.raw),
    )
    if request.customer is not None:
        kind_rules = evidence.document_rules(first.procedure.parameters)
        order.party_id = _customer(actor, request.customer, kind_rules, "customer")
        if request.customer.agent is not None:
            order.agent_id = _customer(actor, request.customer.agent, kind_rules, "customer.agent")
        order.introduction_letter = request.customer.introduction_letter
    _set_due(order, first.procedure, moment)
    order.save(force_insert=True)
    refused = _refused(wanted, request)
    if refused is None:
        evidence.take(actor=actor, order=order, request=request)
    items = [_add_item(order, position, w) for position, w in enumerate(wanted)]
    if refused is not None:
        _reject(order, refused, items, actor)
        if draft is not None:
            inventory_verbs.release_port(actor=actor, order_id=order.id, reason="不予受理")
    else:
        note(order.id, "accepted", actor_id=actor.id, data={"channel": order.channel})
        move(order, OrderState.IN_PROGRESS)
        for item, want in zip(items, wanted, strict=True):
            _begin(actor, order, item, want, drafted=draft is not None)
        if request.payment is not None and _collects(wanted):
            charging.pay(
                actor=actor,
                order_id=order.id,
                method=request.payment.method,
                key=str(order.id),
                expected_fen=request.payment.expected_fen,
            )
        order.refresh_from_db()  # the first step of a process may have moved it on already
    order.number = documents.next_number(
        rule=f"order.{first.procedure.playbook}",
        branch_code=org.branch(order.branch_id).code,
        pattern=first.procedure.number_rule["pattern"],
        restart=first.procedure.number_rule["restart"],
        at=moment,
    )
    order.save(update_fields=["number"])
    if refused is None:
        papers.issue(actor=actor, order=order, when=("accepted", "assigned", "paid"))
    notices.taken_in(actor=actor, order=order)
    return order


# ---- checking ------------------------------------------------------------------------------------


def _check(actor: Actor, request: SubmitOrder) -> list[_Wanted]:
    faults: list[InputFault] = []
    wanted: list[_Wanted] = []
    if not request.items:
        faults.append(InputFault("items", _("没有要办理的业务。"), _("至少给出一项。")))
    for position, item in enumerate(request.items):
        try:
            wanted.append(_want(actor, item, f"items[{position}]"))
        except BadInput as error:
            faults += error.faults
        except NotFound as error:
            where = f"items[{position}].{error.field}".rstrip(".")
            faults.append(InputFault(where, str(error.what), str(error.remedy)))
    books = {w.procedure.playbook for w in wanted}
    if len(books) > 1:
        faults.append(
            InputFault("items", _("一个订单里不能有不同的业务流程包。"), _("请分成几个订单提交。"))
        )
    if any(w.asked.action == "add" for w in wanted) and request.customer is None:
        faults.append(InputFault("customer", _("没有客户。"), _("新装必须实名登记（BB-16）。")))
    if faults:
        raise BadOrder(faults)
    return wanted


def _refused(wanted: list[_Wanted], request: SubmitOrder) -> _Wanted | None:
    """The item that cannot be served, if any.

    What the counter refused with the customer in front of it must still be refused: nobody gets
    an order who was told that there is none.
    """
    reasons = set(REFUSED_AT_INTAKE)
    if request.demand_only:
        reasons.add(Verdict.NO_FREE_PORT)
    refused = next((w for w in wanted if w.verdict and w.verdict.verdict in reasons), None)
    if refused is None and request.demand_only:
        raise OrderRefused(
            _("这个地址现在可以开通了。"), _("请重新选这个地址，正常受理。"), field="address"
        )
    return refused


def _collects(wanted: list[_Wanted]) -> bool:
    return any(
        charge["when"] == "accepted" and charge["amount"]
        for want in wanted
        for charge in want.charges
    )


def _require_post(actor: Actor, wanted: list[_Wanted]) -> None:
    """Whoever takes an order in holds the post in whose lane its process starts."""
    if actor.is_supervisor:
        return
    for want in wanted:
        process_model = model_of(want.procedure.definition_id)
        if not actor.has_post(process_model.nodes[process_model.start].lane):
            raise OrderForbidden(
                _("您的岗位不能受理订单。"), _("请由流程起始环节的岗位或班长受理。")
            )


def _want(actor: Actor, item: SubmitItem, place: str) -> _Wanted:
    offering = _offering(item, place)
    playbook, _dot, key = item.specification.rpartition(".")
    if offering is not None and not key:
        playbook, key = offering.playbook, (offering.services or [""])[0]
    try:
        specification = catalog.service_specification(key, playbook=playbook)
    except KaitongError as error:
        raise BadOrder(
            [InputFault(f"{place}.specification", str(error.what), str(error.remedy))]
        ) from None
    procedure = Procedure.objects.filter(
        playbook=specification.playbook,
        specification=specification.key,
        action=item.action,
        retired_at=None,
    ).first()
    if procedure is None:
        possible = "、".join(
            f"{p.title}（{p.action}）"
            for p in Procedure.objects.filter(
                playbook=specification.playbook,
                specification=specification.key,
                retired_at=None,
            )
        )
        raise BadOrder(
            [
                InputFault(
                    f"{place}.action",
                    _("%(service)s不能办理 %(action)s。")
                    % {"service": specification.title, "action": item.action},
                    _("可以办理：%s。") % possible if possible else "",
                )
            ]
        )
    address_id = _address(actor, item.address, place) if item.action == "add" else None
    verdict = inventory.coverage_verdict(address_id) if address_id else None
    case = _case(item, offering, place)
    number = _bound_number(item, case, place)
    return _Wanted(item, procedure, specification, offering, address_id, verdict, case, number)


def _offering(item: SubmitItem, place: str) -> Offering | None:
    if not item.offering:
        if not item.specification:
            raise BadOrder(
                [
                    InputFault(
                        f"{place}.specification", _("没有说明要办什么业务。"), _("请给出套餐。")
                    )
                ]
            )
        return None
    try:
        found = catalog.offering(item.offering)
    except KaitongError as error:
        raise BadOrder(
            [InputFault(f"{place}.offering", str(error.what), str(error.remedy))]
        ) from None
    if found.kind == OfferingKind.CASE:
        raise BadOrder(
            [
                InputFault(
                    f"{place}.offering",
                    _("“%s”是营销案，不是套餐。") % found.title,
                    _("请选套餐，营销案另选。"),
                )
            ]
        )
    return found


def _case(item: SubmitItem, offering: Offering | None, place: str) -> Offering | None:
    """The marketing case asked for, as it may be had with this plan today (BB-15)."""
    if not item.case:
        return None
    try:
        return catalog.case(
            item.case,
            plan=offering.key if offering is not None else "",
            on=timezone.localdate(now()),
        )
    except KaitongError as error:
        raise BadOrder([InputFault(f"{place}.case", str(error.what), str(error.remedy))]) from None


def _bound_number(item: SubmitItem, case: Offering | None, place: str) -> PhoneNumber | None:
    """The number that the case is bound to: needed by cases that say so, unknown to others."""
    where, text = f"{place}.bound_number", item.bound_number.strip()
    needed = case is not None and case.bound_number
    if not needed:
        if not text:
            return None
        raise BadOrder(
            [InputFault(where, _("所选营销案不绑定号码。"), _("请删去绑定号码，或另选营销案。"))]
        )
    number = bindings.mobile(text)
    if number is None:
        what = _("绑定号码不是手机号码。") if text else _("没有填绑定号码。")
        raise BadOrder([InputFault(where, what, _("请填 11 位手机号码。"))])
    if bindings.taken(number):
        raise BadOrder(
            [
                InputFault(
                    where,
                    _("这个号码已绑定在另一条宽带上。"),
                    _("请换一个号码，或先办理原来那条的营销案变更。"),
                )
            ]
        )
    return number


def _address(actor: Actor, asked: AddressRef | None, place: str) -> UUID:
    where = f"{place}.address"
    if asked is None:
        raise BadOrder([InputFault(where, _("没有装机地址。"), _("请给出标准地址。"))])
    if asked.address_id is not None:
        try:
            return places.address(actor, asked.address_id).id
        except NotFound as error:
            raise BadOrder([InputFault(where, str(error.what), str(error.remedy))]) from None
    if asked.any_covered:
        assert actor.branch_id is not None
        found = inventory.free_address(actor)
        if found is None:
            raise BadOrder(
                [InputFault(where, _("本分公司没有可开通的空闲地址。"), _("请先扩容或导入地址。"))]
            )
        return found
    match = places.match(actor, asked.text) if asked.text.strip() else None
    if match is None:
        raise BadOrder(
            [
                InputFault(
                    where,
                    _("标准地址库里没有“%s”。") % asked.text[:60],
                    _("请按标准地址填写到房号。"),
                )
            ]
        )
    return match.id


def _customer(
    actor: Actor, data: CustomerData, rules: tuple[kinds.KindRule, ...], place: str
) -> UUID:
    if data.party_id is not None:
        return parties.own_party(actor, data.party_id).id
    document = data.document
    try:
        party = party_verbs.register(
            actor=actor,
            name=data.name,
            kind=data.kind,
            phone=data.phone,
            document=party_verbs.DocumentData(
                kind=document.kind,
                number=document.number,
                valid_from=document.valid_from,
                valid_until=document.valid_until,
                long_term=document.long_term,
                reader_used=document.reader_used,
                evidence=document.evidence,
            )
            if document is not None
            else None,
            kinds=rules,
        )
    except BadInput as error:
        raise BadOrder(
            [InputFault(f"{place}.{f.field}", f.what, f.remedy) for f in error.faults]
        ) from None
    except PartyConflict as error:
        error.field = f"{place}.{error.field}"
        raise
    if data.email:
        try:
            party_verbs.keep_mail(
                actor=actor, party_id=party.id, email=data.email, language=data.language
            )
        except BadInput as error:
            raise BadOrder(
                [InputFault(f"{place}.{f.field}", f.what, f.remedy) for f in error.faults]
            ) from None
    return party.id


# ---- writing -------------------------------------------------------------------------------------


def _price(wanted: _Wanted) -> dict[str, Any]:
    assert wanted.offering is not None
    case, number = wanted.case, wanted.number
    return {
        "item": wanted.asked.item_id,
        "offering": wanted.offering.key,
        "title": wanted.offering.title,
        "description": wanted.offering.description,
        "term": (case.term if case is not None else "") or wanted.offering.term,
        "charges": wanted.charges,
        "case": {
            "key": case.key,
            "title": case.title,
            "version": case.version,
            "bound_number": mask_phone(number.digits) if number is not None else "",
        }
        if case is not None
        else None,
    }


def _set_due(order: Order, procedure: Procedure, start: datetime) -> None:
    """The customer's clock (客户时限) starts with acceptance. It can say why it is what it is."""
    budget = procedure.parameters.get(procedure.budget) if procedure.budget else None
    if budget is None:
        return
    calendar = org.calendar_key(order.branch_id)
    order.due_basis = {
        "budget": budget,
        "name": procedure.budget,
        "calendar": calendar,
        "start": start.isoformat(),
    }
    order.due_at = worktime.deadline(budget, start, calendar_key=calendar).due_at


def _add_item(order: Order, position: int, wanted: _Wanted) -> OrderItem:
    return OrderItem.objects.create(
        order=order,
        branch_id=order.branch_id,
        item_id=wanted.asked.item_id[:60],
        position=position,
        action=wanted.asked.action,
        specification=f"{wanted.specification.playbook}.{wanted.specification.key}",
        offering=wanted.asked.offering,
        procedure=wanted.procedure,
        service_id=wanted.asked.service_id,
        address_id=wanted.address_id,
        payload={**wanted.asked.characteristics, **_told_case(wanted)},
    )


def _told_case(wanted: _Wanted) -> dict[str, str]:
    """The case as TMF641 answers tell it; its number masked."""
    told = {"marketingCase": wanted.case.key} if wanted.case is not None else {}
    if wanted.number is not None:
        told["boundNumber"] = mask_phone(wanted.number.digits)
    return told


def _reject(order: Order, refused: _Wanted, items: list[OrderItem], actor: Actor) -> None:
    assert refused.verdict is not None
    verdict = refused.verdict
    if refused.address_id is not None:
        with wording.stored():  # the one above was worded for who asks
            verdict = inventory.coverage_verdict(refused.address_id)
    move(order, OrderState.REJECTED, reason=verdict.text)
    OrderItem.objects.filter(order=order).update(state=OrderState.REJECTED)
    for item in items:
        item.state = OrderState.REJECTED
    record_demand(order, refused.asked, refused.address_id, refused.verdict.verdict)
    note(order.id, "rejected", actor_id=actor.id, data={"verdict": str(refused.verdict.verdict)})


def record_demand(
    order: Order, item: SubmitItem | OrderItem, address_id: UUID | None, verdict: str
) -> None:
    """Keep unmet demand (BB-17): told when coverage comes, counted for planning."""
    text = places.addresses([address_id]) if address_id else {}
    Demand.objects.create(
        branch_id=order.branch_id,
        order=order,
        party_id=order.party_id,
        address_id=address_id,
        address_text=text[address_id].full_text if address_id in text else "",
        specification=item.specification,
        offering=item.offering,
        reason=verdict,
    )


def _begin(
    actor: Actor, order: Order, item: OrderItem, wanted: _Wanted, *, drafted: bool = False
) -> None:
    """Make the service of a new line, raise its charges, start its process.

    The port of a draft becomes the service's before the process looks for one.
    """
    if wanted.asked.action == ItemAction.ADD:
        offered = wanted.offering.characteristics if wanted.offering else {}
        service = inventory_verbs.create_service(
            actor=actor,
            branch_id=order.branch_id,
            specification=wanted.specification.key,
            playbook=wanted.specification.playbook,
            version=wanted.specification.version,
            title=wanted.offering.title if wanted.offering else wanted.specification.title,
            order_id=order.id,
            customer_id=order.party_id,
            address_id=wanted.address_id,
            characteristics={**offered, **wanted.asked.characteristics},
            proven_by=wanted.specification.proven_by,
            state=ServiceState.FEASIBILITY_CHECKED,
        )
        item.service_id = service.id
        if drafted and item.position == 0:
            inventory_verbs.hold(actor=actor, order_id=order.id, service_id=service.id)
    item.state = OrderState.IN_PROGRESS
    item.save(update_fields=["service_id", "state"])
    if wanted.case is not None and wanted.number is not None:
        bindings.bind(order, item_id=item.item_id, case=wanted.case.key, number=wanted.number)
    if wanted.offering is not None:
        charging.raise_charges(
            actor=actor,
            order_id=order.id,
            branch_id=order.branch_id,
            charges=[
                charging.NewCharge(
                    item=item.item_id,
                    code=f"{wanted.offering.key}.{number}",
                    title=charge["title"],
                    amount_fen=charge["amount"],
                    refund_rule=charge.get("refund", ""),
                )
                for number, charge in enumerate(wanted.charges)
                if charge["when"] == "accepted"
            ],
        )
    parameters = dict(order.parameters)
    steering = {k: v for k, v in parameters.items() if isinstance(v, int | str)}
    instance_id = process.start(
        actor=actor,
        definition_id=wanted.procedure.definition_id,
        business_id=order.id,
        branch_id=order.branch_id,
        variables={
            "order_id": str(order.id),
            "item_id": str(item.id),
            "service_id": str(item.service_id) if item.service_id else None,
            "parameters": steering,
        },
        parameters=parameters,
    )
    # The process may have ended the item within its first step; only the link is written here.
    OrderItem.objects.filter(pk=item.id).update(instance_id=instance_id)
