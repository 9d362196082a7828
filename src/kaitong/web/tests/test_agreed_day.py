"""到日复核: a change agreed for next month is looked at again on its day: done, or a person's task
with a defined end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from kaitong.charging import services as charging
from kaitong.charging.models import Charge
from kaitong.core import clock
from kaitong.messaging.models import Notice
from kaitong.ordering.models import OrderNote, ServiceChange
from kaitong.playbooks import services as playbooks
from kaitong.process import worker
from kaitong.process.models import WorkItem
from kaitong.web.tests.test_cases_in_life import (  # noqa: F401  fixtures
    SYSTEM,
    counter,
    line,
    order_of,
)
from kaitong.web.tests.test_changing import place
from kaitong.web.tests.test_flows import now_is

LATER = {"offering": "home-1000", "effective": "next-month"}


@pytest.mark.parametrize("decision", ["retry", "refuse"])
def test_what_is_in_the_way_on_its_day_is_a_persons_task(
    world,
    line,  # noqa: F811
    counter,  # noqa: F811
    decision,
):
    service = line(1)
    order = order_of(counter(service, "change-plan", **LATER))
    owed = Charge.objects.create(
        branch_id=service.branch_id,
        order_id=service.order_id,
        code="repair",
        title="维修费",
        amount_fen=5000,
        state="due",
    )
    day = ServiceChange.objects.get().waits_until + timedelta(minutes=1)
    with clock.frozen(day):
        worker.drain_all()
        work = WorkItem.objects.get(node="DayTrouble")
        assert now_is(service).title == "300M 家庭宽带"
        if decision == "retry":
            charging.void_due(actor=SYSTEM, order_id=service.order_id, charge_ids=[owed.pk])
        said = {
            "decision": decision,
            "found": "客户已缴清" if decision == "retry" else "客户仍欠费",
        }
        playbooks.complete_work(actor=world.actor("clerk"), item_id=work.pk, data=said)
        worker.drain_all()
    order.refresh_from_db()
    if decision == "retry":
        assert now_is(service).title == "1000M 家庭宽带"
        assert OrderNote.objects.filter(order=order, kind="day-rechecked").count() == 1
    else:
        assert (order.state, order.reason) == ("failed", "客户仍欠费")
        assert now_is(service).title == "300M 家庭宽带"
        assert ServiceChange.objects.get().ended_at is not None  # the line is free
        assert Notice.objects.filter(order_id=order.id).exclude(kind="accepted").exists()


def test_the_next_month_is_the_one_that_the_page_told(line, counter, part):  # noqa: F811
    """A page of the last evening of a month, sent after midnight, is told anew."""
    service = line(1)
    midnight = timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    first = (midnight.replace(day=28) + timedelta(days=4)).replace(day=1)
    with clock.frozen(first - timedelta(minutes=2)):
        page = counter(service, "change-plan")
    seen = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("key", "plan")}
    act = {**seen, **LATER, "reason": "customer.offer"}
    with clock.frozen(first + timedelta(minutes=2)):
        said = counter.clerk.post(place(service, "change-plan"), act, headers=part)
        assert (said.status_code, ServiceChange.objects.count()) == (409, 0)
        told = said.content.decode()
        after = (first + timedelta(days=40)).replace(day=1)
        assert f"{first:%Y-%m} 起" in told
        assert f"{after:%Y-%m} 起" in told
        order_of(counter(service, "change-plan", **LATER))  # told anew
        assert ServiceChange.objects.get().waits_until == after
