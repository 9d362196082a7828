"""Reading live checks, worded for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.fieldwork import words
from kaitong.fieldwork.choices import Finding, Tone
from kaitong.fieldwork.models import Change, Check
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.choices import InstanceState


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding, worded; `tone` is ok, soon, late or wait."""

    code: str
    title: str
    tone: str
    tone_text: str
    what: str
    remedy: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckView:
    """One live check. `evidence_id` is the attachment of a supervisor's override."""

    id: UUID
    at: datetime
    item_id: UUID
    order_id: UUID | None
    service_id: UUID
    ok: bool
    who: str
    took_ms: int
    findings: tuple[FindingView, ...]
    expected: dict[str, Any]
    seen: dict[str, Any]
    subject: dict[str, Any]
    override_reason: str
    evidence_id: UUID | None

    def finding(self, code: str) -> FindingView | None:
        return next((f for f in self.findings if f.code == code), None)

    @property
    def failed(self) -> tuple[FindingView, ...]:
        return tuple(f for f in self.findings if f.tone == Tone.LATE)


def check(actor: Actor, check_id: UUID) -> CheckView | None:
    """One check the actor sees."""
    return next(iter(_views(org.visible_to(Check.objects.filter(pk=check_id), actor))), None)


def latest_check(actor: Actor, item_id: UUID) -> CheckView | None:
    """The youngest check of a work item."""
    rows = org.visible_to(Check.objects.filter(item_id=item_id), actor)
    return next(iter(_views(rows.order_by("-id")[:1])), None)


def checks_of_order(actor: Actor, order_id: UUID, *, limit: int = 50) -> list[CheckView]:
    """The checks made for an order, youngest first."""
    rows = org.visible_to(Check.objects.filter(order_id=order_id), actor)
    return _views(rows.order_by("-id")[:limit])


@dataclass(frozen=True, slots=True)
class Resending:
    """How data sent again stand: running, done or stuck, with why."""

    state: str
    reason: str = ""


def resending(instance_id: UUID) -> Resending:
    """Where the process that sends data again stands."""
    if process.state_of(instance_id) != InstanceState.RUNNING:
        return Resending("done")
    waits = process.waits([instance_id]).get(instance_id, [])
    # an incident, or work of the network's people: nothing that mends itself
    stuck = next((wait for wait in waits if wait.kind in ("incident", "work")), None)
    if stuck is not None:
        return Resending("stuck", stuck.reason)
    return Resending("running", next((wait.reason for wait in waits), ""))


def changes(item_id: UUID) -> list[Change]:
    """What was changed on the spot under a work item the actor sees, youngest first."""
    return list(Change.objects.filter(item_id=item_id).order_by("-id")[:20])


def _views(rows: Iterable[Check]) -> list[CheckView]:
    found = list(rows)
    names = org.staff_names([row.actor_id for row in found])
    return [_view(row, names) for row in found]


def _view(row: Check, names: dict[UUID, str]) -> CheckView:
    return CheckView(
        id=row.pk,
        at=row.created_at,
        item_id=row.item_id,
        order_id=row.order_id,
        service_id=row.service_id,
        ok=row.ok,
        who=names.get(row.actor_id, "") if row.actor_id else "",
        took_ms=row.took_ms,
        findings=tuple(_finding(f) for f in row.findings),
        expected=row.expected,
        seen=row.seen,
        subject=row.subject,
        override_reason=row.override_reason,
        evidence_id=row.evidence_id,
    )


def _finding(raw: dict[str, Any]) -> FindingView:
    code, tone, facts = raw["code"], raw["tone"], raw.get("facts", {})
    what, remedy = words.sentence(code, tone, facts)
    return FindingView(
        code, str(Finding(code).label), tone, str(Tone(tone).label), what, remedy, facts
    )
