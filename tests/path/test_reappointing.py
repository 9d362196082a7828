"""改约 by the customer at the counter or by telephone: reasons, receipts, counts, notices, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from kaitong.core.clock import now
from kaitong.core.errors import BadInput
from kaitong.documents import services as documents
from kaitong.documents.models import Paper
from kaitong.messaging.models import Notice
from kaitong.ordering import reappointing
from kaitong.ordering.errors import OrderForbidden, OrderNotFound, OrderRefused, PlanChanged
from kaitong.ordering.models import Order, OrderNote
from kaitong.org.models import Branch, Staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agreed(office):
    """An order whose visit is agreed."""
    order = office.submit()
    office.complete(order, "Appoint")
    return order


def later(days: int = 3, hour: int = 10) -> str:
    day = timezone.localdate(now()) + timedelta(days=days)
    return f"{day:%Y-%m-%d}T{hour:02d}:00"


def move(office, order, *, by="clerk", key="k", **changes):
    given = {
        "start": later(),
        "minutes": 120,
        "reason": "customer.away",
        "asked_by": "phone",
        "remark": "",
    }
    return reappointing.once(
        actor=office.people[by], order_id=order.id, key=key, **{**given, **changes}
    )


def test_the_visit_moves_with_reason_receipt_count_and_notices(office, agreed):
    Staff.objects.filter(username="installer").update(phone="13955900001")
    move(office, agreed)
    order = Order.objects.get(pk=agreed.pk)
    assert f"{timezone.localtime(order.appointment_start):%Y-%m-%dT%H:%M}" == later()
    (kept,) = OrderNote.objects.filter(order=agreed, kind="reappointed")
    assert (kept.data["reason"], kept.data["n"], kept.data["by"]) == (
        "客户原因：家里没人",
        1,
        "phone",
    )
    receipt = Paper.objects.get(order_id=agreed.pk, title="改约受理单")
    data = documents.paper_data(receipt)
    assert "改约：" in data["operation"]
    assert data["reason"] == "客户原因：家里没人"
    told = {n.to for n in Notice.objects.filter(order_id=agreed.pk, kind__startswith="reappoint")}
    assert told == {"customer", "staff"}


def test_the_same_click_twice_at_once_moves_it_once(office, agreed):
    def go(_n):
        try:
            return move(office, agreed)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(go, range(4)))
    assert all(not isinstance(a, Exception) or isinstance(a, PlanChanged) for a in answers), answers
    assert OrderNote.objects.filter(order=agreed, kind="reappointed").count() == 1
    assert Paper.objects.filter(order_id=agreed.pk, title="改约受理单").count() == 1


def test_more_than_the_playbook_allows_only_by_a_supervisor(office, agreed):
    for n in range(3):
        move(office, agreed, key=f"k{n}", start=later(3 + n))
    with pytest.raises(OrderForbidden, match="已改约 3 次"):
        move(office, agreed, key="k3", start=later(7))
    move(office, agreed, by="supervisor", key="k4", start=later(8))
    assert reappointing.plan_of(office.people["clerk"], agreed.id).count == 4


def test_what_is_wrong_is_said_at_once_and_changes_nothing(office, agreed):
    before = Order.objects.get(pk=agreed.pk).appointment_start
    with pytest.raises(BadInput) as bad:
        move(office, agreed, start="gestern", minutes=7, reason="none", asked_by="fax")
    assert {f.field for f in bad.value.faults} == {"start", "minutes", "reason", "asked_by"}
    with pytest.raises(BadInput, match="已经过去"):
        move(office, agreed, start="2020-01-01T09:00")
    assert Order.objects.get(pk=agreed.pk).appointment_start == before
    assert not OrderNote.objects.filter(order=agreed, kind="reappointed").exists()


def test_wrong_people_and_orders_that_have_no_visit(office, agreed, staff_of):
    with pytest.raises(OrderRefused):
        move(office, agreed, by="monitor")
    city = Branch.objects.create(code="SX", name="歙县分公司", kind="county")
    with pytest.raises(OrderNotFound):
        reappointing.plan_of(staff_of(city, "hong", "clerk"), agreed.id)
    fresh = office.submit(address=office.plant.rooms[1])
    with pytest.raises(OrderRefused, match="还没有约过"):
        move(office, fresh)
