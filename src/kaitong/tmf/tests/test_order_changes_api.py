"""TMF641: services in operation are changed and ended, orders described anew, listeners told."""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kaitong.charging import services as charging
from kaitong.charging.signing import verified
from kaitong.core.clock import now
from kaitong.inventory.models import Service, Suspension
from kaitong.ordering.models import Authentication, Order, ServiceChange
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.process import services as process
from kaitong.tmf import listening, posting
from kaitong.tmf.models import Delivery, Listener
from kaitong.tmf.services import issue_token
from kaitong.tmf.tests.conftest import ORDERS, Caller

pytestmark = pytest.mark.django_db
HUB = "/tmf-api/serviceOrdering/v4/hub"


@pytest.fixture
def line(call, plant, body):
    """A line in use, built by an order over this interface."""
    made = call.post(body).json()
    order = Order.objects.get(pk=made["id"])
    charging.pay(
        actor=actor_of("li.clerk"), order_id=order.pk, method="cash", key="paid", customer_id=None
    )
    item = order.items.get()
    process.cancel(actor=Actor.system(), instance_id=item.instance_id, reason="建成用于测试")
    Order.objects.filter(pk=order.pk).update(state="completed", completed_at=now())
    order.items.update(state="completed")
    Service.objects.filter(pk=item.service_id).update(state="active", started_at=now(), reason="")
    return Service.objects.get(pk=item.service_id)


def change(line, action="modify", **said):
    told = [{"name": name, "value": value} for name, value in said.items()]
    service = {"id": str(line.pk), "serviceCharacteristic": told}
    return {"serviceOrderItem": [{"id": "1", "action": action, "service": service}]}


def test_a_line_is_suspended_and_the_order_says_so(call, line):
    wanted = change(line, procedure="suspend", reason="customer.away")
    made = call.post(wanted, Idempotency_Key="s-1")
    assert made.status_code == 201, made.content
    told = made.json()
    assert told["state"] == "inProgress"
    assert [(i["action"], i["service"]["id"]) for i in told["serviceOrderItem"]] == [
        ("modify", str(line.pk))
    ]
    assert Suspension.objects.filter(service=line, ended_at=None).exists()
    assert Authentication.objects.get().kind == "vouched"
    again = call.post(wanted, Idempotency_Key="s-1")
    assert again.json()["id"] == told["id"]
    assert ServiceChange.objects.count() == 1
    other = call.post(change(line, procedure="resume"), Idempotency_Key="s-1")
    assert other.status_code == 409
    busy = call.post(change(line, "delete", reason="moving.away"))
    assert busy.status_code == 422
    assert told["id"] not in busy.content.decode()


def test_a_line_is_ended_by_delete_without_naming_the_flow(call, line):
    made = call.post(change(line, "delete", reason="moving.away"))
    assert made.status_code == 201, made.content
    assert ServiceChange.objects.get().procedure == "cancel"
    read = call.get(f"{ORDERS}/{made.json()['id']}").json()
    assert read["serviceOrderItem"][0]["action"] == "delete"


def test_what_the_form_is_told_is_sealed_and_faults_stand_at_their_attribute(call, line):
    wrong = call.post(change(line, procedure="change-account", mobile="0559-2512345"))
    assert wrong.status_code == 400
    assert wrong.json()["fault"][0]["attribute"] == (
        "serviceOrderItem[0].service.serviceCharacteristic[1].value"
    )
    assert not ServiceChange.objects.exists()
    made = call.post(change(line, procedure="change-account", mobile="13955901234"))
    assert made.status_code == 201, made.content
    assert "13955901234" not in made.content.decode()
    assert "13955901234" not in json.dumps(Order.objects.get(pk=made.json()["id"]).ext)
    assert Service.objects.get(pk=line.pk).account == "13955901234"


def test_a_plan_is_changed_by_the_characteristic_that_names_the_offering(call, line):
    more = {"effective": "now", "reason": "customer.faster"}
    wrong = call.post(change(line, procedure="change-plan", offering="none", **more))
    assert wrong.status_code == 400
    assert wrong.json()["fault"][0]["attribute"] == (
        "serviceOrderItem[0].service.serviceCharacteristic[1].value"
    )
    made = call.post(change(line, procedure="change-plan", offering="home-1000", **more))
    assert made.status_code == 201, made.content
    assert ServiceChange.objects.get().procedure == "change-plan"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({}, "serviceOrderItem[0].service.serviceCharacteristic"),
        ({"procedure": "levitate"}, "serviceOrderItem[0].service.serviceCharacteristic[0].value"),
    ],
)
def test_a_change_that_is_none_is_refused_with_those_there_are(call, line, said, place):
    refused = call.post(change(line, **said))
    assert refused.status_code == 400
    assert refused.json()["fault"][0]["attribute"] == place
    assert "suspend" in refused.json()["message"]
    assert not ServiceChange.objects.exists()


def test_changing_needs_its_own_scope_and_the_service_must_be_ours(call, as_stranger, line, client):
    token = issue_token(
        actor=Actor.system(), staff_username="li.clerk", scopes=["service-order:write"]
    )
    wanted = change(line, procedure="suspend", reason="customer.away")
    assert Caller(client, token).post(wanted).status_code == 403
    assert as_stranger.post(wanted).status_code == 400
    assert not ServiceChange.objects.exists()
    two = {"serviceOrderItem": [*wanted["serviceOrderItem"], {"id": "2", "action": "add"}]}
    two["serviceOrderItem"][1]["service"] = {
        "serviceSpecification": {"id": "home-broadband.access"}
    }
    assert call.post(two).status_code == 400


# ---- PATCH ---------------------------------------------------------------------------------------


def patch(caller, url, body):
    return caller.client.patch(
        url, json.dumps(body), content_type="application/merge-patch+json", headers=caller.headers
    )


def test_what_describes_an_order_is_said_anew(call, as_stranger, plant, body):
    url = f"{ORDERS}/{call.post(body).json()['id']}"
    said = {
        "description": "请周末来",
        "priority": "1",
        "requestedCompletionDate": "2026-12-24T12:00:00+08:00",
        "note": [{"text": "门口有狗"}],
        "colour": "green",
        "state": "inProgress",
    }
    made = patch(call, url, said)
    assert made.status_code == 200, made.content
    read = call.get(url).json()
    assert {name: read[name] for name in said} == said
    assert call.query("priority=1").json()[0]["id"] == read["id"]
    assert patch(call, url, {"colour": None, "description": None}).status_code == 200
    assert not {"colour", "description"} & set(call.get(url).json())
    assert patch(as_stranger, url, said).status_code == 404


@pytest.mark.parametrize(
    "said",
    [{"state": "cancelled"}, {"serviceOrderItem": []}, {"startDate": "2026-01-01T00:00:00Z"}],
)
def test_what_the_server_owns_is_not_patched(call, plant, body, said):
    url = f"{ORDERS}/{call.post(body).json()['id']}"
    before = call.get(url).json()
    refused = patch(call, url, {**said, "description": "x"})
    assert refused.status_code == 400
    assert refused.json()["fault"][0]["attribute"] == next(iter(said))
    assert call.get(url).json() == before


def test_patch_by_patch_a_document_does_not_grow_without_end(call, plant, body):
    url = f"{ORDERS}/{call.post(body).json()['id']}"
    assert patch(call, url, {"one": "x" * 120_000}).status_code == 200
    refused = patch(call, url, {"two": "x" * 120_000, "description": "y"})
    assert refused.status_code == 400
    assert refused.json()["fault"][0]["attribute"] == "two"
    read = call.get(url).json()
    assert (read.get("two"), read.get("description") == "y") == (None, False)


def test_an_order_that_has_ended_is_not_described_and_none_is_deleted(call, plant, body):
    url = f"{ORDERS}/{call.post(body).json()['id']}"
    Order.objects.update(state="completed")
    assert patch(call, url, {"description": "x"}).status_code == 409
    assert call.client.delete(url, headers=call.headers).status_code == 405
    assert Order.objects.exists()


# ---- hub -----------------------------------------------------------------------------------------


class _Hears(BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers), data))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def ear(this_machine):
    """A listener's server on this machine; `answers` are the statuses it gives first."""
    server = HTTPServer(("127.0.0.1", 0), _Hears)
    server.heard, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def told_of(server):
    return [
        (path, json.loads(data)["event"]["serviceOrder"]["state"])
        for path, _headers, data in server.heard
    ]


def test_a_listener_is_told_in_order_signed_and_again_until_it_hears(call, plant, body, ear):
    callback = f"http://127.0.0.1:{ear.server_port}/in"
    call.post(body)  # before anybody listened
    made = call.post({"callback": callback}, HUB)
    assert made.status_code == 201, made.content
    secret = made.json()["secret"]
    assert secret not in json.dumps(list(Listener.objects.values("query", "callback")))
    ear.answers = [503]
    order = call.post(body).json()
    patch(call, f"{ORDERS}/{order['id']}", {"priority": "0"})
    listening.tell()
    assert told_of(ear) == [("/in/listener/serviceOrderCreateEvent", "acknowledged")]
    Delivery.objects.filter(sent_at=None).update(next_at=now())
    for _round in range(4):
        listening.tell()
    assert told_of(ear)[1:] == [
        ("/in/listener/serviceOrderCreateEvent", "acknowledged"),
        ("/in/listener/serviceOrderStateChangeEvent", "inProgress"),
        ("/in/listener/serviceOrderAttributeValueChangeEvent", "inProgress"),
    ]
    events = [json.loads(data) for _path, _headers, data in ear.heard]
    assert events[0]["eventId"] == events[1]["eventId"]
    assert {e["event"]["serviceOrder"]["id"] for e in events} == {order["id"]}
    for _path, headers, data in ear.heard:
        assert verified(secret, headers, data)
        assert not verified("ks_other", headers, data)
    listening.tell()
    assert len(ear.heard) == 4
    url = f"{HUB}/{made.json()['id']}"
    assert call.client.delete(url, headers=call.headers).status_code == 204
    assert call.client.delete(url, headers=call.headers).status_code == 404


def test_a_listener_hears_only_what_it_asked_for_and_may_see(call, as_stranger, plant, body, ear):
    callback = f"http://127.0.0.1:{ear.server_port}"
    assert as_stranger.post({"callback": callback}, HUB).status_code == 201
    query = "eventType=ServiceOrderStateChangeEvent&state=completed"
    assert call.post({"callback": callback, "query": query}, HUB).status_code == 201
    order = call.post(body).json()
    listening.tell()
    assert ear.heard == []
    Order.objects.filter(pk=order["id"]).update(state="completed")
    listening.tell()
    assert told_of(ear) == [("/listener/serviceOrderStateChangeEvent", "completed")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"callback": "ftp://example.com/in"},
        {"callback": "http://u:p@example.com"},
        {"callback": "http://169.254.169.254/latest"},
        {"callback": "http://2852039166/latest"},
        {"callback": "http://[::ffff:169.254.169.254]/latest"},
        {"callback": "http://0.0.0.0:8000"},
        {"callback": "http://127.0.0.1:8000"},
        {"callback": "http://10.20.0.9/in"},
        {"callback": "http://192.168.1.9/in"},
        {"callback": "http://100.64.0.1/in"},
        {"callback": "http://[fd00::1]/in"},
        {"callback": "http://[64:ff9b::10.0.0.1]/in"},
        {"callback": "http://[2002:0a00:0001::]/in"},
        {"callback": "http://exa mple.com/"},
        {"callback": "http://example.com/a\r\nX-Y: z"},
        {"callback": "http://example.com/ü"},
        {"callback": "http://example.com", "query": "eventType=Nothing"},
        {"callback": "http://example.com", "query": "colour=green"},
    ],
)
def test_a_listener_that_cannot_be_told_is_refused(call, body):
    assert call.post(body, HUB).status_code == 400
    assert not Listener.objects.exists()


@pytest.fixture
def rude(this_machine):
    """A server that takes connections and does with each what `manners` says."""
    listening_at = socket.create_server(("127.0.0.1", 0))
    served: list[str] = []

    def serve(manners):
        def run():
            while True:
                try:
                    taken, _who = listening_at.accept()
                except OSError:
                    return
                served.append(manners.__name__)
                with taken, contextlib.suppress(OSError):
                    taken.recv(65536)
                    manners(taken)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listening_at.getsockname()[1]}"

    serve.served = served
    yield serve
    listening_at.shutdown(socket.SHUT_RDWR)
    listening_at.close()


def nonsense(taken):
    taken.sendall(b"hello\r\n\r\n")


def drips(taken):
    for _byte in range(100):
        taken.sendall(b"H")
        time.sleep(0.05)


def points_inside(taken):
    taken.sendall(b"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def test_who_answers_nonsense_or_is_away_holds_up_nobody_else(call, plant, body, ear, rude):
    bad = rude(nonsense)
    assert call.post({"callback": bad}, HUB).status_code == 201
    good = f"http://127.0.0.1:{ear.server_port}"
    assert call.post({"callback": good}, HUB).status_code == 201
    for _order in range(3):
        assert call.post(body).status_code == 201
    listening.tell()
    assert len(ear.heard) == 3
    assert rude.served == ["nonsense"]  # asked once, and not for each of three orders
    waits = Delivery.objects.filter(listener__callback=bad)
    assert {row.next_at > now() for row in waits} == {True}
    assert sorted(waits.filter(sent_at=None).values_list("tries", flat=True))[-1] == 1
    call.post(body)  # what happens meanwhile does not wake it
    listening.tell()
    assert rude.served == ["nonsense"]
    assert waits.filter(next_at__lte=now()).count() == 0


@pytest.mark.parametrize("manners", [nonsense, drips, points_inside])
def test_a_post_ends_in_time_and_goes_nowhere_else(rude, monkeypatch, manners):
    monkeypatch.setattr(posting, "TIMEOUT", 0.5)
    began = time.monotonic()
    assert posting.post(rude(manners), b"{}", {})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "127.0.0.1"])
def test_a_name_may_not_stand_for_an_address_that_is_not_told(monkeypatch, address):
    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: there)
    assert posting.post("http://innocent.example", b"{}", {}) == "address not allowed"


def test_a_name_is_looked_up_for_each_post_and_only_what_was_looked_at_is_told(
    this_machine, settings, monkeypatch, ear
):
    """A name that turns private after it was registered (DNS rebinding) is told nothing."""
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", ear.server_port))]
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", ear.server_port))]
    answers = [public, inside, public]
    asked = []

    def look_up(host, *_a, **_k):
        asked.append(host)
        return answers.pop(0)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    url = f"http://crm.example:{ear.server_port}/in"
    told = [posting.post(url, b"{}", {}) for _n in range(3)]
    assert told == ["", "address not allowed", ""]
    assert asked == ["crm.example"] * 3  # connecting asks nobody again
    assert len(ear.heard) == 2
    assert {headers["Host"] for _p, headers, _d in ear.heard} == {f"crm.example:{ear.server_port}"}


def test_the_operator_names_the_networks_that_are_told(settings, call):
    settings.CALLBACK_NETWORKS = ["10.20.0.0/16", "169.254.0.0/16"]
    assert not posting.forbidden("10.20.3.4")
    assert not posting.forbidden("::ffff:10.20.3.4")
    assert posting.forbidden("10.21.0.1")
    assert posting.forbidden("169.254.169.254")  # never, whoever names it
    assert not posting.forbidden("8.8.8.8")
    assert call.post({"callback": "http://10.20.3.4/in"}, HUB).status_code == 201
