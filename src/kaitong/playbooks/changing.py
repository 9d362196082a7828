"""Asking for a change of a service through its procedure's form: the one door of every face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering import services as ordering
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.playbooks import queries
from kaitong.playbooks.forms import Form


def form_of(playbook: str, version: str, file: str) -> Form | None:
    """The form of a change; None where nothing is asked."""
    return queries.form(playbook, version, file) if file else None


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
) -> Order:
    """Check the answers against the procedure's form, then `ordering.request_change`.

    Raises BadInput with every fault, each at the form's own field.
    """
    plan = plan_of(actor, service_id, procedure)
    found = form_of(plan.procedure.playbook, plan.procedure.playbook_hash, plan.form)
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
    )
    try:
        return ordering.request_change(actor=actor, request=asked)
    except BadInput as bad:
        raise BadInput(
            [InputFault(fields.get(f.field, f.field), f.what, f.remedy) for f in bad.faults]
        ) from None
