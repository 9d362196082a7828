"""待装需求: who waits for coverage, where and why, and how many in each area for planning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.catalog.models import Offering
from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.inventory import queries as inventory
from kaitong.ordering import demand_queries as reading
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import LIVING_DEMAND, DemandReason, DemandState
from kaitong.ordering.demand_queries import AreaCount, DemandFilter
from kaitong.ordering.models import Demand
from kaitong.org.actor import Actor
from kaitong.org.queries import branch_names
from kaitong.party import queries as parties
from kaitong.party.queries import Summary
from kaitong.places import queries as places
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

PAGE_SIZE = 50
CLERK = "clerk"
AREAS = "areas"
_TABS = {
    "waiting": (DemandState.WAITING.value,),
    "told": (DemandState.TOLD.value,),
    "served": (DemandState.SERVED.value,),
    "withdrawn": (DemandState.WITHDRAWN.value,),
    AREAS: LIVING_DEMAND,
}


@dataclass(frozen=True, slots=True)
class DemandRow:
    id: UUID
    number: str
    order_id: UUID | None
    customer: str
    phone: str
    address: str
    address_full: str
    area: str
    product: str
    reason: str
    planned: date | None
    overdue: bool  # the planned date has passed
    asked: datetime
    days: int
    told: datetime | None
    until: datetime | None
    lapsed: bool  # he was told and did not come in time
    ended: str  # why withdrawn, or by which order served
    served_id: UUID | None
    free: bool  # a port is free there now
    begin: bool  # may be taken in with one click
    withdraw: bool


@dataclass(frozen=True, slots=True)
class AreaRow:
    area: str
    branch: str
    total: int
    told: int
    reasons: tuple[tuple[str, int], ...]  # why, and how many
    planned: date | None
    overdue: bool
    since: datetime
    days: int
    url: str


@dataclass(frozen=True, slots=True)
class DemandPage:
    tab: str
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[DemandRow, ...]
    areas: tuple[AreaRow, ...]
    reasons: tuple[str, ...]
    total: int
    pager: Pager
    empty: Empty
    at: datetime
    fault: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawDemand:
    """The dialog in which a demand is withdrawn."""

    id: UUID
    customer: str
    address: str
    reason: str = ""
    error: str = ""
    fault: str = ""


def asked_of(actor: Actor, query: QueryDict) -> tuple[str, DemandFilter]:
    """The tab and what it is narrowed by, from the page's address."""
    tab = query.get("tab", "")
    tab = tab if tab in _TABS else "waiting"
    reason, planned = query.get("reason", ""), query.get("planned", "")
    return tab, DemandFilter(
        states=_TABS[tab],
        reason=reason if reason in DemandReason.values else "",
        area=query.get("area", "")[:120],
        planned=planned if planned in _planned() else "",
        branch_id=branch_asked(query, branch_names(actor)),
    )


def page(actor: Actor, query: QueryDict, *, fault: str = "") -> DemandPage:
    tab, asked = asked_of(actor, query)
    number, moment = page_number(query), clock_now()
    counts, branches = reading.counts(actor), branch_names(actor)
    labels = {
        "waiting": _("等待覆盖"),
        "told": _("已通知可办"),
        "served": _("已成订单"),
        "withdrawn": _("已撤销"),
        AREAS: _("按区域"),
    }
    rows: tuple[DemandRow, ...] = ()
    areas: tuple[AreaRow, ...] = ()
    if tab == AREAS:
        found = reading.areas(actor, asked)
        total = len(found)
        shown = found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        areas = tuple(_area(one, branches, moment, query) for one in shown)
    else:
        page_rows, total = reading.demands(
            actor, asked, offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
        )
        rows = _rows(actor, page_rows, moment)
    open_tabs = ("waiting", "told")
    return DemandPage(
        tab=tab,
        tabs=tuple(
            Tab(key, label, counts[_TABS[key][0]] if key in open_tabs else None, key == tab)
            for key, label in labels.items()
        ),
        filters=_filters(actor, query, branches),
        rows=rows,
        areas=areas,
        reasons=tuple(str(reason.label) for reason in DemandReason),
        total=total,
        pager=Pager(number, PAGE_SIZE, total),
        empty=_empty(tab, bool(asked.reason or asked.area or asked.planned or asked.branch_id)),
        at=moment,
        fault=fault,
    )


def withdrawing(
    actor: Actor, demand_id: UUID, *, reason: str = "", error: str = "", fault: str = ""
) -> WithdrawDemand:
    row = reading.demand(actor, demand_id)
    people = parties.summaries([row.party_id] if row.party_id else [])
    known = people.get(row.party_id) if row.party_id else None
    name = known.name if known else ""
    return WithdrawDemand(row.pk, name, row.address_text, reason, error, fault)


# ---- inside --------------------------------------------------------------------------------------


def _planned() -> dict[str, str]:
    return {
        reading.PASSED: _("已过计划日期"),
        reading.MONTH: _("30 天内"),
        reading.QUARTER: _("31 至 90 天"),
        reading.LATER: _("90 天以后"),
        reading.UNPLANNED: _("没有计划"),
    }


def _filters(actor: Actor, query: QueryDict, branches: Mapping[UUID, str]) -> tuple[Filter, ...]:
    return (
        choose(
            query,
            "reason",
            _("原因"),
            [(str(one), str(one.label)) for one in DemandReason],
            everything=_("全部"),
        ),
        choose(
            query,
            "area",
            _("区域"),
            [(area, area, count) for area, count in reading.area_names(actor)],
            everything=_("全部"),
        ),
        choose(query, "planned", _("计划日期"), list(_planned().items()), everything=_("全部")),
        *of_branch(query, branches),
    )


def _rows(actor: Actor, found: list[Demand], moment: datetime) -> tuple[DemandRow, ...]:
    people = parties.summaries({row.party_id for row in found if row.party_id})
    spots = places.short_texts({row.address_id for row in found})
    offered = catalog.offerings({row.offering for row in found if row.offering})
    wanted = {i for row in found for i in (row.order_id, row.served_order_id) if i}
    numbers = numbers_of(actor, wanted)
    living = {row.address_id for row in found if row.address_id and row.state in LIVING_DEMAND}
    boxes = inventory.free_boxes(living)
    today = timezone.localdate(moment)
    clerk = actor.has_post(CLERK)
    return tuple(
        _row(row, people, spots, offered, numbers, row.address_id in boxes, today, moment, clerk)
        for row in found
    )


def numbers_of(actor: Actor, order_ids: set[UUID]) -> dict[UUID, str]:
    """Order numbers for a list; two queries."""
    return {row.pk: row.number or "" for row in ordering.by_ids(actor, order_ids)}


def _row(
    row: Demand,
    people: Mapping[UUID, Summary],
    spots: Mapping[UUID, str],
    offered: Mapping[str, Offering],
    numbers: Mapping[UUID, str],
    free: bool,
    today: date,
    moment: datetime,
    clerk: bool,
) -> DemandRow:
    known = people.get(row.party_id) if row.party_id else None
    planned: date | None = getattr(row, "planned_date", None)
    living = row.state in LIVING_DEMAND
    ended = row.ended_reason
    if row.served_order_id:
        ended = numbers.get(row.served_order_id, "")
    lapsed = row.state == DemandState.TOLD and (row.told_until or moment) <= moment
    return DemandRow(
        id=row.pk,
        number=numbers.get(row.order_id, "") if row.order_id else "",
        order_id=row.order_id,
        customer=known.name if known else "",
        phone=known.phone if known else "",
        address=(spots.get(row.address_id, "") if row.address_id else "") or row.address_text,
        address_full=row.address_text,
        area=row.area,
        product=product_of(row, offered),
        reason=str(DemandReason(row.reason).label),
        planned=planned,
        overdue=living and planned is not None and planned < today,
        asked=row.created_at,
        days=((row.ended_at or moment) - row.created_at).days,
        told=row.told_at,
        until=row.told_until,
        lapsed=lapsed,
        ended=ended,
        served_id=row.served_order_id,
        free=free,
        begin=clerk and living and free,
        withdraw=clerk and living,
    )


def product_of(row: Demand, offered: Mapping[str, Offering]) -> str:
    entry = offered.get(row.offering)
    if entry is None:
        return row.offering
    english = wording.english()
    return (entry.title_en if english else "") or entry.title


def _area(
    one: AreaCount, branches: Mapping[UUID, str], moment: datetime, query: QueryDict
) -> AreaRow:
    link = QueryDict(mutable=True)
    link["area"] = one.area
    if one.told == one.total:
        link["tab"] = "told"
    if query.get("planned"):
        link["planned"] = query["planned"]
    return AreaRow(
        area=one.area,
        branch=branches.get(one.branch_id, "") if len(branches) > 1 else "",
        total=one.total,
        told=one.told,
        reasons=tuple((str(one_.label), one.by_reason[str(one_)]) for one_ in DemandReason),
        planned=one.planned,
        overdue=one.planned is not None and one.planned < timezone.localdate(moment),
        since=one.since,
        days=(moment - one.since).days,
        url=f"{reverse('web:demands')}?{link.urlencode()}",
    )


def _empty(tab: str, filtered: bool) -> Empty:
    home = reverse("web:demands")
    if filtered:
        return Empty(
            "filter-off",
            _("没有符合的需求"),
            _("筛选条件挡住了其余的需求。"),
            f"{home}?tab={tab}",
            _("清除全部条件"),
        )
    texts = {
        "waiting": (_("没有等待覆盖的需求"), _("受理时不能开通的地址，登记的需求列在这里。")),
        "told": (_("没有已通知的需求"), _("有了端口，按登记先后通知客户，并列在这里。")),
        "served": (_("还没有受理的需求"), _("待装客户受理成订单后列在这里。")),
        "withdrawn": (_("没有撤销的需求"), _("客户不再需要的列在这里，不再通知。")),
        AREAS: (_("没有待装需求"), _("各区域等着开通的户数和原因列在这里，供规划用。")),
    }
    title, text = texts[tab]
    return Empty("inbox", title, text)
