"""Processes: what runs, and where each is hot, now and over the last weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.core.errors import NotFound
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.process import heat
from kaitong.process.definitions import model_of
from kaitong.process.model import Node, NodeKind
from kaitong.process.positions import STEP_KINDS
from kaitong.web import charts
from kaitong.web import format as fmt
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Filter, branch_asked, choose, of_branch

LEVELS = 4
PERIODS = {"1": 1, "7": 7, "30": 30}  # begun in so many days
VIEWS = {"4": 4, "12": 12}  # weeks looked back on


@dataclass(frozen=True, slots=True)
class ProcessRow:
    title: str
    playbook: str
    key: str
    url: str
    versions: int
    version: str
    running: int
    late: int
    stuck: int
    stuck_url: str
    oldest: str
    retired: bool


@dataclass(frozen=True, slots=True)
class NodeRow:
    id: str
    name: str
    role: str
    level: int
    waiting: int
    middle: str
    longest: str
    late: int
    suspended: int
    stuck: int
    note: str
    url: str
    spark: SafeString | str = ""


@dataclass(frozen=True, slots=True)
class HeatPage:
    title: str
    playbook: str
    key: str
    version: str
    definition_id: UUID
    past: bool
    filters: tuple[Filter, ...]
    cells: tuple[tuple[str, str, str], ...]  # name, figure, tone
    rows: tuple[NodeRow, ...]
    quiet: int  # steps where nothing waits
    picture: Mapping[str, Any]
    legend: tuple[str, str]
    at: datetime


def process_list(actor: Actor) -> tuple[ProcessRow, ...]:
    moment = clock_now()
    return tuple(
        ProcessRow(
            title=words(one.playbook)(one.title),
            playbook=words(one.playbook)(_playbook(one.playbook)),
            key=one.key,
            url=reverse("web:process", args=[one.playbook, one.key]),
            versions=len(one.versions),
            version=one.versions[0].hash[:8],
            running=one.running,
            late=one.late,
            stuck=one.stuck,
            stuck_url=f"{reverse('web:incidents')}?view=each",
            oldest=fmt.span(moment - one.oldest) if one.oldest else "",
            retired=all(version.retired_at for version in one.versions),
        )
        for one in heat.processes(actor)
    )


def heat_page(actor: Actor, playbook: str, key: str, query: QueryDict) -> HeatPage:
    found = next((p for p in heat.processes(actor) if (p.playbook, p.key) == (playbook, key)), None)
    if found is None:
        raise NotFound(_("没有这个流程。"), _("请从流程列表里选。"))
    say = words(playbook)
    ids = {str(version.pk): version for version in found.versions}
    chosen = query.get("version", "")
    asked = [ids[chosen].pk] if chosen in ids else [version.pk for version in found.versions]
    drawn = ids[chosen] if chosen in ids else found.versions[0]
    names = org.branch_names(actor)
    branch = branch_asked(query, names)
    branches = [branch] if branch else None
    weeks = VIEWS.get(query.get("view", ""))
    days = PERIODS.get(query.get("since", "")) if weeks is None else None
    moment = clock_now()
    model = model_of(drawn.pk)
    nodes = dict(model.nodes)
    for version in found.versions:  # steps that only another version has stand below
        if version.pk in asked and version.pk != drawn.pk and len(asked) <= 8:
            for node in model_of(version.pk).nodes.values():
                nodes.setdefault(node.id, node)
    rows: list[NodeRow]
    if weeks is not None:
        rows, cells = _past_rows(actor, nodes, asked, branches, weeks, say)
        legend = (_("用时短"), _("用时长"))
    else:
        since = moment - timedelta(days=days) if days else None
        rows, cells = _now_rows(actor, nodes, asked, branches, since, say)
        legend = (_("等得少"), _("等得多"))
    return HeatPage(
        title=say(found.title),
        playbook=playbook,
        key=key,
        version=drawn.hash[:8],
        definition_id=drawn.pk,
        past=weeks is not None,
        filters=tuple(_filters(actor, found, query, names)),
        cells=cells,
        rows=tuple(row for row in rows if row.waiting),
        quiet=sum(not row.waiting for row in rows),
        picture={
            "heat": {row.id: row.level for row in rows if row.level},
            "hot": [row.id for row in rows if row.late or row.stuck],
            "flags": [_flag(row) for row in rows if row.waiting],
            "links": {row.id: row.url for row in rows if row.url},
        },
        legend=legend,
        at=moment,
    )


def words(playbook: str) -> Callable[[str], str]:
    """A playbook's words as its current version has them."""
    version = playbooks.current(playbook)
    return playbooks.words(version.playbook, version.hash) if version else str


# ---- inside --------------------------------------------------------------------------------------


def _playbook(name: str) -> str:
    version = playbooks.current(name)
    return version.title if version is not None else name


def _now_rows(
    actor: Actor,
    nodes: Mapping[str, Node],
    asked: list[UUID],
    branches: list[UUID] | None,
    since: datetime | None,
    say: Callable[[str], str],
) -> tuple[list[NodeRow], tuple[tuple[str, str, str], ...]]:
    found = heat.heat(actor, asked, branch_ids=branches, since=since)
    # a token at a join waits for its siblings, which are counted where they stand
    most = max((one.waiting - one.joining for one in found.values()), default=0)
    posts = post_names()
    rows = []
    for node in _shown(nodes, found):
        one = found.get(node.id)
        rows.append(
            NodeRow(
                id=node.id,
                name=_name(node, say),
                role=posts.get(node.lane, node.lane),
                level=_level(one.waiting - one.joining, most) if one else 0,
                waiting=one.waiting if one else 0,
                middle=fmt.span(one.middle) if one else "",
                longest=fmt.span(one.longest) if one else "",
                late=one.late if one else 0,
                suspended=one.suspended if one else 0,
                stuck=one.stuck if one else 0,
                note=_note(one) if one else "",
                url=_link(actor, node, one) if one else "",
            )
        )
    runs = heat.running_by_version(actor, asked)
    total = {
        "waiting": sum(one.waiting - one.joining for one in found.values()),
        "late": sum(one.late for one in found.values()),
        "stuck": sum(one.stuck for one in found.values()),
    }
    longest = max((one.longest for one in found.values()), default=None)
    return rows, (
        (_("在跑的流程"), str(sum(runs.values())), ""),
        (_("在等的环节"), str(total["waiting"]), ""),
        (_("超时"), str(total["late"]), "late" if total["late"] else ""),
        (_("异常"), str(total["stuck"]), "late" if total["stuck"] else ""),
        (_("最久"), fmt.span(longest), ""),
    )


def _past_rows(
    actor: Actor,
    nodes: Mapping[str, Node],
    asked: list[UUID],
    branches: list[UUID] | None,
    weeks: int,
    say: Callable[[str], str],
) -> tuple[list[NodeRow], tuple[tuple[str, str, str], ...]]:
    found = heat.past(actor, asked, weeks=weeks, branch_ids=branches)
    most = max((one.mean.total_seconds() for one in found.values()), default=0)
    posts = post_names()
    first = heat.first_day(weeks)
    mondays = [first + timedelta(weeks=n) for n in range(weeks)]
    rows = []
    for node in _shown(nodes, found):
        one = found.get(node.id)
        if one is None:
            rows.append(
                NodeRow(node.id, say(node.name) or node.id, "", 0, 0, "", "", 0, 0, 0, "", "")
            )
            continue
        means = [
            one.weeks[day][1] / one.weeks[day][0] if one.weeks.get(day, (0, 0))[0] else None
            for day in mondays
        ]
        told = fmt.mark("，").join(
            f"{day:%m-%d} {fmt.span(mean)}"
            for day, mean in zip(mondays, means, strict=True)
            if mean is not None
        )
        rows.append(
            NodeRow(
                id=node.id,
                name=_name(node, say),
                role=posts.get(node.lane, node.lane),
                level=_level(one.mean.total_seconds(), most),
                waiting=one.count,
                middle=fmt.span(one.mean),
                longest=fmt.span(one.longest),
                late=0,
                suspended=0,
                stuck=0,
                note="",
                url="",
                spark=charts.spark(means, told),
            )
        )
    slowest = max(rows, key=lambda row: found[row.id].mean if row.id in found else timedelta())
    return rows, (
        (_("经过的环节"), str(sum(one.count for one in found.values())), ""),
        (_("最慢的环节"), slowest.name if found else fmt.DASH, ""),
        (_("平均用时"), slowest.middle or fmt.DASH, ""),
    )


def _shown(nodes: Mapping[str, Node], found: Mapping[str, Any]) -> list[Node]:
    """Steps in the model's order, and whatever else has a figure; what is no longer in any model
    stands under its name."""
    shown = [n for n in nodes.values() if n.kind in STEP_KINDS or n.id in found]
    gone = [Node(id=name, kind=NodeKind.USER, name=name) for name in found if name not in nodes]
    return shown + gone


def _name(node: Node, say: Callable[[str], str]) -> str:
    """A step's name; a gateway has none of its own."""
    if node.name:
        return say(node.name)
    return _("汇合") if node.kind in (NodeKind.PARALLEL, NodeKind.INCLUSIVE) else node.id


def _level(value: float, most: float) -> int:
    """1 to LEVELS by share of the most; 0 where there is nothing."""
    return min(LEVELS, max(1, ceil(LEVELS * value / most))) if value and most else 0


def _note(one: heat.NodeHeat) -> str:
    told = []
    if one.unclaimed:
        told.append(_("待接单 %(n)s") % {"n": one.unclaimed})
    if one.joining:
        told.append(_("等汇合 %(n)s") % {"n": one.joining})
    return fmt.mark("，").join(told)


def _link(actor: Actor, node: Node, one: heat.NodeHeat) -> str:
    """To its work, or to its incidents, where this person may look at them."""
    if one.stuck and one.stuck == one.waiting:
        return f"{reverse('web:incidents')}?{urlencode({'node': node.id, 'view': 'each'})}"
    people = node.kind in (NodeKind.USER, NodeKind.MANUAL)
    if people and (actor.is_supervisor or node.lane in actor.posts):
        return f"{reverse('web:workbench')}?{urlencode({'tab': 'open', 'step': node.name})}"
    return ""


def _flag(row: NodeRow) -> dict[str, str]:
    flag = {"node": row.id, "text": f"{row.waiting} · {row.middle}"}
    if row.late or row.stuck:
        flag["tone"] = "late"
    return flag


def _filters(
    actor: Actor, found: heat.ProcessHeat, query: QueryDict, names: Mapping[UUID, str]
) -> list[Filter]:
    runs = heat.running_by_version(actor, [version.pk for version in found.versions])
    filters = [
        choose(
            query,
            "view",
            _("看"),
            [("4", _("近 4 周平均用时")), ("12", _("近 12 周平均用时"))],
            everything=_("现在在等的"),
        ),
        choose(
            query,
            "version",
            _("版本"),
            [
                (
                    str(version.pk),
                    f"{version.hash[:8]} {fmt.short(version.deployed_at)}",
                    runs.get(version.pk, 0),
                )
                for version in found.versions
                if version.retired_at is None or runs.get(version.pk)
            ],
            everything=_("全部"),
        ),
    ]
    if query.get("view", "") not in VIEWS:
        filters.append(
            choose(
                query,
                "since",
                _("开始于"),
                [("1", _("近 1 天")), ("7", _("近 7 天")), ("30", _("近 30 天"))],
                everything=_("不限"),
            )
        )
    filters += of_branch(query, names)
    return filters
