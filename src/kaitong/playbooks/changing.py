"""Asking for a change of a service through its procedure's form: the one door of every face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.documents import services as documents
from kaitong.documents.errors import AttachmentRefused
from kaitong.documents.models import Attachment
from kaitong.hall import services as hall
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import authenticating, bindings, code_sending
from kaitong.ordering import services as ordering
from kaitong.ordering.codes import Sent
from kaitong.ordering.counter_rules import CODE_FOR
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_answers import ANSWERS
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.life_plans import asked_for, may_ask, plan_of, require_may_ask
from kaitong.ordering.models import Order, Procedure
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.playbooks import queries
from kaitong.playbooks.forms import PART, Form
from kaitong.playbooks.model import PHOTO_PURPOSE


def form_of(playbook: str, version: str, file: str, line: UUID | None = None) -> Form | None:
    """The form of a change as it is asked of this line: what only a further service of a bundle
    needs is asked where there is one. None where nothing is asked."""
    found = queries.form(playbook, version, file) if file else None
    if found is None or not any(PART in spec for spec in found.fields.values()):
        return found
    parts = inventory.parts_of([line]).get(line, []) if line is not None else []
    return found.for_parts({one.specification for one in parts})


def form_for(procedure: Procedure, service: ServiceView) -> Form | None:
    """What is asked for a change of this line: the form of the change, and beside it the one about
    who comes for a holder of his kind (`acting:`); None where nothing is asked."""
    playbook, version = procedure.playbook, procedure.playbook_hash
    own = form_of(playbook, version, procedure.counter.get("form", ""), service.id)
    forms = procedure.counter.get("acting", {})
    file = forms.get(parties.kind_of(service.customer_id), "") if forms else ""
    acting = form_of(playbook, version, file)
    return own.beside(acting) if own is not None else acting


def store_photo(
    *, actor: Actor, service_id: UUID, procedure: str, key: UUID, field: str, data: bytes
) -> Attachment:
    """Keep a photo that a clerk takes for a field of a change's form.

    An upload of the page (`key`) until the change is asked for with it; the watermark's words are
    the playbook's. Raises AttachmentRefused for whoever may not ask for the change.
    """
    plan = plan_of(actor, service_id, procedure)
    found = form_for(plan.procedure, plan.service)
    if found is None or field not in found.photos or not may_ask(actor, plan.procedure):
        raise AttachmentRefused(_("这一步不要这张照片。"), _("请刷新页面。"), field=field)
    return documents.store_photo(
        actor=actor,
        data=data,
        kind=found.photos[field],
        owner_type="change",
        owner_id=key,
        branch_id=plan.service.branch_id,
        watermark=str(plan.procedure.parameters.get(PHOTO_PURPOSE, "")),
        title=str(found.fields[field].get("title", "")),
        slot=field,
    )


def send_code(
    *,
    actor: Actor,
    service_id: UUID,
    procedure: str,
    field: str,
    typed: str,
    key: str = "",
) -> Sent:
    """Send a one-time code: to the number the customer says is bound to the line (`field` empty),
    or to the one typed for a field of the change's form (`x-code-for`). It serves this procedure,
    and with `key` the order being made under it.

    Raises BadInput at the field with the number, OrderRefused where no code may be sent now.
    """
    plan = plan_of(actor, service_id, procedure)
    require_may_ask(actor, plan.procedure)
    if plan.refusal:
        raise OrderRefused(plan.refusal, plan.remedy)
    facts: dict[str, Any] = {
        "actor": actor,
        "service_id": service_id,
        "what": plan.procedure.title,
        "procedure": plan.procedure.key,
        "key": key,
        "parameters": plan.procedure.parameters,
    }
    if not field:
        if AuthenticationKind.NUMBER_CODE not in plan.authenticate:
            raise OrderRefused(_("这笔业务不用短信验证码鉴权。"), _("请换一种方式。"))
        return code_sending.send_to_bound(typed=typed, **facts)
    if plan.authenticate and not authenticating.standing(
        actor, service_id, plan.authenticate, procedure=plan.procedure.key, key=key
    ):
        raise OrderRefused(_("还没有鉴权，或鉴权已过时。"), _("请先核对客户身份。"))
    found = form_for(plan.procedure, plan.service)
    spec = found.fields.get(field, {}) if found is not None else {}
    asked = str(spec.get(CODE_FOR, ""))
    if found is None or not asked:
        raise OrderRefused(_("这一步不用验证码。"), _("请刷新页面。"))
    subject = Subject(actor, plan.service, plan.procedure, now())
    try:
        said = ANSWERS[found.fields[asked]["writes"]].check(subject, typed)
    except BadInput as bad:
        raise BadInput([InputFault(asked, f.what, f.remedy) for f in bad.faults]) from None
    number = bindings.mobile(str(said))
    if number is None:
        raise BadInput([InputFault(asked, _("不是手机号码。"), _("请填 11 位手机号码。"))])
    return code_sending.send(number=number, **facts)


def request_change(
    *,
    actor: Actor,
    service_id: UUID,
    procedure: str,
    key: str,
    data: Mapping[str, Any] | None = None,
    reason: str = "",
    note: str = "",
    expected: str = "",
    channel: str = "counter",
    external_id: str = "",
    vouched: bool = False,
) -> Order:
    """Check the answers against the procedure's form, then `ordering.request_change`.

    Raises OrderForbidden for a post that may not ask for it, then BadInput with every fault, each
    at the form's own field.
    """
    # who may not ask is told before its form is checked: it is none of anybody else's
    known, service = asked_for(actor, service_id, procedure)
    found = (
        form_of(known.playbook, known.playbook_hash, known.counter.get("form", ""), service_id)
        if vouched  # a system that vouches for the customer has seen who comes for him
        else form_for(known, service)
    )
    variables: Mapping[str, Any] = {}
    answers: Mapping[str, Any] = {}
    fields: dict[str, str] = {}
    if found is not None:
        found.check(data or {})
        variables, answers = found.split(data or {})
        fields = dict(found.targets())
    elif data:
        raise BadInput([InputFault(next(iter(data)), _("没有这一项。"))])
    asked = ordering.ChangeRequest(
        service_id=service_id,
        procedure=procedure,
        key=key,
        reason=reason,
        note=note,
        answers=answers,
        variables=variables,
        expected=expected,
        channel=channel,
        external_id=external_id,
        vouched=vouched,
    )
    try:
        return ordering.request_change(
            actor=actor,
            request=asked,
            # the number served at the actor's counter has what was made for it, or neither is there
            also=lambda order: hall.link(actor=actor, business_id=order.id),
        )
    except BadInput as bad:
        raise BadInput(
            [InputFault(fields.get(f.field, f.field), f.what, f.remedy) for f in bad.faults]
        ) from None
