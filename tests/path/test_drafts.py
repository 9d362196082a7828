"""Drafts of the counter: two clerks and one port, countdown against payment, double submission."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection

from kaitong.charging import queries as charges
from kaitong.charging.models import JournalLine, Payment
from kaitong.cli import worker as housekeeping
from kaitong.core.clock import frozen, now
from kaitong.core.home import library
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import Verdict
from kaitong.inventory.errors import ReservationGone
from kaitong.inventory.models import Assignment, Service
from kaitong.inventory.services import NoPort, PortTaken
from kaitong.inventory.tests.conftest import build
from kaitong.ordering import counter, drafts, services
from kaitong.ordering.choices import DraftState, OrderState
from kaitong.ordering.errors import BadOrder, DraftGone, OrderNotFound, OrderRefused
from kaitong.ordering.models import Demand, Draft, Order
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    PaymentData,
    SubmitItem,
    SubmitOrder,
)
from kaitong.org.actor import Actor
from kaitong.party.models import Party
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import definitions
from kaitong.worktime import queries as worktime
from kaitong.worktime import services as worktime_verbs

pytestmark = pytest.mark.django_db(transaction=True)
HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def desk(county, staff_of):
    """Plant with one free port, the playbook, a clerk."""
    for keeper in (worktime, definitions, playbooks):
        keeper.forget()
    worktime_verbs.seed_calendar(key="cn", years=range(2025, 2027))
    playbook_verbs.deploy(actor=Actor.system(), folder=library() / "home-broadband")
    plant = build(county, ports=1)
    plant.clerk = staff_of(county, "fang", "clerk")
    yield plant
    for keeper in (worktime, definitions, playbooks):
        keeper.forget()


def begin(desk, clerk=None, *, address=None) -> UUID:
    draft_id = uuid7()
    drafts.open_draft(actor=clerk or desk.clerk, draft_id=draft_id, data={"name": "王明远"})
    hold(desk, draft_id, clerk, address=address or desk.rooms[0])
    return draft_id


def hold(desk, draft_id, clerk=None, *, address=None):
    return drafts.choose(
        actor=clerk or desk.clerk, draft_id=draft_id, address_id=address, hold_for=HALF_HOUR
    )


def request(desk, draft_id, *, address=None, **changes) -> SubmitOrder:
    given = {
        "draft_id": draft_id,
        "channel": "counter",
        "customer": CustomerData(
            name="王明远",
            phone="13905590123",
            document=DocumentData(
                kind="resident-id",
                number="341022197001151214",
                valid_until=(now() + timedelta(days=1000)).date(),
                reader_used=True,
            ),
        ),
        "payment": PaymentData(method="cash", expected_fen=10000),
        "items": (
            SubmitItem(
                item_id="1",
                action="add",
                specification="home-broadband.access",
                offering="home-300",
                address=AddressRef(address_id=address or desk.rooms[0]),
            ),
        ),
    }
    return SubmitOrder(**{**given, **changes})


def submit(desk, draft_id, clerk=None, **changes) -> Order:
    return services.submit(actor=clerk or desk.clerk, request=request(desk, draft_id, **changes))


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
        return list(pool.map(run, jobs))


def test_the_drafts_port_and_identifier_become_the_orders_and_money_is_collected_once(desk):
    draft_id = begin(desk)
    port = Draft.objects.get(pk=draft_id).port
    assert "POS-01/01" in port

    order = submit(desk, draft_id)

    assert order.id == draft_id
    assert order.state == OrderState.IN_PROGRESS
    (service,) = inventory.services_of_order(order.id)
    assert (service.port_text, service.port_state, service.reserved_until) == (
        port,
        "pre-empted",
        None,
    )
    money = charges.money(desk.clerk, order.id)
    assert money.collected_fen == 10000
    draft = Draft.objects.get(pk=draft_id)
    assert (draft.state, drafts.entered(draft)) == (DraftState.TAKEN, {})


def test_what_was_typed_is_sealed(desk):
    draft_id = begin(desk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM ordering_draft WHERE id = %s", [draft_id])
        stored = bytes(cursor.fetchone()[0])
    assert "王明远".encode() not in stored
    assert drafts.entered(Draft.objects.get(pk=draft_id)) == {"name": "王明远"}


def test_two_clerks_and_one_port(desk, county, staff_of):
    second = staff_of(county, "second", "clerk")
    opened = {clerk.id: uuid7() for clerk in (desk.clerk, second)}
    for clerk in (desk.clerk, second):
        drafts.open_draft(actor=clerk, draft_id=opened[clerk.id], data={})

    answers = together(
        *(
            lambda clerk=clerk, room=room: hold(desk, opened[clerk.id], clerk, address=room)
            for clerk, room in ((desk.clerk, desk.rooms[0]), (second, desk.rooms[1]))
        )
    )

    won = [a for a in answers if isinstance(a, PortTaken)]
    lost = [a for a in answers if isinstance(a, NoPort)]
    assert (len(won), len(lost)) == (1, 1), answers
    assert lost[0].reason == Verdict.NO_FREE_PORT
    loser = Draft.objects.get(held_until=None)
    assert loser.address_id is not None
    with pytest.raises(ReservationGone):
        submit(
            desk,
            loser.pk,
            second if loser.clerk_id == second.id else desk.clerk,
            address=loser.address_id,
        )
    assert not Order.objects.exists()


@pytest.mark.parametrize("attempt", range(4))
def test_the_countdown_running_out_during_payment_takes_all_or_nothing(desk, attempt):
    draft_id = begin(desk)

    def expire():
        with frozen(now() + timedelta(minutes=31)):
            housekeeping.housekeeping()

    taken, _ = together(lambda: submit(desk, draft_id), expire)

    free = inventory.port_counts(desk.clerk)["free"]
    if isinstance(taken, Order):
        assert (free, Payment.objects.count()) == (0, 1)
        assert Draft.objects.get(pk=draft_id).state == DraftState.TAKEN
    else:
        assert isinstance(taken, ReservationGone), taken
        assert "预占已到时" in str(taken)
        assert free == 1
        assert not any(
            model.objects.exists() for model in (Order, Payment, JournalLine, Service, Party)
        )
        assert drafts.entered(Draft.objects.get(pk=draft_id)) == {"name": "王明远"}
        assert isinstance(hold(desk, draft_id), PortTaken)  # one click
        assert submit(desk, draft_id).id == draft_id


def test_a_countdown_that_ran_out_is_marked_and_the_draft_kept_for_a_day(desk):
    draft_id = begin(desk)
    with frozen(now() + timedelta(minutes=31)):
        housekeeping.housekeeping()
        draft = Draft.objects.get(pk=draft_id)
        assert draft.state == DraftState.EXPIRED
        assert drafts.entered(draft) == {"name": "王明远"}
        assert inventory.port_counts(desk.clerk)["free"] == 1
        assert isinstance(hold(desk, draft_id), PortTaken)
        assert Draft.objects.get(pk=draft_id).state == DraftState.OPEN
    with frozen(now() + timedelta(days=2)):
        housekeeping.housekeeping()
        housekeeping.housekeeping()
        draft = Draft.objects.get(pk=draft_id)
        assert (draft.state, drafts.entered(draft)) == (DraftState.DROPPED, {})
        with pytest.raises(DraftGone):
            submit(desk, draft_id)


def test_holding_again_gives_more_time_and_never_a_second_port(desk):
    draft_id = begin(desk)
    with frozen(now() + timedelta(minutes=20)):
        answer = hold(desk, draft_id)
        assert answer.reserved_until == now() + HALF_HOUR
    assert Assignment.objects.exclude(state="released").count() == 1


def test_a_double_submission_makes_one_order_and_takes_the_money_once(desk):
    draft_id = begin(desk)
    first, second = together(*[lambda: submit(desk, draft_id)] * 2)
    assert first.id == second.id == draft_id
    assert submit(desk, draft_id).id == draft_id
    assert Order.objects.count() == 1
    assert [p.amount_fen for p in Payment.objects.all()] == [10000]
    assert Payment.objects.get().key == str(draft_id)


def test_another_sum_than_the_page_showed_is_a_conflict_and_changes_nothing(desk):
    draft_id = begin(desk)
    with pytest.raises(Exception, match="应收金额已变动"):
        submit(desk, draft_id, payment=PaymentData(method="card", expected_fen=1))
    assert not Order.objects.exists()
    assert Draft.objects.get(pk=draft_id).state == DraftState.OPEN


def test_a_fault_of_the_request_leaves_the_draft_and_its_port(desk):
    draft_id = begin(desk)
    bad = request(desk, draft_id)
    bad = replace(bad, customer=replace(bad.customer, phone="1"))
    with pytest.raises(BadOrder) as refused:
        services.submit(actor=desk.clerk, request=bad)
    assert [f.field for f in refused.value.faults] == ["customer.phone"]
    assert drafts.entered(Draft.objects.get(pk=draft_id)) == {"name": "王明远"}
    assert submit(desk, draft_id).id == draft_id


def test_the_draft_decides_the_address(desk):
    draft_id = begin(desk)
    with pytest.raises(OrderRefused, match="地址"):
        submit(desk, draft_id, address=desk.rooms[1])


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("planned", Verdict.PLANNED),
        ("no_entry", Verdict.NO_ENTRY),
        ("uncovered", Verdict.NOT_COVERED),
        ("full", Verdict.NO_FREE_PORT),
    ],
)
def test_a_refusal_is_a_rejected_order_with_its_demand_and_costs_nothing(desk, place, verdict):
    if place == "full":
        inventory_verbs.keep(actor=desk.actor, resource_id=desk.port(1), reason="test")
    address = desk.rooms[0] if place == "full" else getattr(desk, place)
    draft_id = uuid7()
    drafts.open_draft(actor=desk.clerk, draft_id=draft_id, data={})
    answer = hold(desk, draft_id, address=address)
    assert answer.reason == verdict

    order = submit(
        desk,
        draft_id,
        address=address,
        demand_only=True,
        customer=CustomerData(name="王明远", phone="13905590123"),
        payment=None,
    )

    assert (order.id, order.state) == (draft_id, OrderState.REJECTED)
    demand = Demand.objects.get()
    assert (demand.reason, demand.address_id, demand.order_id) == (verdict, address, order.id)
    assert not Payment.objects.exists()
    assert not Service.objects.exists()


def test_who_was_refused_is_not_given_an_order_because_a_port_became_free(desk):
    rival = begin(desk)
    draft_id = begin(desk, address=desk.rooms[1])
    drafts.drop(actor=desk.clerk, draft_id=rival)
    with pytest.raises(OrderRefused, match="现在可以开通了"):
        submit(desk, draft_id, address=desk.rooms[1], demand_only=True)
    assert not Order.objects.exists()


def test_dropping_gives_the_port_back_and_forgets(desk):
    draft_id = begin(desk)
    drafts.drop(actor=desk.clerk, draft_id=draft_id)
    drafts.drop(actor=desk.clerk, draft_id=draft_id)
    assert inventory.port_counts(desk.clerk)["free"] == 1
    assert drafts.entered(Draft.objects.get(pk=draft_id)) == {}
    with pytest.raises(DraftGone):
        hold(desk, draft_id)


def test_a_taken_draft_is_never_changed(desk):
    draft_id = begin(desk)
    submit(desk, draft_id)
    for act in (
        lambda: drafts.keep(actor=desk.clerk, draft_id=draft_id, data={}),
        lambda: drafts.open_draft(actor=desk.clerk, draft_id=draft_id, data={}),
        lambda: hold(desk, draft_id),
    ):
        with pytest.raises(DraftGone) as refused:
            act()
        assert refused.value.code == "draft-taken"
    drafts.drop(actor=desk.clerk, draft_id=draft_id)
    assert inventory.services_of_order(draft_id)[0].port_text


@pytest.mark.parametrize("where", ["another branch", "another clerk"])
def test_a_draft_is_its_clerks_alone(desk, county, other_county, staff_of, where):
    draft_id = begin(desk)
    other = staff_of(other_county if where == "another branch" else county, "other", "clerk")
    for act in (
        lambda: drafts.draft_of(other, draft_id),
        lambda: drafts.keep(actor=other, draft_id=draft_id, data={}),
        lambda: drafts.open_draft(actor=other, draft_id=draft_id, data={}),
        lambda: hold(desk, draft_id, other),
        lambda: drafts.drop(actor=other, draft_id=draft_id),
        lambda: submit(desk, draft_id, other),
    ):
        with pytest.raises(OrderNotFound):
            act()
    assert drafts.drafts_of(other) == []
    assert [d.pk for d in drafts.drafts_of(desk.clerk)] == [draft_id]


def test_another_branchs_address_is_not_there(desk, other_county, staff_of):
    other = staff_of(other_county, "other", "clerk")
    draft_id = uuid7()
    drafts.open_draft(actor=other, draft_id=draft_id, data={})
    with pytest.raises(Exception, match="没有这个地址"):
        hold(desk, draft_id, other, address=desk.rooms[0])


def test_only_clerks_take_in(desk, county, staff_of):
    installer = staff_of(county, "installer", "installer")
    with pytest.raises(OrderRefused, match="营业员"):
        drafts.open_draft(actor=installer, draft_id=uuid7(), data={})


def test_what_the_counter_offers_comes_from_the_playbook(desk):
    offers = counter.offers(desk.clerk)
    assert [offer.offering.key for offer in offers] == [
        "home-300",
        "home-1000",
        "home-300-bundle",
        "home-1000-bundle",
        "home-300-voice",
        "home-300-tv",
        "home-1000-voice",
        "home-1000-tv",
    ]
    first = offers[0]
    assert (first.due_now_fen, first.monthly_fen) == (10000, 9900)
    assert first.hold_time == HALF_HOUR
    assert first.specification == "home-broadband.access"
    start = now()
    assert first.promise(desk.branch_id, start).due_at == start + timedelta(hours=48)
    assert "resident-id" in {rule.kind for rule in first.document_kinds}
