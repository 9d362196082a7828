"""Alarms (告警): what network elements say of themselves, tied to faults and common causes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from kaitong.assurance import causes, handling
from kaitong.assurance.choices import OPEN_CAUSES
from kaitong.assurance.models import Alarm, CommonCause, Handling
from kaitong.assurance.states import note
from kaitong.core.clock import now
from kaitong.documents import services as documents
from kaitong.inventory import beneath
from kaitong.inventory.beneath import Piece
from kaitong.org import queries as org
from kaitong.org.actor import Actor


def report_alarm(
    actor: Actor,
    *,
    source: str,
    source_id: str,
    element: str,
    component: str | None,
    kind: str,
    severity: str,
    at: datetime,
    cleared: bool,
    text: str,
) -> Alarm:
    """An element raises an alarm or clears it; once by (source, source_id), in whatever order the
    two come.

    An alarm of a kind in the playbook's `alarms:` (an OLT away, a PON port without light) proposes
    a common cause by itself and takes the faults reported beneath it; any other is only tied to the
    cause that stands there. A clear never ends a cause: people do, when customers are well again.
    """
    with transaction.atomic():
        there = beneath.element_named(element, component)
        causes.take_turn(there.olt_id if there else None)
        row, _made = Alarm.objects.select_for_update().get_or_create(
            source=source[:40],
            source_id=source_id[:160],
            defaults={
                "branch_id": there.branch_id if there else None,
                "element": element[:80],
                "component": (component or "")[:80],
                "kind": kind[:60],
                "severity": severity[:10],
                "text": text[:300],
                "level": causes.level_of(there.kind) if there else "",
                "resource_id": there.id if there else None,
            },
        )
        if cleared:
            if row.cleared_at is None:
                row.cleared_at = at
                row.save(update_fields=["cleared_at"])
                if row.common_cause_id is not None:
                    data = {"element": row.element, "component": row.component}
                    note(row.common_cause_id, "alarm-cleared", actor_id=None, data=data)
            return row
        if row.raised_at is not None:
            return row
        row.raised_at = at
        if there is not None and row.level and row.cleared_at is None:
            row.common_cause = _cause_of(actor, row, there)
        row.save(update_fields=["raised_at", "common_cause"])
    return row


def _cause_of(actor: Actor, row: Alarm, there: Piece) -> CommonCause | None:
    standing = CommonCause.objects.filter(
        resource_id__in=[there.id, there.olt_id], state__in=OPEN_CAUSES
    )
    found = standing.order_by("id").first()
    rules = handling.only()
    if found is None and rules is not None and row.kind in rules.content.get("alarms", ()):
        found = _proposed(actor, row, there, rules)
    if found is not None:
        data = {"element": row.element, "component": row.component, "kind": row.kind}
        note(found.pk, "alarm", actor_id=None, data=data)
    return found


def _proposed(actor: Actor, row: Alarm, there: Piece, rules: Handling) -> CommonCause:
    machine = Actor.system(branch_id=there.branch_id)
    cause = causes.propose(
        machine,
        handling=rules,
        level=row.level,
        resource_id=there.id,
        text=there.text,
        branch_id=there.branch_id,
        by_alarm=True,
    )
    taken = causes.gather_broken(cause, now() - causes.window(rules))
    narrower = CommonCause.objects.filter(state="proposed", resource_id__in=_beneath(taken))
    causes.absorb(cause, list(narrower))
    number_of(cause)
    return cause


def _beneath(faults: list) -> set[UUID]:  # type: ignore[type-arg]
    return {one for fault in faults for one in fault.places.values()}


def number_of(cause: CommonCause) -> None:
    """A new cause's number: taken last, after every other lock."""
    if cause.number:
        return
    rule = cause.handling.numbers["cause"]
    cause.number = documents.next_number(
        rule=rule["rule"],
        branch_code=org.branch(cause.branch_id).code,
        pattern=rule["pattern"],
        restart=rule["restart"],
        at=cause.created_at,
    )
    cause.save(update_fields=["number"])
