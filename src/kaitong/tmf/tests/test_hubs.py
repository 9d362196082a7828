"""Services and tickets are told to who listens, as orders are; what is told and answered is what
the published contracts say."""

import json

import jsonschema
import pytest

from kaitong.assurance.models import Fault
from kaitong.core.clock import now
from kaitong.core.errors import NotFound
from kaitong.inventory.models import Service
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.tmf import listening
from kaitong.tmf.models import Delivery, Listener
from kaitong.tmf.tests.conftest import CANCELLATIONS, ORDERS, SERVICES
from kaitong.tmf.tests.test_order_changes_api import HUB, ear
from kaitong.tmf.tests.test_trouble_ticket_api import TICKETS, ticket

__all__ = ["ear"]
pytestmark = pytest.mark.django_db
HUBS = {
    "TMF641": HUB,
    "TMF638": "/tmf-api/serviceInventory/v4/hub",
    "TMF621": "/tmf-api/troubleTicket/v4/hub",
}
FILES = {
    "TMF641": "TMF641-v4.1.0.json",
    "TMF638": "TMF638-v4.0.0.json",
    "TMF621": "TMF621-v4.0.0.json",
}
# what we leave out of the published contracts, each for the reason in `contract/differences.py`
LEFT = {"RelatedParty": "required", "ServiceOrderItemRef": "required"}


def heard(ear):
    return [
        (path.rpartition("/")[2], json.loads(data)["event"]) for path, _headers, data in ear.heard
    ]


def published(shared, api):
    """The definitions of a published contract, less what a listed difference leaves out."""
    contract = json.loads((shared / "tmf/specs" / FILES[api]).read_text())
    for name, left in LEFT.items():
        contract["definitions"].get(name, {}).pop(left, None)
    return contract["definitions"]


def check(definitions, name, value):
    schema = {"$ref": f"#/definitions/{name}", "definitions": definitions}
    jsonschema.Draft4Validator(schema).validate(value)


@pytest.fixture
def told(call, plant, body, ear):
    """Somebody listens to all three; an order is built, its line goes out of order, a fault is
    reported and taken back."""
    callback = f"http://127.0.0.1:{ear.server_port}"
    for api, hub in HUBS.items():
        made = call.post({"callback": f"{callback}/{api}"}, hub)
        assert made.status_code == 201, made.content
    order = call.post(body).json()
    line = Service.objects.get()
    line.state, line.started_at, line.reason = "active", now(), ""
    line.save(update_fields=["state", "started_at", "reason"])
    made = call.post(ticket(line), TICKETS)
    assert made.status_code == 201, made.content
    Fault.objects.update(severity="critical")
    for _round in range(6):
        Delivery.objects.filter(sent_at=None).update(next_at=now())
        listening.tell()
    return order, line, made.json()


@pytest.mark.shared
def test_each_hub_tells_its_own_in_the_words_of_the_contract(call, told, ear, shared):
    order, line, made = told
    names = {}
    for (path, headers, data), (event, found) in zip(ear.heard, heard(ear), strict=True):
        api = path.split("/")[1]
        names.setdefault(api, []).append(event)
        ((resource, thing),) = found.items()
        number = {"TMF641": order["id"], "TMF638": str(line.pk), "TMF621": made["id"]}[api]
        assert (thing["id"], headers["X-Kaitong-Pay-Id"]) == (number, json.loads(data)["eventId"])
        definitions = published(shared, api)
        check(definitions, event[0].upper() + event[1:], json.loads(data))
        check(definitions, resource[0].upper() + resource[1:], thing)
    assert names["TMF638"][0] == "serviceCreateEvent"
    assert "serviceStateChangeEvent" in names["TMF638"]
    assert names["TMF621"][0] == "troubleTicketCreateEvent"
    assert "troubleTicketAttributeValueChangeEvent" in names["TMF621"]
    assert names["TMF641"][0] == "serviceOrderCreateEvent"

    # what the interfaces answer, one and many, and a refusal
    wish = {"serviceOrder": {"id": order["id"]}, "cancellationReason": "customer.moved"}
    withdrawn = call.post(wish, CANCELLATIONS)
    assert withdrawn.status_code == 201, withdrawn.content
    for api, name, address, number in (
        ("TMF641", "ServiceOrder", ORDERS, order["id"]),
        ("TMF641", "CancelServiceOrder", CANCELLATIONS, withdrawn.json()["id"]),
        ("TMF638", "Service", SERVICES, line.pk),
        ("TMF621", "TroubleTicket", TICKETS, made["id"]),
    ):
        definitions = published(shared, api)
        check(definitions, name, call.get(f"{address}/{number}").json())
        for one in call.get(address).json():
            check(definitions, name, one)
        check(definitions, "Error", call.get(f"{address}/none").json())


def test_a_hub_is_its_interfaces_own(call, limited, as_stranger, plant, body, ear):
    callback = f"http://127.0.0.1:{ear.server_port}"
    assert limited.post({"callback": callback}, HUBS["TMF621"]).status_code == 403
    assert limited.post({"callback": callback}, HUBS["TMF638"]).status_code == 201
    wrong = call.post({"callback": callback, "query": "state=closed"}, HUBS["TMF621"])
    assert wrong.status_code == 400  # a ticket has a status
    made = call.post({"callback": callback, "query": "status=closed"}, HUBS["TMF621"])
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    gone = [call.client.delete(f"{HUBS[api]}/{number}", headers=call.headers).status_code
            for api in ("TMF641", "TMF638", "TMF621")]  # fmt: skip
    assert gone == [404, 404, 204]
    assert as_stranger.post({"callback": callback}, HUBS["TMF638"]).status_code == 201
    call.post(body)
    Delivery.objects.all().delete()
    listening.gather()
    assert {row.listener.staff.username for row in Delivery.objects.all()} == {"reader"}


def test_what_was_never_taken_is_listed_and_sent_again(call, as_stranger, plant, body, ear):
    callback = f"http://127.0.0.1:{ear.server_port}"
    call.post({"callback": callback}, HUBS["TMF638"])
    call.post(body)
    ear.answers = [500]
    listening.tell()
    Delivery.objects.filter(sent_at=None).update(given_up_at=now(), last_error="HTTP 500")
    (row,) = listening.told(Actor.system())
    assert (row["api"], row["waiting"], row["last_error"]) == ("TMF638", 0, "HTTP 500")
    assert row["given_up"] > 0
    assert listening.told(actor_of("zhao")) == []
    before, number = len(ear.heard), Listener.objects.get().pk
    with pytest.raises(NotFound):
        listening.retry(actor=actor_of("zhao"), listener_id=number)
    assert listening.retry(actor=Actor.system(), listener_id=number) == row["given_up"]
    listening.tell()
    assert len(ear.heard) > before
    assert listening.told(Actor.system())[0]["given_up"] == 0
