"""在岗: one's own absence and delegations; for a supervisor the team, its roster, orphaned work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.org import duty
from kaitong.org.actor import Actor
from kaitong.org.models import Absence, Delegation, Shift, Staff
from kaitong.process import queries as process
from kaitong.web import format as fmt
from kaitong.web.pages.facts import facts_of
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Tab

DAYS = 7


@dataclass(frozen=True, slots=True)
class AwayRow:
    id: UUID
    person: str
    since: datetime
    until: datetime
    reason: str
    deputy: str
    now: bool


@dataclass(frozen=True, slots=True)
class GivenRow:
    id: UUID
    by: str
    to: str
    mine: bool  # given by oneself
    posts: str
    since: datetime
    until: datetime
    reason: str
    now: bool


@dataclass(frozen=True, slots=True)
class OrphanRow:
    """Open work in the hands of somebody who is not there."""

    id: UUID
    order_number: str
    step: str
    address: str
    person: str
    due: fmt.Due


@dataclass(frozen=True, slots=True)
class ShiftCell:
    id: UUID
    text: str
    now: bool


@dataclass(frozen=True, slots=True)
class RosterRow:
    person: str
    post: str
    days: tuple[tuple[ShiftCell, ...], ...]


@dataclass(frozen=True, slots=True)
class PresencePage:
    tabs: tuple[Tab, ...]
    team: bool
    people: tuple[tuple[str, str], ...]  # colleagues, for choices
    everybody: tuple[tuple[str, str], ...]  # with oneself
    posts: tuple[tuple[str, str], ...]
    absences: tuple[AwayRow, ...]
    given: tuple[GivenRow, ...]
    orphans: tuple[OrphanRow, ...]
    roster: tuple[RosterRow, ...]
    days: tuple[tuple[date, str, bool], ...]  # day, its words, whether it is today
    week: date
    week_before: date
    week_after: date
    since: str  # what forms begin with
    until: str
    fault: str = ""


def presence_page(actor: Actor, query: QueryDict, *, fault: str = "") -> PresencePage:
    team = query.get("tab") == "team" and actor.is_supervisor
    names = post_names()
    staff = duty.team(actor)
    week = _week(query.get("week", ""))
    moment = clock_now()
    absences = duty.absences(actor, staff_id=None if team else actor.id)
    given = duty.delegations(actor, of=None if team else actor.id)
    tomorrow = timezone.localtime(moment + timedelta(days=1)).replace(hour=8, minute=30)
    own = sorted(actor.own_posts)
    return PresencePage(
        tabs=(
            Tab("mine", _("我的"), None, not team),
            *((Tab("team", _("班组"), None, team),) if actor.is_supervisor else ()),
        ),
        team=team,
        people=tuple((str(p.pk), p.name) for p in staff if p.pk != actor.id),
        everybody=tuple((str(p.pk), p.name) for p in staff),
        posts=tuple((key, names.get(key, key)) for key in (_team_posts(staff) if team else own)),
        absences=tuple(_away(row, moment) for row in absences),
        given=tuple(_given(row, actor, names, moment) for row in given),
        orphans=_orphans(actor, moment) if team else (),
        roster=_roster(actor, week, names, moment) if team else (),
        days=_days(week, moment),
        week=week,
        week_before=week - timedelta(days=DAYS),
        week_after=week + timedelta(days=DAYS),
        since=f"{tomorrow:%Y-%m-%dT%H:%M}",
        until=f"{tomorrow.replace(hour=17):%Y-%m-%dT%H:%M}",
        fault=fault,
    )


def _team_posts(staff: list[Staff]) -> list[str]:
    return sorted({post.key for person in staff for post in person.posts.all()})


def _week(text: str) -> date:
    """The Monday of the week asked for; of this one, where nothing sensible is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = timezone.localdate(clock_now())
    if not 2000 <= day.year <= 2200:
        day = timezone.localdate(clock_now())
    return day - timedelta(days=day.weekday())


def _days(week: date, moment: datetime) -> tuple[tuple[date, str, bool], ...]:
    today = timezone.localdate(moment)
    days = [week + timedelta(days=n) for n in range(DAYS)]
    return tuple((day, fmt.day(day), day == today) for day in days)


def _away(row: Absence, moment: datetime) -> AwayRow:
    return AwayRow(
        row.pk,
        row.staff.name,
        row.since,
        row.until,
        row.reason,
        row.deputy.name if row.deputy else "",
        row.since <= moment,
    )


def _given(row: Delegation, actor: Actor, names: dict[str, str], moment: datetime) -> GivenRow:
    posts = fmt.mark("、").join(names.get(key, key) for key in row.posts)
    return GivenRow(
        row.pk,
        row.principal.name,
        row.delegate.name,
        row.principal_id == actor.id,
        posts or _("全部岗位"),
        row.since,
        row.until,
        row.reason,
        row.since <= moment,
    )


def _orphans(actor: Actor, moment: datetime) -> tuple[OrphanRow, ...]:
    from kaitong.web.pages.workbench import work_due

    rows = process.held_by_absent(actor)
    facts = facts_of(actor, [row.business_id for row in rows])
    found = []
    for row in rows:
        known = facts.get(row.business_id) if row.business_id else None
        found.append(
            OrphanRow(
                row.id,
                known.number if known else "",
                known.say(row.title) if known else row.title,
                known.address if known else "",
                row.claimed_name,
                work_due(row, moment),
            )
        )
    return tuple(found)


def _roster(
    actor: Actor, week: date, names: dict[str, str], moment: datetime
) -> tuple[RosterRow, ...]:
    start = timezone.make_aware(datetime.combine(week, datetime.min.time()))
    rows = duty.shifts(actor, start, start + timedelta(days=DAYS))
    cells: dict[tuple[str, str], list[list[ShiftCell]]] = {}
    for row in rows:
        key = (names.get(row.post, row.post), row.staff.name)
        week_of = cells.setdefault(key, [[] for _day in range(DAYS)])
        begin = max(timezone.localtime(row.since), timezone.localtime(start))
        week_of[(begin.date() - week).days].append(_cell(row, moment))
    return tuple(
        RosterRow(person, post, tuple(tuple(day) for day in days))
        for (post, person), days in sorted(cells.items())
    )


def _cell(row: Shift, moment: datetime) -> ShiftCell:
    since, until = timezone.localtime(row.since), timezone.localtime(row.until)
    return ShiftCell(row.pk, f"{since:%H:%M}–{until:%H:%M}", row.since <= moment < row.until)
