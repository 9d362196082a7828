"""Who may act on a piece of work: the branch must be seen, the post (岗位) held."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.ids import uuid_from
from kaitong.org.actor import Actor
from kaitong.process.choices import OPEN_WORK, IncidentState, WorkState
from kaitong.process.errors import ProcessConflict, ProcessForbidden, ProcessNotFound
from kaitong.process.shell import Play

Row = dict[str, Any]


def work(actor: Actor, item_id: UUID, *, lock: bool = True) -> Play:
    """Lock a work item's instance for an actor who sees it. The item is `play.row`; where it is
    only looked at (`store.at_first_sight`), its columns are `store.LOOKED_AT`."""
    if lock:
        play = Play.on_row("workitem", item_id, actor_id=actor.id)
    else:
        play = Play.at_work(item_id, actor_id=actor.id)
    if play is None or not actor.sees(uuid_from(play.row["branch_id"])):
        raise ProcessNotFound(_("没有这张工单。"), _("请核对编号和所在分公司。"))
    play.behalf = actor.behalf(play.row["post"], _hand(play.row))
    return play


def _hand(item: Row) -> UUID | None:
    """Whose work it is: in whose hand it is, or to whom a person dispatched it."""
    person = item["claimed_by"] or (item["candidate"] if item["assigned_by"] else None)
    return UUID(str(person)) if person else None


def is_own(actor: Actor, item: Row, person: Any) -> bool:
    """Whether this is the actor, or a colleague who has handed the post over to them (委托)."""
    return person is not None and actor.is_hand(item["post"], UUID(str(person)))


def incident(actor: Actor, incident_id: UUID) -> Play:
    """Lock an incident's instance for an actor who may settle it. The incident is `play.row`."""
    play = Play.on_row("incident", incident_id, actor_id=actor.id)
    if play is None or not actor.sees(UUID(play.row["branch_id"])):
        raise ProcessNotFound(_("没有这张异常单。"), _("请核对编号和所在分公司。"))
    if not (actor.is_supervisor or actor.has_post(play.row["post"])):
        raise ProcessForbidden(_("这张异常单由本环节的岗位或班长处理。"))
    if play.row["state"] != IncidentState.OPEN or not play.holds(UUID(play.row["token_id"])):
        raise ProcessConflict(_("这张异常单已经处理过了。"), _("请刷新页面。"))
    return play


def require_open(item: Row) -> None:
    if item["state"] not in OPEN_WORK:
        raise ProcessConflict(_("这张工单已经结束。"), _("请刷新页面。"))


def require_going(item: Row) -> None:
    """Open and not suspended."""
    require_open(item)
    if item["state"] == WorkState.SUSPENDED:
        raise ProcessConflict(_("这张工单已挂起。"), _("请先解挂。"))


def require_post(actor: Actor, item: Row) -> None:
    """The actor holds the item's post, or is a supervisor (班长)."""
    if not (actor.is_supervisor or actor.has_post(item["post"])):
        raise ProcessForbidden(_("您不在这张工单的岗位上。"), _("请由该岗位的人员或班长办理。"))
    if not in_department(actor, item["only_department"]):
        raise ProcessForbidden(
            _("这是%s的工单。") % item["only_department"], _("请由该部门的人员或班长办理。")
        )


def in_department(actor: Actor, only: str) -> bool:
    """Whether a department's own work is this actor's to see: of that department, or supervisor."""
    return not only or actor.is_supervisor or actor.department == only


def require_hand(actor: Actor, item: Row) -> None:
    """The work is in this actor's hands, or may be taken into them by acting; or a supervisor."""
    require_post(actor, item)
    if actor.is_supervisor:
        return
    if item["claimed_by"] is not None:
        if not is_own(actor, item, item["claimed_by"]):
            raise ProcessConflict(_("这张工单已由他人接单。"), _("请由接单人或班长办理。"))
    elif bound_to_other(actor, item):
        raise ProcessForbidden(_("这张工单已派给他人。"), _("请由班长改派。"))


def bound_to_other(actor: Actor, item: Row) -> bool:
    """Dispatched (派单) by a person to somebody else; a mere proposal does not bind."""
    return (
        item["candidate"] is not None
        and item["assigned_by"] is not None
        and not is_own(actor, item, item["candidate"])
    )


def require_manager(actor: Actor, item: Row) -> None:
    """Who gives work to others: a supervisor, or the one who has it in hand."""
    if actor.is_supervisor:
        return
    require_post(actor, item)
    if not is_own(actor, item, item["claimed_by"]):
        raise ProcessForbidden(
            _("只有班长或接单人可以放回、派单、转派。"), _("请先接单，或由班长办理。")
        )
