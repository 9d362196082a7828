"""Between a ticket of ours and TMF621's TroubleTicket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import Severity, TicketKind
from kaitong.assurance.models import Fault
from kaitong.assurance.services import Report
from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.filters import Criterion
from kaitong.tmf.mapping.outgoing import moment

Address = Callable[[UUID], str]
DOCUMENT = "document"
#: What the server owns of a ticket: a body that names it is answered with ours.
OWNED = frozenset(
    {
        "id", "href", "status", "creationDate", "lastUpdate", "statusChangeDate", "statusChange",
        "resolutionDate", "expectedResolutionDate", "troubleTicketRelationship",
    }
)  # fmt: skip
_COLUMNS = {
    "id": "pk",
    "status": "state",
    "externalId": "external_id",
    "name": "symptom_title",
    "creationDate": "reported_at",
    "resolutionDate": "resolved_at",
    "expectedResolutionDate": "due_at",
    "statusChangeDate": "state_since",
}


def report(body: Mapping[str, Any], *, key: str) -> Report:
    """What a body asks to be taken in.

    A ticketType other than `fault` is a complaint; a fault is about a service, named by a related
    entity of role or @referredType `service`.
    """
    kind = TicketKind.FAULT if body["ticketType"] == TicketKind.FAULT else TicketKind.COMPLAINT
    service_id = _related(body, "service")
    if kind is TicketKind.FAULT and service_id is None:
        what = _("要指出哪项业务有故障")
        remedy = _("请加一个 role 为 service 的 relatedEntity，填它的 TMF638 编号。")
        raise BadInput([InputFault("relatedEntity", what, remedy)])
    return Report(
        kind=kind,
        service_id=service_id,
        party_id=_party(body),
        symptom=_symptom(kind, str(body.get("name") or "")),
        description=str(body["description"]),
        channel=str((body.get("channel") or {}).get("id") or "api"),
        severity=body["severity"] if body["severity"] in Severity.values else "",
        external_id=str(body.get("externalId") or ""),
        idempotency_key=f"tmf621:{key}" if key else "",
        raw={DOCUMENT: {name: value for name, value in body.items() if name not in OWNED}},
    )


def trouble_ticket(row: Fault, *, href: Address, service_href: Address) -> dict[str, Any]:
    """The whole body: what was sent as it was kept, over it what the server owns."""
    kept = row.ext.get(DOCUMENT)
    body: dict[str, Any] = dict(kept) if kept else {"@type": "TroubleTicket"}
    body |= {
        "id": str(row.pk),
        "href": href(row.pk),
        "status": row.state,
        "creationDate": moment(row.reported_at),
        "statusChangeDate": moment(row.state_since),
        "lastUpdate": moment(row.state_since),
    }
    body.setdefault("ticketType", row.kind)
    body.setdefault("severity", row.severity)
    body.setdefault("description", row.description or row.symptom_title)
    body.setdefault("name", row.symptom_title)
    if row.number:
        body.setdefault("externalId", row.external_id or row.number)
    if row.reason:
        body["statusChangeReason"] = wording.read(row.reason)
    if row.due_at is not None:
        body["expectedResolutionDate"] = moment(row.due_at)
    if row.resolved_at is not None:
        body["resolutionDate"] = moment(row.resolved_at)
    if not kept:
        body["channel"] = {"id": row.channel}
        if row.service_id is not None:
            body["relatedEntity"] = [
                {
                    "id": str(row.service_id),
                    "href": service_href(row.service_id),
                    "role": "service",
                    "@referredType": "Service",
                }
            ]
    if row.repeats_id is not None:
        body["troubleTicketRelationship"] = [
            {
                "id": str(row.repeats_id),
                "href": href(row.repeats_id),
                "relationshipType": "repeats",
            }
        ]
    return body


def conditions(criteria: Iterable[Criterion]) -> dict[str, Any]:
    """The criteria as lookups on columns; BadQuery names what cannot be asked."""
    found: dict[str, Any] = {}
    for one in criteria:
        column = _COLUMNS.get(one.name)
        if one.path == ("relatedEntity", "id"):
            column = "service_id"
        if one.name == "ticketType" and one.op == "eq":
            found["kind"] = one.value if one.value in TicketKind.values else ""
            continue
        if column is None:
            raise BadQuery(
                _("不能用作筛选条件。"),
                _(
                    "故障单可按 id、status、ticketType、externalId、name、各个日期和"
                    " relatedEntity.id 查。"
                ),
                field=one.name,
            )
        if column in ("pk", "service_id"):
            values = one.value if one.op == "in" else (one.value,)
            found[f"{column}__in"] = [u for v in values if (u := _uuid(v)) is not None]
        elif one.op == "eq":
            found[column] = one.value
        else:
            found[f"{column}__{one.op}"] = one.value
    return found


# ---- inside --------------------------------------------------------------------------------------


def _related(body: Mapping[str, Any], role: str) -> UUID | None:
    for number, entity in enumerate(body.get("relatedEntity") or ()):
        said = (str(entity.get("role", "")).lower(), str(entity.get("@referredType", "")).lower())
        if role in said:
            found = _uuid(entity.get("id"))
            if found is None:
                place = f"relatedEntity[{number}].id"
                raise BadInput([InputFault(place, _("不是业务的编号"), _("请填 TMF638 的编号。"))])
            return found
    return None


def _party(body: Mapping[str, Any]) -> UUID | None:
    for party in body.get("relatedParty") or ():
        if str(party.get("role", "")).lower() == "customer":
            return _uuid(party.get("id"))
    return None


def _symptom(kind: str, name: str) -> str:
    """The key a name stands for: itself, or the title it is; the first of the list without one."""
    rules = assurance.only()
    listed = (
        rules.content["symptoms" if kind == TicketKind.FAULT else "complaints"] if rules else []
    )
    for one in listed:
        if name in (one["key"], one["title"]):
            return str(one["key"])
    return str(listed[0]["key"]) if listed else ""


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
