"""What the application form (F-38) asks at the tablet, and how a clerk reads it of a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.hall import forms as application
from kaitong.hall import queries as hall
from kaitong.hall.forms import ACCOUNT, AGENT, OPERATION, REMARK
from kaitong.hall.models import Ticket
from kaitong.ordering import counter
from kaitong.ordering.models import Procedure
from kaitong.org.actor import Actor
from kaitong.party.choices import PartyKind
from kaitong.party.kinds import KindRule, accepted_on
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web.forms import Field, Option

BY_AGENT = "true"
_OFFERING, _ADDRESS = "change.offering", "change.address"


@dataclass(frozen=True, slots=True)
class ToldPage:
    number: str
    rows: tuple[tuple[str, str], ...]
    account: str
    by: str  # how the counter looks the line up


def form_fields(
    actor: Actor, ticket: Ticket, data: Mapping[str, str], faults: Iterable[InputFault]
) -> list[Field]:
    """In the order of the sheet: who, by whom, what."""
    errors: dict[str, tuple[str, ...]] = {}
    for one in faults:
        errors[one.field] = (*errors.get(one.field, ()), f"{one.what}{fmt.mark('')}{one.remedy}")
    offers = counter.offers(actor)
    today = timezone.localdate(now())
    accepted = accepted_on(today, "", application.document_kinds(offers))
    asked = _Asked(data, errors)
    party = data.get("kind") or str(PartyKind.INDIVIDUAL)
    kinds = [Option(str(v), str(label), party == v) for v, label in PartyKind.choices]
    by_agent = bool(data.get("agent"))
    who = [
        Option("", _("本人来办"), not by_agent),
        Option(BY_AGENT, _("代别人来办"), by_agent),
    ]
    fields = [
        Field("kind", _("客户类别"), "seg", options=tuple(kinds), wide=True),
        *_person(asked, accepted, "", _("姓名（单位名称）")),
        Field("agent", _("谁来办"), "seg", options=tuple(who), wide=True),
        *(
            _only_for_agents(one, by_agent)
            for one in _person(asked, accepted, AGENT, _("代办人姓名"))
        ),
    ]
    if not application.changes(ticket):
        address = _("装机地址（写到门牌和房号）")
        return [
            *fields,
            _plans(asked, offers, _("想办的套餐")),
            asked.text("q", address, wide=True),
        ]
    address = _("移机的新地址（写到门牌和房号）")
    plans = _plans(asked, offers, _("想换的套餐"))
    return [
        *fields,
        *_change(asked),
        _only_for_changes(plans, _OFFERING, data),
        _only_for_changes(asked.text("q", address, wide=True), _ADDRESS, data),
        asked.text(REMARK, _("备注"), wide=True),
    ]


def told_page(actor: Actor, ticket_id: UUID) -> ToldPage:
    """What a change's form says, for who serves the number."""
    data = application.read(actor, ticket_id)
    ticket = hall.ticket(actor, ticket_id)
    kinds = {one.kind: one for one in application.document_kinds(counter.offers(actor))}
    plans = {one.offering.key: one.offering for one in counter.offers(actor)}
    operations = {one.key: one for one in counter.changes()}
    labels: dict[str, str] = {
        ACCOUNT: _("办理的业务号码"),
        OPERATION: _("要办的业务"),
        "name": _("姓名（单位名称）"),
        "phone": _("联系电话"),
        "document_kind": _("证件类型"),
        "number": _("证件号码"),
        AGENT + "name": _("代办人姓名"),
        AGENT + "phone": _("代办人电话"),
        AGENT + "document_kind": _("代办人证件类型"),
        AGENT + "number": _("代办人证件号码"),
        "offering": _("想换的套餐"),
        "q": _("移机的新地址"),
        REMARK: _("备注"),
    }

    def worded(name: str, text: str) -> str:
        known: Any = None
        if name.endswith("document_kind"):
            known = kinds.get(text)
        elif name in ("offering", OPERATION):
            known = (plans if name == "offering" else operations).get(text)
        return _title(known) if known is not None else text

    account = data.get(ACCOUNT, "")
    mobile = len(account) == 11 and account.isdecimal() and account.startswith("1")
    return ToldPage(
        number=ticket.number,
        rows=tuple(
            (label, worded(name, data[name])) for name, label in labels.items() if data.get(name)
        ),
        account=account,
        by="bound" if mobile else "account",
    )


# ---- inside --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    data: Mapping[str, str]
    errors: Mapping[str, tuple[str, ...]]

    def text(self, name: str, label: str, **more: Any) -> Field:
        return Field(
            name,
            label,
            "input",
            value=self.data.get(name, ""),
            max_length=application.LONGEST,
            errors=self.errors.get(name, ()),
            **more,
        )

    def select(self, name: str, label: str, options: Sequence[tuple[str, str]]) -> Field:
        chosen = self.data.get(name)
        return Field(
            name,
            label,
            "select",
            options=tuple(Option(key, title, chosen == key) for key, title in options),
            errors=self.errors.get(name, ()),
        )


def _person(asked: _Asked, accepted: Sequence[KindRule], prefix: str, label: str) -> list[Field]:
    documents = [(one.kind, _title(one)) for one in accepted]
    if prefix:  # an agent is a person
        documents = [(k, t) for k, t in documents if _is_persons(k, accepted)]
    return [
        asked.text(prefix + "name", label, required=True),
        asked.text(prefix + "phone", _("联系电话"), input_mode="tel"),
        asked.select(prefix + "document_kind", _("证件类型"), documents),
        asked.text(prefix + "number", _("证件号码"), mono=True, required=bool(prefix)),
        asked.text(prefix + "valid_until", _("证件有效期至（长期的不填）"), input_type="date"),
    ]


def _is_persons(kind: str, accepted: Sequence[KindRule]) -> bool:
    return any(one.kind == kind and one.party_kind == PartyKind.INDIVIDUAL for one in accepted)


def _only_for_agents(field: Field, by_agent: bool) -> Field:
    return replace(field, when=f"agent={BY_AGENT}", unasked=not by_agent)


def _change(asked: _Asked) -> list[Field]:
    known = [(one.key, _title(one)) for one in counter.changes()]
    return [
        asked.text(ACCOUNT, _("办理的业务号码，或绑定的手机号"), required=True, mono=True),
        asked.select(OPERATION, _("要办的业务"), known),
    ]


def _only_for_changes(field: Field, writes: str, data: Mapping[str, str]) -> Field:
    """Asked of those changes whose own form at the counter asks it, too."""
    those = [one.key for one in counter.changes() if writes in _written(one)]
    return replace(
        field,
        when=f"{OPERATION}={'|'.join(those)}",
        unasked=data.get(OPERATION, "") not in those,
    )


def _written(procedure: Procedure) -> set[str]:
    file = procedure.counter.get("form", "")
    if not file:
        return set()
    form = playbooks.form(procedure.playbook, procedure.playbook_hash, file)
    return {str(one.get("writes", "")) for one in form.fields.values()}


def _plans(asked: _Asked, offers: Sequence[counter.Offer], label: str) -> Field:
    return Field(
        "offering",
        label,
        "choose",
        options=tuple(
            Option(
                one.offering.key,
                _title(one.offering),
                asked.data.get("offering") == one.offering.key,
                help=_("每月 %(sum)s") % {"sum": fmt.yuan(one.monthly_fen)},
            )
            for one in offers
            if not one.lacking
        ),
        wide=True,
        errors=asked.errors.get("offering", ()),
    )


def _title(one: Any) -> str:
    return str(one.title if fmt.in_chinese() else one.title_en or one.title)
