"""Transactional actions of order processes: what machines do between the steps of people.

Each takes the item it works on from `inputs["item_id"]`, runs inside the step's transaction, and
uses domain verbs only. A business error is caught by the process's boundary events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from kaitong.charging import queries as charges
from kaitong.charging import services as charging
from kaitong.core import plain
from kaitong.core.masking import mask_account
from kaitong.inventory import ownership
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState, TerminalState
from kaitong.inventory.errors import BadPattern
from kaitong.inventory.services import NoPort
from kaitong.ordering import (
    bundles,
    demands,
    evidence,
    notices,
    papers,
    refunds,
    rents,
    withdrawals,
)
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.errors import OrderNotFound, OrderRefused
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.states import finish_item, locked, note
from kaitong.org.actor import Actor
from kaitong.party import kinds, rules
from kaitong.party import queries as parties
from kaitong.party.choices import Bearer, FaceResult, PartyKind
from kaitong.process.actions import ActionContext, BusinessError


def subject_of(ctx: ActionContext) -> tuple[Order, OrderItem, Actor]:
    """The locked order, the item, and the machine that acts in their branch."""
    item = plain.by_key(OrderItem, UUID(str(ctx.inputs["item_id"])))
    if item is None:
        raise OrderNotFound("没有这个订单项。")
    return locked(item.order_id), item, Actor.system(branch_id=item.branch_id)


def check_documents(ctx: ActionContext) -> dict[str, Any]:
    """证件核验: kind, check digits, validity, agent's document, evidence (VER-01..05).

    Raises BusinessError `document-invalid` with every fault in words.
    """
    order, _item, actor = subject_of(ctx)
    if order.party_id is None:
        return {}
    known = evidence.document_rules(order.parameters)
    party = parties.own_party(actor, order.party_id)
    organization = party.kind == PartyKind.ORGANIZATION
    presented = _presented(
        actor, party.id, Bearer.ORGANIZATION if organization else Bearer.CUSTOMER, known
    )
    if order.agent_id is not None:
        presented += _presented(
            actor, order.agent_id, Bearer.HANDLER if organization else Bearer.AGENT, known
        )
    if organization and order.introduction_letter:
        presented.append(rules.Presented(Bearer.LETTER, evidence=1))
    faults = rules.check_handling(
        party.kind,
        presented,
        timezone.localdate(ctx.now),
        by_agent=order.agent_id is not None,
        kinds=known,
    )
    if faults:
        text = "；".join(dict.fromkeys(fault.what for fault in faults))
        raise BusinessError("document-invalid", text)
    note(order.id, "documents-checked", actor_id=None, data={"documents": len(presented)})
    return {}


def _presented(
    actor: Actor, party_id: UUID, bearer: Bearer, known: Sequence[kinds.KindRule]
) -> list[rules.Presented]:
    return [
        rules.Presented(
            bearer,
            kind=document.kind,
            number=document.number,
            valid_from=document.valid_from,
            valid_until=document.valid_until,
            long_term=document.long_term,
            evidence=evidence.count(document, known),
            reader_used=document.reader_used,
            face=FaceResult(document.face),
        )
        for document in parties.documents(actor, party_id)[:1]
    ]


def assign_port(ctx: ActionContext) -> dict[str, Any]:
    """自动配线: take a free port that covers the address, for this order and service.

    Raises BusinessError `no-port` with the reason in words; the code of the reason is in `verdict`.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    taken = inventory_verbs.take_port(
        actor=actor,
        order_id=order.id,
        service_id=item.service_id,
        address_id=item.address_id,
    )
    if isinstance(taken, NoPort):
        raise BusinessError("no-port", taken.text, {"verdict": str(taken.reason)})
    inventory_verbs.set_service_state(
        actor=actor, service_id=item.service_id, state=ServiceState.RESERVED
    )
    note(order.id, "port-assigned", actor_id=ctx.actor_id, data={"port": taken.text})
    return {}


def make_data(ctx: ActionContext) -> dict[str, Any]:
    """自动数据制作: account, password and logical identifier (ONU-02); the service is inactive.

    Patterns are parameters of the playbook. A service that needs a telephone number goes by that
    (固定电话); BusinessError `part-not-had` where none is left.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    number = bundles.needs_of(inventory.service(actor, item.service_id, proofs=False)).get("number")
    if number is not None:
        try:
            account = inventory_verbs.allocate_number(
                actor=actor,
                service_id=item.service_id,
                pattern=str(ctx.parameters[number["rule"]]),
                quarantine_days=int(number.get("quarantine", 0)),
            )
        except BadPattern as error:
            raise BusinessError("part-not-had", error.what, {"trouble": error.what}) from None
    else:
        account = inventory_verbs.allocate_account(
            actor=actor,
            service_id=item.service_id,
            pattern=ctx.parameters["account_pattern"],
            quarantine_days=int(ctx.parameters.get("account_quarantine_days", 0)),
        )
    logical_id = inventory_verbs.allocate_logical_id(
        actor=actor, service_id=item.service_id, pattern=ctx.parameters["logical_id_pattern"]
    )
    inventory_verbs.issue_password(actor=actor, service_id=item.service_id)
    inventory_verbs.set_service_state(
        actor=actor,
        service_id=item.service_id,
        state=ServiceState.INACTIVE,
        reason="数据已制作，等待开通验证。",
    )
    note(
        order.id,
        "data-made",
        actor_id=ctx.actor_id,
        data={"account": mask_account(account), "logical_id": logical_id},
    )
    if order.number:  # else it is being taken in: its papers come with its number
        papers.issue(actor=actor, order=order, when=("assigned",))
    return {}


def other_account(ctx: ActionContext) -> dict[str, Any]:
    """换账号: another account of the pool, where the network takes the first one for nobody's;
    `old_account` is what it was."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    before, account = ownership.renew_account(
        actor=actor,
        service_id=item.service_id,
        pattern=ctx.parameters["account_pattern"],
        quarantine_days=int(ctx.parameters.get("account_quarantine_days", 0)),
    )
    note(
        order.id,
        "account-renamed",
        actor_id=ctx.actor_id,
        data={"account": mask_account(account)},
    )
    papers.renew(actor=actor, order_id=order.id, reason=papers.ACCOUNT_CHANGED)
    return {"old_account": mask_account(before)}


def refuse(ctx: ActionContext) -> dict[str, Any]:
    """退单处理: give everything back, void what was not earned, record the demand (BB-17)."""
    order, item, actor = subject_of(ctx)
    reason = str(ctx.inputs.get("reason") or "") or "不具备开通条件"
    proof = refunds.credentials(actor, order, item)  # the inventory forgets them with the line
    if item.service_id is not None:
        bundles.withdraw(actor=actor, item=item, reason=f"退单：{reason}")
        inventory_verbs.withdraw_service(
            actor=actor, service_id=item.service_id, reason=f"退单：{reason}"
        )
    # Only what this item cost: another item of the order may be going on, or work already.
    mine = [c for c in charges.charges(actor, order.id) if c.item in (item.item_id, "")]
    charging.void_due(actor=actor, order_id=order.id, charge_ids=[c.pk for c in mine])
    back = {c.pk: c.amount_fen - c.refunded_fen for c in mine if c.state in charging.COLLECTED}
    if refunds.waits_at_counter(order, back):
        refunds.keep(
            actor=actor,
            order=order,
            item=item,
            proof=proof,
            amount_fen=sum(back.values()),
            reason=reason,
        )
    elif any(back.values()):
        charging.refund(
            actor=actor,
            order_id=order.id,
            key=f"refused-{item.id}",
            reason=f"退单：{reason}",
            amounts=back,
        )
    verdict = ctx.inputs.get("verdict")
    if verdict:
        demands.record(order, item, str(verdict))
    note(order.id, "refused", actor_id=ctx.actor_id, data={"reason": reason})
    finish_item(order, item, OrderState.FAILED, reason=reason)
    if order.number:  # else it is being taken in: intake tells it with the number
        if ctx.inputs.get("called_off"):  # nobody goes there any more
            papers.void_work(actor=actor, order=order, reason=f"退单：{reason}")
        papers.give_back(actor=actor, order=order)
        notices.tell(
            actor=actor,
            order=order,
            when="refused",
            once=item.item_id,
            values={"reason": reason, "refund": sum(back.values())},
        )
    return {}


def give_back(ctx: ActionContext) -> dict[str, Any]:
    """资源退回 of a withdrawn order: port, account and numbers are free, terminals to be fetched.

    The network was told before: `withdraw_service` forgets the account it knows the line by.
    """
    order, item, actor = subject_of(ctx)
    withdrawal = withdrawals.of_order(order.id)
    if item.service_id is None:
        return {}
    held = inventory.service(actor, item.service_id)
    whole = [item.service_id, *bundles.service_ids(item)]
    boxes = [box for found in inventory.terminals_of(whole).values() for box in found]
    bundles.withdraw(actor=actor, item=item, reason=f"撤单：{withdrawal.reason}")
    inventory_verbs.withdraw_service(
        actor=actor, service_id=item.service_id, reason=f"撤单：{withdrawal.reason}"
    )
    if held.withdrawn_at is None:
        note(
            order.id,
            "given-back",
            actor_id=withdrawal.requested_by,
            data={
                "port": held.port_text,
                "account": mask_account(held.account),
                "terminals": [box.serial for box in boxes if box.state == TerminalState.INSTALLED],
            },
        )
    return {}


def refund(ctx: ActionContext) -> dict[str, Any]:
    """退费 of a withdrawn order, as it was promised: void what nobody paid, give back the rest the
    way it was paid, issue the refund's voucher; the item is cancelled.

    A refund that needs a second person is refused while nobody has said a word.
    """
    order, item, machine = subject_of(ctx)
    withdrawal = withdrawals.of_order(order.id)
    actor = withdrawals.acting_for(withdrawal, machine)
    said = withdrawal.approvals.get(str(item.id), {})
    if withdrawal.plan["needs_approval"] and not said.get("decision"):
        raise OrderRefused("退费要由第二人复核。", "请由班长复核。")
    lines = [line for line in withdrawal.plan["money"] if line["item"] in (item.item_id, "")]
    void = [UUID(line["charge"]) for line in lines if line["outcome"] == "void"]
    back = {UUID(line["charge"]): line["back_fen"] for line in lines if line["back_fen"]}
    if void:
        charging.void_due(actor=actor, order_id=order.id, charge_ids=void)
    if said.get("decision") == "reject":
        back = {}
    if back:
        charging.refund(
            actor=actor,
            order_id=order.id,
            key=f"withdrawn-{item.id}",
            reason=f"撤单：{withdrawal.reason}",
            amounts=back,
            approved_by=UUID(said["by"]) if said.get("by") else None,
        )
    note(order.id, "withdrawn", actor_id=None, data={"reason": withdrawal.reason})
    finish_item(order, item, OrderState.CANCELLED, reason=f"撤单：{withdrawal.reason}")
    if order.state in FINAL:  # the last line is undone
        withdrawal.ended_at = ctx.now
        withdrawal.save(update_fields=["ended_at"])
    papers.give_back(actor=actor, order=order)
    notices.tell(
        actor=actor,
        order=order,
        when="withdrawn",
        once=item.item_id,
        values={"reason": withdrawal.reason, "refund": sum(back.values())},
    )
    return {}


def complete(ctx: ActionContext) -> dict[str, Any]:
    """竣工归档: port in use, service active, item and order completed.

    `set_service_state` refuses while a proof that the playbook demands is missing, so an order
    can never be completed on anybody's word.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    inventory_verbs.confirm_use(actor=actor, service_id=item.service_id)
    inventory_verbs.set_service_state(
        actor=actor, service_id=item.service_id, state=ServiceState.ACTIVE
    )
    bundles.complete(actor=actor, item=item)
    service = inventory.service(actor, item.service_id)
    note(
        order.id,
        "completed",
        actor_id=ctx.actor_id,
        data={"account": mask_account(service.account)},
    )
    rents.begin(actor=actor, order=order, item=item)
    finish_item(order, item, OrderState.COMPLETED)
    notices.tell(actor=actor, order=order, when="completed", once=item.item_id)
    return {}
