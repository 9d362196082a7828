"""Reading unmet demand (待装需求): who waits where and why, and how many for planning (BB-17)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.ordering.choices import LIVING_DEMAND, DemandReason, DemandState
from kaitong.ordering.errors import OrderNotFound
from kaitong.ordering.models import Demand
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import queries as places

# Until when a place is planned to be built, as planners ask for it.
PASSED, MONTH, QUARTER, LATER, UNPLANNED = "passed", "month", "quarter", "later", "none"


@dataclass(frozen=True, slots=True)
class DemandFilter:
    """What a list of demand is narrowed by; empty means everything."""

    states: tuple[str, ...] = LIVING_DEMAND
    reason: str = ""
    area: str = ""
    planned: str = ""
    branch_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AreaCount:
    """How many living demands an area has, by reason; for planning."""

    branch_id: UUID
    area: str
    total: int
    by_reason: dict[str, int]
    told: int
    planned: date | None  # the next planned date of an address asked for there
    since: datetime  # who has waited longest


def demand(actor: Actor, demand_id: UUID) -> Demand:
    """One demand; OrderNotFound when absent or another branch's."""
    found = visible_to(Demand.objects.all(), actor).filter(pk=demand_id).first()
    if found is None:
        raise OrderNotFound(_("没有这条需求。"), _("请刷新页面。"))
    return found


def demands(
    actor: Actor, asked: DemandFilter, *, offset: int = 0, limit: int | None = None
) -> tuple[list[Demand], int]:
    """A page of demand in the order of asking, each with its address's `planned_date`; and how
    many there are in all."""
    rows = _rows(actor, asked)
    end = None if limit is None else offset + limit
    return list(rows.order_by("created_at", "pk")[offset:end]), rows.count()


def batches(actor: Actor, asked: DemandFilter, *, size: int = 500) -> Iterator[list[Demand]]:
    """All of it in the order of asking, so many at a time."""
    ids = list(_rows(actor, asked).order_by("created_at", "pk").values_list("pk", flat=True))
    for start in range(0, len(ids), size):
        page = _planned(Demand.objects.filter(pk__in=ids[start : start + size]))
        yield list(page.order_by("created_at", "pk"))


def counts(actor: Actor) -> dict[str, int]:
    """How many demands stand in each state; one query."""
    found = visible_to(Demand.objects.all(), actor).values_list("state").annotate(n=Count("pk"))
    return dict.fromkeys(DemandState.values, 0) | dict(found)


def areas(actor: Actor, asked: DemandFilter) -> list[AreaCount]:
    """Areas with demand, the most wanted first; one query."""
    rows = _rows(actor, asked).values("branch_id", "area")
    found = rows.annotate(
        total=Count("pk"),
        told=Count("pk", filter=Q(state=DemandState.TOLD)),
        next=Min("planned_date"),
        since=Min("created_at"),
        **{reason.name: Count("pk", filter=Q(reason=reason)) for reason in DemandReason},
    )
    return [
        AreaCount(
            branch_id=row["branch_id"],
            area=row["area"],
            total=row["total"],
            by_reason={str(reason): row[reason.name] for reason in DemandReason},
            told=row["told"],
            planned=row["next"],
            since=row["since"],
        )
        for row in found.order_by("-total", "area", "branch_id")
    ]


def area_names(actor: Actor, *, limit: int = 40) -> list[tuple[str, int]]:
    """Areas to choose from, the most wanted first, with how many wait there."""
    rows = visible_to(Demand.objects.filter(state__in=LIVING_DEMAND), actor).exclude(area="")
    found = rows.values_list("area").annotate(n=Count("pk")).order_by("-n", "area")
    return list(found[:limit])


# ---- inside --------------------------------------------------------------------------------------


def _planned(rows: QuerySet[Demand]) -> QuerySet[Demand]:
    return rows.annotate(planned_date=places.planned_of("address_id"))


def _rows(actor: Actor, asked: DemandFilter) -> QuerySet[Demand]:
    rows = _planned(visible_to(Demand.objects.all(), actor).filter(state__in=asked.states))
    if asked.reason:
        rows = rows.filter(reason=asked.reason)
    if asked.area:
        rows = rows.filter(area=asked.area)
    if asked.branch_id is not None:
        rows = rows.filter(branch_id=asked.branch_id)
    today = timezone.localdate(now())
    month, quarter = today + timedelta(days=30), today + timedelta(days=90)
    match asked.planned:
        case "passed":
            return rows.filter(planned_date__lt=today)
        case "month":
            return rows.filter(planned_date__gte=today, planned_date__lte=month)
        case "quarter":
            return rows.filter(planned_date__gt=month, planned_date__lte=quarter)
        case "later":
            return rows.filter(planned_date__gt=quarter)
        case "none":
            return rows.filter(planned_date=None)
    return rows
