"""Reading regions and addresses. What a face shows takes an actor and shows only their branches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from kaitong.core import db, plain
from kaitong.core.errors import NotFound
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import text
from kaitong.places.choices import CoverageStatus, Level
from kaitong.places.models import Address, Region, area_text, names_a_place

# More hits than this are not worth ranking: the text says too little.
_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class AddressHit:
    """A found address as a result row shows it: `short_text` first, `area_text` beside it."""

    id: UUID
    branch_id: UUID
    short_text: str
    area_text: str
    full_text: str
    coverage: str
    planned_date: date | None
    coverage_reason: str


_SEARCH = """
WITH hits AS MATERIALIZED (
    SELECT id, full_text, short_text, initials, numbers, sort_key
    FROM places_address
    WHERE ({anywhere}) {branches}
    LIMIT %(candidates)s
)
SELECT a.id, a.branch_id, a.short_text, a.full_text, a.township, a.road, a.estate,
       a.coverage, a.planned_date, a.coverage_reason
FROM (
    SELECT id, row_number() OVER () AS place
    FROM (
        SELECT id FROM hits ORDER BY {ranks} length(numbers), sort_key, id LIMIT %(limit)s
    ) first
) best
JOIN places_address a ON a.id = best.id
ORDER BY best.place
"""


def search(actor: Actor, typed: str, *, limit: int = 20) -> list[AddressHit]:
    """Addresses for a typed text, best first.

    Understands two or more Chinese characters, pinyin initials (hjhy), whole pinyin
    (hengjiang), house numbers behind either (横江花园6-2-301), a county or township in front.
    Everything typed must be found; where nothing is, one pair of neighbouring characters may be
    missing. Uses the index on `grams`, whatever the number of addresses.
    """
    folded = text.fold(typed)
    if not folded or not (actor.is_system or actor.branch_ids):
        return []
    heads = db.rows(
        "SELECT DISTINCT name, level FROM places_region "
        "WHERE level <= %s AND strpos(%s, left(name, 2)) > 0",
        [int(Level.TOWNSHIP), folded],
    )
    query = text.parse_query(
        folded,
        [r["name"] for r in heads if r["level"] < Level.TOWNSHIP],
        [r["name"] for r in heads if r["level"] == Level.TOWNSHIP],
    )
    found = _run(actor, query, limit)
    if not found:
        found = _run(actor, query.loosened(), limit)
    return [
        AddressHit(
            id=row["id"],
            branch_id=row["branch_id"],
            short_text=row["short_text"],
            area_text=area_text(row["township"], row["road"], row["estate"]),
            full_text=row["full_text"],
            coverage=row["coverage"],
            planned_date=row["planned_date"],
            coverage_reason=row["coverage_reason"],
        )
        for row in found
    ]


def search_sql(actor: Actor, query: text.Query, limit: int = 20) -> tuple[str, dict[str, Any]]:
    """The statement of a search and its parameters (also for EXPLAIN)."""
    params: dict[str, Any] = {"candidates": _CANDIDATES, "limit": limit}
    anywhere = []
    for number, tokens in enumerate(query.alternatives):
        params[f"tokens{number}"] = list(tokens)
        anywhere.append(f"grams @> %(tokens{number})s::text[]")
    branches = ""
    if not actor.is_system:
        branches = "AND branch_id = ANY(%(branches)s)"
        params["branches"] = list(actor.branch_ids)
    ranks = []
    for number, phrase in enumerate(query.phrases):
        params[f"phrase{number}"] = phrase
        ranks.append(f"strpos(full_text, %(phrase{number})s) = 0")
        # 横江 means 横江花园 before a house in 横江路.
        ranks.append(f"strpos(short_text, %(phrase{number})s) <> 1")
    for number, letters in enumerate(query.letters):
        params[f"letters{number}"] = letters
        ranks.append(f"strpos(initials, %(letters{number})s) = 0")
    if query.numbers:
        params["numbers"] = "." + ".".join(query.numbers) + "."
        params["ordered"] = "%." + ".%".join(query.numbers) + "%"
        # 6-301 means building 6 and room 301: whole and side by side before merely in order.
        ranks.append("strpos(numbers, %(numbers)s) = 0")
        ranks.append("numbers NOT LIKE %(ordered)s")
    sql = _SEARCH.format(
        anywhere=" OR ".join(anywhere), branches=branches, ranks="".join(r + ", " for r in ranks)
    )
    return sql, params


# The planner takes `@>` on arrays for cheap and would rather read the whole table than the index
# when several common words are asked for; reading it takes a hundred times as long.
_SCANS = """
SELECT set_config('enable_seqscan', '{0}', true), set_config('enable_indexscan', '{0}', true)
"""
INDEX_ONLY, _AS_BEFORE = _SCANS.format("off"), _SCANS.format("on")


def _run(actor: Actor, query: text.Query, limit: int) -> list[dict[str, Any]]:
    if not query.alternatives:
        return []
    sql, params = search_sql(actor, query, limit)
    if query.alternatives == ((),):
        return db.rows(sql, params)
    with transaction.atomic():
        db.execute(INDEX_ONLY)
        found = db.rows(sql, params)
        db.execute(_AS_BEFORE)
    return found


def address(actor: Actor, address_id: UUID) -> Address:
    """One address; NotFound when it is absent or another branch's."""
    found = visible_to(Address.objects.defer("grams"), actor).filter(pk=address_id).first()
    if found is None:
        raise NotFound(_("没有这个地址。"), _("请重新搜索地址。"), field="address_id")
    return found


def match(actor: Actor, written: str) -> Address | None:
    """The one address written out in full, with or without province, city and county."""
    folded = "".join(written.split())
    rows = visible_to(Address.objects.defer("grams"), actor)
    found = rows.filter(full_text=folded).first()
    if found is not None:
        return found
    hits = [hit.id for hit in search(actor, written, limit=5) if hit.full_text.endswith(folded)]
    return rows.filter(pk=hits[0]).first() if len(hits) == 1 else None


def addresses(address_ids: Iterable[UUID | None]) -> dict[UUID, Address]:
    """Addresses by identifier, in one query; for lists whose rows the actor already sees."""
    wanted = {i for i in address_ids if i is not None}
    if not wanted:
        return {}
    where = "id = any(%s::uuid[])"
    rows = plain.where(Address, where, [plain.array(wanted)], without=("grams",))
    return {row.pk: row for row in rows}


def area_name(address: Address) -> str:
    """The part of a town that planners speak of: township and estate, or the road or village."""
    place = address.estate if names_a_place(address.estate) else address.road
    return f"{address.township} {place}".strip()


def planned_of(reference: str) -> Subquery:
    """For a list to be narrowed and counted by: the planned date of the address a row names."""
    rows = Address.objects.filter(pk=OuterRef(reference))
    return Subquery(rows.values("planned_date")[:1])


def coverage_status(address_id: UUID) -> str:
    """The coverage status of an address; empty when there is no such address."""
    found = db.one("SELECT coverage FROM places_address WHERE id = %s", [address_id])
    return str(found["coverage"]) if found else ""


def near(address: Address, *, limit: int = 3000) -> dict[UUID, int]:
    """An address and its neighbours by how far they are: itself 0, its building 1, its estate (or
    road or village, where there is none) 2. One range of the index of full texts."""
    levels = [address.province, address.city, address.county, address.township, address.road]
    area = "".join([*levels, address.estate])
    building = area + address.building if address.building else ""
    rows = db.rows(
        "SELECT id, CASE WHEN id = %(own)s THEN 0"
        " WHEN %(building)s <> '' AND starts_with(full_text, %(building)s) THEN 1 ELSE 2 END AS far"
        " FROM places_address WHERE branch_id = %(branch)s"
        " AND full_text >= %(area)s AND full_text < %(area)s || chr(1114111)"
        " ORDER BY far, full_text LIMIT %(limit)s",
        {
            "own": address.pk,
            "branch": address.branch_id,
            "area": area,
            "building": building,
            "limit": limit,
        },
    )
    return {row["id"]: row["far"] for row in rows}


def short_texts(address_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What lists show of addresses, in one query."""
    wanted = {i for i in address_ids if i is not None}
    if not wanted:
        return {}
    return dict(Address.objects.filter(pk__in=wanted).values_list("id", "short_text"))


def ids_by_code(branch_id: UUID, codes: Iterable[str]) -> dict[str, UUID]:
    """Address identifiers by the operator's own codes."""
    return _ids(branch_id, "code", [code for code in codes if code])


def ids_by_text(branch_id: UUID, full_texts: Iterable[str]) -> dict[str, UUID]:
    """Address identifiers by their full text."""
    return _ids(branch_id, "full_text", list(full_texts))


def _ids(branch_id: UUID, column: str, values: list[str]) -> dict[str, UUID]:
    """Identifiers by a column; one array is one parameter, however many values."""
    found = db.rows(
        f"SELECT {column} AS value, id FROM places_address"
        f" WHERE branch_id = %s AND {column} = ANY(%s) AND {column} <> ''",
        [branch_id, values],
    )
    return {row["value"]: row["id"] for row in found}


def regions(*, below: str = "", level: int | None = None) -> QuerySet[Region]:
    """Regions under a code, in the order of their codes; the state's list is nobody's secret."""
    rows = Region.objects.all()
    if below:
        top = Region.objects.filter(code=below).values_list("path", flat=True).first()
        rows = rows.filter(path__startswith=f"{top}.") if top else rows.none()
    if level is not None:
        rows = rows.filter(level=level)
    return rows


def any_address(branch_id: UUID) -> bool:
    """Whether a branch has an address at all."""
    return Address.objects.filter(branch_id=branch_id).exists()


def coverage_counts(actor: Actor) -> dict[str, int]:
    """How many addresses stand in each coverage status, in one query."""
    rows = visible_to(Address.objects.all(), actor).values_list("coverage").annotate(n=Count("id"))
    return dict.fromkeys(CoverageStatus.values, 0) | dict(rows)
