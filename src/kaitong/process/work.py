"""The trade's verbs on work items: 接单, 回单, 派单, 改派, 转派, 退回, 协办, 催办, 阶段反馈."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.ids import uuid7, uuid_from
from kaitong.core.swift import swift
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import access, four_eyes, model, suspension
from kaitong.process.choices import WorkState
from kaitong.process.errors import ProcessConflict, ProcessForbidden, ProcessRefused
from kaitong.process.models import Helper, Instance
from kaitong.process.shell import Play
from kaitong.process.store import at_first_sight


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What `within` is told: the locked instance and the item being completed."""

    instance_id: UUID
    definition_id: UUID
    business_id: UUID | None
    branch_id: UUID
    item_id: UUID
    node: model.Node
    token_id: UUID
    actor: Actor
    now: datetime
    values: Mapping[str, Any]
    variables: Mapping[str, Any]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A piece of work that a verb's step opened."""

    item_id: UUID
    node: str
    post: str
    branch_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an instance stands after a verb. `state` is its state, `node` where the verb acted,
    `opened` the work its step opened; of a verb that was answered before nothing is told again."""

    instance_id: UUID
    business_id: UUID | None
    state: str
    node: str
    opened: tuple[Opened, ...] = ()


def claim(*, actor: Actor, item_id: UUID) -> None:
    """接单. Claiming what one already has changes nothing; what another has is a Conflict."""
    at_first_sight(lambda lock: _claim(actor, item_id, lock=lock))


def _claim(actor: Actor, item_id: UUID, *, lock: bool) -> None:
    with swift():
        play = access.work(actor, item_id, lock=lock)
        item = play.row
        access.require_going(item)
        access.require_post(actor, item)
        if actor.id is None:
            raise ProcessRefused(_("机器不能接单。"), _("请由人员接单。"))
        if item["claimed_by"] is not None:
            if access.is_own(actor, item, item["claimed_by"]):
                return
            raise ProcessConflict(_("这张工单已由他人接单。"), _("请刷新页面。"))
        if access.bound_to_other(actor, item) and not actor.is_supervisor:
            raise ProcessForbidden(_("这张工单已派给他人。"), _("请由班长改派。"))
        node = play.model.nodes[item["node"]]
        four_eyes.require(play.model, play.loaded.id, node, actor, play.behalf, item["passage"])
        play.patch(state=WorkState.CLAIMED, claimed_by=actor.id, claimed_at=play.now)
        play.note_item("claimed")
        play.save(last=True)


def release(*, actor: Actor, item_id: UUID, reason: str = "") -> None:
    """Give a claimed item back to its post's queue."""
    with transaction.atomic():
        play = access.work(actor, item_id)
        access.require_going(play.row)
        access.require_manager(actor, play.row)
        if play.row["claimed_by"] is None:
            raise ProcessConflict(_("这张工单没有人接单。"), _("请刷新页面。"))
        play.patch(**_unclaimed())
        play.note_item("released", reason=reason)
        play.save()


def complete(
    *,
    actor: Actor,
    item_id: UUID,
    values: Mapping[str, Any],
    within: Callable[[StepContext], Mapping[str, Any] | None] | None = None,
) -> Progress:
    """回单 / 办结 / 同意. An unclaimed item is claimed by completing it.

    `within` is called under the lock after all checks, in this transaction; what it returns is
    merged into the values. What it raises undoes everything.
    """
    if within is not None:  # it looks at what the lock holds still
        return _complete(actor, item_id, values, within, lock=True)
    return at_first_sight(lambda lock: _complete(actor, item_id, values, None, lock=lock))


def _complete(
    actor: Actor,
    item_id: UUID,
    values: Mapping[str, Any],
    within: Callable[[StepContext], Mapping[str, Any] | None] | None,
    *,
    lock: bool,
) -> Progress:
    with swift():
        play = access.work(actor, item_id, lock=lock)
        item = play.row
        access.require_going(item)
        access.require_hand(actor, item)
        node = play.model.nodes[item["node"]]
        token_id = uuid_from(item["token_id"])
        four_eyes.require(play.model, play.loaded.id, node, actor, play.behalf, item["passage"])
        answers = dict(values)
        if within is not None:
            answers.update(within(_context(play, actor, values)) or {})
        if item["claimed_by"] is None:
            play.patch(claimed_by=actor.id, claimed_at=play.now)
            play.note("claimed", node.id, token_id, {"item": item_id})
        play.patch(
            state=WorkState.DONE,
            completed_at=play.now,
            completed_by=actor.id,
            completed_for=play.behalf,
        )
        play.note("completed", node.id, token_id, {"item": item_id, "keys": sorted(answers)})
        play.advance(model.Completed(now=play.now, token=token_id, values=answers))
        play.save(last=True)
    return progress(play, node.id)


@contextmanager
def held(*, actor: Actor, item_id: UUID) -> Iterator[StepContext]:
    """The item's instance locked, while the one at work changes what the item is about.

    One transaction around the block; nothing of the process moves. Refuses whom and what
    `complete` would refuse.
    """
    with transaction.atomic():
        play = access.work(actor, item_id)
        access.require_going(play.row)
        access.require_hand(actor, play.row)
        yield _context(play, actor, {})


def _context(play: Play, actor: Actor, values: Mapping[str, Any]) -> StepContext:
    return StepContext(
        instance_id=play.loaded.id,
        definition_id=play.loaded.definition_id,
        business_id=play.loaded.business_id,
        branch_id=play.loaded.branch_id,
        item_id=UUID(play.row["id"]),
        node=play.model.nodes[play.row["node"]],
        token_id=UUID(play.row["token_id"]),
        actor=actor,
        now=play.now,
        values=values,
        variables=play.seen_by(UUID(play.row["token_id"])),
        parameters=play.loaded.parameters,
    )


def dispatch(*, actor: Actor, item_id: UUID, to: UUID, reason: str = "") -> None:
    """派单 / 改派: give the item to a person of its post and branch, who then claims it."""
    with transaction.atomic():
        play = access.work(actor, item_id)
        item = play.row
        access.require_going(item)
        access.require_manager(actor, item)
        able = {staff.pk for staff in org.holders(UUID(item["branch_id"]), item["post"])}
        if to not in able:
            raise ProcessRefused(
                _("此人不在这张工单的岗位上。"), _("请选择本岗位的人员。"), field="to"
            )
        again = item["claimed_by"] is not None or item["assigned_by"] is not None
        play.patch(**{**_unclaimed(), "candidate": to, "assigned_by": actor.id or to})
        play.note_item("redispatched" if again else "dispatched", reason=reason, to=to)
        play.save()


def transfer(
    *,
    actor: Actor,
    item_id: UUID,
    post: str,
    department: str | None = None,
    branch_id: UUID | None = None,
    reason: str = "",
) -> None:
    """转派: give the item to another team."""
    with transaction.atomic():
        play = access.work(actor, item_id)
        item = play.row
        access.require_going(item)
        access.require_manager(actor, item)
        if post not in org.posts_by_key():
            raise ProcessRefused(_("没有这个岗位。"), _("请从岗位表中选择。"), field="post")
        if branch_id is not None:
            org.branch(branch_id)
        team = item["department"] if department is None else department
        where = branch_id or UUID(item["branch_id"])
        play.patch(**_unclaimed(), post=post, department=team, branch_id=where)
        suspension.moved(play, branch_id=where, department=team)
        play.note_item(
            "transferred",
            reason=reason,
            post=post,
            was=item["post"],
            department=team,
            was_department=item["department"],
        )
        play.save()


def urge(*, actor: Actor, item_id: UUID, note: str = "") -> int:
    """催办 by whoever sees the item; how often it was urged by now."""
    with transaction.atomic():
        play = access.work(actor, item_id)
        access.require_open(play.row)
        count: int = play.row["urged"] + 1
        play.patch(urged=count, urged_at=play.now)
        play.note_item("urged", reason=note)
        play.save()
    return count


def feedback(*, actor: Actor, item_id: UUID, text: str) -> UUID:
    """阶段反馈 from the post at work or a helper; its text is kept outside the history."""
    if not text.strip():
        raise ProcessRefused(_("反馈不能为空。"), _("请填写进展。"), field="text")
    with transaction.atomic():
        play = access.work(actor, item_id)
        access.require_open(play.row)
        helping = Helper.objects.filter(workitem_id=item_id)
        if actor.id is None or not helping.filter(staff_id=actor.id).exists():
            access.require_post(actor, play.row)
        row_id = uuid7()
        play.change.feedback_added.append(
            {
                "id": row_id,
                "created_at": play.now,
                "workitem_id": item_id,
                "by": actor.id,
                "text": text.strip(),
            }
        )
        play.note_item("feedback", feedback=row_id)
        play.save()
    return row_id


def progress_of(*, instance_id: UUID, business_id: UUID | None, node: str) -> Progress:
    """Where an instance stands now, for a verb that was answered before."""
    state = Instance.objects.values_list("state", flat=True).get(pk=instance_id)
    return Progress(instance_id=instance_id, business_id=business_id, state=state, node=node)


def ask_help(*, actor: Actor, item_id: UUID, to: UUID, reason: str = "") -> None:
    """协办: somebody joins a piece of work; its owner stays. The same person twice is once.

    Who has it in hand, or a supervisor, asks anybody of the item's branch; the helper sees the
    item among those he helps with, and may give feedback.
    """
    with transaction.atomic():
        play = access.work(actor, item_id)
        item = play.row
        access.require_open(item)
        access.require_manager(actor, item)
        able = {staff.pk for staff in org.colleagues(UUID(item["branch_id"]))}
        if to not in able:
            raise ProcessRefused(
                _("此人不在这张工单的分公司。"), _("请选择本分公司的人员。"), field="to"
            )
        if item["claimed_by"] == str(to):
            raise ProcessRefused(_("此人就是接单人。"), _("请选择另一位。"), field="to")
        _row, new = Helper.objects.get_or_create(
            workitem_id=item_id,
            staff_id=to,
            defaults={"asked_by": actor.id, "reason": reason.strip()[:200]},
        )
        if not new:
            return
        play.note_item("helped", reason=reason, to=to)
        play.save()


def progress(play: Play, node: str) -> Progress:
    return Progress(
        instance_id=play.loaded.id,
        business_id=play.loaded.business_id,
        state=play.change.state,
        node=node,
        opened=tuple(
            Opened(row["id"], row["node"], row["post"], row["branch_id"])
            for row in play.change.work_opened
        ),
    )


def _unclaimed() -> dict[str, Any]:
    return {
        "state": WorkState.TODO,
        "claimed_by": None,
        "claimed_at": None,
        "candidate": None,
        "assigned_by": None,
    }
