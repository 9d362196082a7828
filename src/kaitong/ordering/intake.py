"""Taking in a request (受理): from what was asked to an order whose process runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.charging import services as charging
from kaitong.core import audit, plain, wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.ids import uuid7
from kaitong.core.masking import mask_phone
from kaitong.documents import services as documents
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.errors import NumberGone
from kaitong.ordering import (
    bindings,
    bundles,
    case_rules,
    demands,
    drafts,
    evidence,
    notices,
    papers,
)
from kaitong.ordering.asked import Wanted, check, collects, refused_of, require_post
from kaitong.ordering.choices import ItemAction, OrderState
from kaitong.ordering.due import set_due
from kaitong.ordering.errors import BadOrder, OrderRefused
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.number_choice import range_of
from kaitong.ordering.requests import CustomerData, SubmitOrder
from kaitong.ordering.states import move, note
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import kinds
from kaitong.party import queries as parties
from kaitong.party import services as party_verbs
from kaitong.party.errors import PartyConflict
from kaitong.places.grids import grid_of
from kaitong.process import services as process


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
    wanted = check(actor, request)
    require_post(actor, wanted)
    bindings.take_turns(w.number for w in wanted if w.number is not None)
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
    _cases_go_together(actor, order, wanted)
    set_due(order, first.procedure, moment)
    order.save(force_insert=True)
    refused = refused_of(wanted, request)
    if refused is None:
        evidence.take(actor=actor, order=order, request=request)
    items = [_add_item(order, position, w) for position, w in enumerate(wanted)]
    for item, want in zip(items, wanted, strict=True):
        bundles.add_items(order, item, want.offering)
    if refused is not None:
        _reject(order, refused, items, actor)
        if draft is not None:
            inventory_verbs.release_port(actor=actor, order_id=order.id, reason="不予受理")
    else:
        note(order.id, "accepted", actor_id=actor.id, data={"channel": order.channel})
        move(order, OrderState.IN_PROGRESS)
        for item, want in zip(items, wanted, strict=True):
            _begin(actor, order, item, want, drafted=draft is not None)
        if request.payment is not None and collects(wanted):
            charging.pay(
                actor=actor,
                order_id=order.id,
                method=request.payment.method,
                key=str(order.id),
                expected_fen=request.payment.expected_fen,
                customer_id=order.party_id,
            )
        demands.serve(order)
        plain.refresh(order)  # the first step of a process may have moved it on already
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


# ---- people --------------------------------------------------------------------------------------


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


def _cases_go_together(actor: Actor, order: Order, wanted: Sequence[Wanted]) -> None:
    """Raises BadOrder where a case does not go with one the customer has, or with that of another
    line of the order (营销案互斥)."""
    chosen = {position: one.case for position, one in enumerate(wanted) if one.case is not None}
    if not chosen:
        return
    case_rules.take_turns(order.party_id)
    refused = case_rules.against(actor, chosen.values(), customer_id=order.party_id)
    refused |= case_rules.among(chosen.values())
    faults = [
        InputFault(f"items[{position}].case", refused[case.key], _("请另选营销案。"))
        for position, case in chosen.items()
        if case.key in refused
    ]
    if faults:
        raise BadOrder(faults)


# ---- writing -------------------------------------------------------------------------------------


def _price(wanted: Wanted) -> dict[str, Any]:
    assert wanted.offering is not None
    case, number = wanted.case, wanted.number
    return {
        "item": wanted.asked.item_id,
        "offering": wanted.offering.key,
        "title": wanted.offering.title,
        "description": wanted.offering.description,
        "term": (case.term if case is not None else "") or wanted.offering.term,
        "charges": wanted.charges,
        "parts": bundles.told(wanted.offering, wanted.asked.item_id),
        "case": case_rules.pinned(case, mask_phone(number.digits) if number is not None else "")
        if case is not None
        else None,
    }


def _add_item(order: Order, position: int, wanted: Wanted) -> OrderItem:
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


def _told_case(wanted: Wanted) -> dict[str, str]:
    """The case as TMF641 answers tell it; its number masked."""
    told = {"marketingCase": wanted.case.key} if wanted.case is not None else {}
    if wanted.number is not None:
        told["boundNumber"] = mask_phone(wanted.number.digits)
    return told


def _reject(order: Order, refused: Wanted, items: list[OrderItem], actor: Actor) -> None:
    assert refused.verdict is not None
    verdict = refused.verdict
    if refused.address_id is not None:
        with wording.stored():  # the one above was worded for who asks
            verdict = inventory.coverage_verdict(refused.address_id)
    move(order, OrderState.REJECTED, reason=verdict.text)
    OrderItem.objects.filter(order=order).update(state=OrderState.REJECTED)
    for item in items:
        item.state = OrderState.REJECTED
    item = next(item for item in items if item.item_id == refused.asked.item_id[:60])
    demands.record(order, item, refused.verdict.verdict)
    note(order.id, "rejected", actor_id=actor.id, data={"verdict": str(refused.verdict.verdict)})


def _begin(
    actor: Actor, order: Order, item: OrderItem, wanted: Wanted, *, drafted: bool = False
) -> None:
    """Make the service of a new line, raise its charges, start its process.

    The port of a draft becomes the service's before the process looks for one.
    """
    parts: dict[str, Any] = {}
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
        if wanted.asked.telephone and wanted.offering is not None:
            picked = range_of(wanted.offering, order.parameters)
            assert picked is not None  # looked at by `asked.check`
            try:
                picked.keep(
                    actor=actor,
                    branch_id=order.branch_id,
                    number=wanted.asked.telephone,
                    order_id=order.id,
                )
            except NumberGone as gone:  # of two orders the first has it
                place = f"items[{item.position}].telephone"
                raise NumberGone(str(gone.what), str(gone.remedy), field=place) from None
        parts = bundles.create_services(
            actor=actor, order=order, lead=item, offering=wanted.offering
        )
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
            **parts,
            **_grid(wanted.address_id),
        },
        parameters=parameters,
    )
    # The process may have ended the item within its first step; only the link is written here.
    plain.update(OrderItem, {"instance_id": instance_id}, "id = %s", [item.id])


def _grid(address_id: UUID | None) -> dict[str, str]:
    """The address's grid (网格), by which work is proposed to who answers for it."""
    grid = grid_of(address_id)
    return {"grid": grid} if grid else {}
