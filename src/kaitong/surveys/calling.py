"""The quality desk's telephone (质量回访): take somebody to call, and what came of the call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.surveys import answering, links
from kaitong.surveys import rules as tables
from kaitong.surveys.choices import State, Way
from kaitong.surveys.errors import SurveyOver
from kaitong.surveys.models import Call, Invitation

HELD = timedelta(minutes=15)


def take(*, actor: Actor, invitation_id: UUID) -> tuple[Invitation, str]:
    """开始回访: nobody else calls the same person meanwhile; the number to call, in clear.

    Reading the number is a recorded act. Taken again by the same person it stays his.
    """
    with audit.acting(actor.id, "call a customer"), transaction.atomic():
        row = answering.locked(actor, invitation_id, way=Way.CALL)
        tables.require_desk(actor, row.rules)
        links.require_open(row)
        _require_free(actor, row)
        row.held_by, row.held_until = actor.id, now() + HELD
        row.save(update_fields=["held_by", "held_until"])
        reach = parties.reach(row.party_id)
        audit.record(
            "party.reveal",
            actor_id=actor.id,
            subject_type="party",
            subject_id=row.party_id,
            branch_id=row.branch_id,
            data={"field": "phone", "reason": "满意度回访"},
        )
    return row, reach.phone if reach is not None else ""


def record(
    *, actor: Actor, invitation_id: UUID, seen: int, result: str, given: Mapping[str, str]
) -> Invitation:
    """What came of a call: `answered` with answers, `refused`, or `missed` (nobody there).

    `seen` is how many calls the caller's page knew of: sent twice, it counts once. Called as often
    as the playbook wants, it ends as not reached.
    """
    with audit.acting(actor.id, "record a survey call"), transaction.atomic():
        row = answering.locked(actor, invitation_id, way=Way.CALL)
        tables.require_desk(actor, row.rules)
        if row.tries != seen:
            raise SurveyOver(_("这次回访已经记录过了。"), _("请看列表里的下一位。"), code="seen")
        links.require_open(row)
        _require_free(actor, row)
        row.tries += 1
        if result == "answered":
            answering.keep(row, given, way=Way.CALL, by=actor.id)
        elif result == "refused":
            row.state = State.REFUSED
        else:
            result = "missed"
            if row.tries >= tables.number(row.rules, "tries", tables.TRIES):
                row.state = State.UNREACHED
            pause = row.rules.content.get("pause", "")
            row.next_at = now() + tables.length(row.rules, pause, tables.PAUSE)
        Call.objects.create(
            invitation=row, number=row.tries, reached=result != "missed", actor_id=actor.id
        )
        row.held_by, row.held_until = None, None
        row.save(update_fields=["tries", "state", "next_at", "held_by", "held_until"])
    return row


def _require_free(actor: Actor, row: Invitation) -> None:
    other = row.held_by not in (None, actor.id)
    if other and row.held_until is not None and row.held_until > now():
        name = org.staff_names([row.held_by]).get(row.held_by, "")  # type: ignore[arg-type]
        raise SurveyOver(
            _("%(name)s 正在回访这位客户。") % {"name": name}, _("请选下一位。"), code="held"
        )
