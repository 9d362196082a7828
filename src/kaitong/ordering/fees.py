"""What leaving early costs, as it stands on orders (违约金), and letting it go (减免).

Who may let a fee go, and which fees, is the parameter `fee_waiver` of the playbook the order was
accepted under (`posts`, `fees`). A waived fee is void: nobody owes it, no arrears count it, and the
order's history and the audit say who let it go and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.charging import queries as charges
from kaitong.charging import services as charging
from kaitong.charging.choices import ChargeState
from kaitong.charging.models import Charge
from kaitong.core import audit
from kaitong.core.errors import InputFault
from kaitong.ordering import queries
from kaitong.ordering.errors import BadOrder, OrderForbidden, OrderRefused
from kaitong.ordering.life_checks import LEAVING
from kaitong.ordering.life_costs import PINNED
from kaitong.ordering.models import Order, OrderNote, ServiceChange
from kaitong.ordering.states import locked, note
from kaitong.org.actor import Actor

PARAMETER = "fee_waiver"
WAIVED = "fee-waived"
_SHORTEST = 4  # signs of a reason that says something


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee of an order: due, paid, or told and not charged yet (a line that is about to end)."""

    title: str
    amount_fen: int
    note: str
    state: str  # of the charge; empty until it is one


def may_waive(actor: Actor, order: Order, charge: Charge) -> bool:
    """Whether this person may let this charge go, as it stands now."""
    return charge.state == ChargeState.DUE and allowed(actor, order, charge)


def allowed(actor: Actor, order: Order, charge: Charge) -> bool:
    """Whether this person may let such a fee go, be it due or not."""
    rules = order.parameters.get(PARAMETER) or {}
    fees, posts = rules.get("fees", ()), rules.get("posts", ())
    return charge.code in fees and any(actor.has_post(post) for post in posts)


def not_due() -> OrderRefused:
    return OrderRefused(_("这项费用已经不是待收。"), _("已收的请办理退费。"))


def waive(*, actor: Actor, order_id: UUID, charge_id: UUID, reason: str) -> None:
    """Let a fee go that nobody has paid yet; again changes nothing.

    Raises OrderForbidden for a post that may not, BadOrder without a reason, OrderRefused for a
    charge that is paid, or is none of those.
    """
    why = " ".join(reason.split())[:200]
    with audit.acting(actor.id, "waive fee"), transaction.atomic():
        order = queries.order(actor, order_id)
        locked(order.pk)
        found = next((c for c in charges.charges(actor, order.pk) if c.pk == charge_id), None)
        if found is None:
            raise OrderRefused(_("没有这项费用。"), _("请刷新页面。"))
        if not allowed(actor, order, found):
            raise OrderForbidden(_("您不能减免这项费用。"), _("请由有权限的岗位办理。"))
        if len(why) < _SHORTEST:
            raise BadOrder([InputFault("reason", _("没有写减免原因。"), _("请写明原因。"))])
        mine = OrderNote.objects.filter(order_id=order.pk, kind=WAIVED)
        if mine.filter(data__charge=str(charge_id)).exists():
            return
        if found.state != ChargeState.DUE:
            raise not_due()
        charging.void_due(actor=actor, order_id=order.pk, charge_ids=[charge_id])
        said = {"title": found.title, "sum": charges.yuan(found.amount_fen), "reason": why}
        note(order.pk, WAIVED, actor_id=actor.id, data={**said, "charge": str(charge_id)})
        audit.record(
            WAIVED,
            actor_id=actor.id,
            subject_type="charging.charge",
            subject_id=charge_id,
            branch_id=order.branch_id,
            data={"order": str(order.pk), "amount_fen": found.amount_fen, "reason": why},
        )


def of_orders(actor: Actor, order_ids: Iterable[UUID]) -> dict[UUID, list[Fee]]:
    """The fees that orders ask for, or will when they are carried out; in two queries."""
    ids = list(order_ids)
    found: dict[UUID, list[Fee]] = {}
    raised = set()  # one that was let go is told no longer
    for row in charges.charges_of(actor, ids, LEAVING):
        if row.order_id is None:
            continue
        raised.add(row.order_id)
        if row.state != ChargeState.VOID:
            fee = Fee(row.title, row.amount_fen, row.note, row.state)
            found.setdefault(row.order_id, []).append(fee)
    rows = ServiceChange.objects.filter(item__order_id__in=ids, ended_at=None)
    pinned = rows.filter(agreed__has_key=PINNED).values_list("item__order_id", "agreed")
    for order_id, agreed in pinned:
        told: Mapping[str, Any] | None = agreed[PINNED]
        if told and order_id not in raised:
            found[order_id] = [Fee(told["title"], told["fen"], told["note"], "")]
    return found
