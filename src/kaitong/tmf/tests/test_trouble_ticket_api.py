"""TMF621 over HTTP: report a fault, read it, take it back."""

import json

import pytest

from kaitong.assurance import queries as assurance
from kaitong.assurance.models import Fault
from kaitong.core.clock import now
from kaitong.inventory.models import Service
from kaitong.org.queries import actor_of
from kaitong.tmf.api.trouble_ticket import api
from kaitong.tmf.contract.differences import TMF621_DIFFERENCES
from kaitong.tmf.contract.facts import facts, operations
from kaitong.tmf.contract.schemas import build
from kaitong.tmf.contract.trouble_ticket import TMF621
from kaitong.tmf.tests.test_contract import unexplained

pytestmark = pytest.mark.django_db
TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"


@pytest.fixture
def line(call, plant, body):
    assert call.post(body).status_code == 201
    Service.objects.update(state="active", started_at=now())
    return Service.objects.get()


def ticket(line=None, **more):
    told = {"description": "不能上网", "severity": "major", "ticketType": "fault"} | more
    if line is not None:
        told["relatedEntity"] = [
            {"id": str(line.pk), "role": "service", "@referredType": "Service"}
        ]
    return told


def patch(call, number, **body):
    return call.client.patch(
        f"{TICKETS}/{number}",
        json.dumps(body),
        content_type="application/merge-patch+json",
        headers=call.headers,
    )


@pytest.mark.shared
def test_our_openapi_differs_from_the_published_one_only_as_listed(shared):
    published = json.loads((shared / "tmf/specs/TMF621-v4.0.0.json").read_text())
    prefix = f"/tmf-api/{api.contract.base_path}"
    described = api.get_openapi_schema()
    ours = facts(described, prefix)
    theirs = facts(published, "", operations(described, prefix))
    assert len(ours & theirs) > 140, "the two describe the same thing"
    assert unexplained(TMF621_DIFFERENCES, ours, theirs) == []


def test_a_fault_is_reported_and_read(call, line):
    made = call.post(ticket(line, name="slow", externalId="A-1"), TICKETS)
    assert made.status_code == 201
    body = made.json()
    assert made["Location"] == body["href"] == f"http://testserver{TICKETS}/{body['id']}"
    assert (body["status"], body["ticketType"], body["externalId"]) == (
        "acknowledged", "fault", "A-1",
    )  # fmt: skip
    fault = Fault.objects.get()
    assert (fault.symptom, fault.service_id) == ("slow", line.pk)
    build(TMF621)["TroubleTicket"].model_validate(body)
    assert call.get(f"{TICKETS}/{body['id']}").json() == body
    found = call.get(TICKETS, status="acknowledged", fields="status").json()
    assert [set(one) for one in found] == [{"id", "href", "status"}]
    assert call.get(TICKETS, status="closed").json() == []
    assert call.get(TICKETS, severity="major").status_code == 400


def test_a_ticket_keeps_an_account_that_is_a_mobile_number_masked(call, line):
    Service.objects.update(account="13955901234")
    assert call.post(ticket(line), TICKETS).status_code == 201
    assert Fault.objects.get().account == "139****1234"
    found, _count = assurance.faults(actor_of("li.clerk"), text="13955901234")
    assert [row.service_id for row in found] == [line.pk]


def test_faults_of_a_request_are_named(call, line):
    answer = call.post({"severity": "major"}, TICKETS)
    assert answer.status_code == 400
    assert "description" in answer.json()["reason"]
    assert "relatedEntity" in call.post(ticket(), TICKETS).json()["reason"]
    assert not Fault.objects.exists()


def test_the_same_key_makes_one_and_a_second_report_is_a_conflict(call, line):
    first = call.post(ticket(line), TICKETS, Idempotency_Key="k1").json()
    assert call.post(ticket(line), TICKETS, Idempotency_Key="k1").json()["id"] == first["id"]
    other = call.post(ticket(line, severity="minor"), TICKETS, Idempotency_Key="k1")
    assert other.status_code == 409 or other.status_code == 422
    assert call.post(ticket(line), TICKETS).status_code == 409
    assert Fault.objects.count() == 1


def test_a_line_that_does_not_work_yet_is_a_rejected_ticket(call, line):
    Service.objects.update(state="reserved", started_at=None)
    body = call.post(ticket(line), TICKETS).json()
    assert body["status"] == "rejected"
    assert "还没有开通" in body["statusChangeReason"]


def test_taken_back_by_the_customer_and_nothing_else_by_request(call, line):
    number = call.post(ticket(line), TICKETS).json()["id"]
    assert patch(call, number, status="closed").status_code == 409
    assert patch(call, number, severity="minor").status_code == 400
    assert patch(call, number, status="cancelled").status_code == 400
    done = patch(call, number, status="cancelled", statusChangeReason="自己好了")
    assert (done.status_code, done.json()["status"]) == (200, "cancelled")
    assert patch(call, number, status="inProgress").status_code == 409


def test_strangers_and_narrow_tokens_see_nothing(call, as_stranger, anonymous, limited, line):
    number = call.post(ticket(line), TICKETS).json()["id"]
    assert as_stranger.get(f"{TICKETS}/{number}").status_code == 404
    assert as_stranger.get(TICKETS).json() == []
    assert as_stranger.post(ticket(line), TICKETS).status_code == 400
    assert anonymous.get(TICKETS).status_code == 401
    assert limited.get(TICKETS).status_code == 403


def test_what_is_no_fault_is_a_complaint(call, branch):
    body = call.post(ticket(ticketType="Bills", severity="Urgent"), TICKETS).json()
    assert (body["ticketType"], body["severity"]) == ("Bills", "Urgent")
    assert Fault.objects.get().kind == "complaint"
