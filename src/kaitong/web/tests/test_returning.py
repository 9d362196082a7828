"""退回 on the desk and the phone: the plan is shown first, and only what was shown is done."""

from __future__ import annotations

import re

from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.process import worker


def installing(world):
    """An order at the installer's; its appointment was made by the same person."""
    order = world.order(1)
    item = process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]
    installer = world.actor("installer")
    slot = process.midnight().replace(hour=23, minute=59)
    answers = {
        "appointment_start": slot.isoformat(),
        "appointment_minutes": 120,
        "contacted": True,
    }
    playbooks.complete_work(actor=installer, item_id=item.id, data=answers)
    item = process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]
    verbs.claim(actor=installer, item_id=item.id)
    return item


def fingerprint(html):
    return re.search(r'name="plan" value="(\w+)"', html).group(1)


def test_the_plan_is_shown_before_the_work_goes_back(world, signed_in, part, queries_of):
    item = installing(world)
    client = signed_in("installer")
    url = f"/work/{item.id}/return"
    html = client.get(url, headers=part).content.decode()
    assert "由人重办：预约派单（汪志强）" in html
    assert "并行的不受影响：网络激活" in html
    assert "上次办理的汪志强" in html
    assert "派单通知" in html  # what the customer was told since
    assert queries_of(lambda: client.get(url, headers=part)) <= 40
    refused = client.post(url, {"plan": fingerprint(html), "reason": " "}, headers=part)
    assert refused.status_code == 422
    assert "请填写原因" in refused.content.decode()
    done = client.post(url, {"plan": fingerprint(html), "reason": "时间记错"}, headers=part)
    assert done.status_code == 200
    assert "已退回" in done.content.decode()
    back = process.open_items_of(world.actor("supervisor"), [item.business_id])[item.business_id]
    assert [(row.node, row.candidate_name) for row in back] == [("Appoint", "汪志强")]


def test_what_changed_meanwhile_is_shown_anew_and_nothing_is_done(world, signed_in, part):
    item = installing(world)
    client = signed_in("installer")
    url = f"/work/{item.id}/return"
    plan = fingerprint(client.get(url, headers=part).content.decode())
    stuck = process.incidents(world.actor("supervisor")).total
    worker.drain_all()  # no element stands behind this county: the other branch becomes an incident
    assert process.incidents(world.actor("supervisor")).total > stuck
    answer = client.post(url, {"plan": plan, "reason": "时间记错"}, headers=part)
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "刚刚有变化" in html
    assert 'value="时间记错"' in html
    assert process.work_item(world.actor("installer"), item.id).state == "claimed"


def test_on_the_phone_it_is_a_page_of_its_own(world, signed_in):
    item = installing(world)
    client = signed_in("installer")
    assert f"/m/work/{item.id}/return" in client.get(f"/m/work/{item.id}/").content.decode()
    html = client.get(f"/m/work/{item.id}/return").content.decode()
    answer = client.post(
        f"/m/work/{item.id}/return",
        {"plan": fingerprint(html), "reason": "时间记错", "node": "Appoint"},
    )
    assert answer.status_code == 302
    assert process.work_item(world.actor("installer"), item.id).state == "returned"


def test_who_has_no_hand_in_it_reads_why_not(world, signed_in, part):
    item = installing(world)
    answer = signed_in("service").get(f"/work/{item.id}/return", headers=part)
    assert answer.status_code == 409
    assert "岗位" in answer.content.decode()
    assert signed_in("foreigner").get(f"/work/{item.id}/return").status_code == 404
