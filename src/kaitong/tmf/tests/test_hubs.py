"""Services and tickets are told to who listens, as orders are; what is told and answered is what
the published contracts say."""

import json
import socket

import jsonschema
import pytest

from kaitong.assurance.models import Fault
from kaitong.core.clock import now
from kaitong.core.errors import NotFound
from kaitong.inventory.models import Service
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.tmf import listening, subscribing
from kaitong.tmf.contract.events import CAUSELESS
from kaitong.tmf.models import Delivery, Listener
from kaitong.tmf.sources import SOURCES
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


def published_events(shared, api):
    paths = json.loads((shared / "tmf/specs" / FILES[api]).read_text())["paths"]
    names = [path.rpartition("/")[2] for path in paths if path.startswith("/listener/")]
    return {name[0].upper() + name[1:] for name in names}


@pytest.mark.shared
def test_every_published_event_that_has_a_cause_is_sent(call, told, ear, shared):
    order, _line, made = told
    for state in ("pending", "inProgress"):
        Order.objects.filter(pk=order["id"]).update(state=state)
    for state in ("inProgress", "pending", "inProgress", "resolved"):
        Fault.objects.filter(pk=made["id"]).update(state=state)
    Service.objects.update(title="另一个名字")
    Order.objects.update(description="请周末来", due_at=now())
    assert listening.warn() == 1
    assert listening.warn() == 0  # once for a due time
    wish = {"serviceOrder": {"id": order["id"]}, "cancellationReason": "customer.moved"}
    assert call.post(wish, CANCELLATIONS).status_code == 201
    Order.objects.filter(pk=order["id"]).update(state="cancelled", completed_at=now())
    for _round in range(12):
        Delivery.objects.filter(sent_at=None).update(next_at=now())
        listening.tell()
    names, states = {api: set() for api in HUBS}, {}
    for path, _headers, data in ear.heard:
        said = json.loads(data)
        names[path.split("/")[1]].add(said["eventType"])
        check(published(shared, path.split("/")[1]), said["eventType"], said)
        ((resource, thing),) = said["event"].items()
        states.setdefault(resource, []).append((said["eventType"], thing.get("state")))
    for api, source in SOURCES.items():
        assert set(source.things) | set(CAUSELESS[api]) == published_events(shared, api)
        assert not set(source.things) & set(CAUSELESS[api])
        assert names[api] == set(source.things), api
    assert [state for _event, state in states["cancelServiceOrder"]] == ["inProgress", "done"]
    told = [event for event, _state in states["serviceOrder"]]
    pending = told.index("ServiceOrderInformationRequiredEvent")
    assert states["serviceOrder"][pending - 1] == ("ServiceOrderStateChangeEvent", "pending")


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
    (row,) = subscribing.told(Actor.system())
    assert (row["api"], row["waiting"], row["last_error"]) == ("TMF638", 0, "HTTP 500")
    assert row["given_up"] > 0
    assert subscribing.told(actor_of("zhao")) == []
    before, number = len(ear.heard), Listener.objects.get().pk
    with pytest.raises(NotFound):
        subscribing.retry(actor=actor_of("zhao"), listener_id=number)
    assert subscribing.retry(actor=Actor.system(), listener_id=number) == row["given_up"]
    listening.tell()
    assert len(ear.heard) > before
    assert subscribing.told(Actor.system())[0]["given_up"] == 0


PRIVATE, PUBLIC, UNKNOWN = "10.20.0.9", "8.8.8.8", socket.gaierror(socket.EAI_NONAME, "none")


@pytest.mark.parametrize(
    ("found", "networks", "status"),
    [
        (PRIVATE, [], 400),
        (PRIVATE, ["10.20.0.0/16"], 201),
        (PUBLIC, [], 201),
        ("169.254.169.254", ["169.254.0.0/16"], 400),
        (UNKNOWN, [], 400),
        (socket.gaierror(socket.EAI_AGAIN, "later"), [], 201),  # each post looks again
    ],
)
def test_a_name_is_looked_up_when_it_is_registered(
    call, settings, monkeypatch, found, networks, status
):
    settings.CALLBACK_NETWORKS = networks

    def look_up(*_a, **_k):
        if isinstance(found, Exception):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, 80))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    answer = call.post({"callback": "http://crm.example/in"}, HUB)
    assert answer.status_code == status, answer.content
    assert Listener.objects.exists() == (status == 201)
    if status == 400:
        (fault,) = answer.json()["fault"]
        assert fault["attribute"] == "callback"
        assert "crm.example" in fault["reason"]


def test_a_listener_that_takes_nothing_is_suspended_until_somebody_resumes_it(
    call, plant, body, ear, monkeypatch
):
    monkeypatch.setattr(listening, "MOST_TRIES", 2)

    def rounds(number):
        for _round in range(number):
            Delivery.objects.filter(sent_at=None).update(next_at=now())
            listening.tell()

    call.post({"callback": f"http://127.0.0.1:{ear.server_port}"}, HUB)
    query = "eventType=ServiceOrderCreateEvent"
    call.post({"callback": f"http://127.0.0.1:{ear.server_port}/other", "query": query}, HUB)
    bad, good = Listener.objects.all()
    call.post(body)
    ear.answers = [500, 204, 500]
    rounds(1)
    rounds(1)
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.suspended_at is None, good.suspended_at) == (False, None)
    heard = len(ear.heard)
    call.post(body)
    rounds(4)
    more = ear.heard[heard:]
    assert {path for path, _h, _d in more} == {"/other/listener/serviceOrderCreateEvent"}
    row = listening_row(bad)
    assert (row["suspended_for"], bool(row["suspended_at"])) == ("HTTP 500", True)

    subscribing.retry(actor=Actor.system(), listener_id=bad.pk)
    assert listening_row(bad)["suspended_at"] is None
    before = len(ear.heard)
    rounds(4)
    made = [json.loads(data)["event"]["serviceOrder"]["id"] for _p, _h, data in ear.heard[before:]]
    assert set(made) == {str(one) for one in Order.objects.values_list("pk", flat=True)}

    # who takes others is not away: one event that he cannot take is given up alone
    first = Delivery.objects.filter(listener=bad).first()
    Delivery.objects.filter(pk=first.pk).update(sent_at=None, tries=1)
    ear.answers = [500]
    rounds(1)
    first.refresh_from_db()
    assert first.given_up_at is not None
    assert listening_row(bad)["suspended_at"] is None


def listening_row(listener):
    return next(row for row in subscribing.told(Actor.system()) if row["id"] == str(listener.pk))
