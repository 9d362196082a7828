"""Tabs of a line's and a customer's page: sessions and usage, faults (BB-07)."""

from __future__ import annotations

import pytest

from kaitong.activation import services as activation
from kaitong.ordering import services as ordering
from kaitong.web.pages.usage_pane import octets
from kaitong.web.tests.world import request as order_request


@pytest.fixture
def away(world):
    """The AAA server's database answers nobody: nothing listens on the port."""
    return activation.register_element(
        key="radius",
        kind="aaa",
        title="认证系统",
        branch_id=world.branch.id,
        connection={
            "host": "127.0.0.1",
            "auth_port": 1,
            "database": {"host": "127.0.0.1", "port": 1, "name": "radius", "user": "oss"},
        },
        secret={"radius": "testing-only", "database": "testing-only"},
    )


def test_octets_are_counted_in_units_of_1024():
    assert [octets(n) for n in (0, 1023, 1024, 3 * 1024**3 + 2**29, 5 * 1024**5)] == [
        "0 B",
        "1023 B",
        "1.00 KB",
        "3.50 GB",
        "5,120.00 TB",
    ]


@pytest.mark.parametrize("whose", ["service", "customer"])
def test_the_aaa_server_away_is_said_and_the_page_stands(world, away, signed_in, whose):
    service = world.line(1)
    number = {"service": service.id, "customer": service.customer_id}[whose]
    answer = signed_in("clerk").get(f"/{whose}s/{number}/?tab=usage")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "现在读不到会话与用量" in html
    assert "没有应答" in html
    assert "testing-only" not in html
    assert "概况" in html or "业务" in html


def test_no_aaa_server_at_all_is_said_too(world, signed_in):
    html = signed_in("clerk").get(f"/services/{world.line(1).id}/?tab=usage").content.decode()
    assert "现在读不到会话与用量" in html
    assert "没有在用的网元" in html


def test_another_branch_reads_no_usage(world, away, signed_in):
    service = world.line(1)
    for url in (f"/services/{service.id}/", f"/customers/{service.customer_id}/"):
        assert signed_in("foreigner").get(url, {"tab": "usage"}).status_code == 404


def test_a_customer_of_several_lines_chooses_one_at_the_same_cost(
    world, away, signed_in, queries_of
):
    first = world.order(1)
    clerk, url = signed_in("clerk"), f"/customers/{first.party_id}/?tab=usage"
    clerk.get(url)
    few = queries_of(lambda: clerk.get(url))
    for spot in (2, 4):
        ordering.submit(actor=world.actor("clerk"), request=order_request(1, world.addresses[spot]))
    assert queries_of(lambda: clerk.get(url)) == few
    html = clerk.get(url).content.decode()
    assert html.count("?tab=usage&amp;line=") >= 3
