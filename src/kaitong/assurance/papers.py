"""Sheets of faults: the outside repair order (外线修障单, F-30) and the hand-over (交接班单).

Issued inside the transaction of what they tell, each once; what a sheet says is sealed then. The
playbook gives the templates (`faults: papers:`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import override

from kaitong.assurance.choices import Level, Severity
from kaitong.assurance.models import CommonCause, Fault, Handling, HandOver, Note
from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.documents.choices import PaperState
from kaitong.documents.models import Paper
from kaitong.inventory import beneath
from kaitong.inventory import queries as inventory
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.places import queries as places
from kaitong.worktime.explain import WEEKDAYS_ZH

REPAIR, HAND_OVER = "repair-order", "hand-over"
CHINESE = "zh-hans"
_PLACES = {"network": "网络", "system": "系统", "inside": "机房内", "outside": "外线"}


def repair_order(actor: Actor, fault: Fault) -> Paper | None:
    """外线修障单 of a ticket; opened again it gets another, and the first is void."""
    entry = fault.handling.papers.get(REPAIR)
    if entry is None:
        return None
    key = f"{REPAIR}:{fault.reopened}"
    if key in documents.issued(fault.pk):
        return None
    void_work(actor, fault.pk)
    with override(CHINESE):
        return _issue(actor, fault, entry, key, _of_fault(fault, entry))


def cause_order(actor: Actor, cause: CommonCause) -> Paper | None:
    """外线修障单 of a common cause: one for all its customers."""
    entry = cause.handling.papers.get(REPAIR)
    if entry is None or REPAIR in documents.issued(cause.pk):
        return None
    with override(CHINESE):
        return _issue(actor, cause, entry, REPAIR, _of_cause(cause, entry))


def hand_over_sheet(actor: Actor, row: HandOver, handling: Handling) -> Paper | None:
    """交接班单, once both have signed."""
    entry = handling.papers.get(HAND_OVER)
    if entry is None or HAND_OVER in documents.issued(row.pk):
        return None
    with override(CHINESE):
        return _issue(actor, row, entry, HAND_OVER, _of_hand_over(row))


def void_work(actor: Actor, ticket_id: UUID) -> None:
    """Repair orders of what is no longer repaired are void; twice changes nothing."""
    for paper in documents.issued(ticket_id).values():
        if paper.kind == REPAIR and paper.state == PaperState.ISSUED:
            document_verbs.void_paper(actor=actor, paper_id=paper.pk, reason="故障已结束或另出新单")


# ---- inside --------------------------------------------------------------------------------------


def _issue(
    actor: Actor,
    about: Fault | CommonCause | HandOver,
    entry: Mapping[str, Any],
    key: str,
    data: dict[str, Any],
) -> Paper:
    branch = org.branch(about.branch_id)
    root = branch.path.partition(".")[0]
    top = branch if root == branch.code else org.branch_by_code(root)
    head = {
        "operator": top.name,
        "branch": branch.name,
        "watermark": None,
        "form": entry["form"],
        "title": entry["title"],
        "office": entry["office"],
        "copies": entry["copies"],
        "verify_url": "",
    }
    return document_verbs.issue(
        actor=actor,
        branch_id=about.branch_id,
        order_id=about.pk,
        kind=key.partition(":")[0],
        title=entry["title"],
        template_hash=entry["template"],
        data={"paper": head, **data},
        number=document_verbs.NumberRule(**entry["number"]),
        key=key,
    )


def _of_fault(fault: Fault, entry: Mapping[str, Any]) -> dict[str, Any]:
    service = inventory.service(Actor.system(), fault.service_id) if fault.service_id else None
    person = parties.summaries([fault.party_id]).get(fault.party_id) if fault.party_id else None
    spot = places.addresses([fault.address_id]).get(fault.address_id) if fault.address_id else None
    there = beneath.line_places([fault.service_id]).get(fault.service_id) if service else None
    terminals = inventory.terminals_of([service.id]).get(service.id, []) if service else []
    return {
        "fault": fault.number or "",
        "dispatched_at": _moment(now()),
        "accepted_at": _moment(fault.reported_at),
        "due": _moment(fault.due_at) if fault.due_at else None,
        "severity": str(Severity(fault.severity).label),
        "symptom": fault.symptom_title,
        "note": fault.description or None,
        "kind": "系统" if fault.place == "system" else "网络",
        "side": _PLACES.get(fault.place, "外线"),
        "found": _found(fault.pk),
        "customer": {
            "name": person.name if person else None,
            "phone": person.phone if person else "",
        },
        "account": (service.account if service else fault.account) or None,
        "address": spot.full_text if spot else None,
        "line": {
            "logical_id": service.logical_id if service else "",
            "box": there.box if there else None,
            "port": service.port.box_text.rpartition("/")[2] if service and service.port else None,
            "olt": there.olt if there else None,
            "pon": there.pon if there else None,
            "power": str(service.characteristics.get("power_dbm", "")) or None if service else None,
            "terminal": "；".join(f"{t.model} {t.serial}" for t in terminals) or None,
        },
        "log": _log(fault.pk),
        "steps": [{"title": title, "done": False} for title in entry.get("steps", [])],
        "limits": entry.get("limits", ""),
        "affected": None,
        "result": _blank(),
    }


def _of_cause(cause: CommonCause, entry: Mapping[str, Any]) -> dict[str, Any]:
    rows, total = beneath.services_beneath(cause.resource_id, limit=12)
    spots = places.addresses(row["address_id"] for row in rows if row["address_id"])
    return {
        "fault": cause.number or "",
        "dispatched_at": _moment(now()),
        "accepted_at": _moment(cause.created_at),
        "due": _moment(cause.due_at) if cause.due_at else None,
        "severity": "紧急",
        "symptom": f"群障：{Level(cause.level).label}",
        "note": cause.finding or None,
        "kind": "网络",
        "side": "外线",
        "found": cause.finding or None,
        "customer": {"name": f"影响 {total} 户", "phone": ""},
        "account": None,
        "address": cause.resource_text,
        "line": {
            "logical_id": "",
            "box": None,
            "port": None,
            "olt": cause.resource_text,
            "pon": None,
            "power": None,
            "terminal": None,
        },
        "log": _log(cause.pk),
        "steps": [{"title": title, "done": False} for title in entry.get("steps", [])],
        "limits": entry.get("limits", ""),
        "affected": {
            "total": total,
            "rows": [
                {
                    "account": row["account"],
                    "address": spots[row["address_id"]].short_text
                    if row["address_id"] in spots
                    else None,
                }
                for row in rows
            ],
        },
        "result": _blank(),
    }


def _of_hand_over(row: HandOver) -> dict[str, Any]:
    names = org.staff_names([row.given_by, row.to_id])
    return {
        "given_by": names.get(row.given_by),
        "to": names.get(row.to_id),
        "given_at": _moment(row.given_at),
        "taken_at": _moment(row.taken_at) if row.taken_at else None,
        "notes": row.notes or None,
        "answer": row.answer or None,
        "faults": list(row.content),
    }


def _blank() -> dict[str, Any]:
    """What a hand fills in."""
    names = ("found", "done", "power", "port", "serial", "arrived_at", "finished_at", "cause")
    return {**dict.fromkeys(names), "outcome": None, "customer_sign": None, "installer_sign": None,
            "signed_on": None, "satisfaction": None}  # fmt: skip


def _log(ticket_id: UUID) -> list[dict[str, Any]]:
    """The log of transfers (F-30): who decided what when."""
    rows = list(Note.objects.filter(ticket_id=ticket_id).order_by("id"))
    names = org.staff_names(row.actor_id for row in rows)
    words = {
        "accepted": "受理",
        "placed": "判定",
        "alone": "单独处理",
        "reopened": "客户反映没有修好，重开",
        "urged": "客户催单",
        "proposed": "提出群障",
        "confirmed": "确认群障",
    }
    return [
        {
            "at": _moment(row.created_at)[5:],
            "what": words[row.kind],
            "text": str(_PLACES.get(row.data.get("place", ""), "") or row.data.get("why", "")),
            "who": names.get(row.actor_id, "系统") if row.actor_id else "系统",
        }
        for row in rows
        if row.kind in words
    ][-8:]


def _found(ticket_id: UUID) -> str | None:
    last = Note.objects.filter(ticket_id=ticket_id, kind="placed").order_by("-id").first()
    return wording.read(str(last.data.get("why", ""))) or None if last else None


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%Y-%m-%d} 周{WEEKDAYS_ZH[local.weekday()]} {local:%H:%M}"
