"""The counter's page: refusals told apart, a held port, faults at fields, one order paid once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import translation

from kaitong.charging.models import Payment
from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.ordering import drafts
from kaitong.ordering.models import Demand, Draft, Order
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.places import services as places
from kaitong.web.tests.world import resident_number

GOOD = {
    "q": "横江花园",
    "offering": "home-300",
    "method": "cash",
    "kind": "individual",
    "phone": "13855912345",
    "name": "叶慧敏",
    "document_kind": "resident-id",
    "number": resident_number(7),
    "valid_until": "2099-01-01",
    "reader": "true",
    "total": "10000",
}


@pytest.fixture
def desk(world, signed_in):
    return signed_in("clerk")


def hold(client, address, draft_id=None, **data):
    draft_id = draft_id or uuid7()
    client.post(f"/intake/{draft_id}/choose?address={address}", {**GOOD, **data})
    return draft_id


def post(client, draft_id, verb="submit", **changes):
    data = {name: text for name, text in {**GOOD, **changes}.items() if text}
    return client.post(f"/intake/{draft_id}/{verb}", data)


def text_of(answer) -> str:
    return answer.content.decode()


def errors_of(answer) -> dict[str, str]:
    found = re.findall(
        r'<span class="kt-error" id="e-(\w+)".*?<span>(.*?)</span>', text_of(answer), re.DOTALL
    )
    return dict(found)


@pytest.fixture
def refusing(world):
    """Addresses of the county that cannot be served, by verdict."""
    actor = Actor.system(branch_id=world.branch.pk)

    def row(estate: str, **more):
        return places.AddressRow(
            "安徽省", "黄山市", "休宁县", "海阳镇", "齐云大道", estate, "1栋", **more
        )

    planned = (now() + timedelta(days=90)).date()
    rows = [
        row("状元府", code="planned", coverage="planned", planned_date=planned),
        row("御景湾", code="no-entry", coverage="no-entry", coverage_reason="物业要求先签协议"),
        row("前街里", code="not-covered", coverage="none"),
    ]
    places.add_addresses(actor=actor, branch_id=world.branch.pk, rows=rows)
    return {
        "planned": ("状元府", "规划中"),
        "no-entry": ("御景湾", "物业不允许进入"),
        "not-covered": ("前街里", "未覆盖"),
    }


def test_only_the_counter_has_the_page_and_its_menu(world, signed_in):
    clerk, installer = signed_in("clerk"), signed_in("installer")
    assert 'href="/intake/"' in text_of(clerk.get("/work/"))
    assert 'href="/intake/"' not in text_of(installer.get("/work/"))
    assert clerk.get("/intake/").status_code == 200
    assert installer.get("/intake/").status_code == 403
    assert installer.post(f"/intake/{uuid7()}/keep").status_code == 403


@pytest.mark.parametrize("typed", ["横江", "hjhy", "横江花园 1-1-101"])
def test_addresses_are_found_while_typing(desk, part, typed):
    html = text_of(desk.get(f"/intake/{uuid7()}/addresses", {"q": typed}, headers=part))
    assert "横江花园" in html
    assert "可开通" in html
    assert "空闲 8 口" in html
    assert not Draft.objects.exists()


def test_one_character_finds_nothing_and_a_miss_says_so(desk, part):
    url = f"/intake/{uuid7()}/addresses"
    assert text_of(desk.get(url, {"q": "横"}, headers=part)).strip() == ""
    assert "标准地址库里没有" in text_of(desk.get(url, {"q": "火星路"}, headers=part))


@pytest.mark.parametrize("verdict", ["planned", "no-entry", "not-covered"])
def test_a_refusal_says_why_and_what_follows_and_records_demand(desk, refusing, part, verdict):
    typed, word = refusing[verdict]
    found = text_of(desk.get(f"/intake/{uuid7()}/addresses", {"q": typed}, headers=part))
    assert word in found
    assert "登记需求" in found
    address = re.search(r"address=([0-9a-f-]{36})", found)[1]
    draft_id = uuid7()
    html = text_of(
        desk.post(
            f"/intake/{draft_id}/choose?address={address}",
            {"name": "叶慧敏", "phone": "13855912345", "offering": "home-300"},
            headers=part,
        )
    )
    assert f"{word}，不能受理" in html
    assert "不收费，不占端口" in html
    assert "应收费用" not in html

    answer = desk.post(
        f"/intake/{draft_id}/submit",
        {"name": "叶慧敏", "phone": "13855912345", "offering": "home-300", "demand": "1"},
    )

    order = Order.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/orders/{order.id}/")
    assert order.state == "rejected"
    assert Demand.objects.get().reason == verdict


def test_a_full_box_is_told_apart_from_no_coverage(world, desk, part):
    system = Actor.system(branch_id=world.branch.pk)
    for port in inventory.free_ports(system, world.addresses[0]):
        inventory_verbs.keep(actor=system, resource_id=port.id, reason="test")
    html = text_of(desk.get(f"/intake/{uuid7()}/addresses", {"q": "横江花园"}, headers=part))
    assert "无空闲端口" in html
    assert "可开通" not in html


def test_choosing_an_address_holds_a_port_with_a_countdown(world, desk, part):
    draft_id = uuid7()
    answer = desk.post(
        f"/intake/{draft_id}/choose?address={world.addresses[0]}", {"q": "横江花园"}, headers=part
    )
    html = text_of(answer)
    assert answer["HX-Replace-Url"] == f"/intake/{draft_id}/"
    left = int(re.search(r'data-hold="(\d+)"', html)[1])
    assert 1790 <= left <= 1800
    assert "POS-01/01" in html
    assert inventory.port_counts(world.actor("clerk"))["free"] == 15


def test_what_is_missing_is_counted_and_plans_have_their_prices(world, desk):
    html = text_of(desk.get("/intake/"))
    assert "还差 5 项" in html
    assert "¥99.00" in html
    assert "¥199.00" in html
    assert re.search(r'id="submit" disabled', html)
    draft_id = hold(desk, world.addresses[0])
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert "都齐了" in page
    assert "收费并受理 ¥100.00" in page
    assert "前开通" in page


def test_document_kinds_are_dated(world, desk, part):
    html = text_of(desk.get("/intake/"))
    assert "居民身份证" in html
    assert "驾驶证" not in html  # VER-01: accepted until 2010
    asked = {"kind": "organization"}
    organization = text_of(desk.post(f"/intake/{uuid7()}/keep", asked, headers=part))
    assert "营业执照" in organization
    assert "居民身份证" in organization  # of who comes for it
    assert "介绍信" in organization


def test_the_whole_happy_path(world, desk):
    draft_id = hold(desk, world.addresses[0])
    answer = post(desk, draft_id)
    assert (answer.status_code, answer["Location"]) == (302, f"/orders/{draft_id}/")
    order = Order.objects.get(pk=draft_id)
    assert (order.state, order.channel) == ("inProgress", "counter")
    payment = Payment.objects.get()
    assert (payment.method, payment.amount_fen) == ("cash", 10000)
    html = text_of(desk.get(f"/orders/{draft_id}/"))
    assert "叶*敏" in html
    assert "POS-01/01" in html

    again = post(desk, draft_id)  # double click
    assert (again.status_code, again["Location"]) == (302, f"/orders/{draft_id}/")
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)
    assert desk.get(f"/intake/{draft_id}/")["Location"] == f"/orders/{draft_id}/"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("number", "341022197001151213", "校验位不对"),
        ("number", "34102219700115121", "位数不对"),
        ("valid_until", "2020-01-01", "已过有效期"),
        ("valid_until", "", "没有填写证件有效期"),
        ("phone", "1385591", "电话号码不对"),
        ("name", "", "没有填姓名"),
        ("document_kind", "driving-licence", "当日不可用"),
    ],
)
def test_a_fault_stands_at_its_field_and_nothing_is_lost(world, desk, field, value, said):
    draft_id = hold(desk, world.addresses[0])
    answer = post(desk, draft_id, **{field: value})
    assert answer.status_code == 422
    assert said in errors_of(answer)[field]
    html = text_of(answer)
    assert "home-300" in html
    if field != "name":
        assert 'value="叶慧敏"' in html
    assert not Order.objects.exists()
    assert inventory.port_counts(world.actor("clerk"))["free"] == 15
    assert post(desk, draft_id).status_code == 302


def test_a_wrong_number_is_told_while_filling_in_and_the_rest_is_not_blamed(world, desk, part):
    answer = desk.post(
        f"/intake/{uuid7()}/keep",
        {"document_kind": "resident-id", "number": "341022197001151213"},
        headers=part,
    )
    assert answer.status_code == 200
    assert list(errors_of(answer)) == ["number"]


def test_long_term_needs_no_date(world, desk):
    draft_id = hold(desk, world.addresses[0])
    assert post(desk, draft_id, valid_until="", long_term="true").status_code == 302


def test_an_agent_brings_both_documents(world, desk):
    draft_id = hold(desk, world.addresses[0])
    answer = post(desk, draft_id, agent="1")
    assert answer.status_code == 422
    assert {"agent_name", "agent_document_kind"} <= set(errors_of(answer))
    agent = {
        "agent": "1",
        "agent_name": "叶建国",
        "agent_document_kind": "resident-id",
        "agent_number": resident_number(8),
        "agent_long_term": "true",
        "agent_reader": "true",
    }
    assert post(desk, draft_id, **agent).status_code == 302
    order = Order.objects.get()
    assert order.agent_id not in (None, order.party_id)


def test_plan_and_method_are_asked_for(world, desk):
    draft_id = hold(desk, world.addresses[0])
    html = text_of(post(desk, draft_id, offering="", method=""))
    assert "没有选套餐" in html
    html = text_of(post(desk, draft_id, method=""))
    assert "没有选收费方式" in html


def test_another_sum_than_shown_is_not_taken(world, desk):
    draft_id = hold(desk, world.addresses[0])
    answer = post(desk, draft_id, total="1")
    assert answer.status_code == 409
    assert "应收金额已变动" in text_of(answer)
    assert not Order.objects.exists()


def test_a_known_customer_is_found_while_typing_masked_and_not_typed_again(world, desk, part):
    world.order(1)
    typed = {"phone": "13855900001"}
    html = text_of(desk.post(f"/intake/{uuid7()}/keep", typed, headers=part))
    assert "李*伟" in html
    assert "李志伟" not in html
    party = re.search(r"\?party=([0-9a-f-]{36})", html)[1]
    draft_id = hold(desk, world.addresses[2], name="", phone="", number="")
    page = text_of(
        desk.post(
            f"/intake/{draft_id}/keep?party={party}",
            {"offering": "home-300", "method": "card"},
            headers=part,
        )
    )
    assert "资料已带入，不用重填" in page
    assert "都齐了" in page
    answer = desk.post(
        f"/intake/{draft_id}/submit",
        {"offering": "home-300", "method": "card", "party": party, "total": "10000"},
    )
    assert answer.status_code == 302
    assert str(Order.objects.get(pk=draft_id).party_id) == party


def test_a_countdown_that_ran_out_says_so_keeps_all_and_one_click_holds_again(world, desk):
    draft_id = hold(desk, world.addresses[0])
    with frozen(now() + timedelta(minutes=31)):
        inventory_verbs.expire_reservations()
        answer = post(desk, draft_id)
        html = text_of(answer)
        assert answer.status_code == 409
        assert "端口预占已到时放开" in html
        assert "重新预占" in html
        assert 'value="叶慧敏"' in html
        assert not Payment.objects.exists()
        assert Draft.objects.get(pk=draft_id).state == "expired"
        post(desk, draft_id, "choose")
        assert post(desk, draft_id).status_code == 302


def test_a_draft_goes_on_where_it_was_left_and_can_be_dropped(world, desk):
    draft_id = hold(desk, world.addresses[0])
    begin = text_of(desk.get("/intake/"))
    assert f'href="/intake/{draft_id}/"' in begin
    assert "预占还剩" in begin
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert 'value="叶慧敏"' in page
    assert post(desk, draft_id, "drop")["Location"] == "/intake/"
    assert inventory.port_counts(world.actor("clerk"))["free"] == 16
    assert desk.get(f"/intake/{draft_id}/")["Location"] == "/intake/"


@pytest.mark.parametrize("verb", ["", "keep", "choose", "submit", "addresses"])
def test_another_branch_sees_nothing_of_a_draft(world, desk, signed_in, verb):
    draft_id = hold(desk, world.addresses[0])
    foreign = signed_in("foreigner")
    act = foreign.get if verb in ("", "addresses") else foreign.post
    answer = act(f"/intake/{draft_id}/{verb}")
    assert answer.status_code == 404
    assert "叶慧敏" not in text_of(answer)
    assert str(draft_id) not in text_of(foreign.get("/intake/"))


def test_another_branchs_address_cannot_be_chosen(world, signed_in):
    foreign = signed_in("foreigner")
    draft_id = uuid7()
    answer = foreign.post(f"/intake/{draft_id}/choose?address={world.addresses[0]}")
    assert answer.status_code == 409
    assert "没有这个地址" in text_of(answer)
    assert inventory.port_counts(world.actor("clerk"))["free"] == 16
    assert Branch.objects.get(pk=Draft.objects.get().branch_id).code == "SX"


def test_the_page_costs_the_same_whatever_the_number(county_of_sixty, signed_in, queries_of, part):
    client = signed_in("clerk")
    county_of_sixty.order(1)
    first = hold(client, county_of_sixty.addresses[0], q="横江花园 1-1-101")
    url = f"/intake/{first}/addresses"
    client.get("/intake/")
    few = queries_of(lambda: client.get("/intake/"))
    one = queries_of(lambda: client.get(f"/intake/{first}/"))
    hits = queries_of(lambda: client.get(url, {"q": "横江花园 1-1-101"}, headers=part))
    for serial in range(2, 8):
        county_of_sixty.order(serial)
        hold(client, county_of_sixty.addresses[serial])
    assert len(drafts.drafts_of(county_of_sixty.actor("clerk"))) == 7
    client.post(f"/intake/{first}/keep", {**GOOD, "q": "横江花园"})
    assert queries_of(lambda: client.get("/intake/")) == few
    assert queries_of(lambda: client.get(f"/intake/{first}/")) == one
    many = queries_of(lambda: client.get(url, {"q": "横江花园"}, headers=part))
    assert many == hits
    assert max(few, one) <= 40


def test_plans_and_document_kinds_have_their_english_names(world, desk):
    desk.cookies["django_language"] = "en"
    with translation.override("en"):  # the client leaves its language to the next test otherwise
        html = text_of(desk.get("/intake/"))
    assert "300M home broadband" in html
    assert "Resident identity card" in html
    assert "Installation fee" in html


def test_a_bundle_without_its_platforms_cannot_be_chosen(desk, world):
    draft_id = hold(desk, world.addresses[0])
    html = text_of(desk.get(f"/intake/{draft_id}/"))
    card = html[html.index('value="home-300-bundle"') :].split("</label>")[0]
    assert " disabled" in card.split(">")[0]
    assert "固话平台" in card
    assert "DHCP 平台" in card
    assert " disabled" not in html[html.index('value="home-300"') :].split(">")[0]
    answer = post(desk, draft_id, offering="home-300-bundle")  # not by the page
    assert answer.status_code == 422
    assert "固话平台" in text_of(answer)
    assert not Order.objects.exists()
