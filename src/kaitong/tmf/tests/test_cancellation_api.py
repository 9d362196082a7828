"""TMF641 cancelServiceOrder: taking an order back, reading it, and every way to be told no."""

import json
from uuid import uuid4

import pytest

from kaitong.ordering.models import Order, Withdrawal
from kaitong.process import worker
from kaitong.tmf.tests.conftest import CANCELLATIONS, ORDERS, SERVICES

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(call, plant, body):
    return call.post(body).json()


def asked(order, **more):
    return {
        "serviceOrder": {"id": order["id"], "@referredType": "ServiceOrder"},
        "cancellationReason": "customer.moved",
        "@type": "CancelServiceOrder",
        **more,
    }


def told(response, status, *words):
    assert response.status_code == status, response.content.decode()
    error = response.json()
    assert error["status"] == str(status)
    for word in words:
        assert word in json.dumps(error, ensure_ascii=False), error


def test_an_order_is_taken_back(call, order):
    sent = asked(order, requestedCancellationDate="2026-11-26T09:00:00+08:00", x_ours=1)
    response = call.post(sent, CANCELLATIONS)
    assert response.status_code == 201, response.content.decode()
    task = response.json()
    assert response["Location"] == task["href"] == f"http://testserver{CANCELLATIONS}/{task['id']}"
    assert task["state"] == "inProgress"
    assert task["serviceOrder"]["href"] == order["href"]
    assert task["requestedCancellationDate"] == sent["requestedCancellationDate"]
    assert task["x_ours"] == 1
    assert "effectiveCancellationDate" not in task
    shown = call.get(f"{ORDERS}/{order['id']}").json()
    assert shown["state"] == "pendingCancellation"
    assert shown["serviceOrderItem"][0]["state"] == "pendingCancellation"
    worker.drain_all()
    task = call.get(f"{CANCELLATIONS}/{task['id']}").json()
    assert task["state"] == "done"
    assert task["effectiveCancellationDate"].endswith("Z")
    shown = call.get(f"{ORDERS}/{order['id']}").json()
    assert shown["state"] == "cancelled"
    assert shown["cancellationDate"] == task["effectiveCancellationDate"]
    assert shown["cancellationReason"] == "客户原因：改变住址"
    (service,) = call.get(SERVICES).json()
    assert service["state"] == "terminated"
    assert service["endDate"]
    assert "account" not in {c["name"] for c in service["serviceCharacteristic"]}
    assert "supportingResource" not in service


def test_the_same_key_makes_one_and_another_is_a_conflict(call, order):
    first = call.post(asked(order), CANCELLATIONS, Idempotency_Key="k1")
    again = call.post(asked(order), CANCELLATIONS, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    told(call.post(asked(order), CANCELLATIONS), 409, "正在撤单")
    assert Withdrawal.objects.count() == 1


def test_a_used_key_with_another_body_is_refused(call, order, body):
    other = call.post(body).json()
    made = call.post(asked(order), CANCELLATIONS, Idempotency_Key="k1").json()
    changed = {**asked(order), "cancellationReason": "price"}
    told(call.post(changed, CANCELLATIONS, Idempotency_Key="k1"), 422, "Idempotency-Key")
    told(call.post(asked(other), CANCELLATIONS, Idempotency_Key="k1"), 422, "Idempotency-Key")
    assert [str(pk) for pk in Withdrawal.objects.values_list("pk", flat=True)] == [made["id"]]
    assert call.get(f"{ORDERS}/{other['id']}").json()["state"] == "inProgress"


def test_lists_are_filtered_selected_and_paged(call, order, body):
    made = call.post(asked(order), CANCELLATIONS).json()
    found = call.get(CANCELLATIONS)
    assert [task["id"] for task in found.json()] == [made["id"]]
    assert found["X-Total-Count"] == "1"
    for query, count in (
        ({"state": "inProgress"}, 1),
        ({"state": "done"}, 0),
        ({"state": "terminatedWithError"}, 0),
        ({"serviceOrder.id": order["id"]}, 1),
        ({"serviceOrder.id": str(uuid4())}, 0),
        ({"id": "none"}, 0),
    ):
        assert len(call.get(CANCELLATIONS, **query).json()) == count, query
    (short,) = call.get(CANCELLATIONS, fields="state").json()
    assert set(short) == {"id", "href", "state"}
    told(call.get(CANCELLATIONS, cancellationReason="x"), 400, "serviceOrder.id")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"serviceOrder": None}, ["serviceOrder", "必填"]),
        ({"serviceOrder": {"id": "none"}}, ["serviceOrder.id"]),
        ({"serviceOrder": {"id": str(uuid4())}}, ["serviceOrder.id"]),
        ({"cancellationReason": None}, ["cancellationReason", "customer.moved"]),
        ({"cancellationReason": "because"}, ["cancellationReason", "operator.too-slow"]),
        ({"requestedCancellationDate": "today"}, ["requestedCancellationDate"]),
    ],
)
def test_each_fault_stands_at_its_attribute_and_nothing_is_done(call, order, change, words):
    sent = {k: v for k, v in asked(order, **change).items() if v is not None}
    told(call.post(sent, CANCELLATIONS), 400, *words)
    assert Order.objects.get().state == "inProgress"
    assert not Withdrawal.objects.exists()


def test_strangers_find_nothing_and_a_token_is_needed(call, order, as_stranger, anonymous):
    told(as_stranger.post(asked(order), CANCELLATIONS), 400, "serviceOrder.id")
    made = call.post(asked(order), CANCELLATIONS).json()
    told(as_stranger.get(f"{CANCELLATIONS}/{made['id']}"), 404)
    assert as_stranger.get(CANCELLATIONS).json() == []
    told(anonymous.get(CANCELLATIONS), 401)
    told(call.get(f"{CANCELLATIONS}/none"), 404)


def test_a_list_asks_the_same_number_of_queries_whatever_its_length(
    call, order, body, django_assert_max_num_queries
):
    call.post(asked(order), CANCELLATIONS)
    call.post(asked(call.post(body).json()), CANCELLATIONS)
    call.get(CANCELLATIONS)
    with django_assert_max_num_queries(8):
        assert len(call.get(CANCELLATIONS).json()) == 2
