"""Bring the demo's branch into the database through the verbs everybody uses."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from kaitong.demo import plant
from kaitong.demo.plant import Plan
from kaitong.inventory import queries as inventory_queries
from kaitong.inventory import services as inventory
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.places import queries as places_queries
from kaitong.places import services as places


@dataclass(frozen=True, slots=True)
class Seeded:
    """How much a seeding added; all zero when it was there already."""

    addresses: int = 0
    resources: int = 0
    coverage: int = 0
    lines: int = 0
    terminals: int = 0


@transaction.atomic
def seed_branch(scale: str = plant.SMALL.name, *, branch_code: str = "XN") -> Seeded:
    """Lay a branch's addresses, network, working lines and stock; all of it or nothing.

    Doing it again changes nothing, and after a smaller scale a larger one adds what is missing.
    """
    branch = org.branch_by_code(branch_code)
    actor = Actor.system(branch_id=branch.pk)
    plan = plant.make(plant.SCALES[scale])
    inventory.ensure_kinds(actor=actor)
    if _there(plan, branch.pk):
        return Seeded()
    places.add_regions(actor=actor, rows=plan.regions)
    addresses = places.add_addresses(actor=actor, branch_id=branch.pk, rows=plan.addresses)
    built = inventory.add_resources(actor=actor, branch_id=branch.pk, rows=plan.resources)
    ids = places_queries.ids_by_code(branch.pk, [row.code for row in plan.addresses])
    covered = inventory.cover(
        actor=actor,
        branch_id=branch.pk,
        rows=[(box, ids[code]) for box, code in plan.coverage],
    )
    # Only boxes that are new get the lines of this plan: on others people have worked since.
    lines = inventory.adopt_lines(
        actor=actor,
        branch_id=branch.pk,
        rows=[
            inventory.LineRow(
                line.port,
                ids[line.address_code],
                line.account,
                line.logical_id,
                title="家庭宽带",
            )
            for line in plan.lines
        ]
        if built.existing == 0
        else [],
    )
    terminals = inventory.add_terminals(actor=actor, branch_id=branch.pk, rows=plan.terminals)
    return Seeded(addresses.added, built.added, covered, lines.added, terminals)


def _there(plan: Plan, branch_id: UUID) -> bool:
    """Whether the plan's last box, its last address and its last line are there."""
    box, code = plan.coverage[-1]
    paths = inventory_queries.ids_by_path(branch_id, [box, plan.resources[-1].path])
    codes = {code, plan.addresses[-1].code}
    return len(places_queries.ids_by_code(branch_id, codes)) == len(codes) and box in paths
