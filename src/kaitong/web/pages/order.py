"""The order page: its head, the process with its live position, the step table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from xml.sax.saxutils import quoteattr, unescape

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.inventory.results import ServiceView
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.plans import may_withdraw
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.process import layout
from kaitong.process import queries as process
from kaitong.process.choices import Position
from kaitong.web import format as fmt
from kaitong.web.pages import clocks, customers
from kaitong.web.pages.facts import OrderFacts
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Person
from kaitong.web.pages.reading import DELIVER, UNDO, Reading
from kaitong.web.why import Why

TONES = {
    OrderState.ACKNOWLEDGED: "wait",
    OrderState.REJECTED: "late",
    OrderState.IN_PROGRESS: "you",
    OrderState.PENDING: "wait",
    OrderState.HELD: "late",
    OrderState.ASSESSING_CANCELLATION: "soon",
    OrderState.PENDING_CANCELLATION: "soon",
    OrderState.CANCELLED: "wait",
    OrderState.COMPLETED: "ok",
    OrderState.FAILED: "late",
    OrderState.PARTIAL: "soon",
}
# The gravest first: who reads "waiting for" must hear of the incident before the installer.
_GRAVITY: tuple[str, ...] = (
    "incident",
    "work",
    "command",
    "event",
    "message",
    "signal",
    "condition",
)
_GRAVITY += ("timer", "child")
_STEP_TONES = {
    Position.DONE: "ok",
    Position.ACTIVE: "you",
    Position.WAITING: "wait",
    Position.FAILED: "late",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    who: str
    team: str = ""
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ProofMark:
    """A line of the head's proof cell."""

    text: str
    icon: str
    dot: str
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepRow:
    """流程环节 / 责任角色 / 本环节具体工作及职责 / 状态 / 用时."""

    name: str
    role: str
    text: str
    state_text: str
    tone: str
    took: str
    current: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class ProcessChoice:
    """One of an order's processes, to switch between: what delivers it, what takes it back."""

    key: str
    title: str
    current: bool


@dataclass(frozen=True, slots=True)
class PhaseView:
    """A phase (阶段) with its own time budget, beside the steps'."""

    title: str
    due: fmt.Due


@dataclass(frozen=True, slots=True)
class ProcessView:
    key: str
    choices: tuple[ProcessChoice, ...]
    definition_id: UUID
    title: str
    version: str
    summary: str
    steps: tuple[StepRow, ...]
    phases: tuple[PhaseView, ...]
    positions: dict[
        str, Any
    ]  # {nodes: {id: done|active|waiting|failed}, flows: [...], flags: [...]}


@dataclass(frozen=True, slots=True)
class OrderPage:
    id: UUID
    number: str
    state_text: str
    tone: str
    product: str
    action: str
    reason: str
    reason_tone: str
    customer: Person | None
    customer_text: str
    due: fmt.Due
    due_text: str
    why: Why | None
    step_due: fmt.Due | None  # the step's clock of who is waited for
    step_why: Why | None
    waiting: Waiting
    address: str
    address_full: str
    port: str
    proofs: tuple[ProofMark, ...]
    process: ProcessView | None
    live: bool
    version: str
    urge_url: str = ""
    work_url: str = ""
    mine: bool = False
    withdraw_url: str = ""
    amend_url: str = ""
    reappoint_url: str = ""


def order_page(actor: Actor, order_id: UUID, which: str = "") -> OrderPage:
    """Everything of the page above its tabs, in a constant number of queries.

    `which` of its processes is drawn: by itself the one that takes it back, once there is one.
    """
    return head(Reading(actor, order_id, which))


def head(reading: Reading) -> OrderPage:
    """The same, of an order that a request is reading."""
    actor, order, facts = reading.actor, reading.order, reading.facts
    services, instances = reading.services, reading.instances
    waits = sorted(reading.waits, key=lambda f: (_GRAVITY.index(f.kind), f.since))
    posts = post_names()
    people = org.staff_names(f.person for f in waits)
    moment = clock_now()
    final = order.state in FINAL
    service = next(iter(services), None)
    mine = next((f for f in waits if f.kind == "work" and f.person == actor.id), None)
    work = mine or next((f for f in waits if f.kind == "work"), None)
    failed = service is not None and any(not proof.ok for proof in service.latest.values())
    reason = wording.read(order.reason) or (
        service.reason if service and failed and not final else ""
    )
    held = order.state in (OrderState.HELD, OrderState.FAILED, OrderState.REJECTED)
    return OrderPage(
        id=order.id,
        number=facts.number,
        state_text=str(OrderState(order.state).label),
        tone=TONES[OrderState(order.state)],
        product=facts.product,
        action=facts.action,
        reason=_taken_back(order, facts) or facts.say(reason),
        reason_tone="late" if held else "soon",
        customer=customers.masked(facts.customer, scope="order") if facts.customer else None,
        customer_text=fmt.mark("，").join(
            part for part in (facts.customer.kind_title, facts.customer.verified) if part
        )
        if facts.customer
        else "",
        due=clocks.customer_due(facts, moment),
        due_text=_due_text(facts, moment),
        why=clocks.of_order(facts, moment),
        step_due=fmt.due(
            work.due_at,
            now=moment,
            start=work.since,
            held=work.suspended_until is not None,
            held_until=work.suspended_until,
        )
        if work and work.due_at
        else None,
        step_why=clocks.of_item(actor, work.row_id, title=facts.say(work.title), say=facts.say)
        if work and work.due_at and work.row_id
        else None,
        waiting=_waiting(waits, people, posts, facts, moment, final),
        address=facts.address,
        address_full=facts.address_full,
        port=service.port_text if service else "",
        proofs=tuple(_marks(service)) if service else (),
        process=_process(reading, waits, people, posts, moment) if instances else None,
        live=not final,
        version=_version(order, waits),
        urge_url=reverse("web:order_urge", args=[order.id]) if work else "",
        work_url=f"{reverse('web:workbench')}?tab=mine&item={work.row_id}" if work else "",
        mine=mine is not None,
        reappoint_url=reverse("web:reappoint", args=[order.id])
        if order.appointment_start
        and not final
        and order.state != OrderState.PENDING_CANCELLATION
        and (actor.has_post("clerk") or actor.is_supervisor)
        else "",
        amend_url=reverse("web:amend", args=[order.id])
        if not final and order.state != OrderState.PENDING_CANCELLATION
        else "",
        withdraw_url=reverse("web:withdraw", args=[order.id])
        if may_withdraw(actor) and not final and order.state != OrderState.PENDING_CANCELLATION
        else "",
    )


def version(actor: Actor, order_id: UUID) -> str:
    """Changes whenever the head or the steps would: what each token waits for says it all."""
    order = ordering.order(actor, order_id)
    instances = [one for item in order.items.all() for one in item.instances]
    waits = [f for found in process.waits(instances).values() for f in found if f.kind != "join"]
    waits.sort(key=lambda f: (_GRAVITY.index(f.kind), f.since))
    return _version(order, waits)


def open_work(actor: Actor, order_id: UUID) -> list[UUID]:
    """Open work items of an order the actor sees."""
    ordering.order(actor, order_id)
    return [row.id for row in process.open_items_of(actor, [order_id]).get(order_id, ())]


def bpmn_of(definition_id: UUID) -> bytes:
    """The file of a definition, its names in the reader's language, with a diagram whether it was
    drawn or not.

    Procedures are no secret among staff.
    """
    definition = process.definition(definition_id)
    data = layout.complete(bytes(definition.bpmn))
    version = playbooks.current(definition.playbook)
    if version is None:
        return data
    say = playbooks.words(version.playbook, version.hash)

    def named(found: re.Match[str]) -> str:
        return f"name={quoteattr(say(unescape(found[1])))}"

    return re.sub(r'(?<=\s)name="([^"]*)"', named, data.decode("utf-8")).encode()


# ---- inside --------------------------------------------------------------------------------------


def _version(order: Any, waits: Iterable[process.WaitFact]) -> str:
    told = [(f.kind, f.node, f.reason, str(f.person), f.since.isoformat()) for f in waits]
    text = repr((order.state, order.reason, str(order.due_at), told))
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()


def _due_text(facts: OrderFacts, moment: datetime) -> str:
    end = facts.completed_at
    spent = fmt.span((end or moment) - facts.ordered_at)
    if end is not None:
        return _("受理到结束用了 %(spent)s") % {"spent": spent}
    return _("%(start)s 受理，已用 %(spent)s") % {
        "start": fmt.short(facts.ordered_at),
        "spent": spent,
    }


def _waiting(
    waits: list[process.WaitFact],
    people: Mapping[UUID, str],
    posts: Mapping[str, str],
    facts: OrderFacts,
    moment: datetime,
    final: bool,
) -> Waiting:
    if final:
        return Waiting(_("不等谁"), "", _("订单已经结束"))
    if not waits:
        return Waiting("—")
    first, rest = waits[0], waits[1:]
    who = people.get(first.person, "") if first.person else ""
    post = posts.get(first.post, first.post)
    text = _told(first, facts, moment)
    if rest:
        text += fmt.mark("；") + fmt.mark("；").join(_told(f, facts, moment) for f in rest)
    if first.kind == "incident":
        url = f"{reverse('web:incidents')}?item={first.row_id}"
        return Waiting(_("异常单"), post, text, url)
    if first.kind != "work":
        return Waiting(_("系统"), _("自动"), text)
    return Waiting(who or post, post if who else _("待接单"), text)


def _told(fact: process.WaitFact, facts: OrderFacts, moment: datetime) -> str:
    words = {"title": facts.say(fact.title), "span": _took(moment - fact.since)}
    text = _("%(title)s %(span)s") % words
    if fact.kind in ("command", "incident") and fact.reason:
        text = _("%(text)s，%(reason)s") % {"text": text, "reason": fact.reason}
    return text


def _marks(service: ServiceView) -> Iterable[ProofMark]:
    latest = service.latest
    if service.withdrawn_at is not None:
        removed = latest.get("removed")
        if removed is not None and removed.ok:
            yield ProofMark(
                _("撤下已验证"), "circle-check", "kt-dot-ok", removed.at, _("原密码登录被拒绝")
            )
        else:
            yield ProofMark(_("没有开通过"), "circle-dashed", "kt-dot-wait", service.withdrawn_at)
        return
    for kind in service.proven_by:
        line = kind == "line"
        proof = latest.get(kind)
        if proof is None:
            text = _("线路待验证") if line else _("账号待验证")
            yield ProofMark(
                text, "circle-dashed", "kt-dot-wait", None, service.reason if line else ""
            )
        elif proof.ok and proof.counts:
            text = _("线路已验证") if line else _("账号已验证")
            yield ProofMark(text, "circle-check", "kt-dot-ok", proof.at)
        elif proof.ok:
            text = _("线路要重新验证") if line else _("账号要重新验证")
            yield ProofMark(text, "circle-dashed", "kt-dot-wait", proof.at, _("端口或数据已改动"))
        else:
            text = _("线路未验证") if line else _("账号未验证")
            yield ProofMark(text, "circle-x", "kt-dot-late", proof.at, proof.summary)


def _taken_back(order: Any, facts: OrderFacts) -> str:
    """Why an order was withdrawn, in the reader's language; empty when it was not."""
    withdrawal = ordering.withdrawal_of(order)
    if withdrawal is None:
        return ""
    why = fmt.mark("：").join(facts.say(part) for part in withdrawal.reason.split("："))
    return _("撤单：%(why)s") % {"why": why}


def _process(
    reading: Reading,
    waits: list[process.WaitFact],
    people: Mapping[UUID, str],
    posts: Mapping[str, str],
    moment: datetime,
) -> ProcessView:
    order, facts, picture = reading.order, reading.facts, reading.picture
    assert picture is not None
    item = next(i for i in order.items.all() if i.instance_id)
    procedure = item.procedure
    titles = {DELIVER: facts.say(procedure.title)}
    undone, undo = item.undo_instance_id is not None, reading.undo
    if undone:
        titles[UNDO] = facts.say(procedure.cancel.get("title", ""))
    rows = picture.steps
    nodes = {node: position for node, position in picture.nodes.items() if position in _STEP_TONES}
    done = sum(row.status == Position.DONE for row in rows)
    now = sum(row.status in (Position.ACTIVE, Position.WAITING, Position.FAILED) for row in rows)
    key = UNDO if undo else DELIVER
    return ProcessView(
        key=key,
        choices=tuple(ProcessChoice(k, title, k == key) for k, title in titles.items())
        if undone
        else (),
        definition_id=UUID(procedure.cancel["definition_id"]) if undo else procedure.definition_id,
        title=titles[key],
        version=order.playbook_hash[:8],
        summary=_("已完成 %(done)s，正在 %(now)s，共 %(all)s")
        % {"done": done, "now": now, "all": len(rows)},
        steps=tuple(_step(row, facts, posts) for row in rows),
        phases=tuple(
            PhaseView(
                facts.say(one.title),
                fmt.due(one.due_at, now=moment, start=one.started_at, ended_at=one.ended_at),
            )
            for one in process.phases_of(reading.actor, [order.id]).get(order.id, ())
            if one.due_at is not None
        ),
        positions={
            "nodes": nodes,
            "flows": sorted(picture.flows),
            "flags": [_flag(f, people, posts, moment) for f in waits],
        },
    )


def _step(row: process.StepRow, facts: OrderFacts, posts: Mapping[str, str]) -> StepRow:
    later = row.status in (Position.NOT_REACHED, Position.SKIPPED, Position.CANCELLED)
    state = str(Position(row.status).label)
    if row.visits > 1:
        state = _("%(state)s %(n)s 次") % {"state": state, "n": row.visits}
    text = facts.say(row.documentation)
    if row.reason and row.status in (Position.FAILED, Position.WAITING):
        text = row.reason
    return StepRow(
        name="\u3000" * row.level + facts.say(row.title),  # of a called process: moved in
        role=posts.get(row.post, row.lane),
        text=text,
        state_text=state,
        tone=_STEP_TONES.get(Position(row.status), ""),
        took=_took(row.took),
        current=row.status in (Position.ACTIVE, Position.FAILED),
        later=later,
    )


def _took(took: timedelta | None) -> str:
    if took is None:
        return fmt.DASH
    return fmt.span(took) if took >= timedelta(seconds=1) else _("<1秒")


def _flag(
    fact: process.WaitFact,
    people: Mapping[UUID, str],
    posts: Mapping[str, str],
    moment: datetime,
) -> dict[str, str]:
    took = _took(moment - fact.since)
    if fact.kind == "work":
        who = people.get(fact.person, "") if fact.person else ""
        return {"node": fact.place, "text": f"{who or posts.get(fact.post, '')} {took}"}
    if fact.kind == "incident":
        return {
            "node": fact.place,
            "text": _("异常 %(span)s") % {"span": took},
            "tone": "late",
        }
    return {"node": fact.place, "text": took, "tone": "grey"}
