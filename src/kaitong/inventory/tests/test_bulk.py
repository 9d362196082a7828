"""The network brought in as a set: what differs changes, people's work stays, faults cascade."""

from __future__ import annotations

import pytest

from kaitong.core import audit
from kaitong.core.rows import BadRows, Mode
from kaitong.inventory import queries, services
from kaitong.inventory.choices import Kind, ResourceState
from kaitong.inventory.models import Coverage, Resource, Terminal
from kaitong.inventory.services import CoverRow, ResourceRow, TerminalRow
from kaitong.places.models import Address

pytestmark = pytest.mark.django_db
PON = "海阳机房>OLT-01>0/3/6"
BOX = "海阳机房>横江花园>6栋1单元 POS-01"


def put(plant, *rows, **options):
    return services.put_resources(
        actor=plant.actor, branch_id=plant.branch_id, rows=rows, **options
    )


def box_row(**changes):
    given = {"ports": 8, "pon_port": PON, **changes}
    return ResourceRow(Kind.SPLITTER, "6栋1单元 POS-01", "海阳机房>横江花园", **given)


def test_what_differs_changes_and_the_same_again_changes_nothing(plant):
    first = put(plant, box_row(note="一层弱电井", code="POS-6-1"))
    again = put(plant, box_row(note="一层弱电井", code="POS-6-1"))

    assert (first.added, first.changed, first.same) == (0, 1, 8)
    assert (again.added, again.changed, again.same) == (0, 0, 9)
    box = Resource.objects.get(path=BOX)
    assert (box.note, box.code) == ("一层弱电井", "POS-6-1")


def test_states_of_what_stands_there_stay(plant):
    port = Resource.objects.filter(path__startswith=BOX + ">").first()
    services.mark_damaged(actor=plant.actor, resource_id=port.pk, reason="断纤")

    put(plant, box_row(note="x"))

    port.refresh_from_db()
    assert port.state == ResourceState.DAMAGED


def test_more_ports_are_added_where_the_box_hangs(plant):
    put(plant, box_row(ports=10, pon_port=""))

    new = Resource.objects.get(path=BOX + ">10")
    assert new.pon_port.path == PON
    assert queries.children(plant.actor, new.parent_id).count() == 10


def test_a_box_is_not_moved_to_another_pon_port(plant):
    put(plant, ResourceRow(Kind.PON_PORT, "0/9/9", "海阳机房>OLT-01"))
    with pytest.raises(BadRows) as caught:
        put(plant, box_row(pon_port="海阳机房>OLT-01>0/9/9"))
    assert [f.column for f in caught.value.row_faults] == ["pon_port"]
    assert PON in caught.value.row_faults[0].what


def test_skipping_bad_rows_skips_what_hangs_on_them(plant):
    done = put(
        plant,
        ResourceRow(Kind.SITE, "万安机房"),
        ResourceRow(Kind.OLT, "OLT-09", "没有的机房"),
        ResourceRow(Kind.PON_PORT, "0/1/0", "没有的机房>OLT-09"),
        ResourceRow(Kind.SPLITTER, "POS-9", "万安机房", "没有的机房>OLT-09>0/1/0", ports=8),
        mode=Mode.GOOD_ONES,
    )

    assert done.added == 1
    assert [(f.row, f.column) for f in done.faults] == [
        (1, "parent"),
        (2, "parent"),
        (3, "pon_port"),
    ]
    assert [f.twin for f in done.faults] == [None, 1, 2]
    assert not Resource.objects.filter(name="POS-9").exists()


def test_a_code_belongs_to_one_resource(plant):
    put(plant, box_row(code="K-1"))
    with pytest.raises(BadRows) as caught:
        put(plant, ResourceRow(Kind.SITE, "新站", code="K-1"))
    assert BOX in caught.value.row_faults[0].what


def test_checking_writes_nothing(plant):
    before = Resource.objects.count()
    checked = put(plant, ResourceRow(Kind.SITE, "新站"), mode=Mode.CHECK)
    assert checked.added == 1
    assert Resource.objects.count() == before


def test_coverage_by_code_or_text_takes_its_rank(plant):
    address = Address.objects.get(pk=plant.uncovered)

    def again(rank):
        return services.put_coverage(
            actor=plant.actor,
            branch_id=plant.branch_id,
            rows=[CoverRow(BOX, address.full_text, rank)],
        )

    assert (again(1).added, again(1).same, again(2).changed) == (1, 1, 1)
    assert Coverage.objects.get(address=address).rank == 2
    address.refresh_from_db()
    assert address.coverage == "covered"


def test_coverage_faults_name_box_and_address(plant):
    with pytest.raises(BadRows) as caught:
        services.put_coverage(
            actor=plant.actor,
            branch_id=plant.branch_id,
            rows=[CoverRow("没有的箱", "x"), CoverRow(BOX, "没有的地址")],
        )
    assert [(f.row, f.column) for f in caught.value.row_faults] == [(0, "box"), (1, "address")]


def test_terminals_are_corrected_not_moved(plant):
    def again(model, mac=""):
        return services.put_terminals(
            actor=plant.actor,
            branch_id=plant.branch_id,
            rows=[TerminalRow("sn-77", model, mac)],
        )

    assert again("HG1").added == 1
    assert again("HG2", "aa:bb:cc:dd:ee:ff").changed == 1
    assert again("HG2").same == 1
    piece = Terminal.objects.get(serial="SN-77")
    assert (piece.model, piece.mac) == ("HG2", "AA:BB:CC:DD:EE:FF")


def test_who_brought_terminals_in_stands_in_their_history(plant):
    events = Terminal.pgh_event_model.objects.select_related("pgh_context")
    with audit.acting(plant.actor.id, "counted in"):
        for model in ("HG1", "HG2"):
            services.put_terminals(
                actor=plant.actor, branch_id=plant.branch_id, rows=[TerminalRow("SN-78", model)]
            )
    told = [event.pgh_context for event in events.filter(serial="SN-78").order_by("pgh_id")]
    assert [one and one.metadata["reason"] for one in told] == ["counted in"] * 2


def test_a_serial_of_another_branch_is_refused(plant, other_county):
    services.put_terminals(
        actor=plant.actor, branch_id=other_county.pk, rows=[TerminalRow("SN-1", "HG")]
    )
    with pytest.raises(BadRows) as caught:
        services.put_terminals(
            actor=plant.actor,
            branch_id=plant.branch_id,
            rows=[TerminalRow("SN-1", "HG"), TerminalRow("SN-2", "HG", "zz"), TerminalRow("", "")],
        )
    assert [(f.row, f.column) for f in caught.value.row_faults] == [
        (0, "serial"), (1, "mac"), (2, "serial"), (2, "model"),
    ]  # fmt: skip
