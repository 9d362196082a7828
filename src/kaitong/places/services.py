"""Verbs of places: adding regions and addresses in bulk, and saying what is covered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.rows import Mode, Put, RowFault
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import text
from kaitong.places.bulk import AddressRow, RegionIndex, put_addresses, region_index
from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.models import Address, Region

__all__ = [
    "Added",
    "AddressRow",
    "RegionIndex",
    "RegionRow",
    "add_addresses",
    "add_regions",
    "put_addresses",
    "put_regions",
    "region_index",
    "set_coverage",
]
_LONGEST_CODE = Region._meta.get_field("code").max_length or 0
_LONGEST_NAME = Region._meta.get_field("name").max_length or 0


@dataclass(frozen=True, slots=True)
class RegionRow:
    """One region to add; `parent_code` is empty for a province."""

    code: str
    name: str
    level: int
    parent_code: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """How many rows were new, and how many stood there already."""

    added: int
    existing: int


def add_regions(*, actor: Actor, rows: Sequence[RegionRow]) -> Added:
    """Add regions, parents before or after children; a known code takes the new name.

    Raises BadInput listing every region whose parent is unknown or not above it.
    """
    put = put_regions(actor=actor, rows=rows)
    return Added(put.added, put.changed + put.same)


@transaction.atomic
def put_regions(*, actor: Actor, rows: Sequence[RegionRow], mode: Mode = Mode.ALL) -> Put:
    """Add regions, parents before or after children; a known code takes the new name.

    `mode` says what becomes of rows with faults; nothing below a refused region is written.
    """
    db.execute("SELECT pg_advisory_xact_lock(hashtext('regions'))")
    known = {r.code: r for r in Region.objects.filter(code__in=_codes(rows))}
    before = {code: (r.name, r.level, r.path) for code, r in known.items()}
    faults: list[RowFault] = []
    first: dict[str, int] = {}
    for number, row in _by_level(rows):
        parent = known.get(row.parent_code) if row.parent_code else None
        if (
            row.level not in Level.values
            or not 0 < len(row.code) <= _LONGEST_CODE
            or not 0 < len(row.name.strip()) <= _LONGEST_NAME
        ):
            faults.append(RowFault(number, "code", _("区划要有代码、名称和级别（1 至 9）。")))
            continue
        if (twin := first.setdefault(row.code, number)) != number:
            faults.append(RowFault(number, "code", _("代码重复。"), _("只留一行。"), twin))
            continue
        if (parent is None) != (row.level == Level.PROVINCE) or (
            parent is not None and parent.level >= row.level
        ):
            faults.append(
                RowFault(
                    number,
                    "parent_code",
                    _("%(name)s 的上级区划 %(parent)s 不存在或级别不对。")
                    % {"name": row.name, "parent": row.parent_code or "-"},
                    _("先导入上级区划。"),
                )
            )
            continue
        region = known.get(row.code) or Region(code=row.code)
        region.name, region.level, region.parent = row.name.strip(), row.level, parent
        region.path = f"{parent.path}.{row.code}" if parent else row.code
        region.full_name = (parent.full_name if parent else "") + region.name
        region.sort_key = text.sorting_key(region.name)
        region.initials = text.initials(region.name)
        known[row.code] = region
    faults.sort(key=lambda fault: fault.row)
    write = mode.writes(faults)
    bad = {fault.row for fault in faults}
    good = [known[row.code] for number, row in _by_level(rows) if number not in bad]
    new = [region for region in good if region.code not in before]
    changed = [
        region
        for region in good
        if before.get(region.code, (region.name, region.level, region.path))
        != (region.name, region.level, region.path)
    ]
    if write:
        Region.objects.bulk_create(
            [*new, *changed],
            batch_size=1000,
            update_conflicts=True,
            unique_fields=["code"],
            update_fields=["name", "level", "parent", "path", "full_name", "sort_key", "initials"],
        )
    same = len(good) - len(new) - len(changed)
    return Put(len(new), len(changed), same, tuple(faults))


def _codes(rows: Sequence[RegionRow]) -> set[str]:
    return {row.code for row in rows} | {row.parent_code for row in rows if row.parent_code}


def _by_level(rows: Sequence[RegionRow]) -> list[tuple[int, RegionRow]]:
    return sorted(enumerate(rows), key=lambda pair: (pair[1].level, pair[0]))


def add_addresses(*, actor: Actor, branch_id: UUID, rows: Iterable[AddressRow]) -> Added:
    """Add addresses in bulk; one that stands there already is left as it is.

    All rows or none: raises BadInput with every fault by row and column. `put_addresses` also
    changes what differs.
    """
    put = put_addresses(actor=actor, branch_id=branch_id, rows=rows, update=False)
    return Added(put.added, put.same)


@transaction.atomic
def set_coverage(
    *,
    actor: Actor,
    address_ids: Iterable[UUID],
    status: str,
    planned_date: date | None = None,
    reason: str = "",
    only_from: Collection[str] = tuple(CoverageStatus.values),
) -> int:
    """Say for addresses whether the access network reaches them; how many were changed.

    Only those in a status of `only_from` are touched. Inventory calls this when it assigns a box;
    the resource post for 规划中 and 物业不允许进入.
    """
    if status not in CoverageStatus.values:
        raise BadInput(
            [InputFault("status", _("不认识的覆盖状态 %(status)s。") % {"status": status})]
        )
    if status == CoverageStatus.PLANNED and planned_date is None:
        raise BadInput([InputFault("planned_date", _("规划中的地址要有计划日期。"))])
    if status != CoverageStatus.PLANNED:
        planned_date = None
    wanted = list(address_ids)
    changed = (
        visible_to(Address.objects.filter(pk__in=wanted, coverage__in=only_from), actor)
        .exclude(coverage=status, planned_date=planned_date, coverage_reason=reason)
        .update(coverage=status, planned_date=planned_date, coverage_reason=reason)
    )
    if changed:
        audit.record(
            "coverage-set",
            actor_id=actor.id,
            subject_type="places.address",
            subject_id=wanted[0] if len(wanted) == 1 else None,
            branch_id=actor.branch_id,
            data={"status": status, "count": changed, "reason": reason},
        )
    return changed
