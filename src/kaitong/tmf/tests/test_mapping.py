"""From a TMF641 body to the domain's request, and what of it is kept."""

import copy
import json
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from kaitong.core.errors import BadInput, InputFault
from kaitong.tmf.contract.schemas import build
from kaitong.tmf.contract.service_order import TMF641
from kaitong.tmf.mapping.incoming import DOCUMENT, FINGERPRINT, Reading

EXAMPLE = Path(__file__).resolve().parents[4] / "examples/home-broadband-order.json"
ADDRESS = "0190a1b2-0000-7000-8000-0000000000aa"
SERVICE = "0190a1b2-0000-7000-8000-0000000000bb"


@pytest.fixture
def body():
    return json.loads(EXAMPLE.read_text())


def faults(body) -> dict[str, str]:
    with pytest.raises(BadInput) as caught:
        Reading(body)
    return {fault.field: fault.what for fault in caught.value.faults}


def service(body):
    return body["serviceOrderItem"][0]["service"]


def test_the_example_is_valid_by_the_contract(body):
    build(TMF641)["ServiceOrder_Create"].model_validate(body)


def test_the_example_asks_for_300m_at_any_covered_address(body):
    order = Reading(body, key="k").order
    (item,) = order.items
    assert (item.item_id, item.action) == ("1", "add")
    assert (item.specification, item.offering) == ("home-broadband.access", "home-300")
    assert item.address.any_covered
    assert item.address.address_id is None
    assert order.idempotency_key == "k"
    assert order.requested_start == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert order.channel == "api"


def test_the_customer_is_read_by_value(body):
    customer = Reading(body).order.customer
    assert (customer.kind, customer.name, customer.phone) == (
        "individual",
        "王明远",
        "13905590123",
    )
    document = customer.document
    assert (document.kind, document.number[:6]) == ("resident-id", "341022")
    assert document.valid_from == date(2016, 3, 1)
    assert document.valid_until is None
    assert document.long_term


def test_an_end_of_validity_is_a_day_where_kaitong_stands(body):
    identification = body["relatedParty"][0]["individualIdentification"][0]
    identification["validFor"] = {"endDateTime": "2036-02-29T16:00:00Z"}
    document = Reading(body).order.customer.document
    assert document.valid_until == date(2036, 3, 1)
    assert not document.long_term
    del identification["validFor"]
    document = Reading(body).order.customer.document
    assert (document.valid_until, document.long_term) == (None, False)


def test_what_is_kept_holds_no_personal_data_in_clear(body):
    body["relatedParty"][0]["motherName"] = "赵敏"
    body["serviceOrderItem"][0]["service"]["relatedParty"] = copy.deepcopy(body["relatedParty"])
    number = body["relatedParty"][0]["individualIdentification"][0]["identificationId"]
    kept = json.dumps(Reading(body).order.raw, ensure_ascii=False)
    for secret in (number, "13905590123", "王明远", "赵敏"):
        assert secret not in kept
    assert "341022********" in kept
    assert "王*远" in kept


def test_what_is_kept_is_otherwise_what_was_sent(body):
    body["color"] = {"shade": [1, None]}
    body["requestedCompletionDate"] = "2026-11-25t18:00:00.5+08:00"
    body |= {"id": "42", "href": "x", "state": "completed", "orderDate": "2001-01-01T00:00:00Z"}
    body["description"] = None
    service(body)["serviceCharacteristic"].append({"name": "n", "value": {"a": None}})
    kept = Reading(body).order.raw[DOCUMENT]
    assert kept["color"] == {"shade": [1, None]}
    assert kept["requestedCompletionDate"] == "2026-11-25t18:00:00.5+08:00"
    assert kept["note"] == body["note"]
    assert kept["serviceOrderItem"][0]["service"]["serviceCharacteristic"] == [
        {"name": "offering", "valueType": "string", "value": "home-300"},
        {"name": "n", "value": {"a": None}},
    ]
    assert not {"id", "href", "state", "orderDate", "description"} & kept.keys()


def test_the_same_request_has_the_same_fingerprint_and_another_has_not(body):
    first = Reading(body).order.raw[FINGERPRINT]
    assert Reading(json.loads(EXAMPLE.read_text())).order.raw[FINGERPRINT] == first
    body["priority"] = "1"
    assert Reading(body).order.raw[FINGERPRINT] != first


def test_an_organisation_comes_with_its_agent(body):
    body["relatedParty"] = [
        {
            "role": "Customer ",
            "@type": "Organization",
            "name": "休宁茶业有限公司",
            "introductionLetter": True,
            "organizationIdentification": [
                {"identificationType": "business-licence", "identificationId": "X"}
            ],
        },
        {"role": "agent", "@type": "Individual", "name": "李红"},
        {"role": "requester", "id": "BSS", "name": "Shop 7"},
    ]
    reading = Reading(body)
    customer = reading.order.customer
    assert customer.kind == "organization"
    assert customer.introduction_letter
    assert customer.agent.name == "李红"
    assert reading.place("customer.agent.name") == "relatedParty[1].name"
    assert reading.order.raw[DOCUMENT]["relatedParty"][2]["name"] == "Shop 7"


def test_a_known_customer_and_a_standard_address_are_named_by_id(body):
    body["relatedParty"] = [{"role": "customer", "id": ADDRESS, "@referredType": "Individual"}]
    service(body)["place"] = [
        {"role": "billing address", "id": "x"},
        {"role": "Installation Address", "id": ADDRESS},
    ]
    order = Reading(body).order
    assert order.customer.party_id == UUID(ADDRESS)
    assert order.items[0].address.address_id == UUID(ADDRESS)


def test_an_address_may_be_a_text(body):
    service(body)["place"] = [{"role": "installation address", "name": " 海阳镇 6栋 "}]
    assert Reading(body).order.items[0].address.text == "海阳镇 6栋"


def test_a_change_names_its_service(body):
    item = body["serviceOrderItem"][0]
    item |= {"action": "delete", "service": {"id": SERVICE}}
    assert Reading(body).order.items[0].service_id == UUID(SERVICE)


BASE = "serviceOrderItem[0]"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (
            lambda b: b["serviceOrderItem"].append(b["serviceOrderItem"][0]),
            "serviceOrderItem[1].id",
        ),
        (lambda b: b["serviceOrderItem"][0].update(quantity=2), f"{BASE}.quantity"),
        (
            lambda b: b["serviceOrderItem"][0].update(serviceOrderItem=[{"id": "a"}]),
            f"{BASE}.serviceOrderItem",
        ),
        (lambda b: service(b).pop("serviceSpecification"), f"{BASE}.service.serviceSpecification"),
        (
            lambda b: b["serviceOrderItem"][0].update(action="modify"),
            f"{BASE}.service.id",
        ),
        (
            lambda b: b["serviceOrderItem"][0].update(action="delete", service={"id": "42"}),
            f"{BASE}.service.id",
        ),
        (lambda b: service(b)["place"][0].pop("select"), f"{BASE}.service.place[0].select"),
        (
            lambda b: service(b).update(place=[{"role": "installation address"}]),
            f"{BASE}.service.place[0].id",
        ),
        (
            lambda b: service(b).update(place=[{"role": "installation address", "id": "7"}]),
            f"{BASE}.service.place[0].id",
        ),
        (
            lambda b: service(b)["place"].append(service(b)["place"][0]),
            f"{BASE}.service.place[1].role",
        ),
        (
            lambda b: service(b)["serviceCharacteristic"].append({"name": "offering", "value": 1}),
            f"{BASE}.service.serviceCharacteristic[1].value",
        ),
        (lambda b: b["relatedParty"].append(b["relatedParty"][0]), "relatedParty[1].role"),
        (lambda b: b["relatedParty"][0].pop("name"), "relatedParty[0].name"),
        (lambda b: b.update(relatedParty=[{"role": "customer", "id": "9"}]), "relatedParty[0].id"),
    ],
)
def test_what_cannot_be_understood_is_named(body, change, place):
    change(body)
    assert place in faults(body)


def test_every_fault_is_told_at_once(body):
    body["serviceOrderItem"][0]["quantity"] = 3
    body["relatedParty"][0].pop("name")
    assert set(faults(body)) == {f"{BASE}.quantity", "relatedParty[0].name"}


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("items", "serviceOrderItem"),
        ("items[0].action", f"{BASE}.action"),
        ("items[0].offering", f"{BASE}.service.serviceCharacteristic[0].value"),
        ("items[0].specification", f"{BASE}.service.serviceSpecification.id"),
        ("items[0].address", f"{BASE}.service.place[0]"),
        ("items[0].address.text", f"{BASE}.service.place[0].name"),
        ("customer", "relatedParty"),
        ("customer.name", "relatedParty[0].name"),
        ("customer.phone", "relatedParty[0].contactMedium[0].characteristic.phoneNumber"),
        ("customer.document", "relatedParty[0].individualIdentification[0]"),
        (
            "customer.document.number",
            "relatedParty[0].individualIdentification[0].identificationId",
        ),
        (
            "customer.document.valid_until",
            "relatedParty[0].individualIdentification[0].validFor.endDateTime",
        ),
        ("address_id", f"{BASE}.service.place[0]"),
        ("items[0].address_id", f"{BASE}.service.place[0]"),
        ("service", f"{BASE}.service.serviceSpecification.id"),
        ("items[0].service", f"{BASE}.service.serviceSpecification.id"),
        ("customer.odd", "relatedParty[0].odd"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_the_domains_fields_are_told_in_the_documents_words(body, field, place):
    if field == "customer":
        body["relatedParty"] = []
    assert Reading(body).place(field) == place


def test_the_domains_faults_are_translated_whole(body):
    error = BadInput([InputFault("items[0].address", "没有", "请给出")])
    (fault,) = Reading(body).translated(error).faults
    assert fault == InputFault(f"{BASE}.service.place[0]", "没有", "请给出")


def test_a_case_and_its_number_come_as_characteristics_and_are_kept_masked(body):
    sent = [
        {"name": "marketingCase", "value": "home-300-family"},
        {"name": "boundNumber", "value": "13855901234"},
    ]
    service(body)["serviceCharacteristic"] += sent
    before = copy.deepcopy(body)
    order = Reading(body).order
    (item,) = order.items
    assert (item.case, item.bound_number) == ("home-300-family", "13855901234")
    assert item.characteristics == {}
    assert "13855901234" not in json.dumps(order.raw)
    assert "138****1234" in json.dumps(order.raw)
    assert body == before
    assert Reading(before).fingerprint == order.raw[FINGERPRINT]


def test_a_case_that_is_no_text_is_refused_where_it_stands(body):
    service(body)["serviceCharacteristic"].append({"name": "marketingCase", "value": 7})
    place = "serviceOrderItem[0].service.serviceCharacteristic[1].value"
    assert "应是文字" in faults(body)[place]
