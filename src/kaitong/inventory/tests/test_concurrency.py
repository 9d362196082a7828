"""Many at once, each with a connection of their own: no port twice, none lost, clear losers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction

from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.inventory import queries, services
from kaitong.inventory.choices import Verdict
from kaitong.inventory.errors import PortTakenElsewhere, ReservationGone
from kaitong.inventory.models import Assignment, PoolNumber, Service
from kaitong.inventory.services import NoPort, PortTaken
from kaitong.inventory.tests.conftest import build
from kaitong.inventory.tests.test_ports import assert_states_agree

pytestmark = pytest.mark.django_db(transaction=True)


def together(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Run jobs at once, each in its own thread and connection; errors are answers."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
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


def taker(plant, service, **more):
    return lambda: services.take_port(actor=plant.actor, service_id=service, order_id=None, **more)


@pytest.mark.parametrize("attempt", range(4))
def test_sixteen_takers_of_a_box_of_eight(plant, attempt):
    wanting = [plant.service() for _ in range(16)]

    answers = together([taker(plant, s) for s in wanting])

    won = [a for a in answers if isinstance(a, PortTaken)]
    lost = [a for a in answers if isinstance(a, NoPort)]
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert (len(won), len(lost)) == (8, 8)
    assert len({a.resource_id for a in won}) == 8
    assert {a.reason for a in lost} == {Verdict.NO_FREE_PORT}
    assert_states_agree()


def test_two_clerks_and_one_port(plant):
    port = plant.port(5)
    jobs = [taker(plant, plant.service(), port_id=port) for _ in range(2)]

    answers = together(jobs)

    assert Counter(type(a) for a in answers) == {PortTaken: 1, PortTakenElsewhere: 1}
    loser = next(a for a in answers if isinstance(a, PortTakenElsewhere))
    assert "刷新" in loser.remedy
    assert Assignment.objects.filter(resource_id=port).count() == 1


def test_one_service_asked_by_eight_gets_one_port(plant):
    service = plant.service()

    answers = together([taker(plant, service)] * 8)

    assert len({a.resource_id for a in answers}) == 1
    assert Assignment.objects.count() == 1


def test_no_free_port_is_only_said_when_it_is_true(plant, fill):
    """The last port is being taken by somebody who rolls back: the second waits, and gets it."""
    fill(but=1)
    taking, told = Event(), Event()
    first, second = plant.service(), plant.service()

    def rolls_back():
        with transaction.atomic():
            taker(plant, first)()
            taking.set()
            told.wait(timeout=1)
            transaction.set_rollback(True)

    def waits():
        taking.wait(timeout=30)
        return taker(plant, second)()

    _, answer = together([rolls_back, waits])

    assert isinstance(answer, PortTaken), answer
    assert queries.port_text(first) == ""


@pytest.mark.parametrize("attempt", range(6))
def test_a_draft_expiring_during_payment_is_paid_or_gone_never_both(plant, attempt):
    order = uuid7()
    services.take_port(
        actor=plant.actor,
        order_id=order,
        address_id=plant.rooms[0],
        hold_for=timedelta(minutes=30),
    )

    def expire():
        with frozen(now() + timedelta(minutes=31)):
            return services.expire_reservations()

    paid, expired = together([lambda: services.hold(actor=plant.actor, order_id=order), expire])

    free = queries.port_counts(plant.actor)["free"]
    if isinstance(paid, PortTaken):
        assert (expired, free) == ([], 7)
    else:
        assert isinstance(paid, ReservationGone), paid
        assert (len(expired), free) == (1, 8)
    assert_states_agree()


def test_expiring_while_payment_holds_the_row_gives_nothing_back(plant):
    """Payment is inside its transaction when the worker looks for expired drafts."""
    order = uuid7()
    services.take_port(
        actor=plant.actor,
        order_id=order,
        address_id=plant.rooms[0],
        hold_for=timedelta(minutes=30),
    )
    paying, looked = Event(), Event()

    def pay():
        with transaction.atomic():
            answer = services.hold(actor=plant.actor, order_id=order)
            paying.set()
            looked.wait(timeout=30)
            return answer

    def expire():
        paying.wait(timeout=30)
        try:
            with frozen(now() + timedelta(minutes=31)):
                return services.expire_reservations()
        finally:
            looked.set()

    paid, expired = together([pay, expire])

    assert isinstance(paid, PortTaken)
    assert expired == []


def test_payment_waiting_for_the_expiry_fails_clearly(plant):
    """The worker has released the port and not yet committed when payment comes."""
    order = uuid7()
    services.take_port(
        actor=plant.actor,
        order_id=order,
        address_id=plant.rooms[0],
        hold_for=timedelta(minutes=30),
    )
    releasing = Event()

    def expire():
        with transaction.atomic(), frozen(now() + timedelta(minutes=31)):
            released = services.expire_reservations()
            releasing.set()
            Event().wait(0.3)
            return released

    def pay():
        releasing.wait(timeout=30)
        return services.hold(actor=plant.actor, order_id=order)

    expired, paid = together([expire, pay])

    assert len(expired) == 1
    assert isinstance(paid, ReservationGone), paid


def test_two_services_swapping_ports_do_not_deadlock(plant):
    one, two = plant.service(), plant.service()
    a, b = taker(plant, one)(), taker(plant, two)()

    answers = together(
        [
            lambda: services.change_port(
                actor=plant.actor, service_id=one, to_port_id=b.resource_id, reason="x"
            ),
            lambda: services.change_port(
                actor=plant.actor, service_id=two, to_port_id=a.resource_id, reason="x"
            ),
        ]
    )

    # One after the other: the second may find the first's old port free again, or neither moves.
    assert all(isinstance(x, PortTaken | PortTakenElsewhere) for x in answers), answers
    assert_states_agree()


def test_thirty_two_clients_take_a_thousand_ports(county):
    """Every port once, none left, and the losers are told."""
    plant = build(county, ports=1000, rooms=1)
    surplus = 8
    moment = now()
    wanting = Service.objects.bulk_create(
        Service(
            branch_id=plant.branch_id,
            specification="access",
            state="designed",
            address_id=plant.rooms[0],
            order_id=uuid7(),
            prove_since=moment,
            updated_at=moment,
        )
        for _ in range(1000 + surplus)
    )
    share = [[s.pk for s in wanting[n::32]] for n in range(32)]

    answers = together([lambda mine=mine: [taker(plant, s)() for s in mine] for mine in share])

    flat = [a for client in answers for a in client]
    won = [a.resource_id for a in flat if isinstance(a, PortTaken)]
    assert len(won) == len(set(won)) == 1000
    assert sum(isinstance(a, NoPort) for a in flat) == surplus
    assert queries.port_counts(plant.actor)["free"] == 0
    assert_states_agree()


def test_accounts_of_many_services_at_once_are_all_different(plant):
    wanting = [plant.service() for _ in range(12)]

    answers = together(
        [
            lambda s=s: services.allocate_account(
                actor=plant.actor, service_id=s, pattern="{branch_lower}{area_code}{seq:7}@kd"
            )
            for s in wanting
        ]
    )

    assert len(set(answers)) == 12, answers
    assert all(str(a).startswith("xn0559") for a in answers), answers
    assert PoolNumber.objects.filter(state="in-use").count() == 12
