"""Bad days: the AAA server is away, a year has no calendar, an action breaks, two at once.

Each ends with the order visibly waiting and nothing lost, or with exactly one winner.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from kaitong.core import clock
from kaitong.core.errors import KaitongError
from kaitong.inventory.models import Resource
from kaitong.ordering import actions
from kaitong.ordering import queries as orders
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbooks
from kaitong.playbooks.wiring import ACTIONS
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.actions import Action, configure
from kaitong.worktime import queries as worktime

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def waiting(office, order) -> dict[str, str]:
    return {w["node"]: w["reason"] for w in office.show(order)["waiting"]}


def incidents(order):
    return process.incidents(SYSTEM, business_id=order.id).rows


def let_retries_run_out(office, order) -> None:
    """Move time on until the command gives up, as its back-off says."""
    moment = clock.now()
    for _attempt in range(12):
        office.work()
        if incidents(order):
            return
        moment += timedelta(minutes=5)
        with clock.frozen(moment):
            office.work()
    raise AssertionError(office.show(order))


@pytest.mark.radius
@pytest.mark.parametrize("what", ["server", "database"])
def test_aaa_away_ends_in_an_incident_that_can_be_retried(office, radius, lab, what):
    getattr(lab, f"stop_{what}")()
    order = office.submit()
    office.work()
    shown = waiting(office, order)
    assert set(shown) & {"Activate", "ProveAccount"}, shown  # visibly waiting, with a reason
    assert all(shown.values())
    let_retries_run_out(office, order)
    incident = incidents(order)[0]
    assert incident.cause == "network"
    assert office.show(order)["state"] == "held"
    lab.up()
    with clock.frozen(clock.now() + timedelta(hours=2)):
        process_verbs.retry_incident(actor=office.people["network"], incident_id=incident.id)
        office.work()
        assert not incidents(order)
        assert office.show(order)["state"] == "inProgress"
        proofs = office.show(order)["services"][0]["proof"]
    assert [p["kind"] for p in proofs if p["ok"]] == ["account"]


def test_an_action_that_breaks_keeps_the_completion(office, monkeypatch):
    """竣工归档 raises: the acceptance that people gave is kept, the order waits in the desk."""
    broken = {**ACTIONS, "ordering.make-data": Action("ordering.make-data", "transactional", _boom)}
    configure(broken)
    try:
        order = office.submit()
    finally:
        configure(ACTIONS)
    incident = incidents(order)[0]
    assert incident.node == "MakeData"
    assert incident.cause == "bug"
    assert office.nodes(order) == {"Appoint"}  # the other branch goes on
    process_verbs.retry_incident(actor=office.people["network"], incident_id=incident.id)
    assert not incidents(order)
    assert office.show(order)["services"][0]["account"]


def _boom(ctx):
    actions.note(ctx.business_id, "data-made", actor_id=None)
    raise RuntimeError("boom")


def test_two_clerks_and_the_last_port(office):
    ports = [office.plant.port(n) for n in range(1, 9)]
    for port in ports[1:]:
        from kaitong.inventory import services as inventory

        inventory.keep(actor=office.plant.actor, resource_id=port, reason="test")

    def submit(number):
        try:
            return office.submit(
                address=office.plant.rooms[number], idempotency_key=f"k{number}"
            ).id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(submit, range(4)))
    nodes = [office.nodes(orders.order(SYSTEM, order_id)) for order_id in ids]
    assert sorted(map(sorted, nodes)) == [["Appoint"]] + [["PortException"]] * 3
    assert Resource.objects.get(pk=ports[0]).state == "pre-empted"


def test_same_request_at_once_is_one_order(office):
    def submit(_number):
        try:
            return office.submit(idempotency_key="same").id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(submit, range(4)))) == 1
    assert orders.orders(office.people["clerk"])[1] == 1


def test_completing_twice_at_once_has_one_winner(office):
    order = office.submit()
    item = process.open_items_of(SYSTEM, [order.id])[order.id][0]
    answers = {
        "appointment_start": (clock.now() + timedelta(days=1)).isoformat(),
        "appointment_minutes": 120,
        "contacted": True,
    }

    def complete(_number):
        try:
            playbooks.complete_work(actor=office.people["installer"], item_id=item.id, data=answers)
            return "won"
        except KaitongError as error:
            return error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(complete, range(4)))
    assert outcomes == ["conflict"] * 3 + ["won"]
    assert office.nodes(order) == {"Install"}


def test_a_year_without_calendar_is_marked_and_stops_nothing(office):
    with clock.frozen(datetime(2026, 12, 30, 1, 0, tzinfo=UTC)):
        order = office.submit()
        office.complete(order, "Appoint")
        office.complete(order, "Install", by="supervisor")
    assert ("cn", 2027) in worktime.missing_years(months_ahead=3)
    deadline = orders.why_due(orders.order(SYSTEM, order.id))
    assert deadline.due_at is not None
