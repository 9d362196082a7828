"""对账: what an AAA server holds beside the services in operation, and putting it right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.activation import differences, reconciling
from kaitong.activation.choices import DifferenceKind
from kaitong.activation.models import Difference
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.web import format as fmt
from kaitong.web.access import reads_customers
from kaitong.web.pages.parts import (
    Empty,
    Filter,
    Pager,
    Tab,
    branch_asked,
    choose,
    of_branch,
    page_number,
)

PAGE = 50
TONES = {
    DifferenceKind.MISSING: "late",
    DifferenceKind.EXTRA: "soon",
    DifferenceKind.DIFFERENT: "you",
}


@dataclass(frozen=True, slots=True)
class Side:
    """A field and what each side says of it."""

    name: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    id: UUID
    url: str
    account: str
    kind: str
    tone: str
    element: str
    sides: tuple[Side, ...]
    since: datetime
    seen_at: datetime
    closed_at: datetime | None
    closed: str  # how, and by whom
    line_url: str
    work_url: str


@dataclass(frozen=True, slots=True)
class ListPage:
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[DifferenceRow, ...]
    total: int
    pager: Pager
    empty: Empty
    ended: bool
    run_at: datetime | None
    compared: int


@dataclass(frozen=True, slots=True)
class DifferencePage:
    row: DifferenceRow
    resend: bool
    remove: bool
    seen: str
    fault: str = ""


def list_page(actor: Actor, query: QueryDict) -> ListPage:
    """Constant queries. Raises Forbidden for who may not read them."""
    differences.require_reader(actor)
    ended = query.get("tab") == "ended"
    kind = query.get("kind", "")
    kind = kind if kind in DifferenceKind.values else ""
    branches = org.branch_names(actor)
    number = page_number(query)
    found, total = differences.differences(
        actor,
        kind=kind,
        closed=ended,
        branch_id=branch_asked(query, branches),
        offset=(number - 1) * PAGE,
        limit=PAGE,
    )
    kinds = [(str(k), str(k.label)) for k in DifferenceKind]
    run = differences.last_run(actor)
    return ListPage(
        tabs=(
            Tab("open", _("待处理"), None if ended else total, not ended),
            Tab("ended", _("已一致"), None, ended),
        ),
        filters=(
            choose(query, "kind", _("类别"), kinds, everything=_("全部")),
            *of_branch(query, branches),
        ),
        rows=tuple(_rows(actor, found)),
        total=total,
        pager=Pager(number, PAGE, total),
        empty=Empty(
            "circle-check", _("没有差异"), _("认证系统和在用服务两边不一致的账号列在这里。")
        ),
        ended=ended,
        run_at=run.ended_at if run else None,
        compared=run.compared if run else 0,
    )


def difference_page(actor: Actor, difference_id: UUID, *, fault: str = "") -> DifferencePage:
    row = differences.difference(actor, difference_id)
    standing = row.closed_at is None
    extra = row.kind == DifferenceKind.EXTRA
    return DifferencePage(
        row=_rows(actor, [row])[0],
        resend=standing and not extra,
        remove=standing and extra,
        seen=reconciling.fingerprint(row),
        fault=fault,
    )


# ---- inside --------------------------------------------------------------------------------------


def _rows(actor: Actor, found: list[Difference]) -> list[DifferenceRow]:
    work = differences.work_of(actor, found)
    names = org.staff_names([row.closed_by for row in found])
    looks = reads_customers(actor)
    return [
        DifferenceRow(
            id=row.pk,
            url=reverse("web:difference", args=[row.pk]),
            account=reconciling.called(row),
            kind=str(DifferenceKind(row.kind).label),
            tone=TONES[DifferenceKind(row.kind)],
            element=row.element.title,
            sides=tuple(_sides(row)),
            since=row.created_at,
            seen_at=row.seen_at,
            closed_at=row.closed_at,
            closed=_closed(row, names),
            line_url=reverse("web:service", args=[row.service_id])
            if row.service_id and looks
            else "",
            work_url=f"{reverse('web:workbench')}?item={work[row.pk]}" if row.pk in work else "",
        )
        for row in found
    ]


def _sides(row: Difference) -> list[Side]:
    """Both sides of each field; of a password only that they are unlike."""
    nothing = _("没有")
    name = _("线路") if "circuit" in row.fields else _("账号")
    if row.kind == DifferenceKind.MISSING:
        return [Side(name, _("服务在用"), nothing)]
    if row.kind == DifferenceKind.EXTRA and "circuit" in row.fields:
        found = [Side(name, _("没有服务使用"), str(row.fields["circuit"][1]))]
        if "lease" in row.fields:
            held = str(row.fields["lease"][1])
            found.append(Side(_("机顶盒地址"), _("不应持有"), held))
        return found
    if row.kind == DifferenceKind.EXTRA:
        groups = str(row.fields.get("groups", ["", ""])[1])
        return [Side(_("账号"), _("没有服务使用"), groups or _("有，没有套餐"))]
    words = {
        "state": _("状态"),
        "plan": _("套餐"),
        "password": _("密码"),
        "circuit": name,
        "lease": _("机顶盒地址"),
    }
    told = []
    for field, (ours, theirs) in row.fields.items():
        if ours and ours == theirs:  # told only because people know the line by it
            continue
        if field == "password":
            ours = theirs = _("不显示，两边不同")
        elif field == "lease":
            ours = _("不应持有")
        elif field == "state":
            ours, theirs = (_("正常") if one == "open" else one for one in (ours, theirs))
        told.append(Side(words.get(field, field), ours or nothing, theirs or nothing))
    return told


def _closed(row: Difference, names: dict[UUID, str]) -> str:
    if row.closed_at is None:
        return ""
    how = {"gone": _("自行一致"), "resent": _("已重发"), "removed": _("已从网元撤下")}
    who = names.get(row.closed_by, "") if row.closed_by else ""
    return fmt.mark("，").join(filter(None, (how.get(row.closed_how, row.closed_how), who)))
