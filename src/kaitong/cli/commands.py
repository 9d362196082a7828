"""What each command does. Django is set up when this module is imported."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import ValidationError

from kaitong.charging import books
from kaitong.core.clock import read_local
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.documents import services as document_verbs
from kaitong.fieldwork.errors import CheckFailed
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.messaging import queries as notices
from kaitong.messaging import services as notice_verbs
from kaitong.ordering import clock as order_clock
from kaitong.ordering import papers
from kaitong.ordering import queries as orders
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.org.models import Staff
from kaitong.playbooks import photos, scenarios
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.playbooks.errors import RefusedPlaybook
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.tmf import services as tmf
from kaitong.tmf.errors import BadBody
from kaitong.tmf.wire import place_of, read_json
from kaitong.web.pages import batches

SYSTEM = Actor.system()


def _print(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput(
            [InputFault("id", f"{text!r} is no identifier.", "Copy it whole.")]
        ) from None


def _document(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object, read as strictly as the API reads a body."""
    try:
        return read_json(data)
    except BadBody as error:
        what = f"{error.field} {error.what}" if error.field else str(error.what)
        raise BadInput([InputFault(where, what, "Correct it.")]) from None


# ---- orders, work, services ----------------------------------------------------------------------


def token(asked: argparse.Namespace) -> None:
    print(tmf.issue_token(actor=SYSTEM, staff_username=asked.user, title="command line"))


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
    document = _document(data, str(path))
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
        _print(facts)
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
        _print([asdict(text) for text in texts])
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
        _print(facts)
        return
    if not plan.possible:
        print(facts["refusal"])
        return
    if not asked.plan:
        print(f"{plan.number} {made.reason} {made.id}")
    for name in ("ports", "accounts", "terminals", "work_items"):
        if facts[name]:
            print(f"  {name}: {'、'.join(facts[name])}")
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
        _print(facts)
        return
    print(f"{plan.number}  {', '.join(plan.steps)}  {plan.refusal}".rstrip())
    for rule in plan.fields:
        print(f"  {'✓' if not rule.why_not else '✗'} {rule.field}  {rule.label} {rule.why_not}")


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
        _print(facts)
        return
    for fact in facts:
        due = fact["due_at"][:16] if fact["due_at"] else "-"
        print(f"{fact['id']}  {due}  {fact['title']}  {fact['post']}  {fact['candidate'] or '-'}")


def work_complete(asked: argparse.Namespace) -> None:
    actor = org.actor_of(asked.user)
    item = process.work_item(actor, _id(asked.id))
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
        data = _document(asked.data.encode(), "--data")
    try:
        progress = playbook_verbs.complete_work(actor=actor, item_id=item.id, data=data)
    except CheckFailed as failed:
        raise BadInput([*failed.faults, *_lab_remedy(failed)]) from None
    print(f"{item.title} {progress.state}")


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
    item_id, actor = _id(asked.id), org.actor_of(asked.user)
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
                "until": _moment(asked.until, "--until"),
                "note": asked.reason,
            }
    verbs = {"return": process_verbs.return_to, "help": process_verbs.ask_help}
    verb = verbs.get(asked.what) or getattr(process_verbs, asked.what)
    verb(**given)
    item = process.work_item(SYSTEM, item_id)
    print(f"{item.title} {item.state} {item.claimed_name or item.candidate_name or '-'}")


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
        _print(facts)
        return
    print(f"{plan.title} → {plan.target_title}  {plan.post} {plan.person_name}".rstrip())
    for name in ("again", "ends", "stays", "undone", "undone_already", "to_be_undone"):
        if facts[name]:
            print(f"  {name}: {', '.join(facts[name])}")  # type: ignore[arg-type]
    for node, title in plan.targets:
        print(f"  --step {node}  {title}")
    print(f"  --expect {plan.fingerprint}")


def _moment(text: str, field: str) -> datetime:
    """A time such as 2026-12-01T09:00, in the operator's zone unless it names another."""
    try:
        return read_local(text)
    except ValueError:
        fault = InputFault(field, f"{text!r} is no time.", "Write it as 2026-12-01T09:00.")
        raise BadInput([fault]) from None


def service_show(asked: argparse.Namespace) -> None:
    view = inventory.service(SYSTEM, _id(asked.id))
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
        _print(facts)
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
        raise BadInput([InputFault(str(path), "There is no such folder.", "Make it first.")])
    if asked.work:
        if asked.order:
            raise BadInput([InputFault("--work", "Name an order or work items, not both.")])
        path.write_bytes(batches.work_sheets(actor, [_id(text) for text in asked.work]))
        print(path)
        return
    if not asked.order:
        raise BadInput([InputFault("ORDER", "Name an order, or work items by --work.")])
    paper = papers.paper_of(actor, orders.order_by_text(actor, asked.order), asked.kind)
    path.write_bytes(document_verbs.print_copy(actor=actor, paper_id=paper.id))
    print(f"{paper.title} {paper.number} {path}")


# ---- playbooks -----------------------------------------------------------------------------------


def playbook_check(asked: argparse.Namespace) -> int:
    folder = playbook_verbs.find(asked.path)
    try:
        book = playbook_verbs.check(folder)
    except RefusedPlaybook as refused:
        for fault in refused.faults:
            print(fault)
        print(f"{len(refused.faults)} faults; nothing was deployed.")
        return 1
    print(f"{book.key} {book.hash[:12]}: no faults.")
    return 0


def playbook_test(asked: argparse.Namespace) -> int:
    outcomes = scenarios.run_all(playbook_verbs.check(playbook_verbs.find(asked.path)))
    for name, problem in outcomes:
        print(f"{'✗' if problem else '✓'} {name}" + (f": {problem}" if problem else ""))
    failed = sum(bool(problem) for _name, problem in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def playbook_deploy(asked: argparse.Namespace) -> int:
    try:
        row = playbook_verbs.deploy(actor=SYSTEM, folder=playbook_verbs.find(asked.path))
    except RefusedPlaybook as refused:
        for fault in refused.faults:
            print(fault)
        return 1
    print(f"{row.playbook} {row.hash}")
    return 0


def playbook_list(asked: argparse.Namespace) -> None:
    facts = [
        {
            "playbook": row.playbook,
            "title": row.title,
            "hash": row.hash,
            "deployed_at": row.created_at.isoformat(),
            "retired_at": row.retired_at.isoformat() if row.retired_at else None,
        }
        for row in playbooks.deployments()
        if not asked.path or row.playbook == Path(asked.path).name
    ]
    if asked.json:
        _print(facts)
        return
    for fact in facts:
        state = _("停用") if fact["retired_at"] else _("在用")
        print(f"{fact['playbook']}  {fact['title']}  {fact['hash'][:12]}  {state}")


# ---- fallout, staff, upkeep ----


def notice_list(asked: argparse.Namespace) -> None:
    """Addresses are masked; texts are not shown."""
    wanted = [orders.order_by_text(SYSTEM, asked.order).id] if asked.order else None
    rows, _total = notices.notices(
        SYSTEM,
        states=[asked.state] if asked.state else (),
        order_ids=wanted,
        limit=asked.limit,
    )
    facts = [
        {
            "id": str(row.id),
            "order": str(row.order_id) if row.order_id else None,
            "kind": row.kind,
            "title": row.title,
            "to": row.to,
            "address": row.address_masked,
            "channel": row.channel,
            "sent_by": row.sent_by or None,
            "state": row.state,
            "trouble": row.trouble or None,
            "error": row.last_error or None,
            "tries": row.tries,
            "at": row.created_at.isoformat(),
            "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        }
        for row in rows
    ]
    if asked.json:
        _print(facts)
        return
    for row in rows:
        why = f"  {row.get_trouble_display()}" if row.trouble else ""
        print(
            f"{row.id}  {row.created_at.isoformat()[:16]}  {row.title}  "
            f"{row.get_channel_display()}  {row.address_masked or '-'}  "
            f"{row.get_state_display()}{why}"
        )


def notice_retry(asked: argparse.Namespace) -> None:
    row = notice_verbs.retry(actor=org.actor_of(asked.user), notice_id=_id(asked.id))
    print(f"{row.title} {row.state}")


def incident_list(asked: argparse.Namespace) -> None:
    rows = process.incidents(SYSTEM, limit=500).rows
    facts = [
        {
            "id": str(row.id),
            "order": str(row.business_id) if row.business_id else None,
            "node": row.node,
            "title": row.title,
            "cause": row.cause,
            "message": row.message,
            "since": row.created_at.isoformat(),
            "tries": row.tries,
            "claimed_by": row.claimed_name,
        }
        for row in rows
    ]
    if asked.json:
        _print(facts)
        return
    for fact in facts:
        print(f"{fact['id']}  {fact['title']}  {fact['cause']}  {fact['message']}")


def staff_list(asked: argparse.Namespace) -> None:
    facts = [
        {
            "username": row.username,
            "name": row.name,
            "branch": row.branch.name if row.branch else None,
            "posts": [holding.post.key for holding in row.holdings.all()],
        }
        for row in Staff.objects.filter(is_active=True)
        .select_related("branch")
        .prefetch_related("holdings__post")
        .order_by("username")
    ]
    if asked.json:
        _print(facts)
        return
    for fact in facts:
        print(f"{fact['username']}  {fact['name']}  {fact['branch']}  {' '.join(fact['posts'])}")


def check(asked: argparse.Namespace) -> int:
    if asked.mend:
        for problem in process_verbs.mend():
            print(f"mended  {problem}")
    problems = [*process.check(), *books.check()]
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


def worker(asked: argparse.Namespace) -> None:
    from kaitong.cli.worker import run

    run()


def serve(asked: argparse.Namespace) -> None:
    from django.conf import settings

    from kaitong.cli import serving

    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    serving.serve(asked.host, asked.port, asked.processes or serving.default_processes())
