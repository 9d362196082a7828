"""在岗: absence, delegation, roster and orphaned work as pages; proposals that follow from them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.org import services as org
from kaitong.org import standing_in
from kaitong.org.models import Absence, Delegation, Shift
from kaitong.places import grids
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.web.views.common import in_words


def local(moment):
    return f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}"


@pytest.fixture
def second(world):
    """A second installer."""
    org.ensure_staff(
        username="installer2",
        name="陈立",
        branch=world.branch,
        password="x",
        posts=("installer",),
    )
    return world.actor("installer2")


def item_of(world, order):
    return process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]


def test_one_enters_an_absence_with_a_deputy_and_takes_it_off(world, signed_in, second):
    client = signed_in("installer")
    given = {
        "since": local(now() - timedelta(hours=1)),
        "until": local(now() + timedelta(days=2)),
        "deputy": str(second.id),
        "reason": "年休",
    }
    assert client.post("/presence/absent", given).status_code == 302
    html = client.get("/presence/").content.decode()
    assert "代理人 陈立" in html
    assert "年休" in html
    again = client.post("/presence/absent", given)
    assert again.status_code == 422
    html = again.content.decode()
    assert "已登记过缺勤" in html
    for kept in (given["since"], given["until"], 'value="年休"', f'value="{second.id}" selected'):
        assert kept in html  # what was typed stays
    assert item_of(world, world.order(1)).candidate == second.id  # work goes to who is there
    row = Absence.objects.get()
    assert client.post(f"/presence/absent/{row.pk}/back").status_code == 302
    assert Absence.objects.get().until <= now()
    others = {**given, "staff": str(world.actor("clerk").id)}
    assert client.post("/presence/absent", others).status_code == 422


def test_one_delegates_a_post_and_takes_it_back(world, signed_in, second):
    item = item_of(world, world.order(1))
    installer = world.actor("installer")
    verbs.claim(actor=installer, item_id=item.id)
    client, clerk = signed_in("installer"), signed_in("clerk")
    given = {
        "to": str(world.actor("clerk").id),
        "posts": ["installer"],
        "since": local(now() - timedelta(hours=1)),
        "until": local(now() + timedelta(days=2)),
    }
    refused = client.post("/presence/delegate", given)
    assert refused.status_code == 422
    html = refused.content.decode()
    assert "需要说明原因" in html
    assert f'value="{given["to"]}" selected' in html
    assert 'value="installer" checked' in html
    assert client.post("/presence/delegate", {**given, "reason": "培训"}).status_code == 302
    assert "装维班组" in clerk.get("/presence/").content.decode()
    drawer = clerk.get(f"/work/{item.id}/", headers={"HX-Request": "true"}).content.decode()
    assert 'name="appointment_start"' in drawer  # the form of the principal's work
    row = Delegation.objects.get()
    assert signed_in("service").post(f"/presence/delegate/{row.pk}/back").status_code == 422
    assert client.post(f"/presence/delegate/{row.pk}/back").status_code == 302
    drawer = clerk.get(f"/work/{item.id}/", headers={"HX-Request": "true"}).content.decode()
    assert 'name="appointment_start"' not in drawer


def test_a_supervisor_makes_the_roster_and_gives_orphaned_work(world, signed_in, second):
    boss = signed_in("supervisor")
    items = [item_of(world, world.order(n)) for n in (1, 2)]
    for item in items:
        verbs.claim(actor=world.actor("installer"), item_id=item.id)
    today = f"{timezone.localdate():%Y-%m-%d}"
    shift = {"username": "陈立", "post": "installer", "day": today, "from": "20:00", "to": "08:00"}
    assert boss.post("/presence/shift?tab=team", shift).status_code == 302
    made = Shift.objects.get()
    assert made.until - made.since == timedelta(hours=12)
    bad = boss.post("/presence/shift?tab=team", {**shift, "username": "没有此人"})
    assert bad.status_code == 422
    assert "没有 没有此人" in bad.content.decode()
    beyond = boss.post("/presence/shift?tab=team", {**shift, "day": "9999-12-31"})
    assert beyond.status_code == 422
    assert "没有这一天" in beyond.content.decode()
    standing_in.report_absence(
        actor=world.actor("supervisor"),
        staff_id=world.actor("installer").id,
        since=now() - timedelta(hours=1),
        until=now() + timedelta(days=1),
    )
    html = boss.get("/presence/?tab=team").content.decode()
    assert "20:00–08:00" in html
    assert html.count('name="pick"') == 2
    given = {"pick": [str(item.id) for item in items], "to": str(second.id)}
    assert boss.post("/presence/give?tab=team", given).status_code == 302
    assert {item_of_id(world, item.id).candidate for item in items} == {second.id}
    assert boss.post(f"/presence/shift/{made.pk}/off?tab=team").status_code == 302
    assert not Shift.objects.exists()
    team = signed_in("installer").get("/presence/?tab=team").content.decode()
    assert "排上" not in team
    assert signed_in("installer").post("/presence/shift", shift).status_code == 422


def item_of_id(world, item_id):
    return process.work_item(world.actor("supervisor"), item_id)


def test_pages_cost_the_same_whatever_the_team(world, signed_in, second, queries_of):
    boss = signed_in("supervisor")
    few = queries_of(lambda: boss.get("/presence/?tab=team"))
    start = now()
    rows = [
        standing_in.ShiftRow(
            who, "installer", start + timedelta(days=n), start + timedelta(days=n, hours=8)
        )
        for n in range(6)
        for who in ("installer", "installer2")
    ]
    standing_in.put_shifts(actor=world.actor("supervisor"), branch_id=world.branch.pk, rows=rows)
    for name in ("installer", "clerk"):
        standing_in.report_absence(
            actor=world.actor(name),
            staff_id=world.actor(name).id,
            since=now() - timedelta(hours=1),
            until=now() + timedelta(days=1),
        )
    assert (
        queries_of(lambda: boss.get("/presence/?tab=team")) <= few + 3
    )  # and who is away is looked up


def test_an_order_in_a_grid_is_proposed_to_who_answers_for_it(world, second):
    boss = world.actor("supervisor")
    grids.put_grid_areas(
        actor=boss, branch_id=world.branch.pk, rows=[grids.GridAreaRow("G7", "海阳镇", "齐云大道")]
    )
    order = world.order(1)
    assert process.work_item(boss, item_of(world, order).id).variables["grid"] == "G7"


def test_a_refusal_in_english_keeps_its_sentences_apart():
    refused = BadInput([InputFault("to", "Nobody is chosen.", "Choose somebody.")])
    with override("en"):
        assert in_words(refused) == "Nobody is chosen. Choose somebody."
    with override("zh-hans"):
        refused = BadInput([InputFault("to", "没有选人。", "请选择一位。")])
        assert in_words(refused) == "没有选人。请选择一位。"
