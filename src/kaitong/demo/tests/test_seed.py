"""The demo's branch: the same each time, of the size promised, with every verdict in it."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date

import pytest
from django.utils import timezone

from kaitong.demo import plant
from kaitong.demo.seed import Seeded, seed_branch
from kaitong.inventory import queries, services
from kaitong.inventory.choices import BOXES, Kind, Verdict
from kaitong.inventory.numbers import check_logical_id
from kaitong.org.actor import Actor
from kaitong.places import queries as places

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize("scale", plant.SCALES.values(), ids=lambda s: s.name)
def test_plans_are_the_same_each_time_and_hold_together(scale):
    plan = plant.make(scale, today=TODAY)

    assert plan == plant.make(scale, today=TODAY)
    codes = [row.code for row in plan.addresses]
    assert len(set(codes)) == len(codes)
    paths = [row.path for row in plan.resources]
    assert len(set(paths)) == len(paths)
    boxes = {row.path: row for row in plan.resources if row.specification in BOXES}
    behind = Counter[str]()
    for row in boxes.values():
        behind[row.pon_port] += row.ports
    assert max(behind.values()) <= plant.PORTS_A_PON
    assert {box for box, _ in plan.coverage} == set(boxes)
    assert {code for _, code in plan.coverage} <= set(codes)
    assert all(check_logical_id(line.logical_id) is None for line in plan.lines)
    assert len({line.port for line in plan.lines}) == len(plan.lines)
    assert len({line.account for line in plan.lines}) == len(plan.lines)
    assert len({t.serial for t in plan.terminals}) == scale.terminals


def test_the_whole_county_is_as_large_as_promised():
    plan = plant.make(plant.COUNTY, today=TODAY)
    kinds = Counter(row.specification for row in plan.resources)

    assert kinds[Kind.OLT] == 3
    assert kinds[Kind.PON_PORT] == 160
    assert 9_600 <= plan.user_ports <= 10_240
    assert 19_500 <= len(plan.addresses) <= 21_000


@pytest.mark.django_db
def test_a_small_branch_is_laid_in_seconds_once_with_every_verdict(county):
    started = time.process_time()
    first = seed_branch("small")
    took = time.process_time() - started

    assert took < 8, f"{took:.1f} s of CPU"
    assert min(first.addresses, first.resources, first.coverage, first.lines) > 0
    assert seed_branch("small") == Seeded()

    actor = Actor.system()
    plan = plant.make(plant.SMALL, today=timezone.localdate())
    ids = places.ids_by_code(county.pk, [row.code for row in plan.addresses])
    verdicts = Counter(v.verdict for v in queries.coverage_verdicts(ids.values()).values())
    assert set(verdicts) == set(Verdict.values)
    assert verdicts[Verdict.AVAILABLE] > verdicts[Verdict.NO_FREE_PORT]

    free = queries.free_address(actor)
    assert free is not None
    assert queries.coverage_verdict(free).available
    full = queries.full_box_address(county.pk)
    assert full is not None
    assert queries.coverage_verdict(full).verdict == Verdict.NO_FREE_PORT


@pytest.mark.django_db
def test_a_seeded_line_can_be_taken_and_named(county):
    seed_branch("small")
    actor = Actor.system()
    hit = places.search(actor, "hjhy1-1-301")[0]
    service = services.create_service(
        actor=actor, branch_id=county.pk, specification="access", address_id=hit.id
    )

    taken = services.take_port(actor=actor, service_id=service.pk, order_id=None)

    assert isinstance(taken, services.PortTaken)
    assert taken.text.startswith("HY-OLT-01 0/1/0 · 1栋1单元 POS-01/")
    services.allocate_logical_id(actor=actor, service_id=service.pk)
    expected = queries.expected_line(service.pk)
    assert (expected.access_node, expected.pon_port) == ("HY-OLT-01", "0/1/0")
    assert expected.logical_id.startswith("O055901")
