"""Work as figures are made of it: for what something happened, and what was done, many at a time.

For `reporting`, which sees every branch and applies who may see what when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7_at
from kaitong.process.choices import WorkState
from kaitong.process.models import Suspension, WorkItem

_CHANGED = """select distinct coalesce(i.business_id, i.id) as business_id
 from process_history h join process_instance i on i.id = h.instance_id
 where h.id >= %s and h.id < %s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRow:
    """One piece of work that has ended. `again` says that it was sent back here from a later step;
    `business_id` is what it was for, or its instance."""

    id: UUID
    business_id: UUID
    instance_id: UUID
    branch_id: UUID
    node: str
    title: str
    post: str
    state: str
    created_at: datetime
    claimed_at: datetime | None
    completed_at: datetime | None
    completed_by: UUID | None
    due_at: datetime | None
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One line of the ledger of suspensions that counts; one that lasts has no end yet."""

    business_id: UUID
    node: str
    reason: str
    stops_customer: bool
    stops_step: bool
    since: datetime
    until: datetime
    lasts: bool


def changed_since(since: datetime, until: datetime) -> set[UUID]:
    """For what (the business, or the instance itself) a process wrote its history in this stretch
    of real time."""
    rows = db.rows(_CHANGED, [uuid7_at(since), uuid7_at(until)])
    return {row["business_id"] for row in rows}


def work_of(business_ids: Iterable[UUID]) -> list[WorkRow]:
    """All work done or sent back for these, oldest first; one query."""
    ids = list(business_ids)
    rows = WorkItem.objects.filter(
        Q(business_id__in=ids) | Q(business_id=None, instance_id__in=ids)
    ).order_by("id")
    return [
        WorkRow(
            id=item.pk,
            business_id=item.business_id or item.instance_id,
            instance_id=item.instance_id,
            branch_id=item.branch_id,
            node=item.node,
            title=item.title,
            post=item.post,
            state=item.state,
            created_at=item.created_at,
            claimed_at=item.claimed_at,
            completed_at=item.completed_at,
            completed_by=item.completed_by,
            due_at=item.due_at,
            again=bool(item.returned_from),
        )
        for item in rows.exclude(state=WorkState.CANCELLED).defer("due_basis", "alarms")
    ]


def stops_of(business_ids: Iterable[UUID]) -> dict[UUID, list[Stop]]:
    """The ledgers of these, without lines that were put right since; one query."""
    rows = (
        Suspension.objects.filter(workitem__business_id__in=list(business_ids), voided_at=None)
        .order_by("since", "id")
        .select_related("workitem")
        .only(
            "reason_code", "stops_customer", "stops_step", "since", "until_expected", "ended",
            "workitem__business_id", "workitem__node",
        )
    )  # fmt: skip
    found: dict[UUID, list[Stop]] = {}
    for line in rows:
        business = line.workitem.business_id
        assert business is not None
        found.setdefault(business, []).append(
            Stop(
                business_id=business,
                node=line.workitem.node,
                reason=line.reason_code,
                stops_customer=line.stops_customer,
                stops_step=line.stops_step,
                since=line.since,
                until=line.ended or max(line.until_expected, clock_now()),
                lasts=line.ended is None,
            )
        )
    return found
