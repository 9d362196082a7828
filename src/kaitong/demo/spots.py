"""Where the story's orders are for: addresses by what can be had there."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone

from kaitong.core.clock import now
from kaitong.demo import plant
from kaitong.inventory.choices import Kind
from kaitong.org import queries as org
from kaitong.places import queries as places
from kaitong.places.choices import CoverageStatus


@dataclass(slots=True)
class Spots:
    """Addresses for the story by what can be had there; each is given once."""

    branch_id: UUID
    codes: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, scale: str, branch_code: str) -> Spots:
        plan = plant.make(plant.SCALES[scale], today=timezone.localdate(now()))
        branch_id = org.branch_by_code(branch_code).pk
        chance = random.Random(len(plan.lines))  # noqa: S311 (a demo's dice)
        found = cls(branch_id)
        used = {line.address_code for line in plan.lines}
        taken: dict[str, int] = {}
        for port in (*(line.port for line in plan.lines), *(p for p, _s, _r in plan.bad_ports)):
            box = port.rpartition(">")[0]
            taken[box] = taken.get(box, 0) + 1
        boxes = {row.path: row for row in plan.resources if row.ports}
        rooms: dict[str, list[str]] = {}
        for box, code in plan.coverage:
            if code not in used:
                rooms.setdefault(box, []).append(code)
        for box, listed in rooms.items():
            room = chance.choice(listed)
            if taken.get(box, 0) >= boxes[box].ports:
                kind = "full"
            elif "创业园" in box or "文化城" in box or "厂房" in box:
                kind = "firm"
            else:
                kind = "onu" if boxes[box].specification == Kind.ONU else "free"
            found.codes.setdefault(kind, []).append(room)
        for status in (CoverageStatus.PLANNED, CoverageStatus.NO_ENTRY, CoverageStatus.NONE):
            found.codes[status] = [row.code for row in plan.addresses if row.coverage == status]
        for listed in found.codes.values():
            chance.shuffle(listed)
        return found

    def take(self, kind: str) -> UUID:
        code = self.codes[kind].pop()
        return places.ids_by_code(self.branch_id, [code])[code]
