"""Taking a change back (撤回变更) that the network refused: transactional actions, one a flow.

A change is in the inventory before the network is told, so that whoever sends anything meanwhile
sends what shall be. Where the network does not follow, a person of the network may take it back:
here the inventory and what is paid by the month become what they were; the process then brings the
network there, proves it, and closes the order (`ordering.fail-change`, which gives the order's own
money back). What stood before is kept with the change when it happens (`remember`), secrets sealed.

Each changes nothing the second time: the order's note says that it has happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from kaitong.charging import queries as charges
from kaitong.charging import services as charging
from kaitong.core.clock import now
from kaitong.core.masking import mask_account
from kaitong.inventory import ownership, replanning, suspensions
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import SuspensionKind
from kaitong.inventory.errors import WrongState
from kaitong.ordering import authenticating, bindings, bundles, changes
from kaitong.ordering.actions import subject_of
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.models import NumberBinding, Order, OrderItem, OrderNote, ServiceChange
from kaitong.ordering.states import note
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext

BEFORE = "before"  # in a change's `agreed`: how the line stood, no people's data
SECRETS = "before."  # in its sealed answers: passwords by service, until it is over
_RENT = ("code", "title", "amount_fen", "prorate", "offering")
TAKEN = "原账号已被别的业务使用，不能恢复：请重新下发新账号，或办结后另办改账号。"


@dataclass(frozen=True, slots=True)
class Stood:
    """How a line stood before a change: facts, and passwords by service, which are sealed."""

    facts: Mapping[str, Any]
    passwords: Mapping[UUID, str]


def how_it_stands(actor: Actor, item: OrderItem, *, passwords: bool = False) -> Stood:
    """Read before a change that may be taken back; with `passwords` where it gives others."""
    assert item.service_id is not None
    service = inventory.service(actor, item.service_id, proofs=False, line=False)
    parts = inventory.parts_of([item.service_id]).get(item.service_id, [])
    today = timezone.localdate(now())
    running = charges.rents_of([item.service_id], today).get(item.service_id, ())
    facts = {
        "title": service.title,
        "characteristics": dict(service.characteristics),
        "parts": {str(one.id): [one.title, dict(one.characteristics)] for one in parts},
        "owner": str(service.customer_id or ""),
        "payer": str(charges.payers([item.service_id]).get(item.service_id) or ""),
        "rents": [
            {name: getattr(row, name) for name in _RENT} for row in running if row.until is None
        ],
    }
    known = [one for one in (service, *parts) if one.has_password] if passwords else []
    return Stood(
        facts,
        {
            one.id: inventory_verbs.reveal_password(
                actor=actor, service_id=one.id, reason="变更前留存"
            )
            for one in known
        },
    )


def remember(
    item: OrderItem, stood: Stood, *, unbound: Iterable[NumberBinding] = (), since: str = ""
) -> None:
    """Keep with a change how its line stood; the first word stays. `unbound` are the numbers the
    change has set free, `since` the day from which something else is paid (today)."""
    change = ServiceChange.objects.get(item=item)
    if BEFORE in change.agreed:
        return
    before = {
        **stood.facts,
        "bindings": [str(row.pk) for row in unbound],
        "since": since or timezone.localdate(now()).isoformat(),
    }
    change.agreed = {**change.agreed, BEFORE: before}
    if stood.passwords:
        kept = dict(json.loads(change.sealed)) if change.sealed else {}
        kept |= {f"{SECRETS}{one}": password for one, password in stood.passwords.items()}
        change.sealed = json.dumps(kept, ensure_ascii=False)
    change.save(update_fields=["agreed", "sealed"])


# ---- the actions ---------------------------------------------------------------------------------


def restore_account(ctx: ActionContext) -> dict[str, Any]:
    """改账号撤回: the line goes by its former account again; `undone_account` is what it was to be.

    `restored` is false where somebody else has the former one by now: the line says so.
    """
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    told = str(ctx.inputs.get("old_account") or "")
    former = inventory.former_account(item.service_id, told)
    try:
        with transaction.atomic():  # a savepoint: a refusal is told, and the process goes on
            undone = ownership.restore_account(
                actor=actor, service_id=item.service_id, account=former
            )
    except WrongState:
        inventory_verbs.set_reason(actor=actor, service_id=item.service_id, reason=TAKEN)
        return {"restored": False}
    if _first(order, "account-restored"):
        note(
            order.id,
            "account-restored",
            actor_id=ctx.actor_id,
            data={"account": mask_account(former)},
        )
    return {"restored": True, "undone_account": mask_account(undone)}


def restore_plan(ctx: ActionContext) -> dict[str, Any]:
    """变更套餐撤回: plan, price and bound numbers are those before, as if nobody had asked."""
    order, item, actor = subject_of(ctx)
    before = _before(item)
    assert item.service_id is not None
    if not _first(order, "plan-restored"):
        return {}
    replanning.change_plan(
        actor=actor,
        service_id=item.service_id,
        title=before["title"],
        characteristics=before["characteristics"],
    )
    for part in inventory.parts_of([item.service_id]).get(item.service_id, []):
        title, characteristics = before["parts"].get(str(part.id), (part.title, {}))
        replanning.change_plan(
            actor=actor, service_id=part.id, title=title, characteristics=characteristics
        )
    bindings.end(order.id, item.item_id)  # a number that went over to the case chosen with it
    lost = _money_back(actor, order, item, before)
    note(
        order.id,
        "plan-restored",
        actor_id=ctx.actor_id,
        data={"plan": before["title"], "lost": lost},
    )
    return {}


def restore_owner(ctx: ActionContext) -> dict[str, Any]:
    """过户撤回: the line is its former owner's again, with his passwords, and he pays as before."""
    order, item, actor = subject_of(ctx)
    before, secrets = _before(item), changes.wanted(item)
    assert item.service_id is not None
    if not _first(order, "owner-restored"):
        return {}
    for service_id in (item.service_id, *bundles.service_ids(item)):
        ownership.give_service_to(
            actor=actor, service_id=service_id, customer_id=UUID(before["owner"])
        )
        password = secrets.get(f"{SECRETS}{service_id}")
        if password and not inventory_verbs.is_password(service_id=service_id, given=password):
            inventory_verbs.set_password(actor=actor, service_id=service_id, password=password)
    authenticating.forget(item.service_id)
    lost = _money_back(actor, order, item, before)
    note(order.id, "owner-restored", actor_id=ctx.actor_id, data={"lost": lost})
    return {}


def restore_passwords(actor: Actor, order: Order, item: OrderItem) -> None:
    """The passwords kept before a change are the services' again; twice is once."""
    kept = changes.wanted(item)
    assert item.service_id is not None
    password = kept.get(f"{SECRETS}{item.service_id}")
    if password and not inventory_verbs.is_password(service_id=item.service_id, given=password):
        inventory_verbs.set_password(actor=actor, service_id=item.service_id, password=password)
        note(order.id, "password-restored", actor_id=None)


def restore_suspension(ctx: ActionContext) -> dict[str, Any]:
    """复机撤回: the suspension that this order ended stands again, from the day it began."""
    order, item, actor = subject_of(ctx)
    assert item.service_id is not None
    kind = str(ctx.inputs.get("kind") or SuspensionKind.REQUEST)
    for service_id in (item.service_id, *bundles.service_ids(item)):
        suspensions.reinstate(
            actor=actor, service_id=service_id, kind=kind, ended_since=order.ordered_at
        )
    if _first(order, "suspension-restored"):
        note(order.id, "suspension-restored", actor_id=ctx.actor_id)
    return {}


# ---- inside --------------------------------------------------------------------------------------


def _first(order: Order, kind: str) -> bool:
    return not OrderNote.objects.filter(order_id=order.id, kind=kind).exists()


def _before(item: OrderItem) -> dict[str, Any]:
    change = changes.of_item(item.id)
    before = change.agreed.get(BEFORE) if change is not None else None
    if not before:
        raise OrderRefused(
            "没有留存办理之前的样子，不能撤回。", "请重新下发；要改回去的另办一次变更。"
        )
    return dict(before)


def _money_back(actor: Actor, order: Order, item: OrderItem, before: Mapping[str, Any]) -> int:
    """What is paid by the month is what it was since the day it changed, and numbers that were
    bound are bound again; how many of those another line has by now."""
    assert item.service_id is not None
    order.prices = []  # what a line costs is what its last order says that came about
    order.save(update_fields=["prices"])
    if before["payer"] and before["rents"]:
        charging.change_rent(
            actor=actor,
            service_id=item.service_id,
            customer_id=UUID(before["payer"]),
            since=date.fromisoformat(before["since"]),
            rents=[charging.NewRent(**one) for one in before["rents"]],
            order_id=order.id,
        )
    return bindings.revive([UUID(one) for one in before["bindings"]])
