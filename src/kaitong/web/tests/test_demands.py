"""待装需求 on the pages: who waits, how many where, one click to the intake, own branch only."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from python_calamine import CalamineWorkbook

from kaitong.core.clock import now
from kaitong.ordering import demands, services
from kaitong.ordering.models import Demand, Draft
from kaitong.org.actor import Actor
from kaitong.places import services as places
from kaitong.web.tests.world import request


def cover(world, status, rooms, **more):
    places.set_coverage(
        actor=Actor.system(branch_id=world.branch.pk),
        address_ids=[world.addresses[n] for n in rooms],
        status=status,
        **more,
    )


@pytest.fixture
def waiting(world):
    """Three who wait for a planned box, one whose property lets nobody in."""
    cover(world, "planned", (0, 1, 2), planned_date=(now() + timedelta(days=20)).date())
    cover(world, "no-entry", (3,))
    clerk = world.actor("clerk")
    orders = [
        services.submit(actor=clerk, request=request(n, world.addresses[n])) for n in range(4)
    ]
    assert {order.state for order in orders} == {"rejected"}
    return orders


def test_the_list_says_who_waits_where_why_and_until_when(world, waiting, signed_in):
    html = signed_in("clerk").get("/demands/").content.decode()
    for order in waiting:
        assert order.number in html
    assert "规划中" in html
    assert "物业不允许进入" in html
    assert "13855900001" not in html
    only = signed_in("clerk").get("/demands/?reason=no-entry").content.decode()
    assert waiting[3].number in only
    assert waiting[0].number not in only
    soon = signed_in("clerk").get("/demands/?planned=month").content.decode()
    assert waiting[0].number in soon
    assert waiting[3].number not in soon
    nonsense = signed_in("clerk").get("/demands/?reason=x&planned=y&tab=z&page=-1&area=q")
    assert "没有符合的需求" in nonsense.content.decode()


def test_areas_are_counted_for_planning(world, waiting, signed_in):
    html = signed_in("resource").get("/demands/?tab=areas").content.decode()
    assert "海阳镇 横江花园" in html
    assert "<b>4</b>" in html
    book = signed_in("resource").get("/demands/export.xlsx?tab=areas")
    rows = list(workbook(book))
    assert rows[1][1:8] == ["海阳镇 横江花园", 4, 0, 0, 0, 3, 1]


def workbook(answer):
    data = io.BytesIO(b"".join(answer.streaming_content))
    return CalamineWorkbook.from_filelike(data).get_sheet_by_index(0).to_python()


def test_the_list_goes_out_masked(world, waiting, signed_in):
    rows = list(workbook(signed_in("clerk").get("/demands/export.xlsx?reason=planned")))
    assert [row[0] for row in rows[1:]] == [order.number for order in waiting[:3]]
    assert rows[1][3] == "138****0000"
    assert "志伟" not in rows[1][2]


def test_one_click_leads_to_the_intake_of_that_customer(world, waiting, signed_in):
    client = signed_in("clerk")
    demand = Demand.objects.get(order=waiting[0])
    refused = client.post(f"/demands/{demand.pk}/begin")
    assert refused.status_code == 409
    assert "还不能开通" in refused.content.decode()
    cover(world, "covered", (0,))
    demands.tell_waiting()
    assert "有空闲端口" in client.get("/demands/?tab=told").content.decode()
    answer = client.post(f"/demands/{demand.pk}/begin")
    draft = Draft.objects.get()
    assert answer.headers["Location"] == f"/intake/{draft.pk}/"
    html = client.get(answer.headers["Location"]).content.decode()
    assert "已预占" in html
    assert str(demand.party_id) in html


def test_who_is_no_clerk_may_look_and_not_act(world, waiting, signed_in):
    demand = Demand.objects.get(order=waiting[0])
    client = signed_in("resource")
    cover(world, "covered", (0,))
    html = client.get("/demands/").content.decode()
    assert f"/demands/{demand.pk}/begin" not in html
    assert client.post(f"/demands/{demand.pk}/begin").status_code == 409
    refused = client.post(f"/demands/{demand.pk}/withdraw", {"reason": "x"})
    assert refused.status_code == 409
    demand.refresh_from_db()
    assert (demand.state, demand.draft_id) == ("waiting", None)


def test_withdrawn_with_a_reason(world, waiting, signed_in, part):
    demand = Demand.objects.get(order=waiting[1])
    client = signed_in("clerk")
    assert (
        "撤销待装需求"
        in client.get(f"/demands/{demand.pk}/withdraw", headers=part).content.decode()
    )
    bare = client.post(f"/demands/{demand.pk}/withdraw", {"reason": " "}, headers=part)
    assert bare.status_code == 422
    done = client.post(f"/demands/{demand.pk}/withdraw", {"reason": "搬走了"}, headers=part)
    assert done.headers["HX-Redirect"] == "/demands/"
    assert "搬走了" in client.get("/demands/?tab=withdrawn").content.decode()
    timeline = client.get(f"/orders/{demand.order_id}/timeline/", headers=part).content.decode()
    assert "撤销待装需求" in timeline


def test_another_branch_hears_not_found(world, waiting, signed_in):
    demand = Demand.objects.get(order=waiting[0])
    client = signed_in("foreigner")
    assert waiting[0].number not in client.get("/demands/").content.decode()
    assert client.post(f"/demands/{demand.pk}/begin").status_code == 404
    assert client.get(f"/demands/{demand.pk}/withdraw").status_code == 404


def test_the_page_costs_the_same_whatever_its_length(world, waiting, signed_in, queries_of):
    client = signed_in("clerk")
    client.get("/demands/")
    few = queries_of(lambda: client.get("/demands/?reason=no-entry"))
    many = queries_of(lambda: client.get("/demands/"))
    assert few == many
