"""Addresses by the hundred thousand: checked as a set, written by COPY, changed where they differ.

An address is known by the operator's own code, else by its text. Bringing the same rows in again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db, wording
from kaitong.core.clock import now
from kaitong.core.errors import Forbidden
from kaitong.core.ids import uuid7
from kaitong.core.rows import Mode, Put, RowFault, Tick, copy_in, silent
from kaitong.org.actor import Actor
from kaitong.places import text
from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.models import LEVEL_FIELDS, Address, Region, names_a_place

# From this many rows on the planner needs fresh statistics to choose the index.
ANALYZE_FROM = 500

_LONGEST = {
    name: getattr(Address._meta.get_field(name), "max_length", 0) or 0
    for name in (*LEVEL_FIELDS, "code", "coverage_reason")
}

_LONGEST_KEY = Address._meta.get_field("sort_key").max_length or 0
_LONGEST_NUMBERS = Address._meta.get_field("numbers").max_length or 0

_STATUSES = frozenset(CoverageStatus.values)
RegionIndex = dict[tuple[str, ...], UUID]


@dataclass(frozen=True, slots=True)
class AddressRow:
    """One standard address, by its nine levels; the first four must name known regions.

    `coverage` empty says nothing: a new address is 未覆盖, a known one keeps what it has.
    """

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

    @property
    def full_text(self) -> str:
        return "".join(getattr(self, field) for field in LEVEL_FIELDS)


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
_CHANGED = tuple(c for c in _COPIED if c not in ("id", "created_at", "ext", "branch_id"))


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


def tidy(row: AddressRow) -> AddressRow:
    """The row without blanks around its texts."""
    texts = {
        field: str(getattr(row, field)).strip()
        for field in (*LEVEL_FIELDS, "code", "coverage_reason")
    }
    return AddressRow(**texts, coverage=row.coverage, planned_date=row.planned_date)


@dataclass(frozen=True, slots=True)
class _Known:
    """An address of the branch that a row may mean."""

    id: UUID
    full_text: str
    code: str
    coverage: str
    planned_date: date | None
    coverage_reason: str


@transaction.atomic
def put_addresses(
    *,
    actor: Actor,
    branch_id: UUID,
    rows: Iterable[AddressRow],
    mode: Mode = Mode.ALL,
    update: bool = True,
    tick: Tick = silent,
) -> Put:
    """Add addresses, and change those known by code or text where they differ.

    `mode` says what becomes of rows with faults. With `update` off an address that stands there
    stays as it is. Imports of one branch take turns.
    """
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司添加地址。"), field="branch_id")
    db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"addresses:{branch_id}"])
    listed = [tidy(row) for row in rows]
    texts = [row.full_text for row in listed]
    regions = region_index()
    faults = [*_alone(listed, regions), *_twins(listed, texts)]
    by_text, by_code = _known(branch_id, listed, texts)
    if update:
        faults += _against_known(listed, texts, by_text, by_code)
    faults.sort(key=lambda fault: fault.row)
    write = mode.writes(faults)
    bad = {fault.row for fault in faults}
    new: list[AddressRow] = []
    changes: list[tuple[UUID, AddressRow]] = []
    same = 0
    for number, row in enumerate(listed):
        if number in bad:
            continue
        known = by_text.get(texts[number]) or by_code.get(row.code)
        if known is None:
            new.append(row)
        elif update and (wanted := _difference(known, row, texts[number])) is not None:
            changes.append((known.id, wanted))
        else:
            same += 1
    if write:
        _insert(new, branch_id, regions, tick)
        _update(changes, branch_id, regions)
        if new or changes:
            audit.record(
                "addresses-added",
                actor_id=actor.id,
                subject_type="places.address",
                subject_id=None,
                branch_id=branch_id,
                data={"added": len(new), "changed": len(changes), "existing": same},
            )
    return Put(len(new), len(changes), same, tuple(faults))


def _alone(rows: Sequence[AddressRow], regions: RegionIndex) -> Iterator[RowFault]:
    """Faults of each row by itself."""
    for number, row in enumerate(rows):
        if (row.province, row.city, row.county, row.township) not in regions:
            named = row.province + row.city + row.county + row.township
            yield RowFault(
                number,
                "township",
                _("没有区划 %(named)s。") % {"named": named},
                _("先导入区划，或改正名称。"),
            )
        if not any((row.road, row.estate, row.building, row.unit, row.room)):
            yield RowFault(number, "road", _("乡镇以下没有内容。"), _("至少填到村或门牌号。"))
        if row.coverage and row.coverage not in _STATUSES:
            yield RowFault(
                number,
                "coverage",
                _("不认识的覆盖状态 %(coverage)s。") % {"coverage": row.coverage},
                _("可用：%(list)s。") % {"list": wording.several(CoverageStatus.values)},
            )
        if row.coverage == CoverageStatus.PLANNED and row.planned_date is None:
            yield RowFault(
                number, "planned_date", _("规划中的地址要有计划日期。"), _("填计划日期。")
            )
        for field, longest in _LONGEST.items():
            if len(getattr(row, field)) > longest:
                yield RowFault(
                    number,
                    field,
                    _("文字过长，最多 %(longest)s 字。") % {"longest": longest},
                    _("缩短后再导入。"),
                )
                break
        else:
            if too_long_to_sort(row):
                yield RowFault(
                    number, "estate", _("整个地址过长。"), _("缩短道路、小区或楼栋的名称。")
                )


def too_long_to_sort(row: AddressRow) -> bool:
    """Whether the sorting key, in pinyin, outgrows its column."""
    levels = [level for level in (getattr(row, field) for field in LEVEL_FIELDS[3:]) if level]
    return sum(map(len, levels)) > 50 and (
        len(" ".join(text.sorting_key(level) for level in levels)) > _LONGEST_KEY
        or len(text.number_path("".join(levels))) > _LONGEST_NUMBERS
    )


def _twins(rows: Sequence[AddressRow], texts: Sequence[str]) -> Iterator[RowFault]:
    """Rows that say the same address or code as one before them."""
    first_text: dict[str, int] = {}
    first_code: dict[str, int] = {}
    for number, row in enumerate(rows):
        twin = first_text.setdefault(texts[number], number)
        if twin != number:
            yield RowFault(number, "room", _("地址重复。"), _("只留一行。"), twin)
            continue
        if row.code and (twin := first_code.setdefault(row.code, number)) != number:
            yield RowFault(
                number,
                "code",
                _("编码 %(code)s 重复。") % {"code": row.code},
                _("每个地址一个编码。"),
                twin,
            )


_KNOWN = """
SELECT id, full_text, code, coverage, planned_date, coverage_reason FROM places_address
WHERE branch_id = %s AND full_text = ANY(%s)
UNION
SELECT id, full_text, code, coverage, planned_date, coverage_reason FROM places_address
WHERE branch_id = %s AND code = ANY(%s) AND code <> ''
"""


def _known(
    branch_id: UUID, rows: Sequence[AddressRow], texts: Sequence[str]
) -> tuple[dict[str, _Known], dict[str, _Known]]:
    """Addresses that stand there already, by text and by code."""
    by_text: dict[str, _Known] = {}
    by_code: dict[str, _Known] = {}
    codes = [row.code for row in rows if row.code]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [branch_id, list(texts), branch_id, codes])
        for record in cursor:
            known = _Known(*record)
            by_text[known.full_text] = known
            if known.code:
                by_code[known.code] = known
    return by_text, by_code


def _against_known(
    rows: Sequence[AddressRow],
    texts: Sequence[str],
    by_text: Mapping[str, _Known],
    by_code: Mapping[str, _Known],
) -> Iterator[RowFault]:
    for number, row in enumerate(rows):
        same_text, same_code = by_text.get(texts[number]), by_code.get(row.code)
        if same_code is not None and same_text is not None and same_text.id != same_code.id:
            yield RowFault(
                number,
                "code",
                _("编码 %(code)s 已是另一个地址 %(text)s 的。")
                % {"code": row.code, "text": same_code.full_text},
                _("核对编码。"),
            )
        elif same_text is not None and row.code and same_text.code not in ("", row.code):
            yield RowFault(
                number,
                "code",
                _("这个地址已有编码 %(code)s。") % {"code": same_text.code},
                _("用原编码，或留空。"),
            )


def _difference(known: _Known, row: AddressRow, full_text: str) -> AddressRow | None:
    """The row with all that the address shall be, or None when it is so already.

    What the file leaves empty stays; 未覆盖 takes no coverage away that boxes have given.
    """
    says = bool(row.coverage) and row.coverage != CoverageStatus.NONE
    coverage = row.coverage if says else known.coverage
    planned = row.planned_date if says else known.planned_date
    if coverage != CoverageStatus.PLANNED:
        planned = None
    reason = row.coverage_reason or known.coverage_reason
    code = row.code or known.code
    if (full_text, code, coverage, planned, reason) == (
        known.full_text,
        known.code,
        known.coverage,
        known.planned_date,
        known.coverage_reason,
    ):
        return None
    return replace(row, code=code, coverage=coverage, planned_date=planned, coverage_reason=reason)


def _insert(rows: Sequence[AddressRow], branch_id: UUID, regions: RegionIndex, tick: Tick) -> None:
    if not rows:
        return
    moment = now()
    copy_in(
        "places_address",
        _COPIED,
        ((uuid7(), moment, "{}", branch_id, *derived(row, regions)) for row in rows),
        tick,
    )
    if len(rows) >= ANALYZE_FROM:
        db.execute("ANALYZE places_address")


def _update(
    changes: Sequence[tuple[UUID, AddressRow]], branch_id: UUID, regions: RegionIndex
) -> None:
    if not changes:
        return
    db.execute("DROP TABLE IF EXISTS places_incoming")
    db.execute(
        "CREATE TEMPORARY TABLE places_incoming ON COMMIT DROP AS "
        f"SELECT id, {', '.join(_CHANGED)} FROM places_address WITH NO DATA"
    )
    copy_in(
        "places_incoming",
        ("id", *_CHANGED),
        ((address_id, *derived(row, regions)) for address_id, row in changes),
    )
    assignments = ", ".join(f"{c} = i.{c}" for c in _CHANGED)
    db.execute(
        f"UPDATE places_address a SET {assignments} FROM places_incoming i"
        " WHERE a.id = i.id AND a.branch_id = %s",
        [branch_id],
    )
    db.execute("DROP TABLE places_incoming")


def derived(row: AddressRow, regions: RegionIndex) -> list[Any]:
    """The columns of `_CHANGED`: the row, and what an address is found and sorted by."""
    levels = [getattr(row, field) for field in LEVEL_FIELDS]
    house = "".join(levels[6:])
    place = "".join(levels[3:6])
    named = row.estate if names_a_place(row.estate) else row.road + row.estate
    return [
        regions[(row.province, row.city, row.county, row.township)],
        row.code,
        *levels,
        "".join(levels),
        f"{named} {house}".strip(),
        # Cached by piece: thousands of rooms share an estate.
        "".join(text.initials(level) for level in levels[3:] if level),
        text.number_path(place + "," + house),
        " ".join(text.sorting_key(level) for level in levels[3:] if level),
        _array(text.address_tokens(place, house)),
        row.coverage or CoverageStatus.NONE,
        row.planned_date,
        row.coverage_reason,
    ]


def _array(tokens: Iterable[str]) -> str:
    """An array as PostgreSQL spells it; tokens hold letters, digits and signs that need no escape
    between quotes (`places.text`)."""
    return '{"' + '","'.join(tokens) + '"}'
