"""Grids (网格): which one an address belongs to, and bringing their areas in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.errors import Forbidden
from kaitong.core.rows import Mode, Put, RowFault
from kaitong.org.actor import Actor
from kaitong.places.models import Address, GridArea

PARTS = ("township", "road", "estate", "building")
_LONGEST = {name: GridArea._meta.get_field(name).max_length or 0 for name in ("grid", *PARTS)}
# The narrowest area first: a building before its estate, that before the road.
_GRID_OF = """select g.grid from places_address a join places_grid_area g
 on g.branch_id = a.branch_id and g.township = a.township
 and g.road in ('', a.road) and g.estate in ('', a.estate) and g.building in ('', a.building)
 where a.id = %s
 order by (g.building <> '') desc, (g.estate <> '') desc, (g.road <> '') desc limit 1"""


_GRIDS_OF = """select distinct on (a.id) a.id, g.grid
 from places_address a join places_grid_area g
 on g.branch_id = a.branch_id and g.township = a.township
 and g.road in ('', a.road) and g.estate in ('', a.estate) and g.building in ('', a.building)
 where a.id = any(%s)
 order by a.id, (g.building <> '') desc, (g.estate <> '') desc, (g.road <> '') desc"""


@dataclass(frozen=True, slots=True)
class GridAreaRow:
    """An area of a grid; what is empty means all of it."""

    grid: str
    township: str
    road: str = ""
    estate: str = ""
    building: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        return (self.township, self.road, self.estate, self.building)


def grid_of(address_id: UUID | None) -> str:
    """The grid of an address; empty where none is drawn."""
    found = db.one(_GRID_OF, [address_id]) if address_id is not None else None
    return str(found["grid"]) if found else ""


def grids_of(address_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The grids of many addresses, in one query; those outside every grid are left out."""
    rows = db.rows(_GRIDS_OF, [list(address_ids)])
    return {row["id"]: str(row["grid"]) for row in rows}


@transaction.atomic
def put_grid_areas(
    *, actor: Actor, branch_id: UUID, rows: Sequence[GridAreaRow], mode: Mode = Mode.ALL
) -> Put:
    """Say which places belong to which grid; a place already drawn takes the new grid."""
    if not actor.is_supervisor or not actor.sees(branch_id):
        raise Forbidden(_("排班和网格由班长管理。"), _("请由班长办理。"))
    towns = set(
        Address.objects.filter(branch_id=branch_id, township__in={row.township for row in rows})
        .values_list("township", flat=True)
        .distinct()
    )
    faults: list[RowFault] = []
    good: dict[tuple[str, str, str, str], tuple[int, GridAreaRow]] = {}
    for number, row in enumerate(rows):
        long = next((n for n in _LONGEST if len(getattr(row, n)) > _LONGEST[n]), "")
        if long:
            what = _("最长 %(n)s 个字。") % {"n": _LONGEST[long]}
            faults.append(RowFault(number, long, what, _("请改短。")))
        elif not row.grid:
            faults.append(RowFault(number, "grid", _("网格要有编码。"), _("补填。")))
        elif row.township not in towns:
            what = _("本分公司的地址里没有 %(town)s。") % {"town": row.township or "-"}
            faults.append(RowFault(number, "township", what, _("照标准地址填写乡镇街道。")))
        elif row.building and not row.estate:
            what, remedy = _("楼栋要写明小区或门牌号。"), _("补填。")
            faults.append(RowFault(number, "estate", what, remedy))
        elif row.place in good and good[row.place][1].grid != row.grid:
            twin = good[row.place][0]
            what, remedy = _("同一个地方写了两个网格。"), _("只留一行。")
            faults.append(RowFault(number, "grid", what, remedy, twin))
        else:
            good.setdefault(row.place, (number, row))
    write = mode.writes(faults)
    db.execute("select pg_advisory_xact_lock(hashtext('grids'))")
    there = {
        (g.township, g.road, g.estate, g.building): g
        for g in GridArea.objects.filter(branch_id=branch_id)
    }
    new = [row for place, (_number, row) in good.items() if place not in there]
    moved = [row for place, (_n, row) in good.items() if place in there]
    changed = [row for row in moved if there[row.place].grid != row.grid]
    if write:
        GridArea.objects.bulk_create(
            [
                GridArea(
                    branch_id=branch_id,
                    grid=row.grid,
                    **dict(zip(PARTS, row.place, strict=True)),
                )
                for row in (*new, *changed)
            ],
            batch_size=1000,
            update_conflicts=True,
            unique_fields=["branch", *PARTS],
            update_fields=["grid"],
        )
        if new or changed:
            audit.record(
                "grids-put",
                actor_id=actor.id,
                subject_type="places.gridarea",
                subject_id=None,
                branch_id=branch_id,
                data={"added": len(new), "changed": len(changed)},
            )
    return Put(len(new), len(changed), len(moved) - len(changed), tuple(faults))
