"""转派, 协办, 阶段反馈 in the drawer; 接单, 催办, 转派 of several rows; late work says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import frozen
from kaitong.messaging.models import Notice
from kaitong.org.models import Staff
from kaitong.process import overdue
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.web.tests.test_work import claimed, open_item


def detail(world, item):
    return process.work_item(world.actor("supervisor"), item.id)


def test_transfer_needs_a_reason_and_goes_to_another_post(world, signed_in, part):
    item = claimed(world)
    client = signed_in("installer")
    refused = client.post(f"/work/{item.id}/transfer", {"post": "network"}, headers=part)
    assert refused.status_code == 409
    unknown = {"post": "nobody", "reason": "x"}
    refused = client.post(f"/work/{item.id}/transfer", unknown, headers=part)
    assert refused.status_code == 409
    assert detail(world, item).post == "installer"
    done = client.post(
        f"/work/{item.id}/transfer", {"post": "network", "reason": "要网络部配合"}, headers=part
    )
    assert done.status_code == 200
    assert (detail(world, item).post, detail(world, item).state) == ("network", "todo")


def test_helper_is_asked_sees_the_item_and_answers(world, signed_in, part):
    item = claimed(world)
    network = world.actor("network")
    html = signed_in("network").get("/work/").content.decode()
    assert "tab=helping" not in html
    asked = signed_in("installer").post(
        f"/work/{item.id}/help", {"to": str(network.id), "reason": "核对 PON 口"}, headers=part
    )
    assert asked.status_code == 200, asked.content.decode()
    assert "汪海洋" in asked.content.decode()
    client = signed_in("network")
    assert "tab=helping" in client.get("/work/").content.decode()
    assert str(item.id) in client.get("/work/?tab=helping").content.decode()
    told = client.post(f"/work/{item.id}/feedback", {"text": "PON 口正常"}, headers=part)
    assert told.status_code == 200
    assert "PON 口正常" in told.content.decode()
    refused = client.post(f"/work/{item.id}/release", headers=part)
    assert refused.status_code == 409
    held = detail(world, item)
    assert (held.claimed_by, held.state) == (world.actor("installer").id, "claimed")


@pytest.mark.parametrize(
    "verb, given",
    [
        ("transfer", {"post": "network", "reason": "x"}),
        ("help", {"reason": "x"}),
        ("feedback", {"text": "x"}),
    ],
)
def test_another_branch_and_another_post_do_nothing(world, signed_in, part, verb, given):
    item = claimed(world)
    given = {**given, "to": str(world.actor("monitor").id)}
    foreign = signed_in("foreigner").post(f"/work/{item.id}/{verb}", given, headers=part)
    assert foreign.status_code == 404
    other = signed_in("service").post(f"/work/{item.id}/{verb}", given, headers=part)
    assert other.status_code == 409
    held = detail(world, item)
    assert (held.post, held.helpers, held.feedback) == ("installer", (), ())


def test_several_are_claimed_and_what_was_not_is_said(world, signed_in, part):
    first = open_item(world, world.order(1))
    second = open_item(world, world.order(2))
    verbs.claim(actor=world.actor("supervisor"), item_id=second.id)
    answer = signed_in("installer").post(
        "/work/bulk/claim?tab=todo",
        {"pick": [str(first.id), str(second.id), "nonsense"]},
        headers=part,
    )
    html = answer.content.decode()
    assert "1 张已接单" in html
    assert "2 条没有办成" in html
    assert detail(world, first).claimed_by == world.actor("installer").id
    assert detail(world, second).claimed_by == world.actor("supervisor").id


def test_several_are_urged_and_transferred_by_the_supervisor(world, signed_in, part):
    items = [open_item(world, world.order(n)) for n in (1, 2)]
    picks = [str(item.id) for item in items]
    client = signed_in("supervisor")
    assert "2 张已催办" in client.post(
        "/work/bulk/urge", {"pick": [*picks, *picks]}, headers=part
    ).content.decode()  # fmt: skip
    refused = client.post("/work/bulk/transfer", {"pick": picks, "post": "network"}, headers=part)
    assert "请选择转派给哪个岗位" in refused.content.decode()
    assert {detail(world, item).post for item in items} == {"installer"}
    given = {"pick": picks, "post": "network", "reason": "人手不够"}
    assert "2 张已转派" in client.post(
        "/work/bulk/transfer", given, headers=part
    ).content.decode()  # fmt: skip
    assert {detail(world, item).post for item in items} == {"network"}
    assert [detail(world, item).urged for item in items] == [1, 1]


def test_bulk_of_another_branch_does_nothing(world, signed_in, part):
    item = open_item(world, world.order(1))
    answer = signed_in("foreigner").post("/work/bulk/claim", {"pick": [str(item.id)]}, headers=part)
    assert "0 张已接单" in answer.content.decode()
    assert detail(world, item).claimed_by is None
    assert signed_in("clerk").post("/work/bulk/explode", headers=part).status_code == 404


def test_late_work_is_marked_and_the_supervisor_is_told_once(world, signed_in, part):
    Staff.objects.filter(username="supervisor").update(phone="13855990002")
    order = world.order(1)
    item = open_item(world, order)
    with frozen(item.due_at + timedelta(minutes=1)):
        assert overdue.watch() == 2
        assert overdue.watch() == 0
    (notice,) = Notice.objects.filter(order_id=order.id, kind="overdue")
    assert (notice.to, notice.address_masked) == ("staff", "138****0002")
    assert "预约派单已超时" in notice.text
    assert order.number in notice.text
    html = signed_in("supervisor").get("/work/").content.decode()
    assert "已超时，已报督办" in html
    drawer = signed_in("supervisor").get(f"/work/{item.id}/", headers=part).content.decode()
    assert "已超时，已报督办" in drawer
    assert "报 班长 督办" in drawer
    english = signed_in("supervisor", **{"Accept-Language": "en"})
    assert "overdue, reported to" in english.get(
        f"/work/{item.id}/", headers=part
    ).content.decode()  # fmt: skip
