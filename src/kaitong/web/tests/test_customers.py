"""The unified customer view (BB-07, BB-18, VER-13): found by what a clerk has, every look recorded,
nothing in clear, other branches unseen, a constant cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaitong.core.models import AuditEntry
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.ordering import rents
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.party.models import Party
from kaitong.web.tests.world import request as order_request
from kaitong.web.tests.world import resident_number

TABS = ["overview", "orders", "bindings", "money", "papers", "timeline", "looks"]


def look_for(client, by, q, **more):
    return client.post("/customers/", {"by": by, "q": q, **more})


def service_of(order):
    return inventory.services_of_order(order.id)[0]


@pytest.fixture
def bound(world):
    """An order with a marketing case and a number bound to it."""
    asked = order_request(3, world.addresses[3])
    item = replace(asked.items[0], case="home-300-family", bound_number="13905591234")
    asked = replace(asked, items=(item,))
    return ordering.submit(actor=world.actor("clerk"), request=asked)


def test_a_line_is_found_by_account_whole_or_without_its_domain(world, signed_in):
    order = world.order(1)
    service, clerk = service_of(order), signed_in("clerk")
    for text in (service.account, service.account.partition("@")[0]):
        answer = look_for(clerk, "account", text)
        assert answer.status_code == 302
        assert answer["Location"] == f"/services/{service.id}/?by=account"


def test_a_customer_is_found_by_document_and_the_number_stands_nowhere(world, signed_in):
    order = world.order(1)
    answer = look_for(signed_in("clerk"), "document", resident_number(1).lower())
    assert answer["Location"] == f"/services/{service_of(order).id}/?by=document"
    (entry,) = AuditEntry.objects.filter(kind="party.searched")
    assert (entry.data, entry.actor_id) == (
        {"by": "document", "found": 1},
        world.actor("clerk").id,
    )
    assert look_for(signed_in("clerk"), "document", resident_number(2)).status_code == 200


def test_a_customer_is_found_by_contact_phone_bound_number_and_order(world, bound, signed_in):
    url = f"/services/{service_of(bound).id}/"
    clerk = signed_in("clerk")
    assert look_for(clerk, "phone", "138 5590 0003")["Location"].startswith(url)
    assert look_for(clerk, "bound", "13905591234")["Location"].startswith(url)
    assert look_for(clerk, "order", bound.number.lower())["Location"].startswith(url)
    nobody = look_for(clerk, "bound", "13855900003").content.decode()
    assert "没有查到" in nobody


def test_a_name_is_narrowed_by_an_address(world, signed_in):
    first, second = world.order(1), world.order(11, address=2)  # 李志伟, twice
    clerk = signed_in("clerk")
    both = look_for(clerk, "name", "李志伟").content.decode()
    assert both.count("data-href=") == 2
    assert "李*伟" in both
    assert "李志伟</a>" not in both
    for order, room in ((first, "1栋1单元201"), (second, "1栋1单元301")):
        one = look_for(clerk, "name", "李志伟", address=f"横江花园{room}")
        assert one["Location"].startswith(f"/services/{service_of(order).id}/")
    there = look_for(clerk, "name", "", address="横江花园")
    assert there.content.decode().count("data-href=") == 2


@pytest.mark.parametrize(
    ("by", "q", "says"),
    [
        ("account", "", "没有填要查的内容"),
        ("phone", "12", "电话号码不对"),
        ("bound", "abc", "电话号码不对"),
        ("name", "", "没有填要查的内容"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_at_the_field(world, signed_in, by, q, says):
    answer = look_for(signed_in("clerk"), by, q)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not AuditEntry.objects.filter(kind="party.searched").exists()


def test_every_look_is_recorded_and_nothing_is_in_clear(world, signed_in):
    order = world.order(1)
    clerk, service = signed_in("clerk"), service_of(order)
    customer = clerk.get(f"/customers/{order.party_id}/").content.decode()
    line = clerk.get(f"/services/{service.id}/?by=account").content.decode()
    for html in (customer, line):
        assert "李志伟" not in html
        assert "13855900001" not in html
        assert resident_number(1) not in html
        assert "李*伟" in html
    looks = AuditEntry.objects.filter(kind="party.viewed", subject_id=order.party_id)
    assert [one.data for one in looks.order_by("at")] == [
        {"at": "customer"},
        {"at": "customer", "by": "account"},
    ]
    told = clerk.get(f"/customers/{order.party_id}/?tab=looks").content.decode()
    assert "按业务号码查到" in told
    assert "胡雅琴" in told


def test_a_part_of_an_open_page_is_no_further_look(world, signed_in, part):
    order = world.order(1)
    signed_in("clerk").get(f"/customers/{order.party_id}/?tab=orders", headers=part)
    assert not AuditEntry.objects.filter(kind="party.viewed").exists()


def test_documents_are_read_in_clear_by_their_own_eye(world, signed_in, part):
    order = world.order(1)
    url = f"/customers/{order.party_id}/reveal?scope=document"
    html = signed_in("clerk").post(url, headers=part).content.decode()
    assert resident_number(1) in html
    (entry,) = AuditEntry.objects.filter(kind="party.reveal")
    assert entry.data == {"field": "document", "reason": "客户页查看"}


def test_a_line_says_state_plan_contract_and_where_it_runs(world, bound, signed_in):
    html = signed_in("clerk").get(f"/services/{service_of(bound).id}/").content.decode()
    for said in ("300M 家庭宽带", "300M 全家享", "¥79.00", "OLT-01 0/3/6", "横江花园", "未激活"):
        assert said in html, said
    bindings = signed_in("clerk").get(f"/services/{service_of(bound).id}/?tab=bindings")
    assert "139****1234" in bindings.content.decode()


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_stands_alone_and_in_its_page(world, bound, signed_in, part, tab):
    url = f"/services/{service_of(bound).id}/?tab={tab}"
    clerk = signed_in("clerk")
    alone = clerk.get(url, headers=part)
    assert alone.status_code == 200
    assert "<html" not in alone.content.decode()
    assert f'href="?tab={tab}" role="tab" aria-selected="true"' in clerk.get(url).content.decode()


def test_the_timeline_of_a_line_tells_all_its_orders(world, bound, signed_in):
    html = signed_in("clerk").get(f"/services/{service_of(bound).id}/?tab=timeline")
    told = html.content.decode()
    assert "受理订单" in told
    assert "自动配线" in told
    assert bound.number in told


def test_another_branch_finds_nothing(world, bound, signed_in):
    foreigner, service = signed_in("foreigner"), service_of(bound)
    for url in (f"/customers/{bound.party_id}/", f"/services/{service.id}/"):
        assert foreigner.get(url).status_code == 404
    for by, q in (
        ("account", service.account),
        ("document", resident_number(3)),
        ("phone", "13855900003"),
        ("bound", "13905591234"),
        ("order", bound.number),
        ("name", Party.objects.get(pk=bound.party_id).name),
    ):
        assert "没有查到" in look_for(foreigner, by, q).content.decode(), by
    assert not AuditEntry.objects.filter(kind="party.viewed").exists()


def test_nobody_looks_without_signing_in(world, client):
    assert client.get("/customers/").status_code == 302


@pytest.mark.parametrize("tab", ["lines", "orders", "money", "papers", "bindings"])
def test_a_customers_page_costs_the_same_for_more_orders(world, signed_in, queries_of, tab):
    first = world.order(1)
    clerk, url = signed_in("clerk"), f"/customers/{first.party_id}/?tab={tab}"
    clerk.get(url)
    few = queries_of(lambda: clerk.get(url))
    for spot in (2, 4, 5):
        ordering.submit(actor=world.actor("clerk"), request=order_request(1, world.addresses[spot]))
    assert queries_of(lambda: clerk.get(url)) == few


def test_a_search_costs_the_same_for_more_hits(world, signed_in, queries_of):
    clerk = signed_in("clerk")
    for spot in (1, 2):
        ordering.submit(actor=world.actor("clerk"), request=order_request(1, world.addresses[spot]))
    look_for(clerk, "document", resident_number(1))
    few = queries_of(lambda: look_for(clerk, "document", resident_number(1)))
    for spot in (3, 4):
        ordering.submit(actor=world.actor("clerk"), request=order_request(1, world.addresses[spot]))
    assert queries_of(lambda: look_for(clerk, "document", resident_number(1))) == few


def test_what_may_be_done_with_a_line_stands_on_its_page(world, signed_in):
    service = world.line(1)
    clerk = signed_in("clerk")
    html = clerk.get(f"/services/{service.id}/").content.decode()
    assert f'href="/services/{service.id}/do/transfer/"' in html
    assert f'href="/services/{service.id}/do/suspend/"' in html
    assert f'href="/services/{service.id}/do/resume/"' not in html  # it is not suspended
    assert "现在是在用，不能办理复机" in html
    assert "/do/" not in signed_in("installer").get(f"/services/{service.id}/").content.decode()


def test_a_suspended_line_says_since_when_and_why(world, signed_in):
    service = world.line(1)
    inventory_verbs.suspend(
        actor=world.actor("clerk"), service_id=service.id, kind="request", reason="外出一段时间"
    )
    html = signed_in("clerk").get(f"/services/{service.id}/").content.decode()
    assert "客户停机" in html
    assert "外出一段时间" in html


def test_a_line_shows_what_is_paid_by_the_month(world, signed_in):
    service = world.line(1)
    order = Order.objects.get(pk=service.order_id)
    rents.begin(actor=world.actor("clerk"), order=order, item=order.items.get())
    html = signed_in("clerk").get(f"/services/{service.id}/?tab=account").content.decode()
    assert "月租费" in html
    assert "¥99.00" in html
