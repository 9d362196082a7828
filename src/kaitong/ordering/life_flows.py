"""Transactional actions of the counter's flows (过户, 资料修改, 修改账号, 绑定与解绑): what they do
to inventory, customers and bindings. Each works on `inputs["item_id"]`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kaitong.core.masking import mask_account
from kaitong.inventory import ownership
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.ordering import (
    authenticating,
    bindings,
    bundles,
    changes,
    customers,
    leaving,
    life_money,
    life_passwords,
    undoing,
)
from kaitong.ordering.actions import subject_of
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_numbers import (
    ACCOUNT,
    BIND,
    CASE,
    UNBIND,
    monthly_of,
    price_with,
    yuan,
)
from kaitong.ordering.life_people import OWNER
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.states import note
from kaitong.org.actor import Actor
from kaitong.party import services as party_verbs
from kaitong.process.actions import ActionContext


def transfer(ctx: ActionContext) -> dict[str, Any]:
    """过户登记: the service is the new owner's, with a password of his own; the old one's bound
    numbers are free, and from today the new one pays."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    wanted = changes.wanted(item)
    owner = _there(wanted, OWNER, "没有登记新机主。")
    before = undoing.how_it_stands(actor, item, passwords=True)
    bound, terms = bindings.living_of(item.service_id), _terms(actor, item)
    has_case = bool((terms or {}).get("case"))
    along = leaving.goes_along(terms, bound=bool(bound))
    if has_case and not along:
        leaving.raise_fee(actor, order, item, _left(ctx, terms, leaving.rules.TRANSFER))
    ownership.give_service_to(actor=actor, service_id=item.service_id, customer_id=UUID(owner))
    for part in bundles.service_ids(item):
        ownership.give_service_to(actor=actor, service_id=part, customer_id=UUID(owner))
        if inventory.service(actor, part).has_password:
            inventory_verbs.issue_password(actor=actor, service_id=part, again=True)
    life_passwords.give(actor=actor, item=item)
    authenticating.forget(item.service_id)
    ended = bindings.end_of_service(item.service_id)
    undoing.remember(item, before, unbound=ended)
    if ended or (has_case and not along):
        _pin(actor, order, item)
    life_money.given_to(
        actor=actor, order=order, service_id=item.service_id, customer_id=UUID(owner)
    )
    note(order.id, "transferred", actor_id=None, data={"unbound": len(ended)})
    return {}


def change_data(ctx: ActionContext) -> dict[str, Any]:
    """资料登记: what the customer gave is his data from now on."""
    order, item, actor = subject_of(ctx)
    wanted, party_id = changes.wanted(item), order.party_id
    if party_id is None:
        raise OrderRefused("这项业务没有登记机主。", "请先办理过户登记机主。")
    if name := wanted.get("change.name"):
        reason = f"资料修改 {order.number or ''}".strip()
        party_verbs.correct_name(actor=actor, party_id=party_id, name=name, reason=reason)
    if phone := wanted.get("change.phone"):
        party_verbs.add_phone(actor=actor, party_id=party_id, phone=phone, primary=True)
    if email := wanted.get("change.email"):
        party_verbs.keep_mail(actor=actor, party_id=party_id, email=email)
    if contact := wanted.get("change.contact_name"):
        party_verbs.add_contact(
            actor=actor, party_id=party_id, name=contact, phone=wanted["change.contact_phone"]
        )
    fields = [key.removeprefix("change.") for key in sorted(wanted)]
    note(order.id, "data-changed", actor_id=None, data={"changed": fields})
    return {}


def set_account(ctx: ActionContext) -> dict[str, Any]:
    """账号登记: the mobile number is the account (LIM-24); `old_account` is what it was."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    account = _there(changes.wanted(item), ACCOUNT, "没有新账号。")
    before = ownership.rename_account(actor=actor, service_id=item.service_id, account=account)
    note(order.id, "account-renamed", actor_id=None, data={"account": mask_account(account)})
    return {"old_account": mask_account(before)}


def bind_number(ctx: ActionContext) -> dict[str, Any]:
    """绑定登记: the number is bound, the case counts from now, and so does its price."""
    order, item, actor = subject_of(ctx)
    wanted = changes.wanted(item)
    number = bindings.mobile(_there(wanted, BIND, "没有要绑定的号码。"))
    assert number is not None
    case = _there(wanted, CASE, "没有营销案。")
    made = bindings.bind(order, item_id=item.item_id, case=case, number=number)
    price = _reprice(actor, order, item, case, made.masked)
    note(order.id, "bound", actor_id=None, data={"sum": yuan(monthly_of(price["charges"]))})
    return {}


def unbind_number(ctx: ActionContext) -> dict[str, Any]:
    """解绑登记: the number is free, the case is void (LIM-23), and the plan costs what it lists."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    number = bindings.mobile(_there(changes.wanted(item), UNBIND, "没有要解绑的号码。"))
    leaving.raise_fee(actor, order, item, _left(ctx, _terms(actor, item), leaving.rules.UNBIND))
    bindings.end_of_service(item.service_id, number)
    price = _reprice(actor, order, item)
    note(order.id, "unbound", actor_id=None, data={"sum": yuan(monthly_of(price["charges"]))})
    return {}


# ---- inside --------------------------------------------------------------------------------------


def _there(wanted: dict[str, Any], target: str, missing: str) -> str:
    value = wanted.get(target)
    if not value:
        raise OrderRefused(missing, "请重新受理。")
    return str(value)


def _terms(actor: Actor, item: OrderItem) -> dict[str, Any] | None:
    assert item.service_id is not None
    return customers.terms_of(actor, [item.service_id]).get(item.service_id)


def _left(ctx: ActionContext, terms: dict[str, Any] | None, way: str) -> leaving.Left | None:
    """What leaving the line's case costs, as it was told: of a flow that tells it, and no other."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    assert item.procedure is not None
    if f"leaving-{way}" not in item.procedure.counter.get("checks", {}):
        return None
    service = inventory.service(actor, item.service_id)
    return leaving.left(Subject(actor, service, item.procedure, order.ordered_at), terms, way)


def _pin(
    actor: Actor, order: Order, item: OrderItem, case: str = "", number: str = ""
) -> dict[str, Any]:
    """The order pins what the line costs from now on."""
    assert item.service_id is not None
    terms = _terms(actor, item)
    if terms is None:
        raise OrderRefused("查不到这项业务的套餐。", "请先核对开通订单。")
    price = price_with(terms, item.item_id, case, number)
    order.prices = [price]
    order.save(update_fields=["prices"])
    return price


def _reprice(
    actor: Actor, order: Order, item: OrderItem, case: str = "", number: str = ""
) -> dict[str, Any]:
    """The same, and who pays by the month pays that."""
    assert item.service_id is not None
    price = _pin(actor, order, item, case, number)
    life_money.repriced(actor=actor, order=order, item_id=item.item_id, service_id=item.service_id)
    return price
