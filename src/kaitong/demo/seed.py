"""Bring the demo's branches into the database through the verbs everybody uses."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from kaitong.core.clock import now
from kaitong.demo import invented, plant
from kaitong.demo.people import COUNTY
from kaitong.demo.plant import Plan
from kaitong.inventory import queries as inventory_queries
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import adoption as customers
from kaitong.places import queries as places_queries
from kaitong.places import services as places

_SPEEDS = ((100, 20), (300, 50), (300, 50), (300, 50), (500, 50), (1000, 100))
_FIRST_CUSTOMER = 100_000  # serial of the first customer who was there before
_IN_A_CAR = 6  # terminals
_CUSTOMERS = 600  # so many of the lines are known with their customer; of others only the line


@dataclass(frozen=True, slots=True)
class Seeded:
    """How much a seeding added; all zero when the branch had addresses already."""

    addresses: int = 0
    resources: int = 0
    coverage: int = 0
    lines: int = 0
    terminals: int = 0


_BOXES = 40  # set-top boxes in stock


@transaction.atomic
def seed_branch(scale: str = plant.COUNTY.name, *, branch_code: str = COUNTY) -> Seeded:
    """Lay a branch's addresses, network, customers and stock: all of it, or nothing when the branch
    has addresses already."""
    branch = org.branch_by_code(branch_code)
    actor = Actor.system(branch_id=branch.pk)
    inventory.ensure_kinds(actor=actor)
    if places_queries.any_address(branch.pk):
        return Seeded()
    plan = plant.make(plant.SCALES[scale], today=timezone.localdate(now()))
    places.add_regions(actor=actor, rows=plan.regions)
    addresses = places.add_addresses(actor=actor, branch_id=branch.pk, rows=plan.addresses)
    built = inventory.add_resources(actor=actor, branch_id=branch.pk, rows=plan.resources)
    ids = places_queries.ids_by_code(branch.pk, [row.code for row in plan.addresses])
    covered = inventory.cover(
        actor=actor, branch_id=branch.pk, rows=[(box, ids[code]) for box, code in plan.coverage]
    )
    lines = inventory.adopt_lines(
        actor=actor, branch_id=branch.pk, rows=_lines(plan, actor, branch.pk, ids)
    )
    _spoil(plan, actor, branch.pk)
    terminals = inventory.add_terminals(actor=actor, branch_id=branch.pk, rows=plan.terminals)
    boxes = plant.set_top_boxes(branch.code, _BOXES)
    inventory.add_terminals(actor=actor, branch_id=branch.pk, rows=boxes)
    _hand_out(plan, actor, branch.pk)
    return Seeded(addresses.added, built.added, covered, lines.added, terminals)


def _lines(
    plan: Plan, actor: Actor, branch_id: UUID, ids: dict[str, UUID]
) -> list[inventory.LineRow]:
    """The working lines, some with the customer they belong to."""
    chance = random.Random(len(plan.lines))  # noqa: S311 (a demo's dice)
    first, known = _FIRST_CUSTOMER, min(_CUSTOMERS, len(plan.lines))
    who = customers.adopt(
        actor=actor,
        branch_id=branch_id,
        rows=[
            customers.CustomerRow(
                invented.person(serial),
                invented.phone(serial),
                "resident-id",
                invented.resident_number(serial),
            )
            for serial in range(first, first + known)
        ],
    )
    every = max(1, len(plan.lines) // max(known, 1))
    rows = []
    for number, line in enumerate(plan.lines):
        down, up = chance.choice(_SPEEDS)
        rows.append(
            inventory.LineRow(
                line.port,
                ids[line.address_code],
                line.account,
                line.logical_id,
                title=f"{down}M 家庭宽带",
                customer_id=who[number // every]
                if number % every == 0 and number // every < known
                else None,
                characteristics={"down_mbps": down, "up_mbps": up},
                since=now() - timedelta(hours=chance.randint(1000, 50_000)),
            )
        )
    return rows


def _hand_out(plan: Plan, actor: Actor, branch_id: UUID) -> None:
    """Each installer has some terminals in the car (领用)."""
    last = [row.serial for row in reversed(plan.terminals)]
    for number, installer in enumerate(org.holders(branch_id, "installer")):
        serials = last[number * _IN_A_CAR : (number + 1) * _IN_A_CAR]
        inventory.issue_terminals(actor=actor, serials=serials, holder_id=installer.pk)


def _spoil(plan: Plan, actor: Actor, branch_id: UUID) -> None:
    """Some ports are damaged or kept."""
    ports = inventory_queries.ids_by_path(branch_id, [path for path, _s, _r in plan.bad_ports])
    for path, state, reason in plan.bad_ports:
        inventory.set_resource_state(
            actor=actor, resource_id=ports[path], state=ResourceState(state), reason=reason
        )
