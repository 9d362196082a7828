"""One visit on the phone: the line, the live check, the form in cards, what else may be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.core.errors import InputFault
from kaitong.documents import queries as documents
from kaitong.fieldwork import changes
from kaitong.fieldwork import queries as fieldwork
from kaitong.fieldwork.check import POWER, SERIAL, limits
from kaitong.fieldwork.choices import Tone
from kaitong.fieldwork.rules import Rules
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import PortView, ServiceView
from kaitong.ordering import bundles
from kaitong.ordering.bundle_answers import SET_TOP
from kaitong.org.actor import Actor
from kaitong.playbooks import entering, onsite
from kaitong.playbooks.forms import Form
from kaitong.process import queries as process
from kaitong.process.choices import OPEN_WORK, WorkState
from kaitong.process.reasons import reason
from kaitong.web import format as fmt
from kaitong.web import forms
from kaitong.web.pages import customers, fault_facts
from kaitong.web.pages.drawer import form_of as drawer_form
from kaitong.web.pages.drawer import offered_reasons, verb_words
from kaitong.web.pages.facts import facts_of
from kaitong.web.pages.maps import map_link
from kaitong.web.pages.parts import Person
from kaitong.web.pages.sites import Site, current, sites_of
from kaitong.web.pages.workbench import appointment_text

_SCALE = (-35.0, -3.0)  # what the power's scale shows, in dBm


@dataclass(frozen=True, slots=True)
class Zone:
    tone: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The received power on its scale, in per cent of its width."""

    zones: tuple[Zone, ...]
    marks: tuple[tuple[str, str], ...]
    value: str
    at: str
    tone: str
    word: str
    good: str
    limits: str  # lowest, good from, highest, left and right end: for the script


@dataclass(frozen=True, slots=True)
class CheckPane:
    """The live check as the card shows it; `fix` are ports the record may be corrected to."""

    check: fieldwork.CheckView | None
    lines: tuple[fieldwork.FindingView, ...]
    took: str
    expected_port: str
    seen_port: str
    fix: tuple[PortView, ...]
    resending: str  # running, done, stuck or empty
    resend_reason: str
    changed: str
    stale: bool = False  # the line is another since the check


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    title: str
    number: str
    order_id: UUID | None
    party_id: UUID | None
    customer: Person | None
    address: str
    map_url: str
    appointment: str
    product: str
    port: str
    account: str
    logical_id: str
    serial: str
    entries: tuple[entering.Entry, ...]  # 入网参数, for who has the work in hand
    parts: tuple[tuple[str, str], ...]  # further services of a bundle: title, number or circuit
    work_text: str
    state: str
    open: bool
    mine: bool
    claimable: bool
    suspended: bool
    suspended_text: str
    checked: bool
    pane: CheckPane | None
    scale: Scale | None
    power: forms.Field | None
    terminal: forms.Field | None
    box: forms.Field | None  # the set-top box of a bundle
    ticks: tuple[forms.Field, ...]
    photos: tuple[forms.Field, ...]
    signature: forms.Field | None
    rest: tuple[forms.Field, ...]
    override: tuple[forms.Field, ...]
    giving: tuple[forms.Field, ...]
    demanded: tuple[str, ...]
    verb: str
    loose: tuple[str, ...]
    free_ports: tuple[PortView, ...]
    port_id: str  # where the line is now: what a change of port leaves
    rules: Rules
    evidence_customer: forms.Field
    evidence_other: forms.Field
    customer_reasons: tuple[tuple[str, str], ...]
    other_reasons: tuple[tuple[str, str], ...]
    returns: bool
    returnable: bool  # 退回: there is an earlier step to go back to
    lengths: tuple[tuple[str, str], ...]  # of a visit, as the playbook's appointment offers them
    tomorrow: str
    sites: tuple[Site, ...]  # of a move: both addresses, each with its port


def job(
    actor: Actor,
    item_id: UUID,
    *,
    values: Mapping[str, Any] | None = None,
    faults: Iterable[InputFault] = (),
) -> Job:
    item = process.work_item(actor, item_id)
    facts = facts_of(actor, [item.business_id], people=True).get(item.business_id)  # type: ignore[arg-type]
    say = facts.say if facts else str
    service = _service(actor, item)
    rules = onsite.rules_of(item)
    uploads = {slot: str(a.pk) for slot, a in documents.uploads(actor, item.id).items()}
    form = drawer_form(actor, item_id)
    entered = {**uploads, **(values or {})}
    asked = (
        forms.build(
            form.schema,
            form.ui,
            values=entered,
            faults=faults,
            say=say,
            photo_url=reverse("web:work_photo", args=[item.id]),
            posts=actor.posts,
            offered=fault_facts.offered(actor, form, item.business_id),
        )
        if form
        else forms.WorkForm()
    )
    parts = _parts(form, asked)
    checked = bool(item.definition.extension.get("check"))
    mine = actor.is_hand(item.post, item.claimed_by) or actor.is_supervisor
    going = item.state in OPEN_WORK and item.state != WorkState.SUSPENDED
    reasons = offered_reasons(item, say)
    theirs = [r for r in reasons if reason(item.parameters, r[0]).customer]
    tomorrow = timezone.localtime(clock_now() + timedelta(days=1)).replace(hour=9, minute=0)
    last = item.suspensions[-1] if item.suspensions else None
    ends = sites_of(item)
    here = current(ends)
    serial = ""
    if service is not None:
        pieces = inventory.terminals_of([service.id]).get(service.id, [])
        serial = next((t.serial for t in pieces if t.state == "installed"), "")
    return Job(
        id=item.id,
        title=fmt.of_many(say(item.title), item.part),
        number=facts.number if facts else "",
        order_id=item.business_id,
        party_id=facts.customer.id if facts and facts.customer else None,
        customer=customers.masked(facts.customer, scope="work")
        if facts and facts.customer
        else None,
        address=here.address if here else facts.address if facts else "",
        map_url=here.map_url if here else map_link(facts.address_full if facts else ""),
        appointment=appointment_text(facts.appointment_start, facts.appointment_end)
        if facts
        else "",
        product=facts.product if facts else "",
        port=service.port_text if service else "",
        account=service.account if service else "",
        logical_id=service.logical_id_grouped if service else "",
        serial=serial,
        entries=tuple(replace(e, title=say(e.title)) for e in entering.of_item(actor, item)),
        parts=_bundled(item, say),
        work_text=say(item.definition.documentation),
        state=str(WorkState(item.state).label),
        open=going and item.may_act,
        mine=mine and item.claimed_by is not None,
        claimable=going and item.may_act and item.claimed_by is None,
        suspended=item.state == WorkState.SUSPENDED,
        suspended_text=dict(reasons).get(last.reason_code, last.reason_code) if last else "",
        checked=checked,
        pane=check_pane(actor, item, service) if checked else None,
        scale=_scale(item, parts["power"]) if checked else None,
        power=parts["power"],
        terminal=parts["terminal"],
        box=parts["box"],
        ticks=tuple(parts["ticks"]),
        photos=tuple(parts["photos"]),
        signature=parts["signature"],
        rest=tuple(parts["rest"]),
        override=tuple(parts["override"]),
        giving=tuple(parts["giving"]),
        demanded=tuple(n for n in rules.on_site if form and n in form.fields),
        verb=verb_words().get(asked.verb, asked.verb) or _("办结"),
        loose=asked.loose,
        free_ports=_free(actor, service) if checked and going else (),
        port_id=str(service.port.id) if service and service.port else "",
        rules=_worded(rules, say),
        evidence_customer=forms.evidence(
            reverse("web:work_photo", args=[item.id]),
            name="evidence-customer",
            label=_("凭据照片"),
        ),
        evidence_other=forms.evidence(
            reverse("web:work_photo", args=[item.id]), name="evidence-other", label=_("凭据照片")
        ),
        customer_reasons=tuple(theirs),
        other_reasons=tuple(r for r in reasons if r not in theirs),
        returns=bool(item.definition.extension.get("returns")),
        returnable=bool(item.return_targets),
        lengths=tuple((str(m), say(t)) for m, t in onsite.visit_lengths(item)),
        tomorrow=tomorrow.strftime("%Y-%m-%dT%H:%M"),
        sites=ends,
    )


def _service(actor: Actor, item: process.WorkDetail) -> ServiceView | None:
    found = item.variables.get("service_id")
    return inventory.service(actor, UUID(str(found))) if found else None


def _bundled(item: process.WorkDetail, say: Any) -> tuple[tuple[str, str], ...]:
    ids = [UUID(str(part["service_id"])) for part in item.variables.get("parts") or ()]
    found = inventory.services_by_ids(ids) if ids else []
    return tuple((say(one.title), bundles.reached_by(one)) for one in found)


def _free(actor: Actor, service: ServiceView | None) -> tuple[PortView, ...]:
    if service is None or service.address_id is None:
        return ()
    return tuple(inventory.free_ports(actor, service.address_id, limit=24))


def _worded(rules: Rules, say: Any) -> Rules:
    return replace(
        rules,
        port=tuple(replace(r, title=say(r.title)) for r in rules.port),
        terminal=tuple(replace(r, title=say(r.title)) for r in rules.terminal),
        returns=tuple(
            replace(r, title=say(r.title), reasons=tuple((k, say(t)) for k, t in r.reasons))
            for r in rules.returns
        ),
    )


def _parts(form: Form | None, asked: forms.WorkForm) -> dict[str, Any]:
    """The form's fields by the card they stand in; what has no card stands with the rest."""
    targets = form.targets() if form else {}
    only = form.ui.get("only", {}) if form else {}
    found: dict[str, Any] = {
        "power": None,
        "terminal": None,
        "box": None,
        "signature": None,
        "ticks": [],
        "photos": [],
        "rest": [],
        "override": [],
        "giving": [],
    }
    for field in asked.fields:
        if field.name in only:
            written = str(form.fields[field.name].get("writes", "")) if form else ""
            found["override" if written.startswith("check.") else "giving"].append(field)
        elif field.name == targets.get(POWER):
            found["power"] = field
        elif field.name == targets.get(SERIAL):
            found["terminal"] = field
        elif field.name == targets.get(SET_TOP):
            found["box"] = field
        elif field.widget == "check":
            found["ticks"].append(field)
        elif field.photo is not None and field.photo.kind == "signature":
            found["signature"] = field
        elif field.photo is not None:
            found["photos"].append(field)
        elif field.widget != "heading":
            found["rest"].append(field)
    return found


def check_pane(
    actor: Actor, item: process.WorkDetail, service: ServiceView | None = None
) -> CheckPane:
    service = service or _service(actor, item)
    check = fieldwork.latest_check(actor, item.id)
    changed = fieldwork.changes(item.id)
    sent = next((c for c in changed if c.resend_id), None)
    resending = fieldwork.resending(sent.resend_id) if sent and sent.resend_id else None
    told = changed[0] if changed else None
    text = ""
    if told is not None:
        text = str(told.get_kind_display())
        if told.now:
            text = _("%(what)s：%(was)s → %(now)s") % {
                "what": text,
                "was": told.was or "—",
                "now": told.now,
            }
    if check is None:
        return CheckPane(
            None, (), "", "", "", (), resending.state if resending else "",
            resending.reason if resending else "", text,
        )  # fmt: skip
    fix: list[PortView] = []
    current = service is not None and check.subject.get("port") == (
        str(service.port.id) if service.port else ""
    )
    if service is not None and current:
        fix = changes.corrections(actor, check, service)
    order = {Tone.LATE: 0, Tone.SOON: 1, Tone.WAIT: 2, Tone.OK: 3}
    lines = sorted(check.findings, key=lambda f: order.get(Tone(f.tone), 9)) if current else []
    return CheckPane(
        check=check,
        lines=tuple(lines),
        took=_("%s 秒") % f"{check.took_ms / 1000:.1f}",
        expected_port=str(check.expected.get("pon_port", "")),
        seen_port=str(check.seen.get("pon_port", "")),
        fix=tuple(fix[:8]),
        resending=resending.state if resending else "",
        resend_reason=resending.reason if resending else "",
        changed=text,
        stale=not current,
    )


def _scale(item: process.WorkDetail, power: forms.Field | None) -> Scale | None:
    bounds = limits(item.parameters)
    if power is None or len(bounds) < 3:
        return None
    low, good, high = (float(bounds[k]) for k in ("lowest", "good_from", "highest"))
    left, right = _SCALE

    def at(value: float) -> float:
        return round(100 * (min(max(value, left), right) - left) / (right - left), 1)

    zones = [
        Zone("late", "0", f"{at(low):g}"),
        Zone("soon", f"{at(low):g}", f"{at(good) - at(low):g}"),
        Zone("ok", f"{at(good):g}", f"{at(high) - at(good):g}"),
        Zone("late", f"{at(high):g}", f"{100 - at(high):g}"),
    ]
    try:
        value = Decimal(str(power.value)) if power.value not in ("", None) else None
    except InvalidOperation:
        value = None
    tone, word = "wait", _("未测")
    if value is not None:
        number = float(value)
        tone, word = ("ok", _("达标"))
        if number < low or number > high:
            tone, word = "late", _("不达标")
        elif number < good:
            tone, word = "soon", _("偏弱")
    return Scale(
        zones=tuple(zones),
        marks=tuple((f"{at(v):g}", _minus(v)) for v in (low, good, high)),
        value=_minus(float(value)) if value is not None else "",
        at=f"{at(float(value)):g}" if value is not None else "",
        tone=tone,
        word=word,
        good=_("好：%(a)s 至 %(b)s") % {"a": _minus(good), "b": _minus(high)},
        limits=f"{low:g} {good:g} {high:g} {left:g} {right:g}",
    )


def _minus(value: float) -> str:
    return f"{value:g}".replace("-", "−")
