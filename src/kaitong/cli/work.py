"""`./run kaitong work ...`: the verbs of the trade on work items, and completing them."""

from __future__ import annotations

import argparse
from typing import Any

from kaitong.cli.asking import SYSTEM, identifier, json_object, moment, show
from kaitong.core.errors import BadInput, InputFault
from kaitong.fieldwork.errors import CheckFailed
from kaitong.ordering import queries as orders
from kaitong.org import queries as org
from kaitong.playbooks import photos
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.choices import InstanceState, WorkState


def work_list(asked: argparse.Namespace) -> None:
    actor = org.actor_of(asked.user) if asked.user else SYSTEM
    business = orders.order_by_text(SYSTEM, asked.order).id if asked.order else None
    rows = process.work_items(
        actor, tab="open", business_id=business, post=asked.post or None, limit=asked.limit
    ).rows
    facts = [
        {
            "id": str(row.id),
            "order": str(row.business_id) if row.business_id else None,
            "node": row.node,
            "title": row.title,
            "post": row.post,
            "candidate": row.claimed_name or row.candidate_name or None,
            "due_at": row.due_at.isoformat() if row.due_at else None,
            "state": row.state,
        }
        for row in rows
    ]
    if asked.json:
        show(facts)
        return
    for fact in facts:
        due = fact["due_at"][:16] if fact["due_at"] else "-"
        print(f"{fact['id']}  {due}  {fact['title']}  {fact['post']}  {fact['candidate'] or '-'}")


def work_complete(asked: argparse.Namespace) -> None:
    actor = org.actor_of(asked.user)
    item = process.work_item(actor, identifier(asked.id))
    if asked.data and asked.example:
        raise BadInput([InputFault("--data", "Give --data or --example, not both.")])
    data: Any = {}
    if asked.example and item.definition.form:
        pinned = item.parameters["playbook"]
        data = playbooks.example_for(
            playbook=pinned["key"],
            version=pinned["hash"],
            file=item.definition.form,
            branch_id=item.branch_id,
            photo=photos.camera(actor=actor, item_id=item.id),
            variables=item.variables,
            override=actor.is_supervisor,  # who may let a failed check pass, with evidence
        )
    elif asked.data:
        data = json_object(asked.data.encode(), "--data")
    try:
        progress = playbook_verbs.complete_work(actor=actor, item_id=item.id, data=data)
    except CheckFailed as failed:
        raise BadInput([*failed.faults, *_lab_remedy(failed)]) from None
    print(f"{item.title} {InstanceState(progress.state).label}")


def _lab_remedy(failed: CheckFailed) -> list[InputFault]:
    """What brings the line up where a lab stands for the network."""
    if "session" in failed.findings:
        how = f"Bring the customer's session up: ./run lab session {failed.account}"
        return [InputFault("session", how)]
    if "away" in failed.findings:
        return [InputFault("away", "Start the AAA server: ./run lab up radius")]
    return []


def work_verb(asked: argparse.Namespace) -> None:
    """The trade's verbs; prints how the item stands then."""
    item_id, actor = identifier(asked.id), org.actor_of(asked.user)
    given: dict[str, Any] = {"actor": actor, "item_id": item_id}
    if asked.what == "return" and asked.plan:
        _tell_return(process.return_plan(actor, item_id, asked.step), as_json=asked.json)
        return
    match asked.what:
        case "claim" | "resume":
            pass
        case "release":
            given["reason"] = asked.reason
        case "urge":
            given["note"] = asked.reason
        case "dispatch" | "help":
            given |= {"to": org.actor_of(asked.to).id, "reason": asked.reason}
        case "transfer":
            given |= {"post": asked.post, "reason": asked.reason}
        case "return":
            given |= {"node": asked.step, "reason": asked.reason, "expected": asked.expect}
        case "feedback":
            given["text"] = asked.text
        case "suspend":
            given |= {
                "reason_code": asked.reason_code,
                "until": moment(asked.until, "--until"),
                "note": asked.reason,
            }
    verbs = {"return": process_verbs.return_to, "help": process_verbs.ask_help}
    verb = verbs.get(asked.what) or getattr(process_verbs, asked.what)
    verb(**given)
    item = process.work_item(SYSTEM, item_id)
    state = WorkState(item.state).label
    print(f"{item.title} {state} {item.claimed_name or item.candidate_name or '-'}")


def _tell_return(plan: process.ReturnPlan, *, as_json: bool) -> None:
    """What a return would undo; its fingerprint goes back with --expect."""
    facts = {
        "item": str(plan.item_id),
        "from": plan.node,
        "to": plan.target,
        "steps": dict(plan.targets),
        "again": [line.node for line in plan.again],
        "ends": [line.node for line in plan.ends],
        "stays": [line.node for line in plan.stays],
        "undone": {line.node: line.undone_by for line in plan.effects if line.undone_by},
        "undone_already": [line.node for line in plan.effects if line.already],
        "to_be_undone": list(plan.undoing),
        "post": plan.post,
        "person": plan.person_name or None,
        "fingerprint": plan.fingerprint,
    }
    if as_json:
        show(facts)
        return
    print(f"{plan.title} → {plan.target_title}  {plan.post} {plan.person_name}".rstrip())
    for name in ("again", "ends", "stays", "undone", "undone_already", "to_be_undone"):
        if facts[name]:
            print(f"  {name}: {', '.join(facts[name])}")  # type: ignore[arg-type]
    for node, title in plan.targets:
        print(f"  --step {node}  {title}")
    print(f"  --expect {plan.fingerprint}")
