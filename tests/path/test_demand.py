"""待装需求 (BB-17): kept once, told in the order of asking and once, served or withdrawn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from kaitong.core.clock import frozen, now
from kaitong.core.home import library
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.tests.conftest import build
from kaitong.messaging.models import Notice
from kaitong.ordering import demands, drafts, services
from kaitong.ordering.choices import DemandState, OrderState
from kaitong.ordering.errors import BadOrder, OrderNotFound, OrderRefused, WrongOrderState
from kaitong.ordering.models import Demand, Draft, Order, OrderNote
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    PaymentData,
    SubmitItem,
    SubmitOrder,
)
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.places import services as places_verbs
from kaitong.places.models import Address
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import definitions
from kaitong.worktime import queries as worktime
from kaitong.worktime import services as worktime_verbs

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = {
    "王明远": ("13905590123", "341022197001151214"),
    "李桂兰": ("13905590124", ""),
    "张德胜": ("13905590125", ""),
}


@pytest.fixture
def desk(county, staff_of):
    """A plant with one free port, the playbook, two clerks."""
    for keeper in (worktime, definitions, playbooks):
        keeper.forget()
    worktime_verbs.seed_calendar(key="cn", years=range(2025, 2027))
    playbook_verbs.deploy(actor=Actor.system(), folder=library() / "home-broadband")
    plant = build(county, ports=1)
    plant.clerk = staff_of(county, "fang", "clerk")
    plant.colleague = staff_of(county, "hu", "clerk")
    yield plant
    for keeper in (worktime, definitions, playbooks):
        keeper.forget()


def ask(desk, name="王明远", room=0, **changes) -> Order:
    """Somebody asks for a line; where none can be had, his demand is kept."""
    phone, document = PEOPLE[name]
    given = {
        "channel": "counter",
        "demand_only": True,
        "customer": CustomerData(
            name=name,
            phone=phone,
            document=DocumentData(
                kind="resident-id",
                number=document,
                valid_until=(now() + timedelta(days=1000)).date(),
                reader_used=True,
            )
            if document
            else None,
        ),
        "items": (
            SubmitItem(
                item_id="1",
                action="add",
                specification="home-broadband.access",
                offering="home-300",
                address=AddressRef(address_id=desk.rooms[room]),
            ),
        ),
    }
    return services.submit(actor=desk.clerk, request=SubmitOrder(**{**given, **changes}))


def plan(desk, *, rooms=(0, 1, 2)):
    places_verbs.set_coverage(
        actor=desk.actor,
        address_ids=[desk.rooms[n] for n in rooms],
        status="planned",
        planned_date=(now() + timedelta(days=30)).date(),
    )


def release(desk, *, rooms=(0, 1, 2)):
    """F-03: the addresses turn from planned to available."""
    places_verbs.set_coverage(
        actor=desk.actor, address_ids=[desk.rooms[n] for n in rooms], status="covered"
    )


def told() -> list[str]:
    rows = Demand.objects.filter(state=DemandState.TOLD).select_related("party")
    return [row.party.name for row in rows.order_by("told_at", "created_at")]


def together(*jobs):
    start = Barrier(len(jobs))

    def run(job):
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            return job()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [f.result(60) for f in [pool.submit(run, job) for job in jobs]]


def test_nothing_is_told_before_coverage_comes_and_then_the_first_who_asked(desk):
    plan(desk)
    orders = [ask(desk, name, room) for room, name in enumerate(PEOPLE)]
    assert [o.state for o in orders] == [OrderState.REJECTED] * 3
    assert demands.tell_waiting() == 0

    release(desk)  # one port for three
    assert demands.tell_waiting() == 1
    assert told() == ["王明远"]
    (notice,) = Notice.objects.filter(kind="available")
    demand = Demand.objects.get(party__name="王明远")
    assert (notice.order_id, notice.address) == (orders[0].id, "13905590123")
    for part in ("300M 家庭宽带", "101室", orders[0].number, "现在可以办理"):
        assert part in notice.text
    assert demand.told_until > now() + timedelta(days=6)
    kinds = OrderNote.objects.filter(order=orders[0]).values_list("kind", flat=True)
    assert "demand-told" in kinds

    assert demands.tell_waiting() == 0  # the port is kept in mind for him
    assert Notice.objects.filter(kind="available").count() == 1


def test_who_does_not_come_in_time_makes_room_for_the_next(desk):
    plan(desk)
    for room, name in enumerate(PEOPLE):
        ask(desk, name, room)
    release(desk)
    demands.tell_waiting()
    with frozen(now() + timedelta(days=9)):
        assert demands.tell_waiting() == 1
        assert told() == ["王明远", "李桂兰"]
        assert demands.tell_waiting() == 0
    assert Notice.objects.filter(kind="available").count() == 2  # nobody twice


def test_a_port_that_comes_free_is_told_too(desk):
    inventory_verbs.keep(actor=desk.actor, resource_id=desk.port(1), reason="test")
    order = ask(desk)
    assert Demand.objects.get(order=order).reason == "no-free-port"
    assert demands.tell_waiting() == 0
    inventory_verbs.set_resource_state(actor=desk.actor, resource_id=desk.port(1), state="free")
    assert demands.tell_waiting() == 1


def test_two_workers_at_once_tell_once(desk):
    plan(desk)
    for room, name in enumerate(PEOPLE):
        ask(desk, name, room)
    release(desk)
    counts = together(*[demands.tell_waiting] * 4)
    assert sum(counts) == 1
    assert Notice.objects.filter(kind="available").count() == 1


def test_asked_again_it_is_the_same_demand_in_its_place(desk):
    plan(desk)
    first = ask(desk)
    ask(desk, "李桂兰", 1)
    again = ask(desk)
    demand = Demand.objects.get(party__name="王明远")
    assert demand.order_id == again.id != first.id
    assert Demand.objects.count() == 2
    release(desk)
    demands.tell_waiting()
    assert told() == ["王明远"]


def test_asked_twice_at_one_instant_is_one_demand(desk):
    plan(desk)
    ask(desk, "李桂兰", 1)  # registers nobody twice below: the party exists after this one
    ask(desk)
    Demand.objects.filter(party__name="王明远").delete()
    made = together(*[lambda: ask(desk)] * 3)
    assert all(isinstance(o, Order) for o in made)
    assert Demand.objects.filter(party__name="王明远").count() == 1


def test_told_and_refused_again_it_waits_again_and_is_told_again(desk):
    plan(desk)
    ask(desk)
    release(desk)
    demands.tell_waiting()
    plan(desk)
    ask(desk)
    demand = Demand.objects.get()
    assert (demand.state, demand.round, demand.told_at) == (DemandState.WAITING, 2, None)
    release(desk)
    assert demands.tell_waiting() == 1
    assert Notice.objects.filter(kind="available").count() == 2


def test_one_click_begins_the_intake_of_that_customer_with_a_port(desk):
    plan(desk)
    ask(desk)
    release(desk)
    demands.tell_waiting()
    demand = Demand.objects.get()
    draft_id = demands.begin(actor=desk.clerk, demand_id=demand.pk)
    draft = Draft.objects.get(pk=draft_id)
    assert drafts.entered(draft) == {"offering": "home-300", "party": str(demand.party_id)}
    assert (draft.address_id, "POS-01/01" in draft.port) == (desk.rooms[0], True)
    assert demands.begin(actor=desk.clerk, demand_id=demand.pk) == draft_id
    with pytest.raises(OrderRefused, match="正在受理"):
        demands.begin(actor=desk.colleague, demand_id=demand.pk)

    order = ask(
        desk,
        draft_id=draft_id,
        demand_only=False,
        customer=CustomerData(party_id=demand.party_id),
        payment=PaymentData(method="cash", expected_fen=10000),
    )
    demand.refresh_from_db()
    assert (demand.state, demand.served_order_id) == (DemandState.SERVED, order.id)
    with pytest.raises(WrongOrderState, match="已成订单"):
        demands.begin(actor=desk.clerk, demand_id=demand.pk)


def test_two_clerks_click_at_once_and_one_is_told_of_the_other(desk):
    plan(desk)
    ask(desk)
    release(desk)
    demand = Demand.objects.get()
    answers = together(
        lambda: demands.begin(actor=desk.clerk, demand_id=demand.pk),
        lambda: demands.begin(actor=desk.colleague, demand_id=demand.pk),
    )
    refused = [a for a in answers if isinstance(a, Exception)]
    assert len(refused) <= 1
    assert Draft.objects.filter(held_until__gt=now()).count() == 1


def test_it_is_not_begun_where_nothing_can_be_had(desk):
    plan(desk)
    ask(desk)
    with pytest.raises(OrderRefused, match="还不能开通"):
        demands.begin(actor=desk.clerk, demand_id=Demand.objects.get().pk)
    assert not Draft.objects.exists()


def test_an_order_taken_in_as_usual_serves_the_demand(desk):
    plan(desk)
    ask(desk)
    release(desk)
    order = ask(desk, demand_only=False)
    assert Demand.objects.get().served_order_id == order.id
    assert demands.tell_waiting() == 0


def test_withdrawn_is_never_told_nor_counted_and_says_why(desk, staff_of):
    plan(desk)
    order = ask(desk)
    ask(desk, "李桂兰", 1)
    demand = Demand.objects.get(order=order)
    with pytest.raises(BadOrder):
        demands.withdraw(actor=desk.clerk, demand_id=demand.pk, reason="  ")
    demands.withdraw(actor=desk.clerk, demand_id=demand.pk, reason="已装其他运营商")
    demands.withdraw(actor=desk.clerk, demand_id=demand.pk, reason="再点一次")
    demand.refresh_from_db()
    assert (demand.state, demand.ended_reason) == (DemandState.WITHDRAWN, "已装其他运营商")
    release(desk)
    demands.tell_waiting()
    assert told() == ["李桂兰"]
    city = Branch.objects.create(code="SX", name="歙县分公司", kind="county")
    stranger = staff_of(city, "hong", "clerk")
    with pytest.raises(OrderNotFound):
        demands.withdraw(actor=stranger, demand_id=demand.pk, reason="x")
    installer = staff_of(order.branch, "wang", "installer")
    with pytest.raises(OrderRefused):
        demands.withdraw(actor=installer, demand_id=demand.pk, reason="x")


def test_withdrawn_while_it_is_being_told_is_one_or_the_other(desk):
    plan(desk)
    ask(desk)
    release(desk)
    demand = Demand.objects.get()
    together(
        demands.tell_waiting,
        lambda: demands.withdraw(actor=desk.clerk, demand_id=demand.pk, reason="不要了"),
    )
    demand.refresh_from_db()
    assert demand.state == DemandState.WITHDRAWN
    assert Notice.objects.filter(kind="available").count() == (1 if demand.told_at else 0)


def test_area_is_kept_for_planning(desk):
    plan(desk)
    ask(desk)
    spot = Address.objects.get(pk=desk.rooms[0])
    assert Demand.objects.get().area == f"{spot.township} {spot.estate}"
