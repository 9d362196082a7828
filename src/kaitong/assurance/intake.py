"""Taking in a fault or a complaint (受理): from what a customer says to a handled ticket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.assurance import causes, handling, notices
from kaitong.assurance.alarms import number_of
from kaitong.assurance.choices import (
    BROKEN,
    CauseState,
    Ownership,
    Severity,
    TicketKind,
    TicketState,
)
from kaitong.assurance.errors import BadFault, FaultRefused, NotAllowed, WrongFaultState
from kaitong.assurance.models import Fault, Handling, Routing
from kaitong.assurance.states import note, set_due
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import InputFault, NotFound
from kaitong.core.masking import mask_account
from kaitong.documents import services as documents
from kaitong.inventory import beneath
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.results import ServiceView
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.process import services as process


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a customer reports. A fault is about a service; a complaint may be about none.

    `channel` is a key of the playbook's list; `hotline` the number that was called (FMT-13).
    """

    kind: str = TicketKind.FAULT
    service_id: UUID | None = None
    party_id: UUID | None = None
    symptom: str = ""
    description: str = ""
    channel: str = "api"
    hotline: str = ""
    contact: str = field(default="", repr=False)
    severity: str = ""
    external_id: str = ""
    idempotency_key: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


def take_in(*, actor: Actor, report: Report) -> Fault:
    """Take in a ticket and start its handling, all in one transaction.

    A line that is not in operation has no fault: the ticket is kept as `rejected` and its reason
    says what it is instead. A repeated `idempotency_key` of the same requester returns the ticket
    it made before. A line whose fault is not mended yet is refused with that fault's number: urge
    it. Raises BadFault with every fault of the report.
    """
    if report.idempotency_key:
        known = _made_before(actor, report.idempotency_key)
        if known is not None:
            return known
    try:
        with audit.acting(actor.id, "take in a fault"), transaction.atomic():
            return _take_in(actor, report)
    except IntegrityError:
        known = _made_before(actor, report.idempotency_key) if report.idempotency_key else None
        if known is None:
            _refuse_second(actor, report)  # somebody reported the same line at this instant
            raise
        return known


def require_taker(actor: Actor, rules: Handling) -> None:
    """Only the posts that the playbook names take in faults."""
    posts = set(rules.content.get("takers", ()))
    if not (actor.is_supervisor or posts & actor.posts):
        raise NotAllowed(_("您的岗位不受理故障。"), _("请转热线客服或营业员受理。"))


def not_a_fault(service: ServiceView) -> str:
    """Why what the customer reports is no fault of this line; empty when it may be one."""
    if service.withdrawn_at is not None:
        return "这条线路的订单已撤销，没有开通。"
    match service.state:
        case ServiceState.ACTIVE:
            return ""
        case ServiceState.TERMINATED:
            return "业务已拆机，不是故障。"
        case ServiceState.INACTIVE if service.started_at is not None:
            return "业务已停机，不是故障：请按停机原因办理复机。"
    return "业务还没有开通，不是故障：请查订单进度。"


def route(
    *, actor: Actor, rules: Handling, hotline: str, ownership: str, fault: Fault | None = None
) -> Routing:
    """Record a call to a hotline and where it went: own customers to the one that accepts."""
    entry = next((h for h in rules.content.get("hotlines", []) if h["number"] == hotline), None)
    if entry is None:
        raise BadFault([InputFault("hotline", _("没有这个热线号码。"), _("请从列出的里选。"))])
    onward = str(entry.get("to", "")) if ownership == Ownership.OWN else ""
    if actor.branch_id is None:
        raise FaultRefused(_("受理人没有所属分公司。"), _("请用分公司人员的账号受理。"))
    return Routing.objects.create(
        branch_id=actor.branch_id,
        hotline=hotline,
        routed_to=onward,
        ownership=ownership,
        actor_id=actor.id,
        fault=fault,
    )


# ---- inside --------------------------------------------------------------------------------------


def _made_before(actor: Actor, key: str) -> Fault | None:
    return Fault.objects.filter(requester_id=actor.id, idempotency_key=key).first()


def _refuse_second(actor: Actor, report: Report) -> None:
    rows = Fault.objects.filter(
        service_id=report.service_id, kind=TicketKind.FAULT, state__in=BROKEN
    )
    other = rows.first() if report.service_id else None
    if other is None:
        return
    number = other.number or str(other.pk)[:8]
    raise WrongFaultState(
        _("这条线路已有未修复的故障单 %(number)s。") % {"number": number},
        _("不必重复受理；客户催办请在那张单上催单。"),
        field="service_id",
        code="open-fault",
    )


def _checked(
    actor: Actor, report: Report
) -> tuple[Handling, ServiceView | None, Mapping[str, Any]]:
    faults: list[InputFault] = []
    service = None
    if report.service_id is not None:
        try:
            service = inventory.service(actor, report.service_id)
        except NotFound as absent:
            faults.append(InputFault("service_id", absent.what, absent.remedy))
    elif report.kind == TicketKind.FAULT:
        faults.append(InputFault("service_id", _("没有选故障的线路。"), _("请先查到客户的账号。")))
    rules = (
        handling.of_service(f"{service.playbook}.{service.specification}")
        if service is not None
        else handling.only()
    )
    if rules is None:
        raise FaultRefused(_("没有部署故障处理流程。"), _("请在业务流程包里补上 faults:。"))
    require_taker(actor, rules)
    listed = rules.content["symptoms" if report.kind == TicketKind.FAULT else "complaints"]
    symptom = handling.entry_of(listed, report.symptom)
    if symptom is None:
        what = _("没有选现象。") if report.kind == TicketKind.FAULT else _("没有选投诉内容。")
        faults.append(InputFault("symptom", what, _("请从列出的里选。")))
    channels = [*rules.content["channels"], {"key": "api"}]
    if handling.entry_of(channels, report.channel) is None:
        faults.append(InputFault("channel", _("没有这个受理渠道。"), _("请从列出的里选。")))
    if report.severity and report.severity not in Severity.values:
        faults.append(InputFault("severity", _("没有这个级别。"), _("请从列出的里选。")))
    if report.contact and not _is_phone(report.contact):
        faults.append(
            InputFault("contact", _("联系电话不是有效的号码。"), _("请填手机号或带区号的固话。"))
        )
    if faults:
        raise BadFault(faults)
    assert symptom is not None
    return rules, service, symptom


def _is_phone(text: str) -> bool:
    digits = text.replace("-", "").replace(" ", "").removeprefix("+86")
    return digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 12


def _take_in(actor: Actor, report: Report) -> Fault:
    if actor.branch_id is None:
        raise FaultRefused(_("受理人没有所属分公司。"), _("请用分公司人员的账号受理。"))
    rules, service, symptom = _checked(actor, report)
    moment = now()
    there = beneath.line_places([service.id]).get(service.id) if service is not None else None
    causes.take_turn(there.olt_id if there else None)
    if report.kind == TicketKind.FAULT:
        _refuse_second(actor, report)
    fault = Fault(
        branch_id=service.branch_id if service is not None else actor.branch_id,
        kind=report.kind,
        handling=rules,
        severity=report.severity or symptom.get("severity", Severity.MAJOR),
        service_id=report.service_id,
        specification=f"{service.playbook}.{service.specification}" if service else "",
        account=mask_account(service.account) if service else "",
        party_id=service.customer_id if service else report.party_id,
        address_id=service.address_id if service else None,
        contact=report.contact or None,
        symptom=symptom["key"],
        symptom_title=symptom["title"],
        description=report.description.strip()[:500],
        channel=report.channel,
        hotline=report.hotline[:12],
        requester_id=actor.id,
        external_id=report.external_id[:120],
        idempotency_key=report.idempotency_key or None,
        port_text=service.port_text if service else "",
        box_id=there.box_id if there else None,
        pon_id=there.pon_id if there else None,
        olt_id=there.olt_id if there else None,
        reported_at=moment,
        state_since=moment,
        ext=dict(report.raw),
    )
    if fault.party_id is not None and service is None:
        parties.own_party(actor, fault.party_id)
    refused = not_a_fault(service) if service is not None and fault.kind == "fault" else ""
    if refused:
        fault.state, fault.reason, fault.closed_at = TicketState.REJECTED, refused, moment
    else:
        set_due(fault, rules, str(rules.content["budgets"][fault.kind]), moment)
        fault.repeats = _repeats(fault, rules, moment)
    fault.save(force_insert=True)
    cause = None
    if report.hotline:
        call = route(
            actor=actor,
            rules=handling.of_calls(rules),
            hotline=report.hotline,
            ownership=Ownership.OWN,
            fault=fault,
        )
        fault.routed_to = call.routed_to
        fault.save(update_fields=["routed_to"])
    data = {"channel": fault.channel, "hotline": fault.hotline, "routed_to": fault.routed_to}
    if refused:
        note(fault.pk, "rejected", actor_id=actor.id, data={**data, "reason": refused})
    else:
        note(fault.pk, "accepted", actor_id=actor.id, data=data)
        if fault.repeats is not None:
            data = {"number": fault.repeats.number, "fault": str(fault.repeats.pk)}
            note(fault.pk, "repeat", actor_id=None, data=data)
        if fault.kind == TicketKind.FAULT:
            cause = causes.gather(actor, fault, rules)
        _begin(actor, fault, rules, joined=cause)
        fault.refresh_from_db()  # its first steps may have moved it on already
    _number(fault, rules)
    if cause is not None:
        number_of(cause)
    notices.tell(fault=fault, when="rejected" if refused else "accepted")
    if cause is not None and cause.state == CauseState.CONFIRMED:
        told = {"place": cause.resource_text, "expected": cause.expected_at}
        notices.tell(fault=fault, when="attached", once=str(cause.pk), values=told)
    return fault


def _repeats(fault: Fault, rules: Handling, moment: Any) -> Fault | None:
    """重复故障: the same line broke again within so many days of being mended."""
    days = int(rules.parameters.get(rules.content.get("repeat-days", ""), 0) or 0)
    if not days or fault.service_id is None or fault.kind != TicketKind.FAULT:
        return None
    return (
        Fault.objects.filter(
            service_id=fault.service_id,
            kind=TicketKind.FAULT,
            resolved_at__gte=moment - timedelta(days=days),
        )
        .order_by("-resolved_at")
        .first()
    )


def _begin(actor: Actor, fault: Fault, rules: Handling, *, joined: Any) -> None:
    progress = process.launch(
        actor=actor,
        definition_id=handling.definition(rules, fault.kind),
        business_id=fault.pk,
        branch_id=fault.branch_id,
        variables={
            "fault_id": str(fault.pk),
            "service_id": str(fault.service_id) if fault.service_id else None,
            "fault_key": causes.message_key(fault),
            "symptom": fault.symptom,
            "channel": fault.channel,
            "severity": fault.severity,
            "straight": False,
            "route": "",
            "calls": 0,
            "parameters": {
                key: value
                for key, value in rules.parameters.items()
                if isinstance(value, int | str)
            },
            "in_cause": joined is not None and joined.state == CauseState.CONFIRMED,
        },
        parameters=rules.parameters,
    )
    Fault.objects.filter(pk=fault.pk).update(instance_id=progress.instance_id)
    for opened in progress.opened:  # who took the call has the customer on the line
        if opened.post in actor.posts and actor.id is not None:
            process.claim(actor=actor, item_id=opened.item_id)


def _number(fault: Fault, rules: Handling) -> None:
    rule = rules.numbers[fault.kind]
    fault.number = documents.next_number(
        rule=rule["rule"],
        branch_code=org.branch(fault.branch_id).code,
        pattern=rule["pattern"],
        restart=rule["restart"],
        at=fault.reported_at,
    )
    fault.save(update_fields=["number"])
