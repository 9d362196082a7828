"""Every refusal reads in one language, says which attribute, and keeps the form of TM Forum."""

import json
import re
from uuid import uuid4

import pytest

from kaitong.ordering.models import Order
from kaitong.tmf.models import Listener
from kaitong.tmf.tests.conftest import CANCELLATIONS, ORDERS, SERVICES

pytestmark = pytest.mark.django_db
TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"
HUB = "/tmf-api/serviceOrdering/v4/hub"
CJK = re.compile("[\u4e00-\u9fff]")
ITEM = {"id": "1", "action": "add", "service": {}}
SPECIFIED = {"serviceSpecification": {"id": "home-broadband.access"}}
NOTHING = uuid4()


def order(**more):
    return {"serviceOrderItem": [{**ITEM, "service": SPECIFIED}], **more}


def item(**more):
    return {"serviceOrderItem": [{**ITEM, "service": SPECIFIED, **more}]}


def customer(**more):
    return order(relatedParty=[{"role": "customer", **more}])


# method, address, body, what is at fault ("" where no attribute is), code
REFUSED = [
    ("post", ORDERS, b"{", "", "invalid-body"),
    ("post", ORDERS, b"[]", "", "invalid-body"),
    ("post", ORDERS, b'{"a": 1, "a": 2}', "", "invalid-body"),
    ("post", ORDERS, b'{"a": NaN}', "", "invalid-body"),
    ("post", ORDERS, b'{"a": "\\u0000"}', "a", "invalid-body"),
    ("post", ORDERS, b"\xff", "", "invalid-body"),
    ("post", ORDERS, b"[" * 100_000, "", "invalid-body"),
    ("post", ORDERS, {}, "serviceOrderItem", "missing-attribute"),
    ("post", ORDERS, {"serviceOrderItem": []}, "serviceOrderItem", "invalid-attribute"),
    ("post", ORDERS, item(id=" "), "serviceOrderItem[0].id", "missing-attribute"),
    ("post", ORDERS, item(action="fly"), "serviceOrderItem[0].action", "invalid-attribute"),
    ("post", ORDERS, item(quantity="2"), "serviceOrderItem[0].quantity", "invalid-attribute"),
    ("post", ORDERS, item(quantity=2), "serviceOrderItem[0].quantity", "invalid-attribute"),
    ("post", ORDERS, item(action="modify"), "serviceOrderItem[0].service.id", "missing-attribute"),
    ("post", ORDERS, order(priority="9"), "priority", "invalid-attribute"),
    ("post", ORDERS, order(priority=1), "priority", "invalid-attribute"),
    ("post", ORDERS, order(externalId="x" * 121), "externalId", "invalid-attribute"),
    ("post", ORDERS, order(requestedStartDate="gestern"), "requestedStartDate",
     "invalid-attribute"),
    ("post", ORDERS, order(requestedStartDate="2026-12-02T00:00:00Z",
                           requestedCompletionDate="2026-12-01T00:00:00Z"),
     "requestedCompletionDate", "invalid-attribute"),
    ("post", ORDERS, customer(), "relatedParty[0].name", "missing-attribute"),
    ("post", ORDERS, customer(id="x"), "relatedParty[0].id", "invalid-attribute"),
    ("post", ORDERS, customer(name="王志伟", contactMedium=[
        {"characteristic": {"phoneNumber": "1"}}]),
     "serviceOrderItem[0].service.place", "invalid-attribute"),
    ("post", ORDERS, item(service={"serviceSpecification": {"id": "no.such"}}),
     "serviceOrderItem[0].service.serviceSpecification.id", "invalid-attribute"),
    ("post", CANCELLATIONS, {"serviceOrder": {"id": "x"}}, "serviceOrder.id", "invalid-attribute"),
    ("post", CANCELLATIONS, {"serviceOrder": {"id": str(NOTHING)}}, "serviceOrder.id",
     "invalid-attribute"),
    ("post", HUB, {}, "callback", "missing-attribute"),
    ("post", HUB, {"callback": "ftp://x"}, "callback", "invalid-attribute"),
    ("post", HUB, {"callback": "http://10.0.0.1/x"}, "callback", "invalid-attribute"),
    ("post", HUB, {"callback": "http://u:p@example.com"}, "callback", "invalid-attribute"),
    ("post", HUB, {"callback": "http://example.com", "query": "a=1"}, "query",
     "invalid-attribute"),
    ("post", HUB, {"callback": "http://example.com", "query": "state=gone"}, "query",
     "invalid-attribute"),
    ("post", HUB, {"callback": "http://example.com", "query": "?"}, "query", "invalid-attribute"),
    ("post", TICKETS, {}, "description", "missing-attribute"),
    ("post", TICKETS, {"description": "x", "severity": "major", "ticketType": "fault"},
     "relatedEntity", "invalid-attribute"),
    ("post", TICKETS, {"description": "x", "severity": "major", "ticketType": "fault",
                       "relatedEntity": [{"id": "x", "role": "service",
                                          "@referredType": "Service"}]},
     "relatedEntity[0].id", "invalid-attribute"),
    ("get", f"{ORDERS}/{NOTHING}", None, "", "not-found"),
    ("get", f"{ORDERS}/x", None, "", "not-found"),
    ("get", f"{SERVICES}/{NOTHING}", None, "", "not-found"),
    ("get", f"{TICKETS}/x", None, "", "not-found"),
    ("get", f"{CANCELLATIONS}/x", None, "", "not-found"),
    ("get", "/tmf-api/nothing", None, "", "not-found"),
    ("get", f"{ORDERS}?state=asleep", None, "state", "invalid-query"),
    ("get", f"{ORDERS}?sort=id", None, "sort", "invalid-query"),
    ("get", f"{ORDERS}?note=x", None, "note", "invalid-query"),
    ("get", f"{ORDERS}?state.x=1", None, "state.x", "invalid-query"),
    ("get", f"{ORDERS}?orderDate.gt=gestern", None, "orderDate.gt", "invalid-query"),
    ("get", f"{ORDERS}?href=x", None, "href", "invalid-query"),
    ("get", f"{ORDERS}?fields=a.b", None, "fields", "invalid-query"),
    ("get", f"{ORDERS}?limit=-1", None, "limit", "invalid-attribute"),
    ("get", f"{ORDERS}?limit=x", None, "limit", "invalid-attribute"),
    ("get", f"{SERVICES}?name=x", None, "name", "invalid-query"),
    ("get", f"{SERVICES}?state.gt=active", None, "state.gt", "invalid-query"),
    ("get", f"{TICKETS}?priority=x", None, "priority", "invalid-query"),
    ("get", f"{CANCELLATIONS}?@type=x", None, "@type", "invalid-query"),
    ("put", ORDERS, {}, "", "method-not-allowed"),
    ("delete", f"{HUB}/{NOTHING}", None, "", "not-found"),
]  # fmt: skip


def told(call, method, path, body, language):
    more = {"headers": {**call.headers, "Accept-Language": language}}
    if body is not None:
        more["data"] = body if isinstance(body, bytes) else json.dumps(body)
        more["content_type"] = "application/json"
    return getattr(call.client, method)(path, **more)


def texts(body):
    yield body["reason"]
    yield body.get("message", "")
    for fault in body.get("fault", ()):
        yield fault["reason"]
        yield fault.get("message", "")


def wrong(call, method, path, body, attribute, code):
    """What of one refusal is not as it should be."""
    answers = {one: told(call, method, path, body, one) for one in ("en", "zh-CN", "")}
    bodies = {language: answer.json() for language, answer in answers.items()}
    for language, answer in answers.items():
        found = bodies[language]
        if not 400 <= answer.status_code < 500 or found["status"] != str(answer.status_code):
            yield f"status {answer.status_code}"
        if (found["code"], found["@type"]) != (code, "Error"):
            yield f"code {found['code']}"
        named = [fault["attribute"] for fault in found.get("fault", ())]
        if attribute and (attribute not in named or attribute not in found["reason"]):
            yield f"names {named}: {found['reason']}"
        if not attribute and named:
            yield f"names {named}"
    yield from (f"in English: {text}" for text in texts(bodies["en"]) if CJK.search(text))
    if bodies[""] != bodies["zh-CN"]:
        yield "without a language it is not Chinese"
    for text in filter(None, texts(bodies["zh-CN"])):
        if re.search(r"[A-Za-z]{3,} [A-Za-z]{3,}", text) or not CJK.search(text):
            yield f"in Chinese: {text}"


def test_every_refusal_reads_in_the_callers_language(call, plant):
    found = [
        (one[:2], one[3], fault) for one in REFUSED for fault in dict.fromkeys(wrong(call, *one))
    ]
    assert found == [], "\n".join(map(str, found))
    assert (Order.objects.count(), Listener.objects.count()) == (0, 0)


def test_who_may_not_hears_it_in_his_language(anonymous, limited, call):
    for caller, path, status in (
        (anonymous, ORDERS, 401),
        (limited, ORDERS, 403),
        (limited, TICKETS, 403),
    ):
        for language in ("en", "zh-CN"):
            answer = told(caller, "get", path, None, language)
            body = answer.json()
            assert (answer.status_code, body["status"]) == (status, str(status))
            assert bool(CJK.search(body["reason"])) == (language != "en"), body
            assert body["code"] in ("unauthenticated", "insufficient-scope")


def test_what_a_patch_says_is_held_to_the_contract(call, plant, body):
    url = f"{ORDERS}/{call.post(body).json()['id']}"
    start, before = "2026-12-02T00:00:00Z", "2026-12-01T00:00:00Z"

    def patch(said):
        return call.client.patch(
            url, json.dumps(said), content_type="application/merge-patch+json", headers=call.headers
        )

    assert patch({"requestedStartDate": start}).status_code == 200
    kept = call.get(url).json()
    for said, attribute in (
        ({"priority": "9", "description": "x"}, "priority"),
        ({"requestedCompletionDate": before, "description": "x"}, "requestedCompletionDate"),
    ):
        answer = patch(said)
        assert answer.status_code == 400
        assert [f["attribute"] for f in answer.json()["fault"]] == [attribute]
        assert call.get(url).json() == kept
    assert (
        patch({"requestedStartDate": before, "requestedCompletionDate": before}).status_code == 200
    )
    assert patch({"priority": None, "requestedStartDate": None}).status_code == 200
