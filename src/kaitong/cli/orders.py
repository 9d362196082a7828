"""`./run kaitong order ...`, `why`, `service show`, `paper print`: orders and what came of them."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import ValidationError

from kaitong.cli.asking import SYSTEM, identifier, json_object, show
from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.documents import services as document_verbs
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.ordering import clock as order_clock
from kaitong.ordering import papers
from kaitong.ordering import queries as orders
from kaitong.org import queries as org
from kaitong.org.models import Staff
from kaitong.playbooks import queries as playbooks
from kaitong.process import queries as process
from kaitong.tmf.wire import place_of
from kaitong.web.pages import batches


def order_submit(asked: argparse.Namespace) -> None:
    """Through the same reading of the document as the API."""
    from kaitong.core.audit import acting
    from kaitong.ordering import services as ordering
    from kaitong.tmf.api.service_order import ServiceOrderCreate
    from kaitong.tmf.mapping.incoming import Reading

    path = Path(asked.file)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput([InputFault(str(path), f"{error.strerror}.", "Name a file.")]) from None
    user = asked.user or _first_clerk()
    actor = org.actor_of(user)
    document = json_object(data, str(path))
    try:
        ServiceOrderCreate.model_validate(document)
    except ValidationError as error:
        raise BadInput(
            [InputFault(place_of(fault["loc"]), fault["msg"]) for fault in error.errors()]
        ) from None
    reading = Reading(document)
    with acting(actor.id, "order submit"):
        try:
            made = ordering.submit(actor=actor, request=reading.order)
        except BadInput as error:
            raise reading.translated(error) from None
    print(made.id)


def _first_clerk() -> str:
    """Who takes in an order from the command line when nobody is named: the first clerk."""
    clerk = (
        Staff.objects.filter(is_active=True, holdings__post__key="clerk")
        .order_by("username")
        .values_list("username", flat=True)
        .first()
    )
    if clerk is None:
        raise BadInput([InputFault("--as", "There is no clerk.", "Name a user by --as.")])
    return str(clerk)


def order_show(asked: argparse.Namespace) -> None:
    row = orders.order_by_text(SYSTEM, asked.id)
    facts = orders.described(SYSTEM, row)
    if asked.json:
        show(facts)
        return
    print(f"{facts['number']}  {row.get_state_display()}  {facts['reason']}".rstrip())
    for wait in facts["waiting"]:
        print(f"  {_('等待')} {wait['title']} ({wait['kind']}) {wait['reason']}")
    for service in facts["services"]:
        print(
            f"  {_('业务')} {service['id']}  {service['state']}"
            f"  {service['account']}  {service['port']}"
        )
        if service["reason"]:
            print(f"    {service['reason']}")
        for proof in service["proof"]:
            print(f"    {'✓' if proof['ok'] else '✗'} {proof['summary']}")
    for item in facts["work_items"]:
        print(f"  {_('工单')} {item['id']}  {item['title']}  {item['post']}  {item['state']}")


def why(asked: argparse.Namespace) -> None:
    """Why an order, or a piece of work, is due when it is: every step of the count as text."""
    try:
        item = process.work_item(SYSTEM, UUID(asked.id))
    except (ValueError, NotFound):
        row = orders.order_by_text(SYSTEM, asked.id)
        say = playbooks.words(row.playbook, row.playbook_hash) if row.playbook_hash else str
        texts = order_clock.told(SYSTEM, row, say=say)
    else:
        pinned = item.parameters.get("playbook") or {}
        say = playbooks.words(pinned["key"], pinned["hash"]) if pinned else str
        texts = [order_clock.step_told(SYSTEM, item, say=say)] if item.due_at else []
    if asked.json:
        show([asdict(text) for text in texts])
        return
    names = {"customer": _("客户时限"), "step": _("环节时限"), "phase": _("阶段时限")}
    for text in texts:
        print(f"{names[text.clock]} {text.title}".rstrip())
        print(f"  {text.why}")
    if not texts:
        print(_("没有时限。"))


def order_withdraw(asked: argparse.Namespace) -> None:
    """With --plan only what would happen is told; without, it happens."""
    from kaitong.core.ids import uuid7
    from kaitong.ordering import services as ordering

    actor = org.actor_of(asked.user)
    row = orders.order_by_text(actor, asked.id)
    plan = orders.withdrawal_plan(actor, row.id)
    if not asked.plan:
        made = ordering.withdraw(
            actor=actor,
            order_id=row.id,
            reason=asked.reason,
            key=asked.key or f"cli-{uuid7()}",
            note_text=asked.note,
            channel="cli",
        )
    facts: dict[str, Any] = {
        "order": str(row.id),
        "number": plan.number,
        "withdrawal": None if asked.plan else str(made.id),
        "possible": plan.possible,
        "refusal": " ".join(part for part in (plan.refusal, plan.remedy) if part),
        "refund_fen": plan.refund_fen,
        "refund_by_method": plan.by_method,
        "fee_fen": plan.fee_fen,
        "needs_approval": plan.needs_approval,
        "ports": [s.port for s in plan.services if s.port],
        "accounts": [s.account for s in plan.services if s.account],
        "terminals": [serial for s in plan.services for serial in s.terminals],
        "work_items": [work.title for work in plan.work],
        "reasons": {r.code: r.title for group in plan.reasons for r in group.reasons},
    }
    if asked.json:
        show(facts)
        return
    if not plan.possible:
        print(facts["refusal"])
        return
    if not asked.plan:
        print(f"{plan.number} {made.reason} {made.id}")
    for name in ("ports", "accounts", "terminals", "work_items"):
        if facts[name]:
            print(f"  {name}: {wording.several(facts[name])}")
    print(f"  refund: {plan.refund_fen} fen {plan.by_method or ''}".rstrip())
    if asked.plan:
        for code, title in facts["reasons"].items():
            print(f"  --reason {code}  {title}")


def order_amend(asked: argparse.Namespace) -> None:
    """Without --set what may be changed is told; with it, it is changed."""
    from kaitong.ordering import amending

    actor = org.actor_of(asked.user)
    row = orders.order_by_text(actor, asked.id)
    changes = dict(text.partition("=")[::2] for text in asked.set)
    if changes:
        plan = amending.amend(actor=actor, order_id=row.id, changes=changes, reason=asked.reason)
    else:
        plan = amending.amend_plan(actor, row.id)
    facts = {
        "order": str(row.id),
        "number": plan.number,
        "steps": list(plan.steps),
        "refusal": plan.refusal,
        "fields": {rule.field: rule.why_not for rule in plan.fields},
        "amended": sorted(changes),
    }
    if asked.json:
        show(facts)
        return
    print(f"{plan.number}  {', '.join(plan.steps)}  {plan.refusal}".rstrip())
    for rule in plan.fields:
        print(f"  {'✓' if not rule.why_not else '✗'} {rule.field}  {rule.label} {rule.why_not}")


def service_show(asked: argparse.Namespace) -> None:
    view = inventory.service(SYSTEM, identifier(asked.id))
    facts: dict[str, Any] = {
        "id": str(view.id),
        "state": str(view.state),
        "reason": view.reason,
        "account": view.account,
        "logical_id": view.logical_id,
        "port": view.port_text,
        "proof": [
            {"kind": p.kind, "ok": p.ok, "at": p.at.isoformat(), "summary": p.summary}
            for p in view.proofs
        ],
    }
    if asked.reveal:
        actor = org.actor_of(asked.user) if asked.user else SYSTEM
        facts["password"] = inventory_verbs.reveal_password(
            actor=actor, service_id=view.id, reason="./run kaitong service show --reveal"
        )
    if asked.json:
        show(facts)
        return
    for name, value in facts.items():
        if value and name != "proof":
            print(f"{name}: {value}")
    for proof in facts["proof"]:
        print(f"proof: {'✓' if proof['ok'] else '✗'} {proof['summary']}")


def paper_print(asked: argparse.Namespace) -> None:
    """Counted as a print: the second one carries 副本."""
    actor = org.actor_of(asked.user) if asked.user else SYSTEM
    path = Path(asked.output)
    if not path.parent.is_dir():
        raise BadInput([InputFault(str(path), _("没有这个文件夹。"), _("先建文件夹。"))])
    if asked.work:
        if asked.order:
            raise BadInput([InputFault("--work", "Name an order or work items, not both.")])
        path.write_bytes(batches.work_sheets(actor, [identifier(text) for text in asked.work]))
        print(path)
        return
    if not asked.order:
        raise BadInput([InputFault("ORDER", "Name an order, or work items by --work.")])
    paper = papers.paper_of(actor, orders.order_by_text(actor, asked.order), asked.kind)
    path.write_bytes(document_verbs.print_copy(actor=actor, paper_id=paper.id))
    print(f"{paper.title} {paper.number} {path}")
