"""What a requester says of his order beside what is to be done, and may change while it goes on.

Nothing here moves work: appointments, telephones and remarks for those who work are amended
(`amending`), and an order is taken back by withdrawing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.ordering.choices import FINAL
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


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of the audit of orders that means something to others; `number` grows."""

    number: int
    order_id: UUID
    branch_id: UUID
    kind: str  # created, state, described
    state: str
    at: datetime


_HAPPENINGS = """with seen as (
 select e.pgh_id, e.pgh_obj_id, e.branch_id, e.pgh_label, e.pgh_created_at, e.state,
  e.category, e.description, e.external_id, e.priority, e.requested_start, e.requested_completion
 from ordering_orderevent e where e.pgh_id > %s and e.pgh_label <> 'delete'
 order by e.pgh_id limit %s)
select seen.pgh_id as number, seen.pgh_obj_id as order_id, seen.branch_id, seen.state,
 seen.pgh_created_at as at,
 case when seen.pgh_label = 'insert' then 'created'
  when seen.state is distinct from b.state then 'state'
  when (seen.category, seen.description, seen.external_id, seen.priority, seen.requested_start,
   seen.requested_completion) is distinct from (b.category, b.description, b.external_id,
   b.priority, b.requested_start, b.requested_completion) then 'described' else '' end as kind
from seen left join lateral (select * from ordering_orderevent p
 where p.pgh_obj_id = seen.pgh_obj_id and p.pgh_id < seen.pgh_id order by p.pgh_id desc limit 1) b
 on true order by seen.pgh_id"""


def happenings(*, after: int, limit: int = 500) -> tuple[list[Happening], int]:
    """What happened to orders after a number, oldest first, and the last number looked at.

    Numbers are given before a transaction commits: one that comes late has a smaller number than
    one that was seen. Whoever reads on reads some of the past again.
    """
    rows = db.rows(_HAPPENINGS, [after, limit])
    found = [Happening(**row) for row in rows if row["kind"]]
    return found, (rows[-1]["number"] if rows else after)


def number_before(seconds: float) -> int:
    """The last number that is at least so old: what came before it has long been visible."""
    rows = db.rows(
        "select coalesce(max(pgh_id), 0) as number from (select pgh_id, pgh_created_at from"
        " ordering_orderevent order by pgh_id desc limit 5000) newest"
        " where pgh_created_at < now() - make_interval(secs => %s)",
        [seconds],
    )
    return int(rows[0]["number"])


def newest_number() -> int:
    rows = db.rows("select coalesce(max(pgh_id), 0) as number from ordering_orderevent", [])
    return int(rows[0]["number"])
