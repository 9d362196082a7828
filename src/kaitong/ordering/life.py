"""Changes of services in operation (变更办理): from what a customer asks for to an order at work.

One change a service at a time (a unique index holds it), each with the authentication its procedure
asks for, a reason from its list, answers checked, and its order, item, charges, process, papers and
notices written in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from kaitong.core import audit, plain, wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.ids import uuid7
from kaitong.core.masking import mask_account
from kaitong.documents import services as documents
from kaitong.inventory import services as inventory_verbs
from kaitong.ordering import (
    authenticating,
    bindings,
    bundles,
    code_sending,
    life_acting,
    life_costs,
    life_numbers,
    life_sums,
    moves,
    notices,
    papers,
    rents,
)
from kaitong.ordering.choices import OrderState
from kaitong.ordering.due import set_due
from kaitong.ordering.errors import (
    BadOrder,
    OrderError,
    OrderRefused,
    PlanChanged,
    WrongOrderState,
)
from kaitong.ordering.life_answers import ANSWERS, prepare
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.life_plans import ChangePlan, plan_of, require_may_ask
from kaitong.ordering.models import Authentication, Order, OrderItem, Procedure, ServiceChange
from kaitong.ordering.plans import Reason
from kaitong.ordering.states import move, note
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import services as process

CHINESE = "zh-hans"
# Answers that are compared with what is registered: guessing at them counts like a wrong proof.
GUESSES = {
    "change.old_password": AuthenticationKind.ACCOUNT_PASSWORD,
    life_numbers.BIND_DOCUMENT: AuthenticationKind.ACCOUNT_DOCUMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """A change as a face hands it over. `answers` are by target (`change.password`), `variables`
    steer the process; `expected` is the fingerprint of the plan that was shown, and its sums."""

    service_id: UUID
    procedure: str
    key: str  # of the page or the request: the same one is the same
    reason: str = ""  # GROUP.REASON, or REASON where that is clear
    note: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict, repr=False)
    variables: Mapping[str, Any] = field(default_factory=dict)
    expected: str = ""
    channel: str = "counter"
    external_id: str = ""
    # a system has proven the customer itself, and may say so (the scope of its token)
    vouched: bool = False


def request_change(
    *, actor: Actor, request: ChangeRequest, also: Callable[[Order], object] | None = None
) -> Order:
    """Take in a change and start its process; the same key again gives the order it made.

    `also` is what a face has to say of the order it makes: in the same transaction, or not at all.

    Raises OrderForbidden, OrderRefused (with what is possible instead), BadOrder with every fault
    of the answers, WrongOrderState when another change of the service was first, PlanChanged when
    what was shown is no longer true.
    """
    if not request.key.strip():
        raise BadOrder([InputFault("key", _("没有办理编号。"), _("请刷新页面。"))])
    known = _made_before(actor, request)
    if known is not None:
        return known
    _hear_code(actor, request)
    try:
        try:
            return _in_one(actor, request, also)
        except _Unsettled:
            # The last days stand on a bill now, whatever becomes of the request: who is told that
            # he owes them pays them, and asks again. Billed twice is billed once.
            rents.bill_now(actor=actor, service_id=request.service_id)
            return _in_one(actor, request, also, settled=True)
    except OrderError as refused:
        # The same click at the same instant has used the proof up, or begun the change.
        known = _made_before(actor, request)
        if known is not None:
            return known
        if isinstance(refused, BadOrder):
            _count(actor, request, refused)
        raise
    except IntegrityError:
        # The same click at the same instant, or another change of this service.
        known = _made_before(actor, request)
        if known is not None:
            return known
        plan = plan_of(actor, request.service_id, request.procedure)
        if plan.refusal:
            raise WrongOrderState(plan.refusal, plan.remedy) from None
        raise


class _Unsettled(Exception):
    """The line's last days stand on no bill yet."""


def _in_one(
    actor: Actor,
    request: ChangeRequest,
    also: Callable[[Order], object] | None,
    settled: bool = False,
) -> Order:
    with audit.acting(actor.id, "change service"), transaction.atomic():
        order = _request(actor, request, settled)
        if also is not None:
            also(order)
        return order


def _made_before(actor: Actor, request: ChangeRequest) -> Order | None:
    """What was made under this key. One that made something else is no answer to this request."""
    key = request.key[:160]
    asked, by = plain.same("requester_id", actor.id)
    rows = plain.where(Order, f"{asked} and idempotency_key = %s", [*by, key])
    if not rows:
        return None
    found = rows[0]
    same = ServiceChange.objects.filter(
        item__order=found, service_id=request.service_id, procedure=request.procedure
    )
    if not same.exists():
        raise WrongOrderState(_("这个办理编号已用于另一笔业务。"), _("请刷新页面。"), field="key")
    return found


def _hear_code(actor: Actor, request: ChangeRequest) -> None:
    """A one-time code among the answers is compared before anything else, in a transaction of its
    own: a wrong one counts, and so many at once are no more guesses than one after the other.

    Where the change cannot be, nothing is compared: why not is told by what follows.
    """
    code = request.answers.get(life_numbers.BIND_CODE)
    number = bindings.mobile(str(request.answers.get(life_numbers.BIND, "")))
    if not code or number is None:
        return
    plan = plan_of(actor, request.service_id, request.procedure)
    require_may_ask(actor, plan.procedure)
    proven = not plan.authenticate or authenticating.standing(
        actor,
        request.service_id,
        plan.authenticate,
        procedure=request.procedure,
        key=request.key,
    )
    if plan.refusal or not proven:
        return
    code_sending.prove(
        actor=actor,
        service_id=request.service_id,
        number=number,
        code="".join(str(code).split()),
        procedure=request.procedure,
        key=request.key,
        parameters=plan.procedure.parameters,
        field=life_numbers.BIND_CODE,
    )


def _count(actor: Actor, request: ChangeRequest, refused: BadOrder) -> None:
    """Wrong guesses are written down, in their own transaction, whatever becomes of the request."""
    for kind in {GUESSES[f.field] for f in refused.faults if f.field in GUESSES}:
        authenticating.wrong_answer(actor=actor, service_id=request.service_id, kind=kind)


def _request(actor: Actor, request: ChangeRequest, settled: bool) -> Order:
    # Requests for one line take turns, so that each reads what the one before has done: a change
    # that ends at once leaves no open row for the index to refuse the next one by.
    turn = f"change {request.service_id}"
    plain.ask("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [turn])
    plan = plan_of(actor, request.service_id, request.procedure)
    service, procedure = plan.service, plan.procedure
    require_may_ask(actor, procedure)
    if plan.refusal:
        raise OrderRefused(plan.refusal, plan.remedy)
    fingerprint, sums = life_sums.read(request.expected)
    subject = Subject(actor, service, procedure, now())
    life_sums.require(subject, sums, request.answers)
    if fingerprint and fingerprint != plan.fingerprint:
        raise PlanChanged(_("情况刚刚有变化，与刚才看到的不同。"), _("请核对后再办。"))
    if GUESSES.keys() & set(request.answers) and plan.authenticate:
        limits = authenticating.limits_of(procedure.parameters)
        authenticating.require_unlocked(service.id, actor.id, limits)
    proven = _vouched(actor, plan) if request.vouched else _proven(actor, plan, request.key)
    reason = _reason(plan, request.reason)
    if not settled and any(f.check == life_costs.LAST_RENT for f in plan.findings):
        raise _Unsettled
    kept, told = _answers(subject, request.answers)
    changed = [target for target in kept if not life_acting.asks(target)]
    if plan.form and not changed and not request.variables:
        raise BadOrder([InputFault("", _("没有填要改的内容。"), _("至少填一项。"))])
    _prepare(subject, kept, request)
    agreed = life_costs.agreed(subject)
    told += life_costs.told(agreed)
    order = _order(actor, plan, request, kept.pop(life_acting.PARTY, None))
    item = OrderItem.objects.create(
        order=order,
        branch_id=order.branch_id,
        item_id="1",
        action=procedure.action,
        state=OrderState.IN_PROGRESS,
        specification=f"{service.playbook}.{service.specification}",
        procedure=procedure,
        service_id=service.id,
        address_id=service.address_id,
        payload={"procedure": procedure.key},
    )
    ServiceChange.objects.create(
        branch_id=order.branch_id,
        item=item,
        service_id=service.id,
        procedure=procedure.key,
        sealed=json.dumps(kept, ensure_ascii=False) if kept else None,
        told=told,
        agreed=agreed,
        before={
            "title": service.title,
            "state": str(service.state),
            "account": mask_account(service.account),
            moves.WAS_AT: str(service.address_id) if service.address_id else None,
        },
        reason_code=reason.code if reason else "",
        reason=reason.full[:130] if reason else "",
        authentication=proven,
    )
    inventory_verbs.attach_order(actor=actor, service_id=service.id, order_id=order.pk)
    parts = bundles.add_changed(actor=actor, order=order, lead=item, services=plan.also)
    note(order.id, "accepted", actor_id=actor.id, data={"channel": order.channel})
    move(order, OrderState.IN_PROGRESS)
    _start(actor, order, item, reason, {**request.variables, **parts})
    plain.refresh(order)  # the first steps of the process may have ended it already
    order.number = documents.next_number(
        rule=f"order.{procedure.playbook}",
        branch_code=org.branch(order.branch_id).code,
        pattern=procedure.number_rule["pattern"],
        restart=procedure.number_rule["restart"],
        at=order.ordered_at,
    )
    order.save(update_fields=["number"])
    papers.issue(actor=actor, order=order, when=("accepted",))
    notices.taken_in(actor=actor, order=order)
    return order


def _vouched(actor: Actor, plan: ChangePlan) -> Authentication | None:
    """The word of a system that may give it: written down as the proof of this change alone."""
    if not plan.authenticate:
        return None
    moment = now()
    return Authentication.objects.create(
        branch_id=plan.service.branch_id,
        service_id=plan.service.id,
        kind=AuthenticationKind.VOUCHED,
        procedure=plan.procedure.key,
        clerk_id=actor.id,
        ok=True,
        good_until=moment,
        used_at=moment,
    )


def _proven(actor: Actor, plan: ChangePlan, key: str) -> Authentication | None:
    """The customer's proof, used up by this change."""
    if not plan.authenticate:
        return None
    found = authenticating.standing(
        actor,
        plan.service.id,
        plan.authenticate,
        procedure=plan.procedure.key,
        key=key,
        lock=True,
    )
    if found is None:
        raise OrderRefused(
            _("还没有鉴权，或鉴权已过时。"), _("请先核对客户身份。"), field="authentication"
        )
    found.used_at = now()
    found.save(update_fields=["used_at"])
    return found


def _reason(plan: ChangePlan, code: str) -> Reason | None:
    if not plan.reasons:
        return None
    found = plan.reason(code.strip())
    if found is None:
        known = wording.several(f"{r.code}（{r.title}）" for g in plan.reasons for r in g.reasons)
        what = _("没有这个原因。") if code.strip() else _("没有选原因。")
        raise BadOrder([InputFault("reason", what, _("可选：%s。") % known)])
    return found


def _answers(
    subject: Subject, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Answers as they are kept, and what papers tell of them; every fault at once, by target."""
    kept: dict[str, Any] = {}
    told: list[dict[str, str]] = []
    faults: list[InputFault] = []
    for target, value in given.items():
        answer = ANSWERS[target]
        try:
            kept[target] = answer.check(subject, value)
        except BadInput as bad:
            faults += [InputFault(target, f.what, f.remedy) for f in bad.faults]
            continue
        with override(CHINESE):  # a sheet is Chinese whoever asks
            after = answer.after(kept[target])
            if after:  # else nothing of it is told
                told.append(
                    {
                        "target": target,
                        "title": answer.title,
                        "before": answer.before(subject),
                        "after": after,
                    }
                )
    if faults:
        raise BadOrder(faults)
    return kept, told


def _prepare(subject: Subject, kept: dict[str, Any], request: ChangeRequest) -> None:
    """What answers mean together; they may register people and take photos of this page."""
    try:
        if not request.vouched:  # a system that vouches has seen who acts
            life_acting.require(subject, kept)
        prepare(subject, kept, request.key)
    except BadInput as bad:
        raise BadOrder(bad.faults) from None


def _order(
    actor: Actor, plan: ChangePlan, request: ChangeRequest, acting: str | None = None
) -> Order:
    moment = now()
    procedure = plan.procedure
    order = Order(
        id=uuid7(),
        branch_id=plan.service.branch_id,
        party_id=plan.service.customer_id,
        agent_id=UUID(acting) if acting else None,
        introduction_letter=f"{life_acting.HANDLER}letter" in request.answers,
        external_id=request.external_id[:120],
        idempotency_key=request.key[:160],
        requester_id=actor.id,
        description=request.note.strip()[:500],
        channel=request.channel,
        ordered_at=moment,
        playbook=procedure.playbook,
        playbook_hash=procedure.playbook_hash,
        parameters=procedure.parameters,
    )
    set_due(order, procedure, moment)
    order.save(force_insert=True)
    return order


def _start(
    actor: Actor,
    order: Order,
    item: OrderItem,
    reason: Reason | None,
    variables: Mapping[str, Any],
) -> None:
    procedure: Procedure | None = item.procedure
    assert procedure is not None
    parameters = dict(order.parameters)
    steering = {k: v for k, v in parameters.items() if isinstance(v, int | str)}
    instance_id = process.start(
        actor=actor,
        definition_id=procedure.definition_id,
        business_id=order.id,
        branch_id=order.branch_id,
        variables={
            **variables,
            "order_id": str(order.id),
            "item_id": str(item.id),
            "service_id": str(item.service_id),
            "reason": reason.code if reason else "",
            "parameters": steering,
        },
        parameters=parameters,
    )
    plain.update(OrderItem, {"instance_id": instance_id}, "id = %s", [item.id])
