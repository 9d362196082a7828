"""TMF641 over HTTP: submit, read, list, and every way to be told no."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from kaitong.activation.models import NetworkElement
from kaitong.core.clock import now
from kaitong.inventory.models import Service
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.playbooks import services as playbooks
from kaitong.tmf.mapping.incoming import DOCUMENT
from kaitong.tmf.tests.conftest import ORDERS

pytestmark = pytest.mark.django_db


def told(response, status, *words):
    """The error body of an answer, which must have this status and name these words."""
    assert response.status_code == status, response.content.decode()
    assert response["Content-Type"] == "application/json"
    error = response.json()
    assert error["status"] == str(status)
    assert error["code"]
    for word in words:
        assert word in json.dumps(error, ensure_ascii=False), error
    return error


@pytest.fixture
def order(call, plant, body):
    response = call.post(body)
    assert response.status_code == 201, response.content.decode()
    return response.json()


# ---- submitting ----------------------------------------------------------------------------------


def test_the_example_makes_an_order(call, plant, body):
    response = call.post(body)
    assert response.status_code == 201, response.content.decode()
    answer = response.json()
    assert response["Location"] == answer["href"]
    assert answer["href"] == f"http://testserver{ORDERS}/{answer['id']}"
    assert answer["state"] == "inProgress"
    assert answer["externalId"] == "EXAMPLE-HOME-300"
    assert answer["requestedStartDate"] == body["requestedStartDate"]
    assert answer["orderDate"].endswith("Z")
    assert answer["expectedCompletionDate"] > answer["orderDate"]
    (item,) = answer["serviceOrderItem"]
    assert (item["id"], item["action"], item["state"]) == ("1", "add", "inProgress")
    service = Service.objects.get()
    assert item["service"]["id"] == str(service.pk)
    assert item["service"]["serviceSpecification"]["id"] == "home-broadband.access"
    assert call.client.get(response["Location"], headers=call.headers).json() == answer


def test_the_example_can_be_submitted_again_and_again(call, plant, body):
    first, second = call.post(body), call.post(body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert Order.objects.count() == 2
    services = Service.objects.all()
    assert len({service.address_id for service in services}) == 2, "each at an address of its own"
    assert len({order.party_id for order in Order.objects.all()}) == 1, "one and the same customer"


def test_the_answer_shows_the_customer_masked(call, order):
    (party,) = order["relatedParty"]
    assert party["name"] == "王*远"
    assert party["contactMedium"][0]["characteristic"]["phoneNumber"] == "139****0123"
    number = party["individualIdentification"][0]["identificationId"]
    assert number.startswith("341022****")
    assert party["id"] == str(Order.objects.get().party_id)


def test_extension_attributes_and_dates_come_back_as_sent(call, plant, body):
    body["color"] = {"shade": ["dark", 3]}
    body["serviceOrderItem"][0]["service"]["tint"] = True
    body["requestedCompletionDate"] = "2026-12-24t18:30:00.50+08:00"
    answer = call.get(f"{ORDERS}/{call.post(body).json()['id']}").json()
    assert answer["color"] == {"shade": ["dark", 3]}
    assert answer["serviceOrderItem"][0]["service"]["tint"] is True
    assert answer["requestedCompletionDate"] == "2026-12-24t18:30:00.50+08:00"


def test_an_address_out_of_coverage_is_an_order_rejected_with_its_reason(call, plant, body):
    body["serviceOrderItem"][0]["service"]["place"] = [
        {"role": "installation address", "id": str(plant.no_entry)}
    ]
    answer = call.post(body).json()
    assert answer["state"] == "rejected"
    assert "物业" in answer["errorMessage"]["reason"]
    assert answer["serviceOrderItem"][0]["state"] == "rejected"


def test_reason_is_told_in_the_readers_language(call, plant, body):
    body["serviceOrderItem"][0]["service"]["place"] = [
        {"role": "installation address", "id": str(plant.planned)}
    ]
    asked = call.post(body, Accept_Language="en").json()  # stored in Chinese all the same
    assert "Planned for" in asked["errorMessage"]["reason"]
    again = call.get(f"{ORDERS}/{asked['id']}").json()
    assert "计划" in again["errorMessage"]["reason"]


def test_customers_mail_address_is_kept_and_not_shown(call, plant, body):
    (party,) = body["relatedParty"]
    party["contactMedium"].append(
        {
            "mediumType": "email",
            "characteristic": {"emailAddress": "wang@example.com"},
        }
    )
    answer = call.post(body)
    assert answer.status_code == 201, answer.json()
    assert "wang@example.com" not in answer.content.decode()
    assert parties.reach(Order.objects.get().party_id).email == "wang@example.com"
    party["contactMedium"][-1]["characteristic"]["emailAddress"] = "nonsense"
    refused = call.post(body)
    assert refused.status_code == 400
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda b: b.pop("serviceOrderItem"), "serviceOrderItem"),
        (lambda b: b["serviceOrderItem"][0].pop("action"), "serviceOrderItem[0].action"),
        (lambda b: b["serviceOrderItem"][0].update(action="move"), "serviceOrderItem[0].action"),
        (lambda b: b["serviceOrderItem"][0].update(id=" "), "serviceOrderItem[0].id"),
        (lambda b: b["serviceOrderItem"][0].update(service=None), "serviceOrderItem[0].service"),
        (lambda b: b.update(requestedStartDate="soon"), "requestedStartDate"),
        (lambda b: b["relatedParty"].clear(), "relatedParty"),
        (
            lambda b: b["relatedParty"][0]["individualIdentification"][0].update(
                identificationId="341022197001151215"
            ),
            "relatedParty[0].individualIdentification[0].identificationId",
        ),
        (
            lambda b: b["serviceOrderItem"][0]["service"]["serviceSpecification"].update(id="tea"),
            "serviceOrderItem[0].service.serviceSpecification.id",
        ),
        (
            lambda b: b["serviceOrderItem"][0]["service"]["serviceCharacteristic"][0].update(
                value="home-3"
            ),
            "serviceOrderItem[0].service.serviceCharacteristic[0].value",
        ),
        (
            lambda b: b["serviceOrderItem"][0]["service"].pop("place"),
            "serviceOrderItem[0].service.place",
        ),
        (
            lambda b: b["serviceOrderItem"][0]["service"].update(
                place=[{"role": "installation address", "id": str(uuid4())}]
            ),
            "serviceOrderItem[0].service.place[0]",
        ),
    ],
)
def test_a_bad_request_names_the_attribute_and_makes_nothing(call, plant, body, change, place):
    change(body)
    error = told(call.post(body), 400, place)
    assert place in error["reason"]
    assert any(fault["attribute"].startswith(place) for fault in error["fault"])
    assert not Order.objects.exists()
    assert not Service.objects.exists()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"serviceOrderItem": NaN}', 400),
        (b'{"description": "\\u0000"}', 400),
        (b'{"a":' * 5000, 400),
        (b"\xff\xfe", 400),
        (b"{" + b" " * 13_000_000 + b"}", 413),
    ],
    ids=["empty", "broken", "list", "NaN", "NUL", "deep", "not UTF-8", "too large"],
)
def test_a_body_that_is_no_request_is_told_so(call, data, status):
    told(call.post(data), status)
    assert not Order.objects.exists()


def test_another_content_type_is_415(call):
    response = call.client.post(ORDERS, "<a/>", content_type="text/xml", headers=call.headers)
    told(response, 415, "application/json")


# ---- safe repetition -----------------------------------------------------------------------------


def test_the_same_key_never_makes_two_orders(call, plant, body):
    first = call.post(body, Idempotency_Key="a-1")
    again = call.post(body, Idempotency_Key="a-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Location"] == first["Location"]
    assert again.json()["id"] == first.json()["id"]
    assert Order.objects.count() == 1


def test_a_key_stands_for_one_request(call, plant, body):
    call.post(body, Idempotency_Key="a-1")
    body["priority"] = "1"
    told(call.post(body, Idempotency_Key="a-1"), 422, "Idempotency-Key")
    assert Order.objects.count() == 1


def test_a_key_is_the_requesters_own(call, as_stranger, plant, body):
    call.post(body, Idempotency_Key="a-1")
    told(as_stranger.post(body, Idempotency_Key="a-1"), 400, "place")
    assert Order.objects.count() == 1, "the stranger has no address to be served, and saw no order"


@pytest.mark.parametrize("key", [" ", "x" * 121])
def test_a_key_that_cannot_be_one_is_refused(call, plant, body, key):
    told(call.post(body, Idempotency_Key=key), 400, "Idempotency-Key")
    assert not Order.objects.exists()


# ---- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer kt_wrong", "Basic dTpw", "Bearer \x00"],
)
def test_without_a_good_token_nothing_is_read_or_made(client, plant, body, header):
    headers = {"Authorization": header} if header is not None else {}
    for response in (
        client.get(ORDERS, headers=headers),
        client.get(f"{ORDERS}/{uuid4()}", headers=headers),
        client.post(ORDERS, json.dumps(body), content_type="application/json", headers=headers),
    ):
        told(response, 401)
        assert response["WWW-Authenticate"].startswith("Bearer")
    assert not Order.objects.exists()


def test_a_token_without_the_scope_is_403(limited, plant, body, order):
    told(limited.get(), 403, "service-order:read")
    told(limited.post(body), 403, "service-order:write")
    assert Order.objects.count() == 1


def test_another_branch_finds_no_such_order(as_stranger, order):
    told(as_stranger.get(f"{ORDERS}/{order['id']}"), 404)
    response = as_stranger.get()
    assert response.json() == []
    assert response["X-Total-Count"] == "0"


@pytest.mark.parametrize(
    "number", ["42", "x%00", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "a" * 300]
)
def test_what_is_not_there_is_404(call, number):
    told(call.get(f"{ORDERS}/{number}"), 404)


@pytest.mark.parametrize("path", ["/tmf-api/", "/tmf-api/x", "/tmf-api/serviceOrdering/v4/hubs"])
def test_other_addresses_are_404_in_the_same_form(call, path):
    told(call.get(path), 404)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_405(call, order, method):
    if method != "patch":
        one = getattr(call.client, method)(f"{ORDERS}/{order['id']}", headers=call.headers)
        told(one, 405)
        assert one["Allow"] == "GET, PATCH"
    many = getattr(call.client, method)(ORDERS, headers=call.headers)
    told(many, 405)
    assert many["Allow"] == "GET, POST"
    assert Order.objects.count() == 1


def test_the_description_is_open_to_read(client):
    response = client.get("/tmf-api/serviceOrdering/v4/openapi.json")
    assert response.status_code == 200
    assert "/tmf-api/serviceOrdering/v4/serviceOrder" in response.json()["paths"]


# ---- lists ---------------------------------------------------------------------------------------


@pytest.fixture
def three(call, plant, body):
    """Three orders, oldest first, told apart by externalId and colour."""
    made = []
    for number in range(3):
        body |= {"externalId": f"B-{number}", "priority": str(number), "color": f"c{number}"}
        response = call.post(body)
        assert response.status_code == 201, response.content.decode()
        made.append(response.json())
    return made


def ids(response, status=200):
    assert response.status_code == status, response.content.decode()
    return [row["externalId"] for row in response.json()]


def test_a_list_comes_newest_first_with_its_counts(call, three):
    response = call.get()
    assert ids(response) == ["B-2", "B-1", "B-0"]
    assert (response["X-Total-Count"], response["X-Result-Count"]) == ("3", "3")
    alone = call.get(f"{ORDERS}/{three[0]['id']}").json()
    # the two clocks, each with its `why` where one order is read, and without it in a list
    assert alone["milestone"][0]["id"] == "customer-due"
    assert all("到期" in m.pop("message") for m in alone["milestone"])
    assert response.json()[2] == alone


def test_a_page_is_206_until_it_holds_all(call, three):
    response = call.get(limit=2)
    assert ids(response, 206) == ["B-2", "B-1"]
    assert (response["X-Total-Count"], response["X-Result-Count"]) == ("3", "2")
    response = call.get(limit=2, offset=2)
    assert ids(response, 206) == ["B-0"]
    assert 'rel="prev"' in response["Link"]
    assert ids(call.get(limit=3), 200) == ["B-2", "B-1", "B-0"]
    assert ids(call.get(offset=1), 200) == ["B-1", "B-0"]
    assert ids(call.get(limit=0), 206) == []


FILTERS = [
    ("externalId=B-1", ["B-1"]),
    ('externalId="B-1"', ["B-1"]),
    ("priority=1", ["B-1"]),
    ("priority.gte=1", ["B-2", "B-1"]),
    ("state=inProgress", ["B-2", "B-1", "B-0"]),
    ("state=inProgress&priority=0", ["B-0"]),
    ("state=held", []),
    ("state=held,inProgress&priority.lt=1", ["B-0"]),
    ("category=home-broadband&externalId=B-2", ["B-2"]),
    ("color=c1", ["B-1"]),
    ("color=c9", []),
    ("color=c1&priority=2", []),
    ("note.author=示例", ["B-2", "B-1", "B-0"]),
    ("serviceOrderItem.action=delete", []),
    ("@type=ServiceOrder&externalId=B-0", ["B-0"]),
    ("id=42", []),
    ("requestedStartDate=2026-11-22T01:00:00Z&priority=2", ["B-2"]),
    ("requestedStartDate.gt=2026-11-22T01:00:00Z", []),
    ("requestedStartDate=0194-10-08T20:38:45%2B19:31", []),
]


def test_filters_are_anded(call, three):
    for query, found in FILTERS:
        response = call.query(query)
        assert ids(response) == found, query
        assert response["X-Total-Count"] == str(len(found)), query


def test_an_order_is_found_by_what_it_shows(call, three):
    one = three[1]
    for query in (
        {"id": one["id"]},
        {"orderDate": one["orderDate"], "externalId": "B-1"},
        {"expectedCompletionDate": one["expectedCompletionDate"], "externalId": "B-1"},
        {"relatedParty.id": one["relatedParty"][0]["id"], "externalId": "B-1"},
    ):
        assert ids(call.get(**query)) == ["B-1"], query


def test_ranges_of_dates(call, three):
    Order.objects.filter(external_id="B-0").update(ordered_at=now() - timedelta(days=2))
    yesterday = (now() - timedelta(days=1)).isoformat()
    assert ids(call.get(**{"orderDate.gt": yesterday})) == ["B-2", "B-1"]
    assert ids(call.get(**{"orderDate.lt": yesterday})) == ["B-0"]
    both = {"orderDate.gte": (now() - timedelta(days=3)).isoformat(), "orderDate.lte": yesterday}
    assert ids(call.get(**both)) == ["B-0"]


def test_fields_select_first_level_attributes(call, three):
    row = call.get(fields="state,priority", externalId="B-1").json()[0]
    assert row == {
        "id": three[1]["id"],
        "href": three[1]["href"],
        "state": "inProgress",
        "priority": "1",
    }
    one = call.get(f"{ORDERS}/{three[1]['id']}", fields="none").json()
    assert set(one) == {"id", "href"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("state=asleep", "state"),
        ("orderDate.gt=x", "orderDate"),
        ("relatedParty.name=x", "relatedParty.name"),
        ("fields=note.text", "fields"),
        ("sort=id", "sort"),
        ("color=%00", "color"),
    ],
)
def test_a_bad_query_is_named(call, query, named):
    assert named in told(call.query(query), 400)["reason"]


def test_a_list_asks_the_same_number_of_queries_whatever_its_length(
    call, plant, body, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    call.post(body)
    call.get()
    with CaptureQueriesContext(
        connection,
    ) as one:
        call.get()
    for _ in range(3):
        call.post(body)
    with CaptureQueriesContext(connection) as many:
        assert len(call.get().json()) == 4
    assert len(many) == len(one)
    assert len(many) <= 12, [query["sql"][:90] for query in many]


# ---- orders that came another way ----------------------------------------------------------------


def test_an_order_without_a_document_is_told_from_its_rows(call, three):
    row = Order.objects.get(external_id="B-1")
    row.ext = {}
    row.save(update_fields=["ext"])
    answer = call.get(f"{ORDERS}/{row.pk}").json()
    assert answer["externalId"] == "B-1"
    assert answer["requestedStartDate"] == "2026-11-22T01:00:00.000Z"
    assert answer["relatedParty"] == [
        {"id": str(row.party_id), "role": "customer", "@referredType": "Party"}
    ]
    service = answer["serviceOrderItem"][0]["service"]
    assert service["serviceSpecification"] == {"id": "home-broadband.access"}
    assert {"name": "offering", "value": "home-300"} in service["serviceCharacteristic"]
    assert service["place"][0]["@referredType"] == "GeographicAddress"


def test_an_overdue_order_says_so(call, three):
    due = now() - timedelta(hours=1)
    Order.objects.filter(external_id="B-1").update(due_at=due)
    (row,) = call.get(externalId="B-1").json()
    assert row["jeopardyAlert"][0]["jeopardyType"] == "overdue"
    assert "jeopardyAlert" not in call.get(externalId="B-0").json()[0]


def test_nothing_personal_is_kept_in_the_document(call, three):
    kept = json.dumps(list(Order.objects.values_list("ext", flat=True)), ensure_ascii=False)
    assert DOCUMENT in kept
    for secret in ("341022197001151214", "13905590123", "王明远"):
        assert secret not in kept


def test_a_marketing_case_is_taken_in_and_told_with_its_number_masked(call, plant, body):
    characteristics = body["serviceOrderItem"][0]["service"]["serviceCharacteristic"]
    characteristics.append({"name": "marketingCase", "value": "home-300-family"})
    told(call.post(body), 400, "serviceCharacteristic", "绑定号码")
    characteristics.append({"name": "boundNumber", "value": "13855901234"})
    response = call.post(body)
    assert response.status_code == 201, response.content.decode()
    order = Order.objects.get()
    assert order.prices[0]["case"]["title"] == "300M 全家享"
    text = call.client.get(response["Location"], headers=call.headers).content.decode()
    assert "home-300-family" in text
    assert "138****1234" in text
    assert "13855901234" not in text


# ---- a number picked (选号) ----------------------------------------------------------------------


@pytest.fixture
def telephone(plant, branch, body):
    """The example as an order of a telephone of its own, in a branch with a voice platform."""
    playbooks.deploy(actor=Actor.system(), folder=playbooks.find("fixed-line"))
    NetworkElement.objects.create(
        kind="voice", key="voice", title="固话平台", branch=branch, state="in-service"
    )

    def asked(number: str):
        wanted = json.loads(json.dumps(body))
        (item,) = wanted["serviceOrderItem"]
        item["service"]["serviceSpecification"]["id"] = "fixed-line.voice"
        item["service"]["serviceCharacteristic"] = [
            {"name": "offering", "value": "phone"},
            {"name": "telephoneNumber", "value": number},
        ]
        return wanted

    return asked


def test_a_number_is_picked_held_and_refused_to_the_next(call, telephone):
    answer = call.post(telephone("0559-7568888"))
    assert answer.status_code == 201, answer.content.decode()
    (service,) = Service.objects.all()
    assert service.account == "05597568888"
    error = told(call.post(telephone("05597568888")), 409, "05597568888", "另选一个号码")
    assert error["code"] == "number-gone"
    (fault,) = error["fault"]
    place = "serviceOrderItem[0].service.serviceCharacteristic[1].value"
    assert fault["attribute"] == place
    assert Service.objects.count() == 1  # nothing was written
    told(call.post(telephone("05551234567")), 409, "不是可选的号码")
    broadband = telephone("05597560001")
    (item,) = broadband["serviceOrderItem"]
    item["service"]["serviceSpecification"]["id"] = "home-broadband.access"
    item["service"]["serviceCharacteristic"][0]["value"] = "home-300"
    told(call.post(broadband), 400, place, "没有可选的电话号码")
