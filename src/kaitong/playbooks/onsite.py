"""`fieldwork:` of a playbook: what an installer may change on the spot, why, and what follows.

The verbs here read the rules of the version an order was accepted under and hand them to
fieldwork.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.errors import InputFault
from kaitong.fieldwork import services as fieldwork
from kaitong.fieldwork.models import Change, Check
from kaitong.fieldwork.rules import Rules
from kaitong.inventory import queries as inventory
from kaitong.ordering import answers as order_answers
from kaitong.ordering import papers as order_papers
from kaitong.org.actor import Actor
from kaitong.playbooks import queries, wiring
from kaitong.playbooks.forms import Form
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.services import Progress


def rules_of(item: process.WorkDetail) -> Rules:
    """The rules of the version the item's order was accepted under; empty where it has none."""
    pinned = item.parameters.get("playbook") or {}
    if not pinned:
        return Rules()
    content = queries.content(pinned["key"], pinned["hash"])
    return Rules.read(content.get("fieldwork", {}), content.get("definitions", {}))


def demanded(content: Mapping[str, Any], form: Form) -> tuple[str, ...]:
    """Fields of a form that no completion does without (`fieldwork: on-site`), whichever face it
    comes from: the photo of the label, the customer's signature."""
    named = content.get("fieldwork", {}).get("on-site", ())
    return tuple(name for name in named if name in form.fields)


def lacking(content: Mapping[str, Any], form: Form, answers: Mapping[str, Any]) -> list[InputFault]:
    """A fault for each demanded field without an answer."""
    return [
        InputFault(
            name,
            _("还没有%s。") % form.words(str(form.fields[name].get("title", name))),
            _("补上再回单。"),
        )
        for name in demanded(content, form)
        if not answers.get(name)
    ]


def works_outside(actor: Actor) -> bool:
    """Whether the actor's posts work outside (`fieldwork: posts`): the phone is their desk."""
    return any(
        set(entry.get("posts", ())) & actor.posts for entry in queries.current_content("fieldwork")
    )


def visit_lengths(item: process.WorkDetail) -> list[tuple[int, str]]:
    """Lengths of a visit in minutes with their words, as the playbook's forms offer them."""
    pinned = item.parameters.get("playbook") or {}
    if not pinned:
        return []
    for form in queries.content(pinned["key"], pinned["hash"])["forms"].values():
        for name, field in form["properties"].items():
            if field.get("writes") == "order.appointment_minutes":
                labels = form.get("ui", {}).get("labels", {}).get(name, {})
                return [(m, labels.get(str(m), str(m))) for m in field.get("enum", ())]
    return []


def check_now(*, actor: Actor, item_id: UUID, answers: Mapping[str, Any]) -> Check:
    """再核验: look at the line now, with what the form says so far; completes nothing.

    Runs outside any transaction. `answers` are the form's by field; faults in them are the
    completion's to tell.
    """
    item = process.work_item(actor, item_id)
    with process_verbs.held(actor=actor, item_id=item_id) as step:
        fieldwork.require_on_site(step)
        targets = _form(item).targets()
        written = {t: answers[name] for t, name in targets.items() if name in answers}
        asked = fieldwork.Asked.of(
            step, {t: v for t, v in written.items() if t not in fieldwork.FOR_CHECK}
        )
        kind = step.node.extension["check"]
    return wiring.CHECKS[kind](asked)


def correct_port(
    *, actor: Actor, item_id: UUID, check_id: UUID, to_port_id: UUID | None = None
) -> Change:
    rules = rules_of(process.work_item(actor, item_id))
    with audit.acting(actor.id, "correct port"):
        return fieldwork.correct_port(
            actor=actor, item_id=item_id, check_id=check_id, to_port_id=to_port_id, rules=rules
        )


def change_port(
    *,
    actor: Actor,
    item_id: UUID,
    reason: str,
    to_port_id: UUID | None = None,
    was_port_id: UUID | None = None,
) -> Change:
    """换端口. Of two at once one is first, and the other is told: each leaves the port it saw."""
    item = process.work_item(actor, item_id)
    rules = rules_of(item)
    service_id = item.variables.get("service_id")
    if was_port_id is None and service_id:
        port = inventory.service(actor, UUID(str(service_id))).port
        was_port_id = port.id if port else None
    with audit.acting(actor.id, "change port"):
        return fieldwork.change_port(
            actor=actor,
            item_id=item_id,
            to_port_id=to_port_id,
            reason=reason,
            rules=rules,
            was_port_id=was_port_id,
        )


def change_terminal(*, actor: Actor, item_id: UUID, serial: str, reason: str) -> Change:
    rules = rules_of(process.work_item(actor, item_id))
    with audit.acting(actor.id, "change terminal"):
        return fieldwork.change_terminal(
            actor=actor, item_id=item_id, serial=serial, reason=reason, rules=rules
        )


def resend_data(*, actor: Actor, item_id: UUID) -> Change:
    rules = rules_of(process.work_item(actor, item_id))
    with audit.acting(actor.id, "resend data"):
        return fieldwork.resend_data(actor=actor, item_id=item_id, rules=rules)


def give_up(*, actor: Actor, item_id: UUID, group: str, reason: str, photo: str) -> Progress:
    """退单: the installer cannot deliver; a person decides, with the reason and the photo."""
    item = process.work_item(actor, item_id)
    with audit.acting(actor.id, "give up"):
        return fieldwork.give_up(
            actor=actor,
            item_id=item_id,
            title=rules_of(item).return_title(group, reason),
            photo=photo,
        )


def agree(
    *, actor: Actor, item_id: UUID, start: datetime, length: timedelta, reason: str = ""
) -> None:
    """改约: the visit's new time, in one transaction with everything that hangs on it.

    The step's due time and the customer's follow the later appointment, and the printed work order
    is brought up to date.
    """
    with audit.acting(actor.id, "agree"), transaction.atomic():
        with process_verbs.held(actor=actor, item_id=item_id) as step:
            order_answers.appointment_minutes(step, int(length.total_seconds() // 60))
            order_answers.appointment_start(step, start.isoformat())
            if step.business_id is not None:
                order_papers.renew(actor=actor, order_id=step.business_id)
        process_verbs.agree(actor=actor, item_id=item_id, at=start, reason=reason)


def _form(item: process.WorkDetail) -> Form:
    pinned = item.parameters["playbook"]
    return queries.step_form(pinned, item.definition.form, item.variables)
