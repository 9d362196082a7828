"""Saved filters as chips, columns, and several rows at once with each refusal."""

from __future__ import annotations

import re

import pytest

from kaitong.org.models import ListChoice, SavedView
from kaitong.process import queries as process
from kaitong.process import services as verbs


@pytest.fixture
def late(signed_in, world):
    """A saved filter of the installer."""
    client = signed_in("installer")
    answer = client.post(
        "/work/views/save?tab=todo&due=late",
        {"name": "超时的", "query": "tab=todo&due=late&item=7&nonsense=1"},
    )
    assert answer.status_code == 302
    return client, SavedView.objects.get()


def test_a_filter_is_saved_shown_as_a_chip_and_is_a_plain_address(late, signed_in):
    client, view = late
    assert view.query == "tab=todo&due=late"
    html = client.get("/work/?tab=mine").content.decode()
    assert 'href="?tab=todo&amp;due=late"' in html
    assert 'aria-pressed="true"' in client.get("/work/?due=late&tab=todo").content.decode()
    assert "超时的" not in signed_in("clerk").get("/work/").content.decode()


def test_each_chip_says_how_many_rows_it_leads_to_at_the_same_cost(
    late, world, queries_of, monkeypatch
):
    client, view = late
    world.order(1)
    client.post("/work/views/save", {"name": "全部待接", "query": "tab=todo"})
    every = SavedView.objects.get(name="全部待接")
    html = client.get("/work/?tab=todo").content.decode()
    assert 'hx-get="/work/views/counts"' in html
    assert f'id="chip-n-{every.pk}"' in html

    def told() -> dict[str, str]:
        text = client.get("/work/views/counts").content.decode()
        return dict(re.findall(r'id="chip-n-([^"]+)" hx-swap-oob="true">([^<]*)<', text))

    assert told() == {str(view.pk): "0", str(every.pk): "1"}
    cost = queries_of(told)
    for n in range(3):
        client.post(
            "/work/views/save", {"name": f"第{n}个", "query": f"tab=mine&due=late&post={n}"}
        )
    assert queries_of(told) == cost
    assert len(told()) == 5
    monkeypatch.setattr("kaitong.process.numbers.MOST", 0)
    assert told()[str(every.pk)] == "0+"  # no more is counted than is said


def test_the_same_name_takes_the_new_filter_and_faults_are_said(late):
    client, _view = late
    client.post("/work/views/save", {"name": " 超时的 ", "query": "tab=mine"})
    assert SavedView.objects.get().query == "tab=mine"
    part = {"HX-Request": "true"}
    bad = client.post("/work/views/save", {"name": "", "query": "tab=mine"}, headers=part)
    assert "名称要有" in bad.content.decode()
    foreign = {"name": "x", "query": "tab=mine", "share": "clerk"}
    assert "自己的岗位" in client.post("/work/views/save", foreign, headers=part).content.decode()
    assert SavedView.objects.count() == 1


def test_the_list_opens_with_the_default_until_it_no_longer_should(late):
    client, view = late
    for _twice in range(2):  # a double click asks for the same thing twice
        client.post(f"/work/views/{view.pk}/first", {"first": "1"})
        assert client.get("/work/")["Location"] == "/work/?tab=todo&due=late"
    assert 'name="first" value="0"' in client.get("/work/?tab=todo&due=late").content.decode()
    assert client.get("/work/?tab=todo").status_code == 200  # what is asked for is shown
    for _twice in range(2):
        client.post(f"/work/views/{view.pk}/first", {"first": "0"})
        assert client.get("/work/").status_code == 200
    client.post(f"/work/views/{view.pk}/first", {"first": "1"})
    client.post(f"/work/views/{view.pk}/forget")
    assert client.get("/work/").status_code == 200
    assert ListChoice.objects.get().view_id is None


def test_shared_for_a_post_within_the_branch(world, signed_in):
    boss = signed_in("supervisor")
    given = {"name": "今天必办", "query": "tab=todo&due=today", "share": "installer"}
    boss.post("/work/views/save", given)
    view = SavedView.objects.get()
    client = signed_in("installer")
    assert "今天必办" in client.get("/work/").content.decode()
    assert "今天必办" not in signed_in("clerk").get("/work/").content.decode()
    assert "今天必办" not in signed_in("foreigner").get("/work/").content.decode()
    client.post(f"/work/views/{view.pk}/forget")
    assert SavedView.objects.exists()  # it is the supervisor's to delete
    assert signed_in("foreigner").post(f"/work/views/{view.pk}/forget").status_code == 404
    boss.post(f"/work/views/{view.pk}/forget")
    assert not SavedView.objects.exists()


def test_columns_are_chosen_and_kept(world, signed_in):
    world.order(1)
    client = signed_in("installer")
    assert "李*伟" in client.get("/work/").content.decode()
    client.post("/work/columns", {"columns": ["address", "since"]})
    html = client.get("/work/").content.decode()
    assert "李*伟" not in html
    assert "横江花园" in html
    assert ListChoice.objects.get().columns == ["address", "since"]
    client.post("/work/columns", {"columns": ["nonsense"]})
    assert ListChoice.objects.get().columns == ["address", "since"]
    client.post("/work/columns", {"all": "1"})
    assert "李*伟" in client.get("/work/").content.decode()


def test_saved_filters_cost_the_same_however_many(world, signed_in, queries_of):
    client = signed_in("installer")
    client.get("/work/")
    none = queries_of(lambda: client.get("/work/?tab=todo"))
    for n in range(8):
        client.post(
            "/work/views/save", {"name": f"第 {n} 个", "query": f"tab=todo&due=late&who={n}"}
        )
    assert queries_of(lambda: client.get("/work/?tab=todo")) <= none


def test_rows_at_once_each_refusal_by_its_row(world, signed_in, part):
    items = []
    for n in (1, 2, 3):
        order = world.order(n)
        rows = process.open_items_of(world.actor("supervisor"), [order.id])
        items.append(rows[order.id][0])
    for item in items[:2]:
        verbs.claim(actor=world.actor("supervisor"), item_id=item.id)
    client = signed_in("installer")
    picks = [str(item.id) for item in items]
    whole = client.post("/work/bulk/claim", {"pick": picks, "all": "1"}, headers=part)
    html = whole.content.decode()
    assert "0 张已接单" in html
    assert html.count("已由他人接单") >= 3  # the toast, and two rows
    assert process.work_item(world.actor("installer"), items[2].id).state == "todo"
    each = client.post("/work/bulk/claim", {"pick": picks}, headers=part)
    assert "1 张已接单" in each.content.decode()
    assert process.work_item(world.actor("installer"), items[2].id).state == "claimed"
    back = client.post("/work/bulk/release", {"pick": picks[2:]}, headers=part)
    assert "1 张已放回" in back.content.decode()
    boss = signed_in("supervisor")
    lacking = boss.post("/work/bulk/dispatch", {"pick": picks}, headers=part)
    assert "请选择派给谁" in lacking.content.decode()
    to = {"pick": picks, "to": str(world.actor("installer").id)}
    assert "3 张已派单" in boss.post("/work/bulk/dispatch", to, headers=part).content.decode()
