"""What a requester says of his order beside what is to be done, and may change while it goes on.

Nothing here moves work: appointments, telephones and remarks for those who work are amended
(`amending`), and an order is taken back by withdrawing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.core.trail import Happening, Trail
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.errors import OrderForbidden, WrongOrderState
from kaitong.ordering.models import Order
from kaitong.ordering.plans import may_withdraw
from kaitong.ordering.queries import order as own_order
from kaitong.ordering.states import locked, note
from kaitong.org.actor import Actor

# Columns, and how much of a text each keeps.
DESCRIBED: Mapping[str, int] = {
    "category": 120,
    "description": 500,
    "external_id": 120,
    "priority": 20,
    "requested_start": 0,
    "requested_completion": 0,
}


def describe(
    *,
    actor: Actor,
    order_id: UUID,
    values: Mapping[str, Any],
    keep: Callable[[Order], Mapping[str, Any]] | None = None,
) -> Order:
    """Change columns of DESCRIBED, and what a face keeps with the order (`keep` says what of the
    locked row). Said twice it is once. Raises OrderForbidden for who neither asked for the order
    nor may take it back, WrongOrderState when it has ended.
    """
    seen = own_order(actor, order_id)
    if actor.id != seen.requester_id and not may_withdraw(actor):
        raise OrderForbidden(_("这张订单不是您提交的。"), _("请由受理人、营业员或班长修改。"))
    with audit.acting(actor.id, "describe order"), transaction.atomic():
        row = locked(order_id)
        if row.state in FINAL:
            raise WrongOrderState(
                _("订单已经%s，不能再改。") % row.get_state_display(), field="state"
            )
        changed = [name for name in DESCRIBED if name in values]
        changed = [name for name in changed if getattr(row, name) != _fit(name, values[name])]
        for name in changed:
            setattr(row, name, _fit(name, values[name]))
        kept = dict(keep(row)) if keep is not None else {}
        if not changed and kept == {name: row.ext.get(name) for name in kept}:
            return row
        row.ext = {**row.ext, **kept}
        row.save(update_fields=[*changed, "ext"])
        note(row.pk, "described", actor_id=actor.id, data={"fields": changed})
    return row


def keep_document(order_id: UUID, kept: Mapping[str, Any]) -> Order:
    """What a face keeps with an order that it has just asked for; again is once."""
    with transaction.atomic():
        row = locked(order_id)
        row.ext = {**row.ext, **kept}
        row.save(update_fields=["ext"])
    return row


def _fit(name: str, value: Any) -> Any:
    most = DESCRIBED[name]
    return str(value or "")[:most] if most else value


# ---- what happened to orders, for who listens ----------------------------------------------------

TRAIL = Trail("ordering_orderevent", tuple(DESCRIBED))

_OVERDUE = """select o.id as subject_id, o.branch_id, o.state, o.due_at as at, 'jeopardy' as kind,
 (select coalesce(max(e.pgh_id), 0) from ordering_orderevent e where e.pgh_obj_id = o.id) as number
 from ordering_order o where o.state = any(%s) and o.due_at > %s and o.due_at <= %s"""


def overdue(actor: Actor, *, since: datetime) -> list[Happening]:
    """Orders of the actor's branches whose due time has passed since then, while they go on: each
    in its place after the last that happened to it."""
    going = [state for state in OrderState.values if state not in FINAL]
    sql, params = _OVERDUE, [going, since, now()]
    if not actor.is_system:
        sql += " and o.branch_id = any(%s)"
        params.append(list(actor.branch_ids))
    return [Happening(**row) for row in db.rows(sql, params)]
