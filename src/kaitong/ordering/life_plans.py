"""What may be done with a service now, and what a change of it would mean: told before anybody
decides, and asked again inside the transaction that does it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.core import plain, wording
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState, SuspensionKind
from kaitong.inventory.models import Suspension
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bundles, changes
from kaitong.ordering.choices import FINAL
from kaitong.ordering.errors import OrderForbidden, OrderNotFound
from kaitong.ordering.life_checking import CHECKS
from kaitong.ordering.life_checks import Refusal, Subject
from kaitong.ordering.life_choices import Standing, Weight
from kaitong.ordering.life_costs import LAST_RENT
from kaitong.ordering.models import OrderItem, Procedure, ServiceChange
from kaitong.ordering.plans import Reason, ReasonGroup, reason_by_code, reasons_of
from kaitong.org.actor import Actor
from kaitong.process.definitions import model_of


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a sentence, what to do, and whether it refuses."""

    check: str
    what: str
    remedy: str
    refuses: bool


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """One change of one service: possible or why not, and what is told before."""

    service: ServiceView
    procedure: Procedure
    title: str
    refusal: str
    remedy: str
    findings: tuple[Finding, ...]
    told: str
    reasons: tuple[ReasonGroup, ...]
    authenticate: tuple[str, ...]
    form: str
    also: tuple[ServiceView, ...] = ()  # further services of a bundle it is done for too

    @property
    def possible(self) -> bool:
        return not self.refusal

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if not f.refuses)

    @property
    def fingerprint(self) -> str:
        """Changes when what the customer was told would no longer be true."""
        lasting = [(f.check, f.what) for f in self.findings if f.check != LAST_RENT]
        told = [self.refusal, lasting, self.told]  # what is billed meanwhile is asked as arrears
        told += [[str(one.id) for one in self.also]] if self.also else []
        return hashlib.blake2s(repr(told).encode(), digest_size=10).hexdigest()

    def reason(self, code: str) -> Reason | None:
        return reason_by_code(self.reasons, code)


def standings(service: ServiceView, suspended: Iterable[Suspension]) -> set[str]:
    """How a service stands, in the words playbooks use."""
    kinds = {s.kind for s in suspended}
    found = set()
    if service.state == ServiceState.ACTIVE:
        found.add(Standing.WORKING.value)
    if SuspensionKind.REQUEST in kinds:
        found.add(Standing.SUSPENDED.value)
    if SuspensionKind.ARREARS in kinds:
        found.add(Standing.BARRED.value)
    return found


_CURRENT = """playbook = %s and specification = %s and retired_at is null
 and counter <> '{}'::jsonb order by action, key"""


def procedures(service: ServiceView) -> list[Procedure]:
    """The changes a service's playbook knows now, in the order of the playbook's titles."""
    return plain.kept(Procedure, _CURRENT, [service.playbook, service.specification])


def procedure_of(service: ServiceView, key: str) -> Procedure:
    found = next((p for p in procedures(service) if p.key == key), None)
    if found is None:
        known = wording.several(f"{p.title}（{p.key}）" for p in procedures(service))
        raise OrderNotFound(
            _("没有这种变更。"), _("可以办理：%s。") % known if known else "", field="procedure"
        )
    return found


def asked_for(actor: Actor, service_id: UUID, key: str) -> tuple[Procedure, ServiceView]:
    """The procedure of a change that its asker may ask for, and the service: before its state is
    looked at.

    Raises OrderForbidden for whoever may not."""
    service = inventory.service(actor, service_id, proofs=False, line=False)
    procedure = procedure_of(service, key)
    require_may_ask(actor, procedure)
    return procedure, service


def plan_of(actor: Actor, service_id: UUID, key: str) -> ChangePlan:
    """The plan of one change, in constant queries.

    What is under way is read before the service: a change that ends meanwhile is either told as
    under way, or what it has done is read. The other way round a service could be read as it stood
    before, and nothing be found to wait for.
    """
    under_way = changes.open_of(service_id, key)
    service = inventory.service(actor, service_id, proofs=False)
    suspended = inventory.suspensions([service_id]).get(service_id, [])
    known = procedures(service)
    procedure = next((p for p in known if p.key == key), None) or procedure_of(service, key)
    plan = plan_from(
        Subject(actor, service, procedure, now()),
        standings(service, suspended),
        under_way,
        opening(service),
        known,
    )
    also = inventory.parts_of([service_id]).get(service_id, [])
    if not also or not bundles.carried(procedure.definition_id):
        return plan
    return replace(plan, also=tuple(also))


def plan_from(
    subject: Subject,
    standing: set[str],
    under_way: ServiceChange | None,
    being_opened: str,
    known: Sequence[Procedure],
    *,
    looked: bool = True,
) -> ChangePlan:
    """A plan from facts read before; `looked=False` leaves the playbook's checks out."""
    procedure = subject.procedure
    refusal, remedy = refused(subject, standing, under_way, being_opened, known)
    findings = tuple(_findings(subject)) if looked and not refusal else ()
    against = next((f for f in findings if f.refuses), None)
    if against is not None:
        refusal, remedy = against.what, against.remedy
    counter = procedure.counter
    english = wording.english()
    return ChangePlan(
        service=subject.service,
        procedure=procedure,
        title=title_of(procedure),
        refusal=refusal,
        remedy=remedy,
        findings=findings,
        told=(counter.get("told_en") if english else "") or counter.get("told", ""),
        reasons=reasons_of(counter),
        authenticate=tuple(counter.get("authenticate", ())),
        form=counter.get("form", ""),
    )


def refused(
    subject: Subject,
    standing: set[str],
    under_way: ServiceChange | None,
    being_opened: str,
    known: Sequence[Procedure],
) -> tuple[str, str]:
    """Why the service's state allows no such change, and what is possible instead."""
    service, counter = subject.service, subject.procedure.counter
    title = title_of(subject.procedure)
    if under_way is not None:
        return (
            names.of(service).say(
                _("%(this)s正在办理%(what)s（订单 %(number)s）。"),
                what=_change_title(under_way),
                number=under_way.item.order.number or "",
            ),
            _("请等那一单办完，或先撤单。"),
        )
    if being_opened:
        return (
            names.of(service).say(
                _("%(this)s的开通订单 %(number)s 还没有竣工。"), number=being_opened
            ),
            _("请等竣工，或办理撤单。"),
        )
    if service.state == ServiceState.TERMINATED:
        return names.of(service).say(_("%(this)s已经销户。")), _("需要时请重新受理。")
    fits = set(counter["from"]) & standing and not set(counter.get("unless", ())) & standing
    if fits:
        return "", ""
    possible = wording.several(
        title_of(p)
        for p in known
        if p.key != subject.procedure.key
        and not p.counter.get("machine")
        and set(p.counter["from"]) & standing
        and not set(p.counter.get("unless", ())) & standing
    )
    state = wording.several(str(Standing(s).label) for s in sorted(standing)) or str(
        service.state.label
    )
    return (
        names.of(service).say(
            _("%(this)s现在是%(state)s，不能办理%(what)s。"), state=state, what=title
        ),
        _("可以办理：%s。") % possible if possible else "",
    )


def opening(service: ServiceView) -> str:
    """The number of the order that still builds a service; empty where none does."""
    if service.started_at is not None:
        return ""
    rows = OrderItem.objects.filter(service_id=service.id, change=None).exclude(state__in=FINAL)
    found = rows.select_related("order").first()
    return (found.order.number or str(found.order_id)[:8]) if found is not None else ""


def may_ask(actor: Actor, procedure: Procedure) -> bool:
    """Whoever asks holds one of the posts named, or that of the process's first step."""
    if actor.is_supervisor or actor.id is None:
        return True
    posts = procedure.counter.get("posts")
    if not posts:
        model = model_of(procedure.definition_id)
        posts = [model.nodes[model.start].lane]
    return any(actor.has_post(post) for post in posts)


def require_may_ask(actor: Actor, procedure: Procedure) -> None:
    """Raises OrderForbidden for whoever may not ask for this change: before anything he says is
    compared, counted or checked."""
    title = title_of(procedure)
    if not may_ask(actor, procedure):
        raise OrderForbidden(_("您的岗位不能办理%s。") % title, _("请由营业员或班长办理。"))
    if procedure.counter.get("machine") and actor.id is not None:
        raise OrderForbidden(_("%s由系统办理。") % title)


def title_of(procedure: Procedure) -> str:
    english = wording.english()
    return procedure.title_en if english and procedure.title_en else procedure.title


# ---- inside --------------------------------------------------------------------------------------


def _change_title(change: ServiceChange) -> str:
    procedure = change.item.procedure
    return title_of(procedure) if procedure is not None else change.procedure


def _findings(subject: Subject) -> Iterable[Finding]:
    weights: dict[str, Any] = subject.procedure.counter.get("checks", {})
    for name, weight in weights.items():
        for what, remedy in CHECKS[name](subject):
            refuses = weight == Weight.REFUSE or isinstance(what, Refusal)
            yield Finding(name, str(what), str(remedy), refuses)
