"""Verbs of places: adding regions and addresses in bulk, and saying what is covered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import text
from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.models import LEVEL_FIELDS, Address, Region, names_a_place

# From this many rows on the planner needs fresh statistics to choose the index.
_ANALYZE_FROM = 500
_SEEN_FAULTS = 200

_LONGEST = {name: getattr(Address._meta.get_field(name), "max_length", 0) for name in LEVEL_FIELDS}

RegionIndex = dict[tuple[str, ...], UUID]


@dataclass(frozen=True, slots=True)
class RegionRow:
    """One region to add; `parent_code` is empty for a province."""

    code: str
    name: str
    level: int
    parent_code: str = ""


@dataclass(frozen=True, slots=True)
class AddressRow:
    """One standard address to add, by its nine levels; the first four must name known regions."""

    province: str
    city: str
    county: str
    township: str
    road: str = ""
    estate: str = ""
    building: str = ""
    unit: str = ""
    room: str = ""
    code: str = ""
    coverage: str = CoverageStatus.NONE
    planned_date: date | None = None
    coverage_reason: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """How many rows were new, and how many stood there already."""

    added: int
    existing: int


@transaction.atomic
def add_regions(*, actor: Actor, rows: Sequence[RegionRow]) -> Added:
    """Add regions, parents before or after children; a known code takes the new name.

    Raises BadInput listing every region whose parent is unknown or not above it.
    """
    known = {r.code: r for r in Region.objects.filter(code__in=_codes(rows))}
    faults: list[InputFault] = []
    added = 0
    for number, row in _by_level(rows):
        parent = known.get(row.parent_code) if row.parent_code else None
        if row.level not in Level.values or not row.code or not row.name.strip():
            faults.append(InputFault(f"rows[{number}]", _("区划要有代码、名称和级别（1 至 9）。")))
            continue
        if (parent is None) != (row.level == Level.PROVINCE) or (
            parent is not None and parent.level >= row.level
        ):
            faults.append(
                InputFault(
                    f"rows[{number}].parent_code",
                    _("%(name)s 的上级区划 %(parent)s 不存在或级别不对。")
                    % {"name": row.name, "parent": row.parent_code or "-"},
                    _("先导入上级区划。"),
                )
            )
            continue
        region = known.get(row.code)
        if region is None:
            region = Region(code=row.code)
            added += 1
        region.name, region.level, region.parent = row.name.strip(), row.level, parent
        region.path = f"{parent.path}.{row.code}" if parent else row.code
        region.full_name = (parent.full_name if parent else "") + region.name
        region.sort_key = text.sorting_key(region.name)
        region.initials = text.initials(region.name)
        known[row.code] = region
    if faults:
        raise BadInput(faults)
    changed = [known[row.code] for _number, row in _by_level(rows)]
    Region.objects.bulk_create(
        changed,
        batch_size=1000,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["name", "level", "parent", "path", "full_name", "sort_key", "initials"],
    )
    return Added(added, len(changed) - added)


def _codes(rows: Sequence[RegionRow]) -> set[str]:
    return {row.code for row in rows} | {row.parent_code for row in rows if row.parent_code}


def _by_level(rows: Sequence[RegionRow]) -> list[tuple[int, RegionRow]]:
    return sorted(enumerate(rows), key=lambda pair: (pair[1].level, pair[0]))


_COPIED = (
    "id",
    "created_at",
    "ext",
    "branch_id",
    "region_id",
    "code",
    *LEVEL_FIELDS,
    "full_text",
    "short_text",
    "initials",
    "numbers",
    "sort_key",
    "grams",
    "coverage",
    "planned_date",
    "coverage_reason",
)


def check_rows(rows: Iterable[AddressRow], regions: RegionIndex) -> list[InputFault]:
    """Every fault of address rows, named `rows[N].column`; N counts from 0."""
    faults: list[InputFault] = []
    for number, row in enumerate(rows):
        where = f"rows[{number}]"
        if (row.province, row.city, row.county, row.township) not in regions:
            named = row.province + row.city + row.county + row.township
            faults.append(
                InputFault(
                    f"{where}.township",
                    _("没有区划 %(named)s。") % {"named": named},
                    _("先导入区划，或改正名称。"),
                )
            )
        if not any((row.road, row.estate, row.building, row.unit, row.room)):
            faults.append(
                InputFault(f"{where}.road", _("乡镇以下没有内容。"), _("至少填到村或门牌号。"))
            )
        if row.coverage not in CoverageStatus.values:
            faults.append(
                InputFault(
                    f"{where}.coverage",
                    _("不认识的覆盖状态 %(coverage)s。") % {"coverage": row.coverage},
                    _("可用：%(list)s。") % {"list": "、".join(CoverageStatus.values)},
                )
            )
        if row.coverage == CoverageStatus.PLANNED and row.planned_date is None:
            faults.append(
                InputFault(
                    f"{where}.planned_date", _("规划中的地址要有计划日期。"), _("填计划日期。")
                )
            )
        for field, longest in _LONGEST.items():
            if len(getattr(row, field)) > longest:
                faults.append(InputFault(f"{where}.{field}", _("文字过长。"), _("缩短后再导入。")))
        if len(faults) >= _SEEN_FAULTS:
            break
    return faults


def region_index() -> RegionIndex:
    """Township identifiers by the names of their four levels."""
    names: dict[str, str] = {}
    found: RegionIndex = {}
    for region_id, code, name, level, path in Region.objects.filter(
        level__lte=Level.TOWNSHIP
    ).values_list("id", "code", "name", "level", "path"):
        names[code] = name
        if level == Level.TOWNSHIP:
            found[tuple(path.split("."))] = region_id
    return {tuple(names[code] for code in path): i for path, i in found.items()}


@transaction.atomic
def add_addresses(*, actor: Actor, branch_id: UUID, rows: Iterable[AddressRow]) -> Added:
    """Add addresses in bulk; one that stands there already is left as it is.

    All rows or none: raises BadInput with every fault (at most 200) by row and column. Goes through
    COPY, so that 100,000 rows take seconds.
    """
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司添加地址。"), field="branch_id")
    listed = [_tidy(row) for row in rows]
    regions = region_index()
    faults = check_rows(listed, regions)
    if faults:
        raise BadInput(faults)
    columns = ", ".join(_COPIED)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS places_incoming")
        cursor.execute(
            "CREATE TEMPORARY TABLE places_incoming ON COMMIT DROP AS "
            f"SELECT {columns} FROM places_address WITH NO DATA"
        )
        with cursor.copy(f"COPY places_incoming ({columns}) FROM STDIN") as copy:
            for row in listed:
                copy.write_row(_record(row, branch_id, regions))
        cursor.execute(
            f"INSERT INTO places_address ({columns}) SELECT {columns} FROM places_incoming "
            "ORDER BY sort_key ON CONFLICT DO NOTHING"
        )
        added = cursor.rowcount
        cursor.execute("DROP TABLE places_incoming")
        if added >= _ANALYZE_FROM:
            cursor.execute("ANALYZE places_address")
    audit.record(
        "addresses-added",
        actor_id=actor.id,
        subject_type="places.address",
        subject_id=None,
        branch_id=branch_id,
        data={"added": added, "existing": len(listed) - added},
    )
    return Added(added, len(listed) - added)


def _tidy(row: AddressRow) -> AddressRow:
    return AddressRow(
        **{f: str(getattr(row, f)).strip() for f in (*LEVEL_FIELDS, "code", "coverage_reason")},
        coverage=row.coverage,
        planned_date=row.planned_date,
    )


def _record(row: AddressRow, branch_id: UUID, regions: RegionIndex) -> list[Any]:
    levels = [getattr(row, field) for field in LEVEL_FIELDS]
    house = "".join(levels[6:])
    place = "".join(levels[3:6])
    named = row.estate if names_a_place(row.estate) else row.road + row.estate
    short = f"{named} {house}".strip()
    return [
        uuid7(),
        now(),
        "{}",
        branch_id,
        regions[(row.province, row.city, row.county, row.township)],
        row.code,
        *levels,
        "".join(levels),
        short,
        # Cached by piece: thousands of rooms share an estate.
        "".join(text.initials(level) for level in levels[3:] if level),
        text.number_path(place + "," + house),
        " ".join(text.sorting_key(level) for level in levels[3:] if level),
        text.address_tokens(place, house),
        row.coverage,
        row.planned_date,
        row.coverage_reason,
    ]


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
