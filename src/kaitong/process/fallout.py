"""The verbs of the fallout desk (异常单): claim, note, retry, correct, done by hand with four eyes.

Each takes the instance's lock and acts on an open incident. Whoever retries says how many retries
he saw (`tries`): two clicks, or two people, retry once, and the later one is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import access, model, reads
from kaitong.process import values as jsonb
from kaitong.process.choices import IncidentState, NoteKind, ProposalKind, ProposalState
from kaitong.process.errors import (
    ProcessConflict,
    ProcessForbidden,
    ProcessNotFound,
    ProcessRefused,
)
from kaitong.process.models import Incident, IncidentNote, Proposal
from kaitong.process.shell import Play
from kaitong.process.work import Progress, progress

TEXT_MOST = 500  # signs of a note, a reason, an evidence


# ---- who looks after it --------------------------------------------------------------------------


def claim_incident(*, actor: Actor, incident_id: UUID) -> None:
    """认领. What one already has stays; what another has is a Conflict."""
    with transaction.atomic():
        play = access.incident(actor, incident_id)
        if play.row["claimed_by"] == str(actor.id):
            return
        _require_hand(actor, play.row)
        _hand_to(play, actor.id, NoteKind.CLAIMED, actor)


def release_incident(*, actor: Actor, incident_id: UUID) -> None:
    """放回: nobody looks after it any more. Whoever has it, or a supervisor."""
    with transaction.atomic():
        play = access.incident(actor, incident_id)
        if play.row["claimed_by"] is None:
            return
        _require_hand(actor, play.row)
        _hand_to(play, None, NoteKind.RELEASED, actor)


def assign_incident(*, actor: Actor, incident_id: UUID, to: Actor) -> None:
    """指派: a supervisor, or who has it, gives it to somebody who may settle it."""
    with transaction.atomic():
        play = access.incident(actor, incident_id)
        row = play.row
        if not actor.is_supervisor and row["claimed_by"] != str(actor.id):
            raise ProcessForbidden(_("只有班长或认领人可以指派。"), _("请先认领，或由班长办理。"))
        _require_able(row, to, "to")
        if row["claimed_by"] != str(to.id):
            _hand_to(play, to.id, NoteKind.ASSIGNED, actor)


def add_note(*, actor: Actor, incident_id: UUID, text: str) -> IncidentNote:
    """备注: a word to whoever looks at it next. Anybody who sees it may add one."""
    said = _said(text, "text", _("备注是空的。"), _("请写下要说明的事。"))
    row = org.visible_to(Incident.objects.filter(pk=incident_id), actor).first()
    if row is None:
        raise ProcessNotFound(_("没有这张异常单。"), _("请核对编号和所在分公司。"))
    return IncidentNote.objects.create(
        incident_id=row.pk, token_id=row.token_id, by=actor.id, text=said
    )


# ---- the ways out --------------------------------------------------------------------------------


def retry_incident(*, actor: Actor, incident_id: UUID, tries: int | None = None) -> Progress:
    """Run the failed step again, with the same idempotency key."""
    with transaction.atomic():
        play = _open(actor, incident_id, tries)
        row = play.row
        play.note("retried", row["node"], UUID(row["token_id"]), {"incident": row["id"]})
        _run_again(play, actor, "retried")
    return progress(play, row["node"])


def correct_incident(
    *,
    actor: Actor,
    incident_id: UUID,
    values: Mapping[str, Any],
    reason: str,
    tries: int | None = None,
    second: Actor | None = None,
) -> Progress:
    """Correct variables that the failed step reads, and run it again (改正后重试).

    Which may be corrected: `correctable`. Kept are who, why, and what was there before and after;
    `second` agreed where the playbook asks for it (`correct-second`).
    """
    said = _said(reason, "reason", _("改正需要说明原因。"), _("请填写原因。"))
    with transaction.atomic():
        play = _open(actor, incident_id, tries, second)
        row = play.row
        now_is = play.seen_by(UUID(row["token_id"]))
        changed = _changed(play, values)
        if second is None and needs_second(play.model.nodes[row["node"]]):
            raise ProcessRefused(
                _("这一步的改正需要另一人复核。"), _("请提出申请，由他人复核。"), field="second"
            )
        if second is not None:
            _require_second(actor, second, row)
        before = {name: now_is.get(name) for name in changed}
        facts = {"incident": row["id"], "keys": sorted(changed), "reason": said}
        if second is not None:
            facts["second"] = second.id
        play.note("corrected", row["node"], UUID(row["token_id"]), facts)
        _keep(play, NoteKind.CORRECTED, actor, said, {"before": before, "after": changed})
        _run_again(play, actor, "corrected", changed, second=second)
    return progress(play, row["node"])


def done_by_hand(
    *,
    actor: Actor,
    incident_id: UUID,
    second: Actor,
    evidence: str,
    values: Mapping[str, Any],
) -> Progress:
    """The incident's work was done outside Kaitong: recorded with evidence and a second person.

    `second` is the actor of somebody else, whom the face has made sure of (he agreed to the
    proposal, under his own name); both must be allowed to settle the incident (four eyes).
    """
    said = _said(evidence, "evidence", _("人工处理需要凭据。"), _("请填写凭据。"))
    with transaction.atomic():
        play = _open(actor, incident_id, None, second)
        row = play.row
        _require_second(actor, second, row)
        _void(row["id"])
        token_id = UUID(row["token_id"])
        play.note(
            "done-by-hand",
            row["node"],
            token_id,
            {"incident": row["id"], "second": second.id, "keys": sorted(values)},
        )
        play.patch(
            state=IncidentState.RESOLVED,
            resolution="done-by-hand",
            resolved_by=actor.id,
            resolved_at=play.now,
            evidence=said,
            second_person=second.id,
        )
        play.advance(model.DoneByHand(now=play.now, token=token_id, values=dict(values)))
        play.save()
    return progress(play, row["node"])


# ---- four eyes -----------------------------------------------------------------------------------


def propose(
    *, actor: Actor, incident_id: UUID, kind: str, text: str, values: Mapping[str, Any]
) -> Proposal:
    """Ask a second person to agree: done by hand with this evidence, or this correction and why.

    The step stays where it is until somebody else agrees. One proposal at a time.
    """
    by_hand = kind == ProposalKind.BY_HAND
    what = _("人工处理需要凭据。") if by_hand else _("改正需要说明原因。")
    remedy = _("请填写凭据。") if by_hand else _("请填写原因。")
    said = _said(text, "evidence" if by_hand else "reason", what, remedy)
    if actor.id is None:
        raise ProcessRefused(_("机器不能提出申请。"), _("请由本岗位的人员办理。"))
    with transaction.atomic():
        play = _open(actor, incident_id, None)
        kept = dict(values) if by_hand else _changed(play, values)
        try:
            with transaction.atomic():
                made = Proposal.objects.create(
                    incident_id=incident_id,
                    kind=ProposalKind(kind),
                    by=actor.id,
                    text=said,
                    values=json.loads(jsonb.dump(kept)),
                )
        except IntegrityError:
            raise ProcessConflict(
                _("这张异常单已有申请在等复核。"), _("请先复核那张申请。")
            ) from None
        _keep(play, NoteKind.ASKED, actor, said, {"kind": made.kind, "keys": sorted(kept)})
    return made


def agree_proposal(*, actor: Actor, incident_id: UUID, proposer: Actor) -> Progress:
    """同意: the second person, under his own name, lets the proposal happen.

    `proposer` is the actor of who asked: he must still be allowed to settle the incident.
    """
    with transaction.atomic():
        made = _pending(actor, incident_id)
        if made.by != proposer.id:
            raise ProcessConflict(_("申请已经变了。"), _("请刷新页面后再看。"))
        made.state, made.decided_by, made.decided_at = (
            ProposalState.AGREED,
            actor.id,
            clock_now(),
        )
        made.save(update_fields=["state", "decided_by", "decided_at"])
        IncidentNote.objects.create(
            incident_id=incident_id,
            token_id=made.incident.token_id,
            kind=NoteKind.AGREED,
            by=actor.id,
        )
        kept = jsonb.load(json.dumps(made.values))
        if made.kind == ProposalKind.BY_HAND:
            return done_by_hand(
                actor=proposer,
                incident_id=incident_id,
                second=actor,
                evidence=made.text,
                values=kept,
            )
        return correct_incident(
            actor=proposer,
            incident_id=incident_id,
            values=kept,
            reason=made.text,
            second=actor,
        )


def decline_proposal(*, actor: Actor, incident_id: UUID, remark: str) -> None:
    """不同意, with why; or who asked takes it back. The incident stays open."""
    with transaction.atomic():
        made = _pending(actor, incident_id, own=True)
        own = made.by == actor.id
        said = remark.strip()[:TEXT_MOST]
        if not own:
            said = _said(remark, "remark", _("不同意需要说明原因。"), _("请填写原因。"))
        made.state = ProposalState.VOID if own else ProposalState.DECLINED
        made.decided_by, made.decided_at, made.remark = actor.id, clock_now(), said
        made.save(update_fields=["state", "decided_by", "decided_at", "remark"])
        IncidentNote.objects.create(
            incident_id=incident_id,
            token_id=made.incident.token_id,
            kind=NoteKind.RELEASED if own else NoteKind.DECLINED,
            by=actor.id,
            text=said,
        )


def needs_second(node: model.Node) -> bool:
    """Whether the playbook wants four eyes on a correction at this node."""
    return node.extension.get("correct-second", "").strip() == "true"


def correctable(process: model.Model, node: model.Node, now: Mapping[str, Any]) -> list[str]:
    """Which variables a person may correct at a node.

    What the playbook names (`correct="way; speed"`, `-` for none); else what the node's own
    expressions read, without references: whoever could exchange an identifier could move a service
    to somebody else's order.
    """
    named = node.extension.get("correct", "").replace(",", " ").replace(";", " ").split()
    if named:
        return [name for name in named if name != "-"]
    return [name for name in reads.names_read(process, node) if _plain(name, now.get(name))]


# ---- inside --------------------------------------------------------------------------------------


def _plain(name: str, value: Any) -> bool:
    if name == "id" or name.endswith(("_id", "_ids")) or isinstance(value, Mapping | list):
        return False
    try:
        return not (isinstance(value, str) and UUID(value))
    except ValueError:
        return True


def _open(actor: Actor, incident_id: UUID, tries: int | None, second: Actor | None = None) -> Play:
    """The incident under its lock, in hands that may settle it, tried as often as was seen."""
    play = access.incident(actor, incident_id)
    if second is None or play.row["claimed_by"] != str(second.id):
        _require_hand(actor, play.row)
    if tries is not None and play.row["tries"] != tries:
        raise ProcessConflict(_("这张异常单刚刚重试过。"), _("请看结果后再决定。"))
    return play


def _run_again(
    play: Play,
    actor: Actor,
    how: str,
    values: Mapping[str, Any] | None = None,
    *,
    second: Actor | None = None,
) -> None:
    row = play.row
    token_id = UUID(row["token_id"])
    play.patch(tries=row["tries"] + 1, retried_at=play.now)
    if second is not None:
        play.patch(second_person=second.id)
    _void(row["id"])
    play.advance(model.Retried(now=play.now, token=token_id, values=values or {}))
    again = [r for r in play.change.incidents_opened if r["token_id"] == token_id]
    waiting = any(t.id == token_id and t.wait is model.WaitKind.COMMAND for t in play.state.tokens)
    if again:  # failed at once: the same incident stays open, with what went wrong now
        play.change.incidents_opened.remove(again[0])
        play.patch(cause=again[0]["cause"], message=again[0]["message"])
    elif waiting:
        play.patch(state=IncidentState.RETRYING, resolution=how, resolved_by=actor.id)
    else:
        play.patch(
            state=IncidentState.RESOLVED,
            resolution=how,
            resolved_by=actor.id,
            resolved_at=play.now,
        )
    play.save()


def _changed(play: Play, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are new and may be corrected here."""
    now_is = play.seen_by(UUID(play.row["token_id"]))
    allowed = correctable(play.model, play.model.nodes[play.row["node"]], now_is)
    for name in values:
        if name not in allowed:
            raise ProcessRefused(
                _("这里不能改正 %(name)s。") % {"name": name},
                _("请到它所在的页面改好，再重试。"),
                field=name,
            )
    changed = {n: v for n, v in values.items() if n not in now_is or now_is[n] != v}
    if not changed:
        raise ProcessRefused(_("没有改动。"), _("请改正后再重试，或直接重试。"), field="values")
    return changed


def _hand_to(play: Play, person: UUID | None, kind: str, actor: Actor) -> None:
    play.patch(claimed_by=person, claimed_at=play.now if person else None)
    data = {"to": str(person)} if kind == NoteKind.ASSIGNED else {}
    _keep(play, kind, actor, "", data)
    facts = {"incident": play.row["id"], **data}
    play.note(f"incident-{kind}", play.row["node"], UUID(play.row["token_id"]), facts)
    play.save()


def _keep(play: Play, kind: str, actor: Actor, text: str, data: Mapping[str, Any]) -> None:
    IncidentNote.objects.create(
        incident_id=UUID(play.row["id"]),
        token_id=UUID(play.row["token_id"]),
        kind=kind,
        by=actor.id,
        text=text,
        data=json.loads(jsonb.dump(data)),
    )


def _void(incident_id: str) -> None:
    """What was proposed has no object any more."""
    Proposal.objects.filter(incident_id=incident_id, state=ProposalState.OPEN).update(
        state=ProposalState.VOID, decided_at=clock_now()
    )


def _pending(actor: Actor, incident_id: UUID, *, own: bool = False) -> Proposal:
    """The proposal that waits, for somebody else who may settle the incident."""
    play = access.incident(actor, incident_id)
    made = (
        Proposal.objects.select_related("incident")
        .filter(incident_id=UUID(play.row["id"]), state=ProposalState.OPEN)
        .first()
    )
    if made is None:
        raise ProcessConflict(_("没有在等复核的申请。"), _("请刷新页面。"))
    if made.by == actor.id and not own:
        raise ProcessForbidden(_("自己提出的申请不能自己复核。"), _("请由他人复核。"))
    return made


def _require_hand(actor: Actor, row: access.Row) -> None:
    """Nobody looks after it, or this actor does; a supervisor always may."""
    if row["claimed_by"] not in (None, str(actor.id)) and not actor.is_supervisor:
        names = org.staff_names([UUID(row["claimed_by"])])
        who = next(iter(names.values()), "")
        raise ProcessConflict(
            _("这张异常单由 %(who)s 在处理。") % {"who": who}, _("请由认领人或班长办理。")
        )


def _require_second(actor: Actor, second: Actor, row: access.Row) -> None:
    if actor.id is None or second.id is None or actor.id == second.id:
        raise ProcessRefused(_("人工处理需要另一人复核。"), _("请由他人复核。"), field="second")
    _require_able(row, second, "second")


def _require_able(row: access.Row, person: Actor, field: str) -> None:
    able = person.is_supervisor or person.has_post(row["post"])
    if not person.sees(UUID(row["branch_id"])) or not able:
        raise ProcessRefused(
            _("复核人不在本环节的岗位上。")
            if field == "second"
            else _("这个人不在本环节的岗位上。"),
            _("请由该岗位的人员或班长办理。"),
            field=field,
        )


def _said(text: str, field: str, what: str, remedy: str) -> str:
    said = text.strip()
    if not said:
        raise ProcessRefused(what, remedy, field=field)
    if len(said) > TEXT_MOST:
        raise ProcessRefused(
            _("写得太长：最多 %(most)s 个字。") % {"most": TEXT_MOST},
            _("请写短一些。"),
            field=field,
        )
    return said
