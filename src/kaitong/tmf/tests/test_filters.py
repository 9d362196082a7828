"""Filters, selections and pages: what a query string may ask."""

from datetime import UTC, datetime

import pytest
from django.http import HttpResponse, QueryDict
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from kaitong.ordering.requests import OrderFilter
from kaitong.tmf.contract.service_order import TMF641
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.filters import parse_filters
from kaitong.tmf.mapping.conditions import conditions
from kaitong.tmf.paging import MAX_LIMIT, Page, put_headers
from kaitong.tmf.selection import parse_fields, select

ORDER = "0190a1b2-0000-7000-8000-000000000001"


def asked(query: str) -> list[OrderFilter]:
    return conditions(parse_filters(TMF641, QueryDict(query)))


@pytest.mark.parametrize(
    ("query", "field", "op", "value"),
    [
        ("state=held", "state", "eq", "held"),
        ("state=held,pending", "state", "in", ("held", "pending")),
        ('state="held"', "state", "eq", "held"),
        ("externalId=BSS-1", "external_id", "eq", "BSS-1"),
        ("externalId=%22BSS-1%22", "external_id", "eq", "BSS-1"),
        ("externalId='BSS-1'", "external_id", "eq", "BSS-1"),
        ("category=a,b", "category", "eq", "a,b"),
        ("priority=1", "priority", "eq", "1"),
        ("priority.gte=1", "priority", "gte", "1"),
        (
            "orderDate.gt=2026-11-22T01:00:00Z",
            "ordered_at",
            "gt",
            datetime(2026, 11, 22, 1, tzinfo=UTC),
        ),
        (
            "orderDate.lte=2026-11-22T09:00:00%2B08:00",
            "ordered_at",
            "lte",
            datetime(2026, 11, 22, 1, tzinfo=UTC),
        ),
        (
            "orderDate.lt=2026-11-22T09:00:00+08:00",  # an unescaped plus arrives as a space
            "ordered_at",
            "lt",
            datetime(2026, 11, 22, 1, tzinfo=UTC),
        ),
        ("orderDate.gte=2026-11-22", "ordered_at", "gte", datetime(2026, 11, 21, 16, tzinfo=UTC)),
        (
            "orderDate>=2026-11-22T01:00:00Z",
            "ordered_at",
            "gte",
            datetime(2026, 11, 22, 1, tzinfo=UTC),
        ),
        (
            "orderDate<2026-11-22T01:00:00.5Z",
            "ordered_at",
            "lt",
            datetime(2026, 11, 22, 1, 0, 0, 500_000, tzinfo=UTC),
        ),
        ("notificationContact=x", "ext", "contains", {"tmf641": {"notificationContact": "x"}}),
        ("color=red", "ext", "contains", {"tmf641": {"color": "red"}}),
        ("note.author=Li", "ext", "contains", {"tmf641": {"note": [{"author": "Li"}]}}),
        (
            "serviceOrderItem.service.serviceSpecification.id=hb",
            "ext",
            "contains",
            {"tmf641": {"serviceOrderItem": [{"service": {"serviceSpecification": {"id": "hb"}}}]}},
        ),
        ("relatedParty.id=C-7", "ext", "contains", {"tmf641": {"relatedParty": [{"id": "C-7"}]}}),
    ],
)
def test_a_filter_becomes_a_condition(query, field, op, value):
    assert asked(query) == [OrderFilter(field=field, op=op, value=value)]


def test_filters_are_anded_and_paging_is_none_of_them():
    found = asked("state=held&priority=1&fields=id&offset=3&limit=4")
    assert [(c.field, c.value) for c in found] == [("state", "held"), ("priority", "1")]


def test_a_moment_the_server_shows_in_milliseconds_is_found_by_what_it_shows():
    first, last = asked("orderDate=2026-11-22T01:00:00.123Z")
    assert (first.op, last.op) == ("gte", "lt")
    assert (last.value - first.value).total_seconds() == 0.001


def test_an_identifier_that_is_none_of_ours_matches_nothing():
    (condition,) = asked("id=42")
    assert condition.op == "in"
    assert str(condition.value[0]) == "00000000-0000-0000-0000-000000000000"
    assert str(asked(f"id={ORDER}")[0].value[0]) == ORDER
    assert len(asked(f"id={ORDER},42")[0].value) == 2


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("state=sleeping", "state"),
        ("orderDate.gt=yesterday", "orderDate"),
        ("orderDate.gt=2026-13-01", "orderDate"),
        ("relatedParty=1", "relatedParty"),
        ("relatedParty.name=王", "relatedParty.name"),
        ("serviceOrderItem.service.relatedParty.name=王", "relatedParty.name"),
        ("serviceOrderItem.state=held", "serviceOrderItem.state"),
        ("state.gt=held", "state"),
        ("href=x", "href"),
        ("color.gt=red", "color"),
        ("state.color=red", "state"),
        ("sort=-orderDate", "sort"),
        ("notificationContact=%00", "notificationContact"),
        (".=x", "."),
        ("requestedStartDate=2026", "requestedStartDate"),
    ],
)
def test_a_filter_that_cannot_be_served_is_named(query, named):
    with pytest.raises(BadQuery) as caught:
        asked(query)
    assert named in f"{caught.value.field} {caught.value.what}"


@given(st.text(min_size=1), st.text())
def test_any_query_is_served_or_refused_but_never_breaks(name, value):
    query = QueryDict(mutable=True)
    query[name] = value
    try:
        found = conditions(parse_filters(TMF641, query))
    except BadQuery as error:
        found = error.status
    assert found == 400 or isinstance(found, list)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, None),
        ("", None),
        ("state", {"id", "href", "state"}),
        (" state , note ", {"id", "href", "state", "note"}),
        ("none", {"id", "href"}),
    ],
)
def test_fields_select_with_id_and_href_always(text, wanted):
    found = parse_fields(text)
    assert (found is None) if wanted is None else set(found) == wanted


def test_fields_within_an_attribute_are_refused():
    with pytest.raises(BadQuery, match=r"note\.text"):
        parse_fields("id,note.text")


def test_a_selection_keeps_what_was_named():
    body = {"id": "1", "href": "h", "state": "held", "note": []}
    assert select(body, parse_fields("state")) == {"id": "1", "href": "h", "state": "held"}
    assert select(body, None) == body


@pytest.mark.parametrize(
    ("asked_limit", "count", "total", "status"),
    [(None, 100, 250, 200), (10, 10, 250, 206), (10, 3, 3, 200), (0, 0, 3, 206), (10, 0, 0, 200)],
)
def test_206_only_when_partial_and_a_limit_was_asked(asked_limit, count, total, status):
    assert Page(0, asked_limit).status(count, total) == status


def test_a_limit_has_a_bound():
    assert Page(0, 10**6).limit == MAX_LIMIT


def test_headers_count_and_point_at_the_neighbours():
    request = RequestFactory().get("/tmf-api/x", {"state": "held", "offset": "20", "limit": "10"})
    response = HttpResponse()
    put_headers(response, request, Page(20, 10), count=10, total=45)
    assert response["X-Total-Count"] == "45"
    assert response["X-Result-Count"] == "10"
    links = dict(part.split("; ")[::-1] for part in response["Link"].split(", "))
    assert links['rel="prev"'].endswith("state=held&offset=10&limit=10>")
    assert links['rel="next"'].endswith("state=held&offset=30&limit=10>")
    assert links['rel="last"'].endswith("state=held&offset=40&limit=10>")


def test_the_last_page_points_at_no_next():
    response = HttpResponse()
    put_headers(response, RequestFactory().get("/x"), Page(40, 10), count=5, total=45)
    assert 'rel="next"' not in response["Link"]
