"""Tabs of a line's and a customer's page: sessions and usage, faults (BB-07)."""

from __future__ import annotations

import pytest

from kaitong.activation import queries, wanting
from kaitong.activation import services as activation
from kaitong.activation.adapters.circuits import Lease
from kaitong.activation.adapters.registrations import Registration
from kaitong.assurance import services as assurance
from kaitong.core.clock import now
from kaitong.inventory import services as inventory
from kaitong.ordering import services as ordering
from kaitong.org.actor import Actor
from kaitong.web.pages.usage_pane import octets
from kaitong.web.tests import fault_world as faults
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


def test_a_line_of_television_shows_its_boxes(world, signed_in, monkeypatch):
    monkeypatch.setattr(wanting, "kind_of", lambda _: "dhcp")
    url = f"/services/{world.line(1).id}/?tab=usage"
    html = signed_in("clerk").get(url).content.decode()
    assert "没有在用的网元" in html  # nobody to be asked
    at = now()
    lease = Lease("100.65.1.7", "02:11:22:33:44:55", "OLT-01 eth 0/3/6:O1", at, at)
    monkeypatch.setattr(queries, "boxes", lambda _: [lease])
    html = signed_in("clerk").get(url).content.decode()
    for text in ("机顶盒", lease.mac, lease.address, lease.circuit):
        assert text in html
    monkeypatch.setattr(queries, "boxes", lambda _: [])
    assert "没有机顶盒取到地址" in signed_in("clerk").get(url).content.decode()
    monkeypatch.setattr(queries, "runs_until", lambda _: at)  # it was cut off a moment ago
    assert "机顶盒续租时被拒，最迟" in signed_in("clerk").get(url).content.decode()


def test_a_telephones_number_shows_who_is_registered(world, signed_in, monkeypatch):
    monkeypatch.setattr(wanting, "kind_of", lambda _: "voice")
    monkeypatch.setattr(wanting, "mapped", lambda *_: {})
    url = f"/services/{world.line(1).id}/?tab=usage"
    assert "没有在用的网元" in signed_in("clerk").get(url).content.decode()  # nobody to be asked
    at = now()
    phone = Registration("05597550001", "sip:x@y", "ZTE HG6543", "10.3.4.5:5060", at, at, at)
    monkeypatch.setattr(queries, "registrations", lambda _: [phone])
    html = signed_in("clerk").get(url).content.decode()
    for text in ("话机", "已注册", phone.user_agent, phone.place):
        assert text in html
    monkeypatch.setattr(queries, "registrations", lambda _: [])
    assert "现在没有话机注册" in signed_in("clerk").get(url).content.decode()


def test_what_came_with_a_line_is_looked_at_beside_it(world, signed_in, monkeypatch):
    line = world.line(1)
    part = inventory.create_service(
        actor=Actor.system(),
        branch_id=line.branch_id,
        specification="iptv",
        title="IPTV 电视",
        lead_id=line.id,
        state="active",
    )
    monkeypatch.setattr(wanting, "kind_of", lambda one: "dhcp" if one.id == part.pk else "aaa")
    monkeypatch.setattr(queries, "boxes", lambda _: [])
    clerk = signed_in("clerk")
    html = clerk.get(f"/services/{line.id}/?tab=usage").content.decode()
    assert f"?tab=usage&amp;line={part.pk}" in html
    html = clerk.get(f"/services/{line.id}/?tab=usage&line={part.pk}").content.decode()
    assert "没有机顶盒取到地址" in html
    seen = signed_in("supervisor").post(f"/faults/look/{line.id}").content.decode()
    assert seen.count("没有在用的网元") == 2


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


# ---- faults --------------------------------------------------------------------------------------


@pytest.fixture
def broken(world):
    """A line with one fault that was withdrawn, and one that stands."""
    faults.menders(world)
    service = faults.line(world)
    old = faults.report(world, service)
    assurance.cancel(actor=world.actor("hotline"), fault_id=old.pk, reason="客户已自行恢复")
    return service, old, faults.report(world, service, symptom="slow")


@pytest.mark.parametrize("whose", ["service", "customer"])
def test_open_and_past_faults_stand_apart_with_a_link(world, broken, signed_in, whose):
    service, old, new = broken
    number = {"service": service.pk, "customer": service.customer_id}[whose]
    html = signed_in("clerk").get(f"/{whose}s/{number}/?tab=faults").content.decode()
    before, _mark, after = html.partition('id="past-faults"')
    assert f'href="/faults/{new.pk}/"' in before
    assert f'href="/faults/{new.pk}/"' not in after
    assert f'href="/faults/{old.pk}/"' in after
    assert "已受理" in before
    assert "客户已自行恢复" in after
    assert (service.account in before.partition('id="open-faults"')[2]) is (whose == "customer")


def test_a_fault_is_reported_from_the_line_by_who_may(world, broken, signed_in):
    service, _old, _new = broken
    url = f"/services/{service.pk}/?tab=faults"
    link = f"/faults/new/?service={service.pk}"
    clerk = signed_in("clerk")
    assert f'href="{link}"' in clerk.get(url).content.decode()
    assert service.account in clerk.get(link).content.decode()
    assert "/faults/new/" not in signed_in("installer").get(url).content.decode()


def test_another_branch_reads_no_faults(world, broken, signed_in):
    service, _old, _new = broken
    for url in (f"/services/{service.pk}/", f"/customers/{service.customer_id}/"):
        assert signed_in("foreigner").get(url, {"tab": "faults"}).status_code == 404


def test_faults_cost_the_same_for_more_of_them(world, broken, signed_in, queries_of):
    service, _old, new = broken
    clerk, url = signed_in("clerk"), f"/customers/{service.customer_id}/?tab=faults"
    clerk.get(url)
    few = queries_of(lambda: clerk.get(url))
    for symptom in ("no-internet", "slow"):
        assurance.cancel(actor=world.actor("hotline"), fault_id=new.pk, reason="客户已自行恢复")
        new = faults.report(world, service, symptom=symptom)
    assert queries_of(lambda: clerk.get(url)) == few


def test_a_line_without_faults_says_so(world, signed_in):
    html = signed_in("clerk").get(f"/services/{world.line(1).id}/?tab=faults").content.decode()
    assert "没有报过故障" in html
