"""改单 on the order page: what may be changed where the order stands, and why not the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from kaitong.ordering import amending
from kaitong.ordering import queries as ordering
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt

_KINDS = {amending.APPOINTMENT: "datetime-local", amending.PHONE: "tel", amending.REMARK: "text"}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    kind: str
    value: str
    why_not: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class AmendPage:
    order_id: UUID
    number: str
    steps: str
    refusal: str
    fields: tuple[Field, ...]
    possible: bool
    at: str
    reason: str = ""
    error: str = ""  # at the reason
    fault: str = ""


def page(
    actor: Actor,
    order_id: UUID,
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    reason: str = "",
    fault: str = "",
) -> AmendPage:
    """`given` and `errors` are those of a refused attempt: what was typed is never lost."""
    plan = amending.amend_plan(actor, order_id)
    order = ordering.order(actor, order_id)
    say: Callable[[str], str] = str
    if order.playbook and order.playbook_hash:
        say = playbooks.words(order.playbook, order.playbook_hash)
    given, errors = given or {}, errors or {}

    def worded(text: str) -> str:
        """Steps in the playbook's words of the reader's language."""
        for step in plan.steps:
            text = text.replace(step, say(step))
        return text

    start = order.appointment_start
    now = {
        amending.APPOINTMENT: f"{timezone.localtime(start):%Y-%m-%dT%H:%M}" if start else "",
        amending.PHONE: "",  # never shown in clear; a new one is typed
        amending.REMARK: order.description,
    }
    return AmendPage(
        order_id=order_id,
        number=plan.number,
        steps=fmt.mark("、").join(say(step) for step in plan.steps),
        refusal=plan.refusal,
        fields=tuple(
            Field(
                rule.field,
                rule.label,
                _KINDS[rule.field],
                given.get(rule.field, now[rule.field]),
                worded(rule.why_not),
                errors.get(rule.field, ""),
            )
            for rule in plan.fields
        ),
        possible=plan.possible,
        at=plan.at,
        reason=reason,
        error=errors.get("reason", ""),
        fault=fault or errors.get("changes", ""),
    )


def changes(page_: AmendPage, posted: Mapping[str, str]) -> dict[str, str]:
    """What differs from what stands there now; an empty telephone means the one there is."""
    found = {}
    for field in page_.fields:
        text = posted.get(field.name, "").strip()
        if not field.why_not and text != field.value and (text or field.name == amending.REMARK):
            found[field.name] = text
    return found
