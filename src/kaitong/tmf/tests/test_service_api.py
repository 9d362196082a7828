"""TMF638 over HTTP: services in operation, to read."""

from uuid import uuid4

import pytest

from kaitong.inventory.models import Service
from kaitong.ordering.models import Order
from kaitong.tmf.contract.schemas import build
from kaitong.tmf.contract.service import TMF638
from kaitong.tmf.tests.conftest import ORDERS, SERVICES

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(call, plant, body):
    for _ in range(2):
        assert call.post(body).status_code == 201
    return list(Service.objects.order_by("-pk"))


def test_a_service_says_where_it_stands_and_what_it_stands_on(call, two):
    service = two[0]
    answer = call.get(f"{SERVICES}/{service.pk}").json()
    assert answer["id"] == str(service.pk)
    assert answer["href"] == f"http://testserver{SERVICES}/{service.pk}"
    assert answer["state"] == service.state
    assert answer["serviceSpecification"]["id"] == "home-broadband.access"
    assert answer["isServiceEnabled"] is False
    assert answer["place"][0]["id"] == str(service.address_id)
    assert answer["relatedParty"][0]["id"] == str(service.customer_id)
    order = answer["relatedEntity"][0]
    assert order["href"] == f"http://testserver{ORDERS}/{service.order_id}"
    assert {"name": "down_mbps", "value": 300} in answer["serviceCharacteristic"]
    build(TMF638)["Service"].model_validate(answer)


def test_no_secret_is_shown(call, two):
    Service.objects.filter(pk=two[0].pk).update(account="xn1@kd")
    service = Service.objects.get(pk=two[0].pk)
    service.password = "kd-geheim-7"
    service.save()
    answer = call.get(f"{SERVICES}/{service.pk}").content.decode()
    assert "xn1@kd" in answer
    assert "kd-geheim-7" not in answer


def test_lists_are_counted_paged_and_selected(call, two):
    response = call.get(SERVICES, limit=1, fields="state")
    assert response.status_code == 206
    assert (response["X-Total-Count"], response["X-Result-Count"]) == ("2", "1")
    assert set(response.json()[0]) == {"id", "href", "state"}
    assert response.json()[0]["id"] == str(two[0].pk)
    assert call.get(SERVICES).status_code == 200


def test_services_are_found_by_state_customer_and_address(call, two):
    first = two[0]

    def found(**query):
        response = call.get(SERVICES, **query)
        assert response.status_code == 200, response.content
        return {row["id"] for row in response.json()}

    both = {str(row.pk) for row in two}
    assert found(state=first.state) == both
    assert found(state="terminated") == set()
    assert found(state=f"terminated,{first.state}") == both
    assert found(**{"relatedParty.id": str(first.customer_id)}) == both
    assert found(**{"place.id": str(first.address_id)}) == {str(first.pk)}
    assert found(**{"place.id": "42"}) == set()
    assert found(**{"place.id": str(first.address_id), "state": "active"}) == set()


def test_a_filter_inventory_does_not_know_is_named(call, two):
    response = call.get(SERVICES, category="CFS")
    assert response.status_code == 400
    assert "category" in response.json()["reason"]


def test_services_of_another_branch_are_not_there(as_stranger, two):
    assert as_stranger.get(f"{SERVICES}/{two[0].pk}").status_code == 404
    assert as_stranger.get(SERVICES).json() == []


def test_what_is_not_there_is_404_and_writing_405(call, two):
    assert call.get(f"{SERVICES}/{uuid4()}").status_code == 404
    assert call.get(f"{SERVICES}/x").status_code == 404
    assert call.post({}, SERVICES).status_code == 405
    assert Service.objects.count() == 2
    assert Order.objects.count() == 2


def test_the_scope_is_demanded(limited, anonymous, two):
    assert limited.get(SERVICES).status_code == 200
    assert anonymous.get(SERVICES).status_code == 401
