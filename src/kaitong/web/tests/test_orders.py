"""The order list and page: head, steps, picture, tabs, reading in clear, other branches, costs."""

from __future__ import annotations

import json
import re

import pytest

from kaitong.core.home import library
from kaitong.core.models import AuditEntry
from kaitong.process import queries as process
from kaitong.process import services as verbs

TABS = ["timeline", "items", "proof", "papers", "money", "audit"]


def test_the_page_says_state_due_who_and_where(world, signed_in):
    order = world.order(1)
    html = signed_in("clerk").get(f"/orders/{order.id}/").content.decode()
    assert order.number in html
    assert "施工中" in html
    assert "装维班组" in html
    assert "横江花园" in html
    assert "OLT-01 0/3/6" in html
    assert "为什么" in html
    assert "李志伟" not in html


def test_the_step_table_says_what_the_picture_says(world, signed_in):
    order = world.order(1)
    html = signed_in("clerk").get(f"/orders/{order.id}/").content.decode()
    told = re.search(r'<script id="positions" type="application/json">(.*?)</script>', html)
    at = json.loads(told[1])
    assert at["nodes"]["AssignPort"] == "done"
    assert at["nodes"]["Appoint"] == "active"
    assert at["flows"]
    row = re.search(r'<tr aria-current="step">.*?</tr>', html, re.DOTALL)[0]
    assert "预约派单" in row
    alone = signed_in("clerk").get(f"/orders/{order.id}/positions.json").json()
    assert (alone["nodes"], alone["flows"]) == (at["nodes"], at["flows"])


def test_the_picture_is_the_deployed_file(world, signed_in):
    order = world.order(1)
    client = signed_in("clerk")
    html = client.get(f"/orders/{order.id}/").content.decode()
    url = re.search(r'data-bpmn="([^"]+)"', html)[1].replace("&amp;", "&")
    answer = client.get(url)
    assert answer.content == (library() / "home-broadband/processes/open.bpmn").read_bytes()
    assert "immutable" in answer["Cache-Control"]
    client.cookies["django_language"] = "en"
    assert b'name="Installation"' in client.get(url).content


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_works_alone_and_in_its_page(world, signed_in, part, tab):
    order = world.order(1)
    client = signed_in("clerk")
    assert client.get(f"/orders/{order.id}/{tab}/", headers=part).status_code == 200
    whole = client.get(f"/orders/{order.id}/?tab={tab}").content.decode()
    assert re.search(rf'href="\?tab={tab}" role="tab" aria-selected="true"', whole)


def test_the_proof_tab_says_what_the_network_cannot_see(world, signed_in, part):
    order = world.order(1)
    html = signed_in("clerk").get(f"/orders/{order.id}/proof/", headers=part).content.decode()
    assert "无源分光器的输出口在网络上看不到" in html
    assert "线路待验证" in html


def test_the_timeline_tells_the_intake_and_the_port(world, signed_in, part):
    order = world.order(1)
    html = signed_in("clerk").get(f"/orders/{order.id}/timeline/", headers=part).content.decode()
    assert "受理订单" in html
    assert "自动配线" in html
    assert "安装费" in html


def test_reading_in_clear_is_recorded(world, signed_in, part):
    order = world.order(1)
    client = signed_in("clerk")
    answer = client.post(f"/customers/{order.party_id}/reveal?scope=order", headers=part)
    html = answer.content.decode()
    assert "李志伟" in html
    assert "13855900001" in html
    acts = AuditEntry.objects.filter(subject_id=order.party_id, kind="party.reveal")
    assert {act.data["field"] for act in acts} == {"name", "phone"}
    assert {act.actor_id for act in acts} == {world.actor("clerk").id}
    audit = client.get(f"/orders/{order.id}/audit/", headers=part).content.decode()
    assert "显示客户全号" in audit


def test_the_same_version_costs_nothing_and_a_new_one_brings_the_parts(world, signed_in, part):
    order = world.order(1)
    client = signed_in("installer")
    html = client.get(f"/orders/{order.id}/").content.decode()
    version = re.search(r'"KT-Version": "(\w+)"', html)[1]
    told = {**part, "KT-Version": version}
    assert client.get(f"/orders/{order.id}/live", headers=told).status_code == 204
    item = process.open_items_of(world.actor("installer"), [order.id])[order.id][0]
    verbs.claim(actor=world.actor("installer"), item_id=item.id)
    fresh = client.get(f"/orders/{order.id}/live", headers=told)
    assert fresh.status_code == 200
    assert "汪志强" in fresh.content.decode()


def test_urging_reaches_the_open_work(world, signed_in, part):
    order = world.order(1)
    answer = signed_in("clerk").post(f"/orders/{order.id}/urge", headers=part)
    assert answer.status_code == 200
    item = process.open_items_of(world.actor("clerk"), [order.id])[order.id][0]
    assert item.urged == 1


@pytest.mark.parametrize(
    "path", ["", "live", "positions.json", "timeline/", "proof/", "money/", "audit/", "urge"]
)
def test_another_branch_sees_nothing_of_it(world, signed_in, part, path):
    order = world.order(1)
    client = signed_in("foreigner")
    method = client.post if path == "urge" else client.get
    answer = method(f"/orders/{order.id}/{path}", headers=part)
    assert answer.status_code == 404
    assert order.number not in answer.content.decode()
    page = client.get("/orders/").content.decode()
    assert order.number not in page


def test_another_branch_cannot_read_a_customer_in_clear(world, signed_in, part):
    order = world.order(1)
    answer = signed_in("foreigner").post(f"/customers/{order.party_id}/reveal", headers=part)
    assert answer.status_code == 404
    assert not AuditEntry.objects.filter(kind="party.reveal").exists()


def test_search_opens_the_one_order_whose_number_was_typed(world, signed_in):
    order = world.order(1)
    answer = signed_in("clerk").get(f"/search/?q={order.number.lower()}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/orders/{order.id}/"


@pytest.mark.parametrize("text", ["13855900001", "李志伟", "横江花园", "hjhy"])
def test_search_finds_by_phone_customer_and_address(world, signed_in, text):
    order = world.order(1)
    html = signed_in("clerk").get("/search/", {"q": text}).content.decode()
    assert order.number in html
    foreign = signed_in("foreigner").get("/search/", {"q": text}).content.decode()
    assert order.number not in foreign


def test_search_without_a_hit_says_what_can_be_asked(world, signed_in):
    html = signed_in("clerk").get("/search/", {"q": "没有这个"}).content.decode()
    assert "没有找到" in html


def test_list_and_page_cost_the_same_whatever_the_number(county_of_sixty, signed_in, queries_of):
    client = signed_in("clerk")
    first = county_of_sixty.order(0)
    client.get("/orders/")
    few = queries_of(lambda: client.get("/orders/"))
    page = queries_of(lambda: client.get(f"/orders/{first.id}/"))
    for serial in range(1, 50):
        county_of_sixty.order(serial)
    html = client.get("/orders/").content.decode()
    assert html.count("data-row=") == 50
    assert queries_of(lambda: client.get("/orders/")) == few
    assert queries_of(lambda: client.get(f"/orders/{first.id}/")) == page
    assert few <= 26
    assert page <= 90


def test_the_handbook_of_a_deployed_process_is_a_sheet_for_any_signed_in_person(world, signed_in):
    order = world.order(1)
    client = signed_in("clerk")
    html = client.get(f"/orders/{order.id}/").content.decode()
    url = re.search(r'href="(/processes/[^"]+/handbook.pdf)"', html)[1]
    answer = client.get(url)
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    client.logout()
    assert client.get(url).status_code == 302
