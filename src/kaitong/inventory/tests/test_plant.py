"""Bringing the network in: trees, ports behind boxes, coverage; all faults or nothing."""

from __future__ import annotations

import pytest

from kaitong.catalog import queries as catalog
from kaitong.core.errors import BadInput, Forbidden
from kaitong.inventory import queries, services
from kaitong.inventory.choices import Kind
from kaitong.inventory.models import Coverage, Resource
from kaitong.inventory.services import ResourceRow
from kaitong.inventory.tests.conftest import BOX, PON
from kaitong.org.actor import Actor

pytestmark = pytest.mark.django_db


def add(plant, *rows, actor=None):
    return services.add_resources(actor=actor or plant.actor, branch_id=plant.branch_id, rows=rows)


def test_a_splitter_brings_its_ports_on_the_same_pon_port(plant):
    ports = Resource.objects.filter(parent_id=plant.box()).order_by("position")

    assert [p.position for p in ports] == list(range(1, 9))
    assert {p.pon_port.path for p in ports} == {PON}
    assert {p.state for p in ports} == {"free"}


def test_an_onu_numbers_its_ports_from_zero(plant):
    """ONU-03."""
    add(plant, ResourceRow(Kind.ONU, "7栋 ONU-01", "海阳机房>横江花园", PON, ports=4))

    views = queries.find_port(plant.actor, "7栋 ONU-01")
    assert [v.position for v in views] == [0, 1, 2, 3]
    assert views[2].text == "OLT-01 0/3/6 · 7栋 ONU-01/02"
    assert views[2].on_onu


def test_adding_twice_changes_nothing(plant):
    before = Resource.objects.count()
    built = add(
        plant, ResourceRow(Kind.SPLITTER, "6栋1单元 POS-01", "海阳机房>横江花园", PON, ports=8)
    )

    assert (built.added, built.existing) == (0, 9)
    assert Resource.objects.count() == before


def test_children_may_come_before_their_parents(plant):
    built = add(
        plant,
        ResourceRow(Kind.PON_PORT, "0/1/0", "万安机房>OLT-02"),
        ResourceRow(Kind.OLT, "OLT-02", "万安机房"),
        ResourceRow(Kind.SITE, "万安机房"),
    )
    assert built.added == 3
    assert Resource.objects.get(name="0/1/0").parent.parent.name == "万安机房"


def test_every_fault_is_named_and_nothing_is_written(plant):
    before = Resource.objects.count()

    with pytest.raises(BadInput) as caught:
        add(
            plant,
            ResourceRow("radio", "x"),
            ResourceRow(Kind.SPLITTER, "POS", "没有的站点", "没有的口"),
            ResourceRow(Kind.SITE, ""),
            ResourceRow(Kind.SITE, "a", state="pre-empted"),
            ResourceRow(Kind.SPLITTER_PORT, "09", BOX, PON),
            ResourceRow(Kind.OLT, "o", ports=4),
            ResourceRow(Kind.SITE, "a"),
        )

    assert [f.field for f in caught.value.faults] == [
        "rows[0].specification",
        "rows[1].parent",
        "rows[1].pon_port",
        "rows[2].name",
        "rows[3].state",
        "rows[4].state",
        "rows[5].ports",
        "rows[5].parent",
        "rows[6].name",
    ]
    assert Resource.objects.count() == before


def test_nobody_builds_in_another_branch(plant, other_county, staff_of):
    stranger = staff_of(other_county, "stranger", "resource")
    with pytest.raises(Forbidden):
        add(plant, ResourceRow(Kind.SITE, "x"), actor=stranger)
    with pytest.raises(Forbidden):
        services.cover(actor=stranger, branch_id=plant.branch_id, rows=[(BOX, plant.uncovered)])


def test_covering_makes_unknown_addresses_covered_but_not_planned_ones(plant):
    rows = [(BOX, plant.uncovered), (BOX, plant.planned), (BOX, plant.rooms[0])]

    added = services.cover(actor=plant.actor, branch_id=plant.branch_id, rows=rows)

    assert added == 2
    verdicts = queries.coverage_verdicts([plant.uncovered, plant.planned])
    assert verdicts[plant.uncovered].available
    assert verdicts[plant.planned].verdict == "planned"


def test_covering_by_an_unknown_box_is_refused(plant):
    before = Coverage.objects.count()
    with pytest.raises(BadInput, match="没有的箱"):
        services.cover(
            actor=plant.actor,
            branch_id=plant.branch_id,
            rows=[("没有的箱", plant.uncovered), (BOX, plant.uncovered)],
        )
    assert Coverage.objects.count() == before


def test_a_splitter_without_pon_port_serves_nobody(plant):
    add(plant, ResourceRow(Kind.SPLITTER, "悬空 POS-01", "海阳机房>横江花园", ports=8))
    services.cover(
        actor=plant.actor,
        branch_id=plant.branch_id,
        rows=[("海阳机房>横江花园>悬空 POS-01", plant.uncovered)],
    )

    verdict = queries.coverage_verdict(plant.uncovered)

    assert (verdict.verdict, verdict.text) == ("no-free-port", "悬空 POS-01 没有可用的 PON 口")


def test_the_tree_counts_what_is_below(plant):
    top = queries.children(plant.actor)
    assert [(r.name, r.below) for r in top] == [("海阳机房", 2)]
    box = queries.behind(plant.actor, queries.ids_by_path(plant.branch_id, [PON])[PON]).get()
    assert (box.name, box.below, box.below_free) == ("6栋1单元 POS-01", 8, 8)


def test_the_kinds_are_in_the_catalogue(plant):
    known = {r.key for r in catalog.resource_specifications()}
    assert set(Kind.values) <= known
    assert queries.resource(Actor.system(), plant.box()).pon_port.path == PON
