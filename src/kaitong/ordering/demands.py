"""Unmet demand (待装需求, BB-17): kept where nobody can be served, told when coverage comes.

A port that is free is offered in the order of asking, and to as many people as there are ports:
who was told keeps a line in mind until the time told to him, then the next one is told. It is an
invitation and no reservation: whoever comes to the counter first gets a port. Locks: the branch's
turn, then demands by primary key; with an order or a draft, demands after them and their ports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, prefetch_related_objects
from django.utils.translation import gettext as _

from kaitong.core import audit, db, plain
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.ids import uuid7
from kaitong.core.locks import lock_row, lock_rows
from kaitong.inventory import queries as inventory
from kaitong.ordering import counter, drafts, notices
from kaitong.ordering.choices import (
    FINAL,
    LIVING_DEMAND,
    DemandState,
    DraftState,
    ItemAction,
)
from kaitong.ordering.errors import BadOrder, OrderNotFound, OrderRefused, WrongOrderState
from kaitong.ordering.models import Demand, Draft, Order, OrderItem, Procedure
from kaitong.ordering.states import note
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.places import queries as places
from kaitong.worktime import queries as worktime

# The playbook's parameter: how long a line is kept in mind for who was told.
ANSWER_WITHIN = "demand_answer_within"
AT_ONCE = 200


def record(order: Order, item: OrderItem, verdict: str) -> Demand:
    """Keep the demand of an item that cannot be served: told when coverage comes, counted.

    The same customer at the same address asks for the same thing: his demand waits again where it
    stood. Of two at this instant the second finds the first one's row.
    """
    found = places.addresses([item.address_id]) if item.address_id else {}
    spot = found.get(item.address_id) if item.address_id else None
    fresh = Demand(
        branch_id=order.branch_id,
        order=order,
        party_id=order.party_id,
        address_id=item.address_id,
        address_text=spot.full_text[:300] if spot else "",
        area=places.area_name(spot)[:120] if spot else "",
        specification=item.specification,
        offering=item.offering,
        reason=verdict,
    )
    known = _known(order, item)
    if known is None:
        Demand.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = Demand.objects.filter(pk=fresh.pk).first()
        if stored is not None:
            return stored
        known = _known(order, item)
        if known is None:  # nobody to know it by; the constraint does not hold such rows
            raise OrderNotFound(_("没有这条需求。"), _("请再试一次。"))
    if known.state != DemandState.WAITING:
        known.round += 1
    known.state, known.reason = DemandState.WAITING, verdict
    known.order, known.offering = order, item.offering
    known.told_at = known.told_until = known.draft_id = known.served_order = None
    known.save()
    return known


_LIVING = plain.array(sorted(LIVING_DEMAND))
_ANY = """select 1 from ordering_demand where draft_id = %s
 union all select 1 from ordering_demand where state = any(%s::text[]) and """


def serve(order: Order) -> None:
    """An order was taken in: what its customer waited for at that address is served.

    Also the demand its intake was begun for, whoever the customer turned out to be.
    """
    who, by = plain.same("party_id", order.party_id)
    if not plain.ask(_ANY + who + " limit 1", [order.id, _LIVING, *by]):
        return  # nothing of this customer's, or of this draft's, waits at all
    wanted = Q(draft_id=order.id)
    items = OrderItem.objects.filter(order=order, action=ItemAction.ADD).exclude(state__in=FINAL)
    for address_id, specification in items.values_list("address_id", "specification"):
        if order.party_id is not None and address_id is not None:
            wanted |= Q(party_id=order.party_id, address_id=address_id, specification=specification)
    for demand in lock_rows(
        Demand.objects.filter(state__in=LIVING_DEMAND),
        Demand.objects.filter(wanted, state__in=LIVING_DEMAND).values_list("pk", flat=True),
    ):
        demand.state, demand.served_order, demand.ended_at = DemandState.SERVED, order, now()
        demand.save(update_fields=["state", "served_order", "ended_at"])
        if demand.order_id is not None and demand.order_id != order.id:
            note(demand.order_id, "demand-served", actor_id=None)


def withdraw(*, actor: Actor, demand_id: UUID, reason: str) -> Demand:
    """The customer no longer wants it: never told, no longer counted. Twice changes nothing."""
    _may(actor)
    reason = reason.strip()[:200]
    if not reason:
        raise BadOrder([InputFault("reason", _("撤销需求要说明原因。"), _("请填写原因。"))])
    with transaction.atomic():
        demand = _own(actor, demand_id, lock=True)
        if demand.state == DemandState.WITHDRAWN:
            return demand
        if demand.state == DemandState.SERVED:
            raise WrongOrderState(_("这条需求已经受理成订单。"), _("请在订单上办理撤单。"))
        demand.state, demand.ended_at = DemandState.WITHDRAWN, now()
        demand.ended_reason = reason
        demand.save(update_fields=["state", "ended_at", "ended_reason"])
        audit.record(
            "demand.withdraw",
            actor_id=actor.id,
            subject_type="ordering.demand",
            subject_id=demand.pk,
            branch_id=demand.branch_id,
            data={"reason": reason},
        )
        if demand.order_id is not None:
            note(demand.order_id, "demand-withdrawn", actor_id=actor.id, data={"reason": reason})
    return demand


def begin(*, actor: Actor, demand_id: UUID) -> UUID:
    """Begin the intake of a demand: a draft with its customer, plan and address, and a port held.

    The same again goes on with the same draft. Refused while the address cannot be served, and
    while a colleague has it in hand.
    """
    _may(actor)
    seen = _own(actor, demand_id)
    if own := _in_hand(actor, seen):
        return own
    if seen.address_id is None:
        raise OrderRefused(_("这条需求没有标准地址。"), _("请按新装受理，重新选地址。"))
    verdict = inventory.coverage_verdict(seen.address_id)
    if not verdict.available:
        raise OrderRefused(
            _("这个地址现在还不能开通：%(why)s。") % {"why": verdict.text},
            _("有了空闲端口再受理。"),
        )
    offers = counter.offers(actor)
    if not offers:
        raise OrderRefused(_("现在没有可办的套餐。"), _("请先部署业务流程包。"))
    offer = next(
        (one for one in offers if one.offering.key == seen.offering and not one.lacking), None
    )
    data = {"offering": offer.offering.key} if offer is not None else {}
    if seen.party_id is not None:
        data["party"] = str(seen.party_id)
    with transaction.atomic():
        draft = drafts.open_draft(actor=actor, draft_id=uuid7(), data=data)
        drafts.choose(
            actor=actor,
            draft_id=draft.pk,
            address_id=seen.address_id,
            hold_for=(offer or offers[0]).hold_time,
        )
        demand = lock_row(Demand.objects.all(), seen.pk)
        assert demand is not None
        if _in_hand(actor, demand):  # begun by a second click at this instant, which was first
            drafts.drop(actor=actor, draft_id=draft.pk)
            return demand.draft_id or draft.pk
        demand.draft_id = draft.pk
        demand.save(update_fields=["draft_id"])
    return draft.pk


def tell_waiting() -> int:
    """Tell those whose coverage has come, in the order of asking, each once; how many.

    Called by the worker, any number of workers at once: of one branch one at a time.
    """
    told = 0
    waiting = Demand.objects.filter(state=DemandState.WAITING)
    for branch_id in waiting.order_by("branch_id").values_list("branch_id", flat=True).distinct():
        while True:
            count = _tell_branch(branch_id)
            told += count
            if count < AT_ONCE:
                break
    return told


# ---- inside --------------------------------------------------------------------------------------


def _may(actor: Actor) -> None:
    if not actor.has_post(drafts.CLERK):
        raise OrderRefused(_("只有营业员可以办理待装需求。"), _("请用营业员的账号。"))


def _own(actor: Actor, demand_id: UUID, *, lock: bool = False) -> Demand:
    rows = Demand.objects.all()
    found = lock_row(rows, demand_id) if lock else rows.filter(pk=demand_id).first()
    if found is None or not actor.sees(found.branch_id):
        raise OrderNotFound(_("没有这条需求。"), _("请刷新页面。"))
    return found


def _in_hand(actor: Actor, demand: Demand) -> UUID | None:
    """The clerk's own intake of it to go on with; refused where it is somebody else's or over."""
    if demand.state not in LIVING_DEMAND:
        raise WrongOrderState(
            _("这条需求%(state)s，不能再受理。") % {"state": DemandState(demand.state).label},
            _("请刷新页面。"),
        )
    going = _going(demand)
    if going is not None and going.clerk_id != actor.id:
        who = org.staff_names([going.clerk_id]).get(going.clerk_id, "")
        raise OrderRefused(
            _("%(who)s正在受理这条需求。") % {"who": who}, _("请与同事核对，或稍后再试。")
        )
    return going.pk if going is not None else None


def _known(order: Order, item: OrderItem) -> Demand | None:
    """The living demand of the same customer there, or the one this very order was to serve."""
    served = Q(state=DemandState.SERVED, served_order=order)
    if order.party_id is not None and item.address_id is not None:
        served |= Q(
            state__in=LIVING_DEMAND,
            party_id=order.party_id,
            address_id=item.address_id,
            specification=item.specification,
        )
    rows = Demand.objects.filter(served, address_id=item.address_id)
    # one that still waits before the one this order served: there is one living one
    rows = rows.order_by("-state", "created_at", "pk")
    return rows.select_for_update(no_key=True).first()


def _going(demand: Demand) -> Draft | None:
    """The unfinished intake of a demand whose port is still held."""
    if demand.draft_id is None:
        return None
    return Draft.objects.filter(
        pk=demand.draft_id, state=DraftState.OPEN, held_until__gt=now()
    ).first()


def _tell_branch(branch_id: UUID) -> int:
    with transaction.atomic():
        turn = db.one(
            "SELECT pg_try_advisory_xact_lock(hashtext(%s)) AS ours", [f"demand:{branch_id}"]
        )
        if not turn or not turn["ours"]:
            return 0  # another worker tells this branch now
        chosen = _next(branch_id)
        if not chosen:
            return 0
        rows = lock_rows(Demand.objects.filter(state=DemandState.WAITING), chosen)
        prefetch_related_objects(rows, "order")
        terms = _terms(rows)
        for demand in sorted(rows, key=lambda row: (row.created_at, row.pk)):
            _tell(demand, terms.get(demand.specification))
    return len(chosen)


def _next(branch_id: UUID) -> list[UUID]:
    """Who is told now: a port for each of those told before, then for the next in line."""
    rows = Demand.objects.filter(branch_id=branch_id, address_id__isnull=False)
    waiting = list(
        rows.filter(state=DemandState.WAITING, party_id__isnull=False, order_id__isnull=False)
        .order_by("created_at", "pk")
        .values_list("pk", "address_id")
    )
    told = list(
        rows.filter(state=DemandState.TOLD, told_until__gt=now())
        .order_by("told_at", "pk")
        .values_list("address_id", flat=True)
    )
    boxes = inventory.free_boxes({address for _pk, address in waiting} | set(told))
    left = {box: free for found in boxes.values() for box, free in found}
    for address_id in told:
        _take(left, boxes.get(address_id, ()))
    chosen: list[UUID] = []
    for pk, address_id in waiting:
        if _take(left, boxes.get(address_id, ())):
            chosen.append(pk)
            if len(chosen) == AT_ONCE:
                break
    return chosen


def _take(left: dict[UUID, int], boxes: Sequence[tuple[UUID, int]]) -> bool:
    for box, _free in boxes:
        if left[box] > 0:
            left[box] -= 1
            return True
    return False


def _terms(rows: Iterable[Demand]) -> dict[str, Procedure]:
    """How each kind of service is opened today, for what is told of it and for how long."""
    wanted = Q(pk__in=[])
    for specification in {row.specification for row in rows}:
        playbook, _dot, key = specification.rpartition(".")
        wanted |= Q(playbook=playbook, specification=key)
    found = Procedure.objects.filter(wanted, action=ItemAction.ADD, retired_at=None)
    return {f"{row.playbook}.{row.specification}": row for row in found}


def _tell(demand: Demand, today: Procedure | None) -> None:
    assert demand.order is not None
    moment = now()
    until = _until(demand.branch_id, today, moment)
    demand.state, demand.told_at, demand.told_until = DemandState.TOLD, moment, until
    demand.save(update_fields=["state", "told_at", "told_until"])
    note(demand.order.pk, "demand-told", actor_id=None, data={"until": until.isoformat()})
    entries: Mapping[str, Any] = today.notices if today is not None else {}
    notices.tell(
        actor=Actor.system(branch_id=demand.branch_id),
        order=demand.order,
        when="available",
        once=f"{demand.pk}#{demand.round}",
        values={"until": until, "address": demand.address_text},
        entries=entries,
    )


def _until(branch_id: UUID, today: Procedure | None, moment: datetime) -> datetime:
    budget = today.parameters.get(ANSWER_WITHIN) if today is not None else None
    if not budget:
        return moment
    calendar = org.calendar_key(branch_id)
    return worktime.deadline(budget, moment, calendar_key=calendar).due_at
