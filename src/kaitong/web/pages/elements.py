"""网元: what stands where and how it does, one of them, its lines that another serves (割接)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.activation import carrying, differences
from kaitong.activation import queries as activation
from kaitong.activation.choices import ElementKind, ElementState
from kaitong.activation.errors import ActivationError
from kaitong.activation.models import NetworkElement
from kaitong.activation.reconciling import may_repair
from kaitong.core import wording
from kaitong.core.errors import Forbidden
from kaitong.core.masking import mask_account
from kaitong.inventory import queries as inventory
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.transfer import carrying as carries
from kaitong.transfer import queries as transfer
from kaitong.transfer.choices import LIVING, JobState
from kaitong.transfer.models import Job
from kaitong.web.access import reads_customers
from kaitong.web.pages.parts import Empty

_TONES = {JobState.DONE: "ok", JobState.FAILED: "late", JobState.RUNNING: "you"}


@dataclass(frozen=True, slots=True)
class ElementRow:
    id: UUID
    url: str
    title: str
    key: str
    kind: str
    branch: str
    place: str
    state: str
    tone: str
    heard_at: datetime | None
    failed_at: datetime | None
    failing: bool  # the last word was a failure
    differences: int


@dataclass(frozen=True, slots=True)
class ListPage:
    rows: tuple[ElementRow, ...]
    empty: Empty


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Lines of some branches that another element serves now."""

    to: str
    to_url: str
    lines: int
    branches: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class LineRow:
    name: str
    what: str
    url: str


@dataclass(frozen=True, slots=True)
class JobRow:
    id: UUID
    title: str
    who: str
    at: datetime
    ended_at: datetime | None
    state: str
    tone: str
    living: bool
    stopping: bool
    done: int
    total: int
    summary: str
    error: str
    troubles: tuple[LineRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class CarryPane:
    """Nothing to carry, or how many lines and where to; what was asked, the newest first."""

    id: UUID
    shares: tuple[ShareRow, ...]
    lines: int
    some: tuple[LineRow, ...]
    jobs: tuple[JobRow, ...]
    living: bool
    again: bool  # something was not done, or was stopped


@dataclass(frozen=True, slots=True)
class ElementPage:
    row: ElementRow
    facts: tuple[Fact, ...]
    carry: CarryPane
    spoken: bool  # it can be asked what is on there
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LivePane:
    facts: tuple[Fact, ...]
    away: str = ""


def require_reader(actor: Actor) -> None:
    if not may_repair(actor):
        raise Forbidden(_("网元由网络岗位或班长查看。"))


def list_page(actor: Actor) -> ListPage:
    """Constant queries."""
    require_reader(actor)
    rows = tuple(_rows(actor))
    return ListPage(rows, Empty("router", "", "") if rows else _nothing(actor))


def element_page(actor: Actor, element_id: UUID, *, fault: str = "") -> ElementPage:
    require_reader(actor)
    element = activation.element(actor, element_id)
    row = next(one for one in _rows(actor) if one.id == element_id)
    return ElementPage(
        row=row,
        facts=tuple(_facts(element)),
        carry=_carry(actor, element),
        spoken=element.kind != ElementKind.OLT,
        fault=fault,
    )


def carry_pane(actor: Actor, element_id: UUID) -> CarryPane:
    require_reader(actor)
    return _carry(actor, activation.element(actor, element_id))


def live_pane(actor: Actor, element_id: UUID) -> LivePane:
    """What is on there now: the element is asked once."""
    require_reader(actor)
    element = activation.element(actor, element_id)
    try:
        told = activation.live(element)
    except ActivationError as away:
        return LivePane((), wording.read(str(away.what)))
    names = {
        "sessions": _("在线会话"),
        "registered": _("已注册话机"),
        "boxes": _("持有地址的机顶盒"),
    }
    facts = [Fact(names[key], f"{told[key]:,}") for key in names if key in told]
    longest = told.get("longest_lease", 0)
    if longest:
        most = int(element.connection.get("lease_seconds") or 0)
        late = bool(most) and longest > most
        text = _("%(n)s 秒") % {"n": longest}
        if late:
            text = _("%(n)s 秒，超过登记的 %(most)s 秒：停机后机顶盒可能继续到租约结束。") % {
                "n": longest,
                "most": most,
            }
        facts.append(Fact(_("最长的租约"), text, "late" if late else ""))
    return LivePane(tuple(facts))


# ---- inside --------------------------------------------------------------------------------------


def _nothing(actor: Actor) -> Empty:
    """An element is its branch's own to see to, whoever's lines it serves: below, they are told."""
    if actor.branch_id is None or not activation.kinds_in_service(actor.branch_id):
        return Empty("router", _("还没有网元"), _("在 /admin/ 或用命令登记的网元列在这里。"))
    return Empty(
        "router",
        _("本分公司没有自己的网元"),
        _(
            "线路由上级分公司的网元服务，网元由上级分公司查看；每条线路与网络的往来在订单和业务的页面上。"
        ),
    )


def _rows(actor: Actor) -> list[ElementRow]:
    branches, standing = org.branch_names(actor), differences.counts(actor)
    rows = []
    for one in activation.elements(actor):
        failing = one.last_failed_at is not None and (
            one.last_ok_at is None or one.last_failed_at > one.last_ok_at
        )
        in_service = one.state == ElementState.IN_SERVICE
        rows.append(
            ElementRow(
                id=one.id,
                url=reverse("web:element", args=[one.id]),
                title=one.title,
                key=one.key,
                kind=one.kind_title,
                branch=branches.get(one.branch_id, ""),
                place=one.place,
                state=one.state_title,
                tone="ok" if in_service else "wait",
                heard_at=one.last_ok_at,
                failed_at=one.last_failed_at,
                failing=failing,
                differences=standing.get(one.id, 0),
            )
        )
    return rows


def _facts(element: NetworkElement) -> list[Fact]:
    """How it is set up, of what an operator may set; no secret and no address of a database."""
    record = element.connection
    found = []
    if element.kind == ElementKind.DHCP:
        commands = record.get("cut") == "commands"
        found.append(
            Fact(
                _("结束租约"),
                _("由 Kea 命令结束（lease4-del）") if commands else _("随数据库的更改一起结束"),
            )
        )
        most = record.get("lease_seconds")
        found.append(
            Fact(
                _("租约应不超过"),
                _("%(n)s 秒：断开后机顶盒最迟这么久停止") % {"n": most} if most else _("没有登记"),
            )
        )
    if element.kind == ElementKind.AAA:
        known = record.get("access_servers") or {}
        servers = wording.several(known) if known else _("没有登记：不能断开在线会话")
        found.append(Fact(_("接入服务器"), servers))
    if element.kind == ElementKind.VOICE:
        found.append(Fact(_("SIP 域"), str(record.get("domain") or "—")))
    hours = record.get("reconcile_every")
    if element.kind != ElementKind.OLT:
        text = _("每 %(n)s 小时") % {"n": hours} if hours else _("不自动对账")
        found.append(Fact(_("对账"), text))
    return found


def _carry(actor: Actor, element: NetworkElement) -> CarryPane:
    jobs = transfer.carries(actor, element.key)
    living = any(job.state in LIVING for job in jobs)
    shares = []
    names = org.branch_names(actor)
    if element.kind != ElementKind.OLT:
        for share in carrying.shares(actor=actor, key=element.key):
            shares.append(
                ShareRow(
                    to=share.new.title,
                    to_url=reverse("web:element", args=[share.new.pk]),
                    lines=share.lines,
                    branches=tuple(
                        Fact(names.get(branch, "—"), f"{count:,}")
                        for branch, count in sorted(
                            share.by_branch.items(), key=lambda pair: -pair[1]
                        )
                    ),
                )
            )
    some = carrying.some(actor=actor, key=element.key) if shares else []
    whose = [*some, *(UUID(f["service"]) for job in jobs for f in job.faults)]
    lines = _lines(actor, whose)
    rows = tuple(_job(job, lines) for job in jobs)
    last = next((job for job in jobs if job.kind == carries.LINES), None)
    return CarryPane(
        id=element.pk,
        shares=tuple(shares),
        lines=sum(row.lines for row in shares),
        some=tuple(lines[one] for one in some if one in lines),
        jobs=rows,
        living=living,
        again=last is not None
        and last.state not in LIVING
        and (last.state != JobState.DONE or bool(last.summary.get("faults"))),
    )


def _lines(actor: Actor, ids: list[UUID]) -> dict[UUID, LineRow]:
    looks = reads_customers(actor)
    return {
        view.id: LineRow(
            mask_account(view.account) if view.account else view.title,
            str(view.characteristics.get("circuit_id") or view.title),
            reverse("web:service", args=[view.id]) if looks else "",
        )
        for view in (inventory.services_by_ids(list(dict.fromkeys(ids))) if ids else ())
    }


def _job(job: Job, lines: dict[UUID, LineRow]) -> JobRow:
    state, living = JobState(job.state), job.state in LIVING
    faults = int(job.summary.get("faults", 0))
    tone = _TONES.get(state, "wait")
    stopped = state == JobState.CANCELLED
    return JobRow(
        id=job.pk,
        title=_("试运行") if job.kind == carries.TRIAL else _("割接"),
        who=job.asked_by.name,
        at=job.created_at,
        ended_at=job.ended_at,
        state=_("已停止") if stopped else str(state.label),
        tone="soon" if faults and state == JobState.DONE else tone,
        living=living,
        stopping=living and job.cancel_asked,
        done=job.done,
        total=job.total,
        summary=_summary(job),
        error=wording.read(job.error),
        troubles=tuple(
            LineRow(one.name, wording.read(fault["what"]), one.url)
            for fault in job.faults
            if (one := lines.get(UUID(fault["service"]))) is not None
        ),
        more=max(faults - len(job.faults), 0),
    )


def _summary(job: Job) -> str:
    told = job.summary
    if not told:
        return ""
    if job.kind == carries.TRIAL:
        text = _("原网元仍有 %(n)s 条线路的数据") % {"n": f"{told['held']:,}"}
        away = _("，%(n)s 条没有应答") % {"n": told["silent"]} if told.get("silent") else ""
        return text + away + _("；什么也没有更改。")
    parts = [_("已割接 %(n)s 条") % {"n": f"{told['carried']:,}"}]
    if told.get("left"):
        parts.append(_("%(n)s 条在原网元没有撤下，已成为待办") % {"n": told["left"]})
    if told.get("faults"):
        parts.append(_("%(n)s 条没有办成") % {"n": told["faults"]})
    return wording.several(parts, "；")
