"""变更办理: one change of one service, from the customer's proof to the agreed question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.ids import uuid7
from kaitong.inventory.results import ServiceView
from kaitong.ordering import authenticating, bundles, codes, life_sums
from kaitong.ordering.counter_rules import CODE_FOR
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.life_plans import ChangePlan, plan_of, require_may_ask
from kaitong.ordering.models import Authentication
from kaitong.ordering.plans import may_withdraw
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.changing import form_for
from kaitong.web import forms
from kaitong.web.format import mark
from kaitong.web.forms import CodeSlot, Field
from kaitong.web.pages import change_choices, spoken


@dataclass(frozen=True, slots=True)
class Proof:
    """One way to prove who the customer is."""

    kind: str
    title: str
    chosen: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    title: str
    value: str
    mono: bool = False


@dataclass(frozen=True, slots=True)
class ChangePage:
    """The page as it stands: asked to prove, asked to fill in, or refused."""

    service_id: UUID
    procedure: str
    title: str
    account: str
    facts: tuple[Fact, ...]
    refusal: str
    remedy: str
    money: str  # where what stands against it is paid
    warnings: tuple[tuple[str, str], ...]
    told: str
    also: str  # the further services of a bundle that it is done for too
    plan: str
    key: str
    proven: bool
    proven_by: str = ""
    proven_until: str = ""
    proofs: tuple[Proof, ...] = ()
    reasons: tuple[Any, ...] = ()
    fields: tuple[Field, ...] = ()
    reason: str = ""
    note: str = ""
    fault: str = ""
    reason_error: str = ""
    proof_error: str = ""
    loose: tuple[str, ...] = field(default=())


ARREARS = "arrears"  # the check of what is owed (life_checks.CHECKS)
_PROOF_FIELDS = {name for names in authenticating.ASKED.values() for name in names}


def page(
    actor: Actor,
    service_id: UUID,
    procedure: str,
    *,
    key: str = "",
    reason: str = "",
    note: str = "",
    values: Mapping[str, Any] | None = None,
    faults: Iterable[InputFault] = (),
    fault: str = "",
    kind: str = "",
    given: Mapping[str, str] | None = None,
) -> ChangePage:
    plan = plan_of(actor, service_id, procedure)
    require_may_ask(actor, plan.procedure)
    wrong = list(faults)
    at = {f.field: _one(f) for f in wrong}
    proof = authenticating.standing(
        actor, service_id, plan.authenticate, procedure=plan.procedure.key, key=key
    )
    proven = proof is not None or not plan.authenticate
    # a page that is read again goes on with the order its customer has proven himself for
    key = key or (proof.request_key if proof is not None else "") or str(uuid7())
    form = _form(actor, plan, values, wrong, key) if proven and plan.possible else forms.WorkForm()
    known = {f.name for f in form.fields} | _PROOF_FIELDS | {"reason", "authentication"}
    loose = tuple(_one(f) for f in wrong if f.field not in known)
    return ChangePage(
        service_id=service_id,
        procedure=procedure,
        title=plan.title,
        account=plan.service.account,
        facts=tuple(_facts(plan.service)),
        refusal=plan.refusal,
        remedy=plan.remedy,
        money=_money(actor, plan),
        warnings=tuple((f.what, f.remedy) for f in plan.warnings),
        told=plan.told,
        also=_also(plan),
        plan=plan.fingerprint + _sums(actor, plan) if proven and plan.possible else "",
        key=key,
        proven=proven,
        proven_by=_proven_by(proof),
        proven_until=f"{timezone.localtime(proof.good_until):%H:%M}"
        if proof is not None and proof.good_until
        else "",
        proofs=tuple(_proofs(actor, plan, kind, given or {}, at, proven)),
        reasons=plan.reasons,
        fields=form.fields,
        reason=reason,
        note=note,
        fault=fault,
        reason_error=at.get("reason", ""),
        proof_error=at.get("authentication", ""),
        loose=loose,
    )


def _money(actor: Actor, plan: ChangePlan) -> str:
    """The customer's money, if what he owes stands against this and the reader may take it."""
    against = next((f for f in plan.findings if f.refuses), None)
    customer = plan.service.customer_id
    if against is None or against.check != ARREARS or customer is None:
        return ""
    return reverse("web:money_customer", args=[customer]) if may_withdraw(actor) else ""


def _sums(actor: Actor, plan: ChangePlan) -> str:
    """What everything that may be chosen costs, to be sent back with the answer."""
    found = form_for(plan.procedure, plan.service)
    targets = list(found.targets()) if found is not None else []
    subject = Subject(actor, plan.service, plan.procedure, now())
    return life_sums.written(life_sums.sums_of(subject, targets))


def _also(plan: ChangePlan) -> str:
    if not plan.also:
        return ""
    say = playbooks.words(plan.procedure.playbook, plan.procedure.playbook_hash)
    return _("同时%(what)s：%(list)s。") % {
        "what": plan.title,
        "list": mark("、").join(bundles.named(plan.also, say)),
    }


def _one(fault: InputFault) -> str:
    return f"{fault.what}{mark('')}{fault.remedy}".strip()


def _proven_by(proof: Authentication | None) -> str:
    return str(AuthenticationKind(proof.kind).label) if proof is not None else ""


def _proofs(
    actor: Actor,
    plan: ChangePlan,
    kind: str,
    given: Mapping[str, str],
    at: Mapping[str, str],
    proven: bool,
) -> Iterable[Proof]:
    chosen = kind if kind in plan.authenticate else (plan.authenticate or ("",))[0]
    for one in plan.authenticate:
        mine = one == chosen
        yield Proof(
            one,
            str(AuthenticationKind(one).label),
            mine,
            tuple(_proof_fields(actor, plan, one, given, at)) if mine and not proven else (),
        )


def _proof_fields(
    actor: Actor, plan: ChangePlan, kind: str, given: Mapping[str, str], at: Mapping[str, str]
) -> Iterable[Field]:
    for name in authenticating.ASKED[kind]:
        asked = _asked(plan, name, given, at)
        yield replace(asked, code=_code(actor, plan, "")) if name == authenticating.CODE else asked


def _code(actor: Actor, plan: ChangePlan, field: str) -> CodeSlot:
    """The button of a one-time code, and what was sent last."""
    url = reverse("web:change_code", args=[plan.service.id, plan.procedure.key])
    url += f"?field={field}" if field else ""
    sent = codes.standing(
        actor, plan.service.id, plan.procedure.parameters, procedure=plan.procedure.key
    )
    if sent is None:
        return CodeSlot(url)
    told = _("验证码已发送到 %(number)s，%(at)s 前有效。") % {
        "number": sent.masked,
        "at": f"{timezone.localtime(sent.good_until):%H:%M}",
    }
    wait = max(0, ceil((sent.again_at - now()).total_seconds()))
    return CodeSlot(url, told, wait, sent.again_at.isoformat())


def _asked(plan: ChangePlan, name: str, given: Mapping[str, str], at: Mapping[str, str]) -> Field:
    plan_names = names.of(plan.service)
    labels = {
        "account": plan_names.account,
        "document_number": _("开户证件号码"),
        "password": plan_names.password,
        "bound_number": _("绑定的手机号码"),
        "code": _("短信验证码"),
    }
    secret = name in ("password", "code")
    return Field(
        name=name,
        label=labels[name],
        widget="input",
        input_type="password" if name == "password" else "text",
        input_mode={"bound_number": "tel", "code": "numeric"}.get(name, ""),
        value="" if secret else given.get(name, ""),
        required=True,
        max_length=80,
        mono=True,
        errors=(at[name],) if name in at else (),
    )


def _form(
    actor: Actor,
    plan: ChangePlan,
    values: Mapping[str, Any] | None,
    faults: list[InputFault],
    key: str,
) -> forms.WorkForm:
    procedure = plan.procedure
    found = form_for(procedure, plan.service)
    if found is None:
        return forms.WorkForm()
    say = playbooks.words(procedure.playbook, procedure.playbook_hash)
    photo_url = reverse("web:change_photo", args=[plan.service.id, procedure.key, key])
    form = forms.build(
        found.schema,
        found.ui,
        values=values,
        faults=faults,
        say=say,
        photo_url=photo_url,
        offered=change_choices.offered(actor, plan, found.fields),
    )
    searches = change_choices.searches(actor, plan, found.fields, key)
    fields = (
        replace(one, search=searches[one.name], wide=True) if one.name in searches else one
        for one in form.fields
        if searches.get(one.name, one.name)  # nothing could be found: it is not asked
    )
    fields = (
        replace(one, code=_code(actor, plan, one.name), input_mode="numeric", mono=True)
        if CODE_FOR in found.fields.get(one.name, {})
        else one
        for one in fields
    )
    return replace(form, fields=tuple(fields))


def _facts(service: ServiceView) -> Iterable[Fact]:
    if service.customer_id is not None:
        person = parties.summaries([service.customer_id]).get(service.customer_id)
        if person is not None:
            yield Fact(_("客户"), f"{person.name}　{person.phone}".strip("　"))
            yield Fact(_("开户证件"), f"{person.document_title} {person.document_number}".strip())
    say = playbooks.words(service.playbook, service.version) if service.version else str
    yield Fact(_("业务"), say(service.title))
    state, why = str(service.state.label), spoken.reason(service.reason, say)
    yield Fact(_("状态"), f"{state}{mark('，')}{why}" if why else state)
    yield Fact(_("装机地址"), service.address_full)
    if service.started_at is not None:
        yield Fact(_("开通时间"), f"{timezone.localtime(service.started_at):%Y-%m-%d}")
