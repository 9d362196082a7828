"""Our declarations: what they demand of a request, and how they differ from the published file."""

import json
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kaitong.inventory.choices import ServiceState
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Order, OrderItem
from kaitong.tmf.api.cancellation import api as service_ordering
from kaitong.tmf.api.service import api as service_inventory
from kaitong.tmf.contract.common import SERVICE_STATES
from kaitong.tmf.contract.differences import (
    OURS,
    THEIRS,
    TMF638_DIFFERENCES,
    TMF641_DIFFERENCES,
    Difference,
)
from kaitong.tmf.contract.facts import facts, operations
from kaitong.tmf.contract.schemas import build, parse_date
from kaitong.tmf.contract.service_order import ITEM_STATES, ORDER_STATES, TMF641
from kaitong.tmf.wire import place_of

CREATE = build(TMF641)["ServiceOrder_Create"]


def item(**more):
    return {"id": "1", "action": "add", "service": {}, **more}


def faults(body) -> dict[str, str]:
    """Place -> kind of every fault of a body."""
    try:
        CREATE.model_validate(body)
    except ValidationError as error:
        return {place_of(fault["loc"]): fault["type"] for fault in error.errors()}
    return {}


def unexplained(differences: tuple[Difference, ...], ours: set[str], theirs: set[str]):
    """Facts that only one side states without a line, and lines that explain nothing."""
    found = []
    for side, facts_of_side in ((OURS, ours - theirs), (THEIRS, theirs - ours)):
        patterns = [p for entry in differences if entry.only == side for p in entry.facts]
        found += [
            f"only {side}: {fact}"
            for fact in sorted(facts_of_side)
            if not any(fnmatchcase(fact, pattern) for pattern in patterns)
        ]
        found += [
            f"listed for nothing ({side}): {pattern}"
            for pattern in patterns
            if not any(fnmatchcase(fact, pattern) for fact in facts_of_side)
        ]
    return found


@pytest.mark.shared
@pytest.mark.parametrize(
    ("api", "file", "differences", "served"),
    [
        (
            service_ordering,
            "TMF641-v4.1.0.json",
            TMF641_DIFFERENCES,
            {
                "get /serviceOrder",
                "post /serviceOrder",
                "get /serviceOrder/{id}",
                "patch /serviceOrder/{id}",
                "post /hub",
                "delete /hub/{id}",
                "get /cancelServiceOrder",
                "post /cancelServiceOrder",
                "get /cancelServiceOrder/{id}",
            },
        ),
        (
            service_inventory,
            "TMF638-v4.0.0.json",
            TMF638_DIFFERENCES,
            {"get /service", "get /service/{id}", "post /hub", "delete /hub/{id}"},
        ),
    ],
    ids=["TMF641", "TMF638"],
)
def test_our_openapi_differs_from_the_published_one_only_as_listed(
    shared, api, file, differences, served
):
    published = json.loads((shared / "tmf/specs" / file).read_text())
    prefix = f"/tmf-api/{api.contract.base_path}"
    ours = facts(api.get_openapi_schema(), prefix)
    theirs = facts(published, "", operations(api.get_openapi_schema(), prefix))
    assert operations(api.get_openapi_schema(), prefix) == served
    assert len(ours & theirs) > 150, "the two describe the same thing"
    assert unexplained(differences, ours, theirs) == []


@pytest.mark.shared
def test_the_published_sample_is_a_valid_request(shared):
    sample = json.loads((shared / "tmf/samples/TMF641/ServiceOrder.example.json").read_text())
    assert faults(sample) == {}


def test_the_comparison_notices_what_is_not_listed():
    listed = (Difference(THEIRS, ("attribute A.x *", "attribute A.gone *"), "because"),)
    assert unexplained(listed, {"word S new"}, {"attribute A.x string", "mandatory A.y"}) == [
        "only ours: word S new",
        "only theirs: mandatory A.y",
        "listed for nothing (theirs): attribute A.gone *",
    ]


def test_every_difference_has_a_reason():
    listed = TMF641_DIFFERENCES + TMF638_DIFFERENCES
    assert all(len(entry.why) > 15 or entry.why == "as above" for entry in listed)


def test_the_smallest_request_is_valid():
    assert faults({"serviceOrderItem": [item()]}) == {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"serviceOrderItem": "missing"}),
        ({"serviceOrderItem": None}, {"serviceOrderItem": "missing"}),
        ({"serviceOrderItem": []}, {"serviceOrderItem": "too_short"}),
        ({"serviceOrderItem": "1"}, {"serviceOrderItem": "list_type"}),
        (
            {"serviceOrderItem": [{}]},
            {
                "serviceOrderItem[0].id": "missing",
                "serviceOrderItem[0].action": "missing",
                "serviceOrderItem[0].service": "missing",
            },
        ),
        ({"serviceOrderItem": [item(id="  ")]}, {"serviceOrderItem[0].id": "blank"}),
        ({"serviceOrderItem": [item(id=7)]}, {"serviceOrderItem[0].id": "string_type"}),
        (
            {"serviceOrderItem": [item(), item(id="2", action="move")]},
            {"serviceOrderItem[1].action": "literal_error"},
        ),
        (
            {"serviceOrderItem": [item(service={"state": "asleep"})]},
            {"serviceOrderItem[0].service.state": "literal_error"},
        ),
        (
            {"serviceOrderItem": [item(service={"place": [{"id": "1"}]})]},
            {"serviceOrderItem[0].service.place[0].role": "missing"},
        ),
        (
            {"serviceOrderItem": [item(service={"serviceCharacteristic": [{"name": "a"}]})]},
            {"serviceOrderItem[0].service.serviceCharacteristic[0].value": "missing"},
        ),
        (
            {"serviceOrderItem": [item()], "requestedStartDate": "22.11.2026"},
            {"requestedStartDate": "date"},
        ),
        ({"serviceOrderItem": [item()], "priority": 1}, {"priority": "string_type"}),
        ({"serviceOrderItem": [item()], "note": [{"author": "x"}]}, {"note[0].text": "missing"}),
        ({"serviceOrderItem": [item(quantity="2")]}, {"serviceOrderItem[0].quantity": "int_type"}),
        (
            {"serviceOrderItem": [item()], "externalId": "x" * 121},
            {"externalId": "string_too_long"},
        ),
    ],
)
def test_each_fault_is_found_and_placed(body, expected):
    assert faults(body) == expected


def test_nested_items_are_checked_too():
    inner = item(serviceOrderItem=[item(action="?")])
    assert faults({"serviceOrderItem": [inner]}) == {
        "serviceOrderItem[0].serviceOrderItem[0].action": "literal_error"
    }


def test_extension_attributes_and_nulls_of_optional_ones_are_welcome():
    body = {"serviceOrderItem": [item(color="red")], "priority": None, "x": {"y": [1]}}
    assert faults(body) == {}


@pytest.mark.parametrize(
    "text",
    [
        "2018-01-12T09:37:40.508Z",
        "2026-11-22T09:00:00+08:00",
        "2026-11-22t09:00:00.123456789z",
        "1990-12-31T23:59:60Z",
        "0194-10-08T20:38:45+19:31",
    ],
)
def test_dates_of_rfc_3339_are_read_in_utc(text):
    assert parse_date(text).utcoffset() == timedelta()


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-22", "2026-11-22T09:00:00", "2026-02-30T00:00:00Z", "2026-11-22T25:00:00Z",
     "20261122T090000Z", "0001-01-01T00:00:00+08:00",
     "9999-12-31T23:59:59-08:00", "2026-11-22T09:00:00+0800", "x2026-11-22T09:00:00Z"],
)  # fmt: skip
def test_other_dates_are_not(text):
    with pytest.raises(ValueError):
        parse_date(text)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_every_moment_python_can_write_is_read_back(moment, zone):
    moment = moment.replace(tzinfo=zone)
    assert parse_date(moment.isoformat(timespec="microseconds")) == moment


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "action", "service", "serviceOrderItem", "note", "place", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_body_is_valid_or_faulty_but_never_breaks(body):
    assert isinstance(faults(body), dict)


def test_states_are_those_of_the_domain():
    assert set(OrderState.values) == set(ORDER_STATES.values) == set(ITEM_STATES.values)


def test_service_states_are_those_of_inventory():
    assert set(ServiceState.values) == set(SERVICE_STATES.values)


@pytest.mark.parametrize(
    ("attribute", "column"),
    [
        ("externalId", "external_id"),
        ("category", "category"),
        ("priority", "priority"),
        ("description", "description"),
    ],
)
def test_a_column_holds_the_longest_text_the_contract_lets_in(attribute, column):
    longest = TMF641.creation.get(attribute).longest
    assert 0 < longest <= Order._meta.get_field(column).max_length


def test_an_item_number_fits_its_column():
    longest = TMF641.structure("ServiceOrderItem").get("id").longest
    assert 0 < longest <= OrderItem._meta.get_field("item_id").max_length
