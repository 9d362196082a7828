"""Ports: taking, holding, expiring, changing, releasing; the refusals told apart (BB-17)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from kaitong.core.clock import frozen, now
from kaitong.core.errors import BadInput, NotFound
from kaitong.core.ids import uuid7
from kaitong.core.models import AuditEntry
from kaitong.inventory import queries, services
from kaitong.inventory.choices import LINE_PORTS, AssignmentState, Kind, ResourceState, Verdict
from kaitong.inventory.errors import PortTakenElsewhere, ReservationGone, WrongState
from kaitong.inventory.models import Assignment, Resource
from kaitong.inventory.services import NoPort, PortTaken, ResourceRow
from kaitong.inventory.tests.conftest import BOX, PON, SECOND_BOX, build

pytestmark = pytest.mark.django_db


def assert_states_agree() -> None:
    """A port is pre-empted or in use exactly when somebody has it."""
    living = set(
        Assignment.objects.exclude(state=AssignmentState.RELEASED).values_list(
            "resource_id", flat=True
        )
    )
    taken = set(
        Resource.objects.filter(
            specification__in=LINE_PORTS,
            state__in=[ResourceState.PRE_EMPTED, ResourceState.IN_USE],
        ).values_list("id", flat=True)
    )
    assert living == taken


def take(plant, service_id, **more):
    return services.take_port(actor=plant.actor, service_id=service_id, order_id=None, **more)


def test_takes_the_first_free_port_and_names_it(plant):
    taken = take(plant, plant.service())

    assert isinstance(taken, PortTaken)
    assert taken.text == "OLT-01 0/3/6 · 6栋1单元 POS-01/01"
    assert taken.state == AssignmentState.PRE_EMPTED
    assert taken.reserved_until is None
    assert Resource.objects.get(pk=taken.resource_id).state == ResourceState.PRE_EMPTED
    assert_states_agree()


def test_taking_twice_keeps_the_first_port(plant):
    service = plant.service()

    assert take(plant, service) == take(plant, service)
    assert queries.port_counts(plant.actor)["pre-empted"] == 1


def test_boxes_of_lower_rank_are_taken_first(county):
    plant = build(county, ports=1, second_box=1)

    first, second = take(plant, plant.service()), take(plant, plant.service())

    assert isinstance(first, PortTaken)
    assert isinstance(second, PortTaken)
    assert "POS-01" in first.text
    assert "POS-02" in second.text


@pytest.mark.parametrize(
    "where, verdict, text",
    [
        ("uncovered", Verdict.NOT_COVERED, "未覆盖"),
        ("planned", Verdict.PLANNED, "计划 2027-03-01 建成"),
        ("no_entry", Verdict.NO_ENTRY, "物业要求先签协议"),
    ],
)
def test_refusals_are_told_apart(plant, where, verdict, text):
    address = getattr(plant, where)

    answer = take(plant, plant.service(address))

    assert isinstance(answer, NoPort)
    assert (answer.reason, answer.text) == (verdict, text)
    assert queries.coverage_verdict(address).verdict == verdict
    assert queries.port_counts(plant.actor)["pre-empted"] == 0


def test_full_box_is_no_free_port(plant, fill):
    fill(but=1)
    assert isinstance(take(plant, plant.service()), PortTaken)

    answer = take(plant, plant.service())

    assert isinstance(answer, NoPort)
    assert answer.reason == Verdict.NO_FREE_PORT
    assert answer.boxes == ("6栋1单元 POS-01",)


def test_planned_date_is_part_of_the_answer(plant):
    verdict = queries.coverage_verdict(plant.planned)

    assert verdict.planned_date is not None
    assert verdict.planned_date.isoformat() == "2027-03-01"


@pytest.mark.parametrize("path", [BOX, PON, "海阳机房>OLT-01>0/3/6"])
def test_nothing_is_assigned_over_damaged_equipment(plant, path):
    broken = queries.ids_by_path(plant.branch_id, [path])[path]
    services.set_resource_state(
        actor=plant.actor, resource_id=broken, state="damaged", reason="进水"
    )

    answer = take(plant, plant.service())

    assert isinstance(answer, NoPort)
    assert answer.reason == Verdict.NO_FREE_PORT


def test_verdicts_of_many_addresses_ask_two_queries(plant, django_assert_num_queries):
    ids = [*plant.rooms, plant.planned, plant.no_entry, plant.uncovered]

    with django_assert_num_queries(2):
        found = queries.coverage_verdicts(ids)

    assert [found[i].verdict for i in ids[-4:]] == [
        Verdict.AVAILABLE,
        Verdict.PLANNED,
        Verdict.NO_ENTRY,
        Verdict.NOT_COVERED,
    ]
    assert found[ids[0]].text == "FTTH，6栋1单元 POS-01 空闲 8 口"


def test_database_refuses_a_second_holder_whatever_the_code_does(plant):
    taken = take(plant, plant.service())
    other = plant.service()

    with pytest.raises(IntegrityError, match="resource_taken_once"), transaction.atomic():
        Assignment.objects.create(
            branch_id=plant.branch_id,
            resource_id=taken.resource_id,
            service_id=other,
            state=AssignmentState.PRE_EMPTED,
        )


def test_a_named_port_that_is_taken_is_refused_with_its_state(plant):
    take(plant, plant.service())

    with pytest.raises(PortTakenElsewhere, match="预占"):
        take(plant, plant.service(), port_id=plant.port(1))


def test_another_branch_cannot_take_or_see(plant, other_county, staff_of):
    stranger = staff_of(other_county, "stranger", "resource")
    service = plant.service()

    with pytest.raises(NotFound):
        services.take_port(actor=stranger, service_id=service, order_id=None)
    with pytest.raises(NotFound):
        queries.service(stranger, service)
    with pytest.raises(NotFound):
        services.keep(actor=stranger, resource_id=plant.port(1), reason="x")
    assert queries.port_counts(plant.actor)["free"] == 8
    assert queries.find_port(stranger, "6栋1单元 POS-01/01") == []


# ---- drafts --------------------------------------------------------------------------------


def draft(plant, minutes=30):
    order = uuid7()
    taken = services.take_port(
        actor=plant.actor,
        order_id=order,
        address_id=plant.rooms[0],
        hold_for=timedelta(minutes=minutes),
    )
    return order, taken


def test_a_drafts_port_expires_and_is_free_again(plant):
    order, taken = draft(plant)
    assert taken.state == AssignmentState.HELD
    assert services.expire_reservations() == []

    with frozen(now() + timedelta(minutes=31)):
        released = services.expire_reservations()

    assert [(r.order_id, r.resource_id, r.text) for r in released] == [
        (order, taken.resource_id, taken.text)
    ]
    assert queries.port_counts(plant.actor)["free"] == 8
    assert_states_agree()


def test_payment_after_expiry_fails_clearly(plant):
    order, _ = draft(plant)
    with frozen(now() + timedelta(minutes=31)):
        services.expire_reservations()

    with pytest.raises(ReservationGone, match="重新配线"):
        services.hold(actor=plant.actor, order_id=order)
    assert queries.port_counts(plant.actor)["free"] == 8


def test_payment_makes_the_hold_firm_and_gives_it_to_the_service(plant):
    order, taken = draft(plant)
    service = plant.service()

    firm = services.hold(actor=plant.actor, order_id=order, service_id=service)

    assert (firm.resource_id, firm.state) == (taken.resource_id, AssignmentState.PRE_EMPTED)
    with frozen(now() + timedelta(days=30)):
        assert services.expire_reservations() == []
    assert queries.port_text(service) == taken.text
    assert services.hold(actor=plant.actor, order_id=order, service_id=service) == firm
    assert take(plant, service) == firm


def test_a_draft_keeps_one_port_however_often_it_asks(plant):
    order, taken = draft(plant)

    again = services.take_port(
        actor=plant.actor,
        order_id=order,
        address_id=plant.rooms[0],
        hold_for=timedelta(minutes=30),
    )

    assert again == taken


# ---- use, release, change --------------------------------------------------------------------


def test_confirmed_port_is_in_use_and_stays_so(plant):
    service = plant.service()
    take(plant, service)

    first = services.confirm_use(actor=plant.actor, service_id=service)

    assert first.state == AssignmentState.IN_USE
    assert services.confirm_use(actor=plant.actor, service_id=service) == first
    assert Resource.objects.get(pk=first.resource_id).state == ResourceState.IN_USE
    assert_states_agree()


def test_confirming_without_a_port_is_refused(plant):
    with pytest.raises(ReservationGone):
        services.confirm_use(actor=plant.actor, service_id=plant.service())


def test_released_port_is_free_and_releasing_twice_changes_nothing(plant):
    service = plant.service()
    taken = take(plant, service)

    released = services.release_port(actor=plant.actor, service_id=service, reason="撤单")

    assert released is not None
    assert released.text == taken.text
    assert services.release_port(actor=plant.actor, service_id=service) is None
    assert queries.port_counts(plant.actor)["free"] == 8
    assert_states_agree()


def test_a_resting_port_is_not_taken_until_its_rest_is_over(plant, fill):
    fill(but=1)
    service = plant.service()
    taken = take(plant, service)
    services.release_port(actor=plant.actor, service_id=service, rest=timedelta(days=7))

    assert Resource.objects.get(pk=taken.resource_id).state == ResourceState.PRE_RELEASED
    assert isinstance(take(plant, plant.service()), NoPort)
    with frozen(now() + timedelta(days=8)):
        services.expire_reservations()
        assert isinstance(take(plant, plant.service()), PortTaken)


def test_a_pre_released_port_waits_for_the_line_to_be_taken_down(plant):
    service = plant.service()
    taken = take(plant, service)
    services.confirm_use(actor=plant.actor, service_id=service)
    services.release_port(actor=plant.actor, service_id=service, becomes="pre-released")

    with frozen(now() + timedelta(days=400)):
        services.expire_reservations()
    assert Resource.objects.get(pk=taken.resource_id).state == ResourceState.PRE_RELEASED

    services.mark_repaired(actor=plant.actor, resource_id=taken.resource_id, reason="已拆")
    assert Resource.objects.get(pk=taken.resource_id).state == ResourceState.FREE


def test_changing_a_bad_port_moves_the_service_and_marks_the_old_one(plant):
    service = plant.service(proven_by=["account"])
    old = take(plant, service)
    services.record_proof(actor=plant.actor, service_id=service, kind="account", ok=True)

    new = services.change_port(
        actor=plant.actor, service_id=service, old_becomes="damaged", reason="端口无光"
    )

    assert isinstance(new, PortTaken)
    assert new.resource_id != old.resource_id
    broken = Resource.objects.get(pk=old.resource_id)
    assert (broken.state, broken.note) == (ResourceState.DAMAGED, "端口无光")
    assert queries.port_text(service) == new.text
    assert queries.service(plant.actor, service).missing_proofs == ("account",)
    assert AuditEntry.objects.filter(kind="port-changed", subject_id=service).count() == 1
    assert_states_agree()


def test_record_is_corrected_to_the_port_the_installer_names(county):
    plant = build(county, ports=2, second_box=2)
    service = plant.service()
    take(plant, service)
    services.confirm_use(actor=plant.actor, service_id=service)

    real = queries.find_port(plant.actor, "6栋1单元 POS-02/02")[0]
    moved = services.change_port(
        actor=plant.actor, service_id=service, to_port_id=real.id, reason="标签照片"
    )

    assert isinstance(moved, PortTaken)
    assert moved.resource_id == plant.port(2, SECOND_BOX)
    assert moved.state == AssignmentState.IN_USE
    assert Resource.objects.get(pk=plant.port(1)).state == ResourceState.FREE
    again = services.change_port(
        actor=plant.actor, service_id=service, to_port_id=real.id, reason="标签照片"
    )
    assert again == moved
    assert_states_agree()


def test_changing_to_somebody_elses_port_changes_nothing(plant):
    mine, theirs = plant.service(), plant.service()
    before = take(plant, mine)
    other = take(plant, theirs)

    with pytest.raises(PortTakenElsewhere):
        services.change_port(
            actor=plant.actor, service_id=mine, to_port_id=other.resource_id, reason="x"
        )
    assert queries.port_text(mine) == before.text


def test_changing_where_no_other_port_is_free_keeps_the_old_one(plant, fill):
    fill(but=1)
    service = plant.service()
    taken = take(plant, service)

    answer = services.change_port(actor=plant.actor, service_id=service, reason="x")

    assert isinstance(answer, NoPort)
    assert queries.port_text(service) == taken.text


@pytest.mark.parametrize("state", ["free", "damaged", "kept", "pre-released", "in-use"])
def test_a_port_somebody_has_is_not_changed_by_hand(plant, state):
    taken = take(plant, plant.service())

    with pytest.raises(WrongState):
        services.set_resource_state(
            actor=plant.actor, resource_id=taken.resource_id, state=state, reason="x"
        )
    assert_states_agree()


def test_states_by_hand_follow_the_table(plant):
    port = plant.port(3)
    services.mark_damaged(actor=plant.actor, resource_id=port, reason="断纤")

    with pytest.raises(WrongState, match="占用"):
        services.set_resource_state(actor=plant.actor, resource_id=port, state="in-use")
    with pytest.raises(WrongState, match="损坏"):
        services.set_resource_state(actor=plant.actor, resource_id=port, state="pre-released")
    with pytest.raises(BadInput):
        services.set_resource_state(actor=plant.actor, resource_id=port, state="odd")
    assert AuditEntry.objects.filter(kind="resource-state", subject_id=port).count() == 1


def test_free_ports_for_choosing_by_hand(plant, staff_of, county):
    resource_post = staff_of(county, "wang", "resource")
    take(plant, plant.service())

    texts = [p.box_text for p in queries.free_ports(resource_post, plant.rooms[0])]

    assert texts == [f"6栋1单元 POS-01/{n:02d}" for n in range(2, 9)]


def test_history_of_a_port_keeps_who_had_it(plant):
    first, second = plant.service(), plant.service()
    port = take(plant, first).resource_id
    services.release_port(actor=plant.actor, service_id=first, reason="撤单")
    take(plant, second)

    assert [(a.service_id, a.reason) for a in queries.history_of_port(port)] == [
        (second, ""),
        (first, "撤单"),
    ]


def test_free_address_is_covered_free_and_unused(plant):
    for room in plant.rooms[:3]:
        plant.service(room)

    assert queries.free_address(plant.actor) == plant.rooms[3]
    plant.service(plant.rooms[3])
    assert queries.free_address(plant.actor) is None


def test_a_circuit_names_the_user_port_of_a_buildings_onu_and_follows_the_line(plant):
    """Option 82 of television: two flats on one ONU are told apart by its ports."""
    pattern = "{access_node} eth {pon_port}:{logical_id}[:{user_port}]"
    services.add_resources(
        actor=plant.actor,
        branch_id=plant.branch_id,
        rows=[ResourceRow(Kind.ONU, "6栋 ONU-01", "海阳机房>横江花园", PON, ports=4)],
    )
    onu = queries.find_port(plant.actor, "6栋 ONU-01")[2].id
    line = plant.service()
    television = plant.service(lead_id=line)
    take(plant, line)
    services.allocate_logical_id(actor=plant.actor, service_id=line, pattern="O0559{olt:2}{seq:9}")

    def circuit() -> str:
        return services.derive_circuit(actor=plant.actor, service_id=television, pattern=pattern)

    assert circuit() == "XN-HY-OLT01 eth 0/3/6:O055901000000001"
    services.release_port(actor=plant.actor, service_id=line, reason="移机")
    take(plant, line, port_id=onu)
    assert circuit() == "XN-HY-OLT01 eth 0/3/6:O055901000000001:2"
