"""The drawer of a work item: clocks, facts, the form, what happened, what one may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.activation.reconciling import may_repair
from kaitong.core.clock import now as clock_now
from kaitong.core.errors import InputFault
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import onsite
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.forms import Form
from kaitong.process import queries as process
from kaitong.process import reasons
from kaitong.process.choices import OPEN_WORK, WorkState
from kaitong.process.definitions import model_of
from kaitong.process.services import Progress
from kaitong.web import format as fmt
from kaitong.web import forms
from kaitong.web.pages import clocks, customers, fault_facts, narrate
from kaitong.web.pages.facts import OrderFacts, facts_of
from kaitong.web.pages.follow import after
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Line, Note, Person
from kaitong.web.pages.sites import Site, sites_of
from kaitong.web.pages.survey_parts import notes as survey_notes
from kaitong.web.pages.workbench import appointment_text, work_due
from kaitong.web.why import Why

_HISTORY_SHOWN = 12
_TONES = {
    WorkState.TODO: "you",
    WorkState.CLAIMED: "you",
    WorkState.SUSPENDED: "wait",
    WorkState.DONE: "ok",
}


@dataclass(frozen=True, slots=True)
class Can:
    """What this person may do to this item now."""

    claim: bool = False
    complete: bool = False
    complete_verb: str = ""
    release: bool = False
    resume: bool = False
    urge: bool = False
    return_to: tuple[tuple[str, str], ...] = ()
    dispatch_to: tuple[tuple[str, str], ...] = ()
    dispatch_verb: str = ""
    transfer_to: tuple[tuple[str, str], ...] = ()
    help_by: tuple[tuple[str, str], ...] = ()
    feedback: bool = False
    suspend: tuple[tuple[str, str], ...] = ()
    suspend_until: str = ""
    evidence: forms.Field | None = None

    @property
    def any(self) -> bool:
        return bool(
            self.claim
            or self.complete
            or self.release
            or self.resume
            or self.urge
            or self.return_to
            or self.dispatch_to
            or self.transfer_to
            or self.help_by
            or self.feedback
            or self.suspend
        )


@dataclass(frozen=True, slots=True)
class WorkDetail:
    id: UUID
    title: str
    tone: str
    state_text: str
    due: fmt.Due
    why: Why | None
    customer_due: fmt.Due | None
    customer_why: Why | None
    order_id: UUID | None
    order_number: str
    product: str
    action: str
    customer: Person | None
    address: str
    port: str
    logical_id: str
    account: str
    appointment: str
    post: str
    who: str
    work_text: str
    notes: tuple[Note, ...]
    form: forms.WorkForm | None
    history: tuple[Line, ...]
    after: str
    can: Can
    difference_url: str = ""  # the difference of reconciliation it is about
    sites: tuple[Site, ...] = ()  # of a move: both addresses
    on_site: bool = False  # done at the customer's: the phone's page has the live check


def form_of(actor: Actor, item_id: UUID) -> Form | None:
    """The playbook's form of an item the actor sees; None where the step asks nothing."""
    return _form(process.work_item(actor, item_id))


def work_detail(
    actor: Actor,
    item_id: UUID,
    *,
    values: Mapping[str, Any] | None = None,
    faults: Iterable[InputFault] = (),
) -> WorkDetail:
    """`values` and `faults` are those of a refused completion."""
    item = process.work_item(actor, item_id)
    order_id = item.business_id
    facts = facts_of(actor, [order_id], people=True).get(order_id) if order_id else None
    say = facts.say if facts else str
    posts = post_names()
    moment = clock_now()
    model = model_of(item.definition_id)
    form = _form(item)
    ready = item.state in OPEN_WORK and item.may_act
    asked = (
        forms.build(
            _needed(item, form),
            form.ui,
            values=values,
            faults=faults,
            say=say,
            photo_url=reverse("web:work_photo", args=[item.id]),
            offered=_offered(actor, form, facts) if ready else None,
        )
        if form
        else (forms.WorkForm())
    )
    can = _can(actor, item, asked, posts, say)
    line = _service(facts)
    told = narrate.lines(
        process.history(item.instance_id),
        say=say,
        reasons=lambda code: dict(suspend_reasons(item, say)).get(code, code),
        model=model,
    )
    return WorkDetail(
        id=item.id,
        title=fmt.of_many(say(item.title), item.part),
        tone=_TONES.get(WorkState(item.state), "wait"),
        state_text=str(WorkState(item.state).label),
        due=work_due(item, moment),
        why=clocks.of_item(actor, item.id, title=say(item.title), say=say)
        if item.due_at is not None
        else None,
        customer_due=clocks.customer_due(facts, moment) if facts else None,
        customer_why=clocks.of_order(facts, moment) if facts else None,
        order_id=facts.id if facts and facts.state else None,  # a difference has no order
        order_number=facts.number if facts else "",
        product=facts.product if facts else "",
        action=facts.action if facts else "",
        customer=customers.masked(facts.customer, scope="work")
        if facts and facts.customer
        else None,
        address=facts.address_full if facts else "",
        port=line.port_text if line else "",
        logical_id=line.logical_id_grouped if line else "",
        account=line.account if line else facts.number if facts and not facts.state else "",
        appointment=appointment_text(facts.appointment_start, facts.appointment_end)
        if facts
        else "",
        post=posts.get(item.post, item.post),
        who=item.completed_name or item.claimed_name or item.candidate_name,
        work_text=say(item.definition.documentation),
        notes=(*survey_notes(actor, item.variables), *_notes(item, line, say)),
        form=asked if ready and can.complete else None,
        history=tuple(told[:_HISTORY_SHOWN]),
        after=_after(item, model, say, posts, can),
        can=can,
        difference_url=_difference(actor, item),
        sites=sites_of(item),
        on_site=bool(item.definition.extension.get("check")),
    )


def done_text(actor: Actor, progress: Progress) -> str:
    """What a completion led to, for the toast: who or what has the order now."""
    facts = (
        facts_of(actor, [progress.business_id]).get(progress.business_id)
        if progress.business_id
        else None
    )
    say = facts.say if facts else str
    if progress.state != "running":
        return _("已办结，流程走完")
    titles = [
        say(fact.title)
        for fact in process.waits([progress.instance_id])[progress.instance_id]
        if fact.kind != "join"
    ]
    now = fmt.mark("、").join(dict.fromkeys(titles))
    return _("已办结，现在到：%(steps)s") % {"steps": now} if now else _("已办结")


# ---- inside --------------------------------------------------------------------------------------


def _difference(actor: Actor, item: process.WorkDetail) -> str:
    """Where the reader puts right what this work is about; empty for other work and other posts."""
    number = item.variables.get("difference_id")
    if not number or not may_repair(actor):
        return ""
    return reverse("web:difference", args=[str(number)])


def _form(item: process.WorkDetail) -> Form | None:
    pinned = item.parameters.get("playbook") or {}
    if not item.definition.form or not pinned:
        return None
    return playbooks.step_form(pinned, item.definition.form, item.variables)


def _needed(item: process.WorkDetail, form: Form) -> Mapping[str, Any]:
    """The form's schema with what is demanded at the customer's among its required fields."""
    pinned = item.parameters["playbook"]
    more = onsite.demanded(playbooks.content(pinned["key"], pinned["hash"]), form)
    if not more:
        return form.schema
    return {**form.schema, "required": [*form.schema.get("required", ()), *more]}


def _service(facts: OrderFacts | None) -> Any:
    if facts is None:
        return None
    if facts.service_id is not None:  # a ticket the reader sees is about this line
        return inventory.service(Actor.system(), facts.service_id)
    return next(iter(inventory.services_of_order(facts.id)), None)


def _offered(actor: Actor, form: Form, facts: OrderFacts | None) -> dict[str, list[forms.Option]]:
    """Choices that are found and not written down: the free ports of an address and nearby."""
    listed = fault_facts.offered(actor, form, facts.id if facts else None)
    wanted = [n for n, spec in form.fields.items() if spec.get("x-choice") == "free-port"]
    if not wanted:
        return listed
    service = _service(facts) if wanted else None
    if service is None or service.address_id is None:
        return {name: [] for name in wanted}
    where = {
        0: _("覆盖本址"),
        1: _("同楼栋的分光器，不覆盖本址"),
        2: _("邻近的分光器，不覆盖本址"),
    }
    options = [
        forms.Option(
            str(near.port.id),
            near.port.box_text,
            help=" · ".join(
                filter(
                    None,
                    (
                        where[near.far],
                        near.port.pon_text,
                        _("同箱还有 %(n)s 口空闲") % {"n": near.left} if near.left else "",
                    ),
                )
            ),
            tag=str(ResourceState.FREE.label),
        )
        for near in inventory.ports_nearby(actor, service.address_id)
    ]
    return dict.fromkeys(wanted, options)


def suspend_reasons(item: process.WorkDetail, say: Any) -> list[tuple[str, str]]:
    """Reasons to suspend: the step's own codes, or all of the playbook's `suspend-reasons`."""
    table = item.parameters.get("suspend-reasons")
    known: dict[str, str] = {}
    if isinstance(table, Mapping):
        for code in map(str, table):
            one = reasons.reason(item.parameters, code)
            known[code] = say(one.title)
    return [(code, known.get(code, code)) for code in item.suspend_reasons or tuple(known)]


def offered_reasons(item: process.WorkDetail, say: Any) -> list[tuple[str, str]]:
    """The same, each with what it asks for: evidence."""
    return [
        (code, _("%(title)s（须凭据）") % {"title": title})
        if reasons.reason(item.parameters, code).evidence
        else (code, title)
        for code, title in suspend_reasons(item, say)
    ]


def _can(
    actor: Actor,
    item: process.WorkDetail,
    form: forms.WorkForm,
    posts: Mapping[str, str],
    say: Any,
) -> Can:
    if item.state not in OPEN_WORK:
        return Can()
    boss = actor.is_supervisor
    mine = actor.is_hand(item.post, item.claimed_by)
    bound = (
        item.assigned_by is not None
        and item.candidate is not None
        and not actor.is_hand(item.post, item.candidate)
    )
    if item.state == WorkState.SUSPENDED:
        free = item.claimed_by is None and item.may_act and not bound
        return Can(resume=mine or boss or free, urge=not mine, feedback=item.may_feedback)
    manager = boss or mine
    others = (
        tuple(
            (str(person.pk), person.name)
            for person in org.holders(item.branch_id, item.post)
            if person.pk != item.claimed_by
        )
        if manager
        else ()
    )
    teams = tuple(
        sorted(((k, v) for k, v in posts.items() if k != item.post), key=lambda pair: pair[1])
    )
    if item.state == WorkState.TODO:
        return Can(
            claim=item.may_act and not item.barred and (boss or not bound),
            urge=True,
            dispatch_to=others if boss else (),
            dispatch_verb=_("派单"),
            transfer_to=teams if boss else (),
            help_by=_helpers(item) if boss else (),
            feedback=item.may_feedback,
        )
    until = timezone.localtime(clock_now() + timedelta(days=1))
    return Can(
        complete=manager,
        complete_verb=verb_words().get(form.verb, form.verb) or _("办结"),
        release=manager,
        urge=not mine,
        return_to=tuple((node, say(title)) for node, title in item.return_targets)
        if manager
        else (),
        dispatch_to=others,
        dispatch_verb=_("改派"),
        transfer_to=teams if manager else (),
        help_by=_helpers(item) if manager else (),
        feedback=item.may_feedback,
        suspend=tuple(offered_reasons(item, say)) if manager else (),
        evidence=forms.evidence(reverse("web:work_photo", args=[item.id]), label=_("凭据照片")),
        suspend_until=until.replace(hour=9, minute=0).strftime("%Y-%m-%dT%H:%M"),
    )


def _helpers(item: process.WorkDetail) -> tuple[tuple[str, str], ...]:
    """Who may be asked to help: anybody of the branch who has nothing to do with it yet."""
    in_it = {item.claimed_by, *(person for person, _name in item.helpers)}
    return tuple(
        (str(person.pk), person.name)
        for person in org.colleagues(item.branch_id)
        if person.pk not in in_it
    )


def verb_words() -> dict[str, str]:
    """The trade's verbs for completing, which forms may name."""
    return {"办结": _("办结"), "回单": _("回单"), "派单": _("派单"), "同意": _("同意")}


def _notes(item: process.WorkDetail, line: Any, say: Any) -> Iterable[Note]:
    if item.returned_from:
        was = model_of(item.definition_id).nodes[item.returned_from].name
        yield Note(
            "soon",
            "arrow-back-up",
            _("退回的工单。"),
            _("由 %(step)s 退回，原因见经过。") % {"step": say(was)},
        )
    if item.barred and item.may_act:
        yield Note(
            "soon",
            "users",
            _("这一环节须由他人复核。"),
            _("请由没有办理过另一环节的人员办理。"),
        )
    if item.escalated_at is not None and item.completed_at is None:
        yield Note("late", "bell-ringing", _("已超时，已报督办。"), "")
    if item.helpers:
        people = fmt.mark("、").join(name for _person, name in item.helpers if name)
        yield Note("wait", "users", _("协办") + fmt.mark("："), people)
    if item.urged:
        yield Note("soon", "bell-ringing", _("已催办 %(n)s 次。") % {"n": item.urged}, "")
    if line is not None and item.state in OPEN_WORK:
        for proof in line.latest.values():
            if not proof.ok:
                strong = _("线路未验证") if proof.kind == "line" else _("账号未验证")
                yield Note(
                    "late",
                    "alert-triangle",
                    strong + fmt.mark("："),
                    proof.summary or line.reason,
                )
    open_now = [s for s in item.suspensions if s.ended is None]
    for one in open_now:
        reason = dict(suspend_reasons(item, say)).get(one.reason_code, one.reason_code)
        text = _("%(reason)s。%(note)s 预计 %(until)s 解挂。") % {
            "reason": reason,
            "note": one.note,
            "until": fmt.when(one.until_expected),
        }
        yield Note("wait", "player-pause", _("已挂起。"), text)
    names = org.staff_names(word.by for word in item.feedback)
    for word in item.feedback:
        by = names.get(word.by, "") if word.by else ""
        yield Note("wait", "message-2", by + fmt.mark("：") if by else "", word.text)


def _after(
    item: process.WorkDetail, model: Any, say: Any, posts: Mapping[str, str], can: Can
) -> str:
    if not (can.complete or can.claim):
        return ""
    text = after(model, item.node, say=say, posts=posts)
    if not text:
        return ""
    verb = can.complete_verb or _("办结")
    return _("%(verb)s后：%(next)s。") % {"verb": verb, "next": text}
