"""TMF641's held and pending: an order says that it stands still, for whose sake, and no longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from kaitong.core.clock import now
from kaitong.core.errors import Conflict, Refused
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering import states
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.playbooks.wiring import ACTIONS
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.actions import Action, configure
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()


def state(order):
    row = orders.order(SYSTEM, order.id)
    return row.state, row.reason


def broken(name):
    """Within it an action of the playbook fails."""

    def fail(_context):
        raise RuntimeError("boom")

    return {**ACTIONS, name: Action(name, "transactional", fail)}


def suspend(office, order, code):
    item = office.item(order, "Appoint").id
    process_verbs.suspend(
        actor=office.people["installer"],
        item_id=item,
        reason_code=code,
        note="说明",
        until=now() + timedelta(hours=5),
    )
    return item


def test_an_incident_holds_the_order_until_it_is_solved(office):
    configure(broken("ordering.make-data"))
    try:
        order = office.submit()
        assert order.state == "held"  # as it comes back from the counter
        assert state(order) == ("held", "流程出了异常，正在处理。")
        [incident] = process.incidents(SYSTEM, business_id=order.id).rows
        process_verbs.retry_incident(actor=office.people["network"], incident_id=incident.id)
        assert state(order)[0] == "held"  # it failed again
    finally:
        configure(ACTIONS)
    [incident] = process.incidents(SYSTEM, business_id=order.id).rows
    process_verbs.retry_incident(actor=office.people["network"], incident_id=incident.id)
    assert state(order) == ("inProgress", "")


@pytest.mark.radius
@pytest.mark.parametrize(
    ("code", "wanted", "title"),
    [
        ("customer-away", "pending", "客户外出或联系不上"),
        ("resource", "held", "等待资源"),
    ],
)
def test_all_work_suspended_is_pending_for_the_customer_and_held_for_us(
    office, radius, code, wanted, title
):
    order = office.submit()
    item = suspend(office, order, code)
    assert state(order) == ("inProgress", "")  # machines are at work beside the suspended step
    office.work()
    assert state(order) == (wanted, title)
    process_verbs.resume(actor=office.people["installer"], item_id=item)
    assert state(order) == ("inProgress", "")
    suspend(office, order, code)
    assert state(order) == (wanted, title)


def test_held_an_order_is_withdrawn_as_any_other(office):
    configure(broken("ordering.make-data"))
    try:
        order = office.submit()
    finally:
        configure(ACTIONS)
    assert state(order)[0] == "held"
    ordering.withdraw(
        actor=office.people["clerk"], order_id=order.id, reason="customer.no-need", key="k1"
    )
    assert state(order)[0] == "pendingCancellation"


def test_what_stood_still_may_end_in_the_step_that_lets_it_go_on(office):
    """TMF641 knows no way from held to completed: it leads over inProgress."""
    order = office.submit()
    with transaction.atomic():
        row = states.locked(order.id)
        states.move(row, "held", reason="x")
        states.move(row, "completed")
    assert state(order)[0] == "completed"
    with transaction.atomic(), pytest.raises(Conflict):
        states.move(states.locked(order.id), "held")


def test_what_never_stood_still_is_not_moved(office):
    order = office.submit()
    before = Order.objects.get(pk=order.id).state_since
    item = office.item(order, "Appoint").id
    process_verbs.claim(actor=office.people["installer"], item_id=item)
    with pytest.raises(Refused):
        process_verbs.suspend(
            actor=office.people["installer"], item_id=item, reason_code="nonsense", until=now()
        )
    assert Order.objects.get(pk=order.id).state_since == before


def test_two_incidents_solved_at_once_leave_it_going(office):
    """Each waits for the other at the order; the second sees what the first has done."""
    configure(broken("ordering.make-data"))
    try:
        order = office.submit()
    finally:
        configure(ACTIONS)
    [incident] = process.incidents(SYSTEM, business_id=order.id).rows
    item = suspend(office, order, "customer-away")
    at_once(
        lambda: process_verbs.retry_incident(
            actor=office.people["network"], incident_id=incident.id
        ),
        lambda: process_verbs.resume(actor=office.people["installer"], item_id=item),
    )
    assert state(order)[0] == "inProgress"
