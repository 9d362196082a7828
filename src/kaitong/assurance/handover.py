"""Shift hand-over of the fault desk (交接班): who gives what is open to whom, and both sign."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.assurance import handling, papers
from kaitong.assurance.choices import BROKEN, HandOverState
from kaitong.assurance.errors import BadFault, FaultRefused, NotAllowed, WrongFaultState
from kaitong.assurance.models import CommonCause, Fault, Handling, HandOver
from kaitong.assurance.queries import hand_over as own_hand_over
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.locks import lock_row
from kaitong.documents import services as documents
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.places import queries as places
from kaitong.process import queries as process

_MOST = 500


def give(*, actor: Actor, to_id: UUID, notes: str, key: str) -> HandOver:
    """交班: sign what is open over to a colleague. One waits for its answer at a time in a branch;
    the same `key` again is the same hand-over."""
    rules = _at_desk(actor)
    known = HandOver.objects.filter(key=key, given_by=actor.id).first()
    if known is not None:
        return known
    assert actor.branch_id is not None
    assert actor.id is not None
    able = {person.pk for post in rules.content["desk"] for person in _holders(actor, post)}
    if to_id == actor.id or to_id not in able:
        what = _("接班人不在故障台的岗位上。")
        raise BadFault([InputFault("to", what, _("请选故障台的另一位同事。"))])
    row = HandOver(
        branch_id=actor.branch_id,
        given_by=actor.id,
        to_id=to_id,
        notes=notes.strip()[:1000],
        content=_open(actor),
        key=key[:120],
    )
    try:
        with audit.acting(actor.id, "hand over"), transaction.atomic():
            row.number = ""
            row.number = _number(rules, row)
            row.save(force_insert=True)
    except IntegrityError:
        known = HandOver.objects.filter(key=key, given_by=actor.id).first()
        if known is not None:
            return known
        raise WrongFaultState(
            _("还有一次交接没有接班。"), _("请先请接班人确认，或作废那一次。")
        ) from None
    return row


def take(*, actor: Actor, row_id: UUID, answer: str = "") -> HandOver:
    """接班: the one it was signed over to signs; the sheet is issued. Twice changes nothing."""
    own_hand_over(actor, row_id)
    rules = _at_desk(actor)
    with audit.acting(actor.id, "take over"), transaction.atomic():
        row = lock_row(HandOver.objects.all(), row_id)
        assert row is not None
        if row.to_id != actor.id:
            raise NotAllowed(_("这次交接不是交给您的。"), _("请由接班人本人确认。"))
        if row.state == HandOverState.TAKEN:
            return row
        if row.state != HandOverState.GIVEN:
            raise WrongFaultState(_("这次交接已作废。"), _("请交班人重新交接。"))
        row.state, row.taken_at = HandOverState.TAKEN, now()
        row.answer = answer.strip()[:300]
        row.save(update_fields=["state", "taken_at", "answer"])
        papers.hand_over_sheet(actor, row, rules)
    return row


def withdraw(*, actor: Actor, row_id: UUID) -> HandOver:
    """作废: who gave takes it back before it was taken over."""
    own_hand_over(actor, row_id)
    with audit.acting(actor.id, "withdraw hand-over"), transaction.atomic():
        row = lock_row(HandOver.objects.all(), row_id)
        assert row is not None
        if row.given_by != actor.id and not actor.is_supervisor:
            raise NotAllowed(_("这次交接不是您交的。"), _("请由交班人或班长作废。"))
        if row.state == HandOverState.TAKEN:
            raise WrongFaultState(_("已经接班，不能作废。"), _("请重新交接。"))
        row.state = HandOverState.WITHDRAWN
        row.save(update_fields=["state"])
    return row


def colleagues(actor: Actor) -> list[tuple[UUID, str]]:
    """Who may take over: the others at the desk."""
    rules = handling.only()
    if rules is None or actor.branch_id is None:
        return []
    found = {
        person.pk: person.name
        for post in rules.content["desk"]
        for person in _holders(actor, post)
        if person.pk != actor.id
    }
    return sorted(found.items(), key=lambda pair: pair[1])


# ---- inside --------------------------------------------------------------------------------------


def _holders(actor: Actor, post: str) -> list[Any]:
    return list(org.holders(actor.branch_id, post)) if actor.branch_id else []


def _at_desk(actor: Actor) -> Handling:
    rules = handling.only()
    if rules is None:
        raise FaultRefused(_("没有部署故障处理流程。"), _("请在业务流程包里补上 faults:。"))
    if actor.branch_id is None or actor.id is None:
        raise NotAllowed(_("交接班由分公司的人员办理。"))
    if not (actor.is_supervisor or set(rules.content["desk"]) & actor.posts):
        raise NotAllowed(_("您的岗位不在故障台。"), _("请由故障台的人员交接。"))
    return rules


def _open(actor: Actor) -> list[dict[str, Any]]:
    """What is open now, as it will stand on the sheet; nothing personal but the address."""
    rows = list(
        Fault.objects.filter(branch_id=actor.branch_id, state__in=BROKEN)
        .select_related("handling")
        .order_by("due_at", "pk")[:_MOST]
    )
    spots = places.addresses(row.address_id for row in rows if row.address_id)
    work = process.open_items_of(actor, [row.pk for row in rows])
    posts = org.posts_by_key()
    found = [
        {
            "id": str(cause.pk),
            "number": cause.number or "",
            "symptom": "群障",
            "address": cause.resource_text,
            "waiting": str(cause.get_state_display()),
            "due": _short(cause.due_at),
        }
        for cause in CommonCause.objects.filter(
            branch_id=actor.branch_id, state__in=["proposed", "confirmed"]
        ).order_by("pk")[:_MOST]
    ]
    for row in rows:
        spot = spots.get(row.address_id) if row.address_id else None
        items = work.get(row.pk, [])
        names = [
            f"{one.claimed_name or (posts[one.post].name if one.post in posts else one.post)}"
            f" {one.title}"
            for one in items
        ]
        found.append(
            {
                "id": str(row.pk),
                "number": row.number or "",
                "symptom": row.symptom_title,
                "address": spot.short_text if spot else row.port_text,
                "waiting": "，".join(names) or ("等群障修复" if row.ext.get("in_cause") else ""),
                "due": _short(row.due_at),
            }
        )
    return found


def _short(at: Any) -> str:
    return f"{timezone.localtime(at):%m-%d %H:%M}" if at else ""


def _number(rules: Handling, row: HandOver) -> str:
    rule = rules.numbers["hand-over"]
    return documents.next_number(
        rule=rule["rule"],
        branch_code=org.branch(row.branch_id).code,
        pattern=rule["pattern"],
        restart=rule["restart"],
        at=row.given_at,
    )
