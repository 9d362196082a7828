"""Verbs of being there: absence, deputies (代理人), delegation (委托), roster (排班), grids."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now as clock_now
from kaitong.core.errors import BadInput, Conflict, Forbidden, InputFault, NotFound
from kaitong.core.rows import Mode, Put, RowFault
from kaitong.org.actor import Actor
from kaitong.org.models import Absence, Delegation, GridHolder, Post, Shift, Staff

LONGEST = timedelta(days=366)
LONGEST_SHIFT = timedelta(hours=36)


def report_absence(
    *,
    actor: Actor,
    staff_id: UUID,
    since: datetime,
    until: datetime,
    reason: str = "",
    deputy_id: UUID | None = None,
) -> Absence:
    """Somebody will not be there: entered by themselves, or by a supervisor for the team.

    Work is not proposed to them meanwhile; what would be goes to the deputy. Two absences of one
    person do not overlap.
    """
    with audit.acting(actor.id, "absence"), transaction.atomic():
        person = _person(actor, staff_id, lock=True)
        _require_own_or_supervisor(actor, person)
        faults = _span(since, until)
        if deputy_id is not None:
            deputy = Staff.objects.filter(
                pk=deputy_id, branch_id=person.branch_id, is_active=True, device=None
            ).first()
            if deputy is None or deputy.pk == person.pk:
                faults.append(
                    InputFault("deputy", _("代理人须是本分公司的另一位。"), _("请另选一位。"))
                )
        if faults:
            raise BadInput(faults)
        if Absence.objects.filter(staff=person, since__lt=until, until__gt=since).exists():
            raise Conflict(_("这段时间已登记过缺勤。"), _("请先取消原来的，或改时间。"))
        return Absence.objects.create(
            staff=person,
            since=since,
            until=until,
            reason=reason.strip()[:120],
            deputy_id=deputy_id,
            entered_by=actor.id,
        )


def end_absence(*, actor: Actor, absence_id: UUID) -> None:
    """Back again, or not going: what has begun ends now, what has not is taken off."""
    with audit.acting(actor.id, "absence ended"), transaction.atomic():
        row = Absence.objects.select_for_update(no_key=True).filter(pk=absence_id).first()
        if row is None:
            raise NotFound(_("没有这条缺勤。"), _("请刷新页面。"))
        _require_own_or_supervisor(actor, _person(actor, row.staff_id))
        moment = clock_now()
        if row.until <= moment:
            raise Conflict(_("这段缺勤已经结束。"), _("请刷新页面。"))
        if row.since >= moment:
            row.delete()
            return
        row.until = moment
        row.save(update_fields=["until"])


def delegate(
    *,
    actor: Actor,
    to: UUID,
    posts: Collection[str] = (),
    since: datetime,
    until: datetime,
    reason: str,
) -> Delegation:
    """委托: give one's work of some posts (none named: all) to a colleague for a time.

    Nobody hands on what was handed to them, and nothing is handed across branches.
    """
    if actor.id is None:
        raise Forbidden(_("机器没有可以委托的工作。"))
    with audit.acting(actor.id, "delegate"), transaction.atomic():
        person = _person(actor, actor.id, lock=True)
        faults = _span(since, until)
        if not reason.strip():
            faults.append(InputFault("reason", _("委托需要说明原因。"), _("请填写原因。")))
        other = Staff.objects.filter(
            pk=to, branch_id=person.branch_id, is_active=True, device=None
        ).first()
        if other is None or other.pk == person.pk:
            faults.append(InputFault("to", _("受托人须是本分公司的另一位。"), _("请另选一位。")))
        held = set(person.holdings.values_list("post__key", flat=True))
        if not held or set(posts) - held:
            faults.append(InputFault("posts", _("只能委托自己的岗位。"), _("请重新选择岗位。")))
        if faults:
            raise BadInput(faults)
        rows = Delegation.objects.filter(
            principal=person, delegate_id=to, ended_at=None, since__lt=until, until__gt=since
        )
        wanted = set(posts) or held
        if any(not row.posts or wanted & set(row.posts) for row in rows):
            raise Conflict(_("这段时间已委托给这个人。"), _("请先收回原来的委托。"))
        return Delegation.objects.create(
            principal=person,
            delegate_id=to,
            posts=sorted(set(posts)),
            since=since,
            until=until,
            reason=reason.strip()[:120],
        )


def end_delegation(*, actor: Actor, delegation_id: UUID) -> None:
    """收回: by who gave it, who got it, or a supervisor."""
    with audit.acting(actor.id, "delegation ended"), transaction.atomic():
        row = Delegation.objects.select_for_update(no_key=True).filter(pk=delegation_id).first()
        if row is None:
            raise NotFound(_("没有这条委托。"), _("请刷新页面。"))
        person = _person(actor, row.principal_id)
        if actor.id != row.delegate_id:
            _require_own_or_supervisor(actor, person)
        if row.ended_at is not None or row.until <= clock_now():
            raise Conflict(_("这条委托已经结束。"), _("请刷新页面。"))
        row.ended_at, row.ended_by = clock_now(), actor.id
        row.save(update_fields=["ended_at", "ended_by"])


# ---- roster and grids, row by row or as a sheet --------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """A line of a roster: user name, post's key (or name), from and until."""

    username: str
    post: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class GridHolderRow:
    """Who answers for a grid in a post."""

    grid: str
    post: str
    username: str


@transaction.atomic
def put_shifts(
    *, actor: Actor, branch_id: UUID, rows: Sequence[ShiftRow], mode: Mode = Mode.ALL
) -> Put:
    """Put shifts on the roster; the same again changes nothing, another end changes it."""
    _require_manager(actor, branch_id)
    people, posts, faults = _known(branch_id, rows)
    good: dict[tuple[UUID, str, datetime], tuple[int, ShiftRow]] = {}
    for number, row in enumerate(rows):
        person, post = people.get(row.username), posts.get(row.post)
        if person is None or post is None:
            continue
        if row.until <= row.since:
            what = _("结束不在开始之后。")
            faults.append(RowFault(number, "until", what, _("请改时间。")))
        elif row.until - row.since > LONGEST_SHIFT:
            faults.append(RowFault(number, "until", _("一个班次最长 36 小时。"), _("请分成几班。")))
        elif (person, post, row.since) in good:
            twin = good[person, post, row.since][0]
            what, remedy = _("同一人同一岗位同时开始的班次有两行。"), _("只留一行。")
            faults.append(RowFault(number, "since", what, remedy, twin))
        else:
            good[person, post, row.since] = (number, row)
    faults.sort(key=lambda fault: fault.row)
    added = changed = same = 0
    write = mode.writes(faults)
    there = {
        (s.staff_id, s.post, s.since): s
        for s in Shift.objects.filter(
            branch_id=branch_id,
            staff_id__in={key[0] for key in good},
            since__in={key[2] for key in good},
        )
    }
    new = []
    for (person, post, since), (_number, row) in good.items():
        known = there.get((person, post, since))
        if known is None:
            added += 1
            new.append(
                Shift(branch_id=branch_id, staff_id=person, post=post, since=since, until=row.until)
            )
        elif known.until == row.until:
            same += 1
        else:
            changed += 1
            if write:
                known.until = row.until
                known.save(update_fields=["until"])
    if write:
        Shift.objects.bulk_create(new, batch_size=1000, ignore_conflicts=True)
    return Put(added, changed, same, tuple(faults))


def remove_shift(*, actor: Actor, shift_id: UUID) -> None:
    """Take a shift off the roster."""
    with audit.acting(actor.id, "shift removed"), transaction.atomic():
        row = Shift.objects.select_for_update(no_key=True).filter(pk=shift_id).first()
        if row is None or not actor.sees(row.branch_id):
            raise NotFound(_("没有这个班次。"), _("请刷新页面。"))
        _require_manager(actor, row.branch_id)
        row.delete()


@transaction.atomic
def put_grid_holders(
    *, actor: Actor, branch_id: UUID, rows: Sequence[GridHolderRow], mode: Mode = Mode.ALL
) -> Put:
    """Who answers for grids: for each grid and post named, these people and nobody else."""
    _require_manager(actor, branch_id)
    people, posts, faults = _known(branch_id, rows)
    wanted: dict[tuple[str, str], set[UUID]] = {}
    for number, row in enumerate(rows):
        if not row.grid.strip() or len(row.grid) > 40:
            what = _("网格要有编码，最长 40 个字。")
            faults.append(RowFault(number, "grid", what, _("补填。")))
        elif row.username in people and row.post in posts:
            key = (row.grid.strip(), posts[row.post])
            wanted.setdefault(key, set()).add(people[row.username])
    faults.sort(key=lambda fault: fault.row)
    write = mode.writes(faults)
    added = same = changed = 0
    for (grid, post), staff in wanted.items():
        there = GridHolder.objects.filter(branch_id=branch_id, grid=grid, post=post)
        before = set(there.values_list("staff_id", flat=True))
        added, same = added + len(staff - before), same + len(staff & before)
        changed += len(before - staff)
        if write:
            there.filter(staff_id__in=before - staff).delete()
            GridHolder.objects.bulk_create(
                [
                    GridHolder(branch_id=branch_id, grid=grid, post=post, staff_id=person)
                    for person in staff - before
                ],
                ignore_conflicts=True,
            )
    return Put(added, changed, same, tuple(faults))


# ---- inside --------------------------------------------------------------------------------------


def _person(actor: Actor, staff_id: UUID, *, lock: bool = False) -> Staff:
    rows = Staff.objects.filter(pk=staff_id, is_active=True)
    person = (rows.select_for_update(no_key=True) if lock else rows).first()
    if person is None or not actor.sees(person.branch_id):
        raise NotFound(_("没有这个人员。"), _("请核对所在分公司。"))
    return person


def _require_own_or_supervisor(actor: Actor, person: Staff) -> None:
    if actor.id != person.pk and not actor.is_supervisor:
        raise Forbidden(_("只能办理自己的，或由班长办理。"), _("请由本人或班长办理。"))


def _require_manager(actor: Actor, branch_id: UUID) -> None:
    if not actor.sees(branch_id):
        raise NotFound(_("没有这个分公司。"))
    if not actor.is_supervisor:
        raise Forbidden(_("排班和网格由班长管理。"), _("请由班长办理。"))


def _span(since: datetime, until: datetime) -> list[InputFault]:
    if until <= since:
        return [InputFault("until", _("结束不在开始之后。"), _("请改时间。"))]
    if until <= clock_now():
        return [InputFault("until", _("结束时间已过。"), _("请填写将来的时间。"))]
    if until - since > LONGEST:
        return [InputFault("until", _("最长一年。"), _("请改时间。"))]
    return []


def _known(
    branch_id: UUID, rows: Sequence[ShiftRow] | Sequence[GridHolderRow]
) -> tuple[dict[str, UUID], dict[str, str], list[RowFault]]:
    """People of the branch by user name or (where clear) name, posts by key or name; and what is
    neither."""
    people: dict[str, UUID] = {}
    twice: set[str] = set()
    for person in Staff.objects.filter(branch_id=branch_id, is_active=True, device=None):
        twice |= {person.name} & people.keys()
        people.setdefault(person.name, person.pk)
    for name in twice:
        del people[name]
    for person in Staff.objects.filter(branch_id=branch_id, is_active=True, device=None):
        people[person.username] = person.pk
    posts = {post.name: post.key for post in Post.objects.all()}
    posts |= {key: key for key in posts.values()}
    faults = []
    for number, row in enumerate(rows):
        if row.username not in people:
            what = _("本分公司没有 %(who)s，或有重名。") % {"who": row.username[:40] or "-"}
            faults.append(RowFault(number, "username", what, _("请填用户名。")))
        if row.post not in posts:
            what = _("没有岗位 %(post)s。") % {"post": row.post[:40] or "-"}
            faults.append(RowFault(number, "post", what, _("请填岗位的名称。")))
    return people, posts, faults
