"""Answers (答复), by whichever way: checked, kept once, and what a bad one begins.

Locks: the invitation, then whatever the process of a bad score takes. Each of two who answer at
once waits for the other and is told that it was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.org.actor import Actor
from kaitong.process import services as process
from kaitong.surveys import links
from kaitong.surveys import rules as tables
from kaitong.surveys.choices import SCORES, State, Way
from kaitong.surveys.errors import BadAnswer, NoSuchSurvey
from kaitong.surveys.models import Answer, Invitation
from kaitong.surveys.schema import SCORE, TEXT, YES_NO

WORDS = 300


def answer_link(*, token: str, given: Mapping[str, str]) -> Answer:
    """A customer answers by the link he was sent: once, and then the link is worth nothing."""
    with transaction.atomic():
        row = links.locked(token)
        return keep(row, given, way=Way.LINK, by=None)


def answer_at_hall(*, actor: Actor, invitation_id: UUID, given: Mapping[str, str]) -> Answer:
    """Somebody who was served rates it at the hall's device, while he is still there."""
    with audit.acting(actor.id, "rate"), transaction.atomic():
        row = locked(actor, invitation_id, way=Way.DEVICE)
        links.require_open(row)
        return keep(row, given, way=Way.DEVICE, by=None)


def keep(row: Invitation, given: Mapping[str, str], *, way: Way, by: UUID | None) -> Answer:
    """Keep what was said of a locked invitation, and begin what the playbook wants of a bad score.

    Raises BadAnswer with every fault.
    """
    entry = tables.ask_of(row)
    told = checked(row, given)
    score = int(told.pop(SCORE))
    bad = score <= entry["bad"]
    code, wants = told.pop("reason"), told.pop("wants")
    code = code if bad else ""
    answer = Answer(
        invitation=row,
        way=way,
        score=score,
        bad=bad,
        reason_code=code,
        reason_title=tables.reason_title(row, code) or "" if code else "",
        wants_ticket=bad and bool(wants),
        answers={key: value for key, value in told.items() if value in ("yes", "no")},
        answered_by=by,
        answered_at=now(),
    )
    words = [
        str(told[one["key"]])
        for one in entry["questions"]
        if one["kind"] == TEXT and told.get(one["key"])
    ]
    answer.words = "\n".join(words) or None
    answer.save(force_insert=True)
    row.state, row.held_by, row.held_until, row.next_at = State.ANSWERED, None, None, None
    if bad and row.party_id is not None and row.rules.definition_id is not None:  # whom to call
        row.instance_id = _follow_up(row, answer)
    row.save(update_fields=["state", "held_by", "held_until", "next_at", "instance_id"])
    return answer


def checked(row: Invitation, given: Mapping[str, str]) -> dict[str, str]:
    """What was answered, by question; the score stands under `score`."""
    faults: list[InputFault] = []
    told: dict[str, str] = {}
    for one in tables.ask_of(row)["questions"]:
        value = given.get(one["key"], "").strip()
        if one["kind"] == SCORE:
            told[SCORE] = value
            if value not in {str(score) for score, _label in SCORES}:
                faults.append(InputFault(one["key"], _("还没有打分。"), _("请选满意的程度。")))
        elif one["kind"] == YES_NO and value not in ("yes", "no", ""):
            faults.append(InputFault(one["key"], _("没有这个选项。"), _("请选是或否。")))
        elif len(value) > WORDS:
            what = _("写得太长，有 %(n)s 个字。") % {"n": len(value)}
            faults.append(InputFault(one["key"], what, _("请写在 300 字以内。")))
        elif value:
            told[one["key"]] = value
    reason = given.get("reason", "").strip()
    if reason and tables.reason_title(row, reason) is None:
        faults.append(InputFault("reason", _("没有这个原因。"), _("请从列出的里选。")))
    if faults:
        raise BadAnswer(faults)
    told["reason"] = reason
    told["wants"] = "yes" if given.get("wants") else ""
    return told


def locked(actor: Actor, invitation_id: UUID, *, way: Way | None = None) -> Invitation:
    """An invitation of the actor's branches, locked."""
    rows = Invitation.objects.select_related("rules")
    rows = rows.select_for_update(no_key=True, of=("self",))
    row = rows.filter(pk=invitation_id).first()
    if row is None or not actor.sees(row.branch_id) or (way is not None and row.way != way):
        raise NoSuchSurvey(_("没有这次调查。"), _("请刷新页面。"))
    return row


# ---- inside --------------------------------------------------------------------------------------


def _follow_up(row: Invitation, answer: Answer) -> UUID:
    """What the playbook does about a bad score: a process about this invitation."""
    assert row.rules.definition_id is not None
    plain: dict[str, Any] = {
        key: value for key, value in row.rules.parameters.items() if isinstance(value, int | str)
    }
    return process.launch(
        actor=Actor.system(branch_id=row.branch_id),
        definition_id=row.rules.definition_id,
        business_id=row.pk,
        branch_id=row.branch_id,
        variables={
            "survey_id": str(row.pk),
            "score": answer.score,
            "wants_ticket": answer.wants_ticket,
            "calls": 0,
            "parameters": plain,
        },
        parameters=row.rules.parameters,
    ).instance_id
