"""The workbench: tabs, the drawer, the verbs, faults at their fields, other branches, costs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from kaitong.core.clock import now
from kaitong.process import queries as process
from kaitong.process import services as verbs


def open_item(world, order):
    return process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]


def claimed(world, username="installer", serial=1):
    item = open_item(world, world.order(serial))
    verbs.claim(actor=world.actor(username), item_id=item.id)
    return item


def test_who_is_not_signed_in_is_sent_to_the_door(client, db):
    answer = client.get("/work/")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/work/"


def test_todo_shows_the_posts_queue_with_the_customer_masked(world, signed_in):
    order = world.order(1)
    html = signed_in("installer").get("/work/").content.decode()
    assert order.number in html
    assert "李*伟" in html
    assert "李志伟" not in html
    assert "接单" in html


def test_another_posts_queue_is_empty_and_says_so(world, signed_in):
    world.order(1)
    html = signed_in("service").get("/work/").content.decode()
    assert "没有待接单" in html


def test_claiming_opens_the_form_and_refreshes_the_list(world, signed_in, part):
    item = open_item(world, world.order(1))
    answer = signed_in("installer").post(f"/work/{item.id}/claim?tab=todo", headers=part)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="appointment_start"' in html
    assert '<hx-partial hx-target="#list"' in html
    assert process.work_item(world.actor("installer"), item.id).state == "claimed"


def test_claiming_what_somebody_has_says_so_and_changes_nothing(world, signed_in, part):
    item = claimed(world, "supervisor")
    answer = signed_in("installer").post(f"/work/{item.id}/claim", headers=part)
    assert answer.status_code == 409
    assert "已由他人接单" in answer.content.decode()
    held = process.work_item(world.actor("supervisor"), item.id)
    assert held.claimed_by == world.actor("supervisor").id


def test_faults_stand_at_their_fields_and_answers_stay(world, signed_in, part):
    item = claimed(world)
    answer = signed_in("installer").post(
        f"/work/{item.id}/complete", {"appointment_minutes": "120"}, headers=part
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'id="e-appointment_start"[^>]*>.*?上门时间没有填', html, re.DOTALL)
    assert re.search(r'value="120" checked', html)
    assert process.work_item(world.actor("installer"), item.id).state == "claimed"


def test_completing_closes_the_drawer_and_says_what_follows(world, signed_in, part):
    item = claimed(world)
    tomorrow = process.midnight().replace(hour=10).isoformat()
    answer = signed_in("installer").post(
        f"/work/{item.id}/complete",
        {
            "appointment_start": re.sub(r"T.*", "T23:59", tomorrow),
            "appointment_minutes": "120",
            "contacted": "true",
        },
        headers=part,
    )
    html = answer.content.decode()
    assert answer.status_code == 200, html
    assert "上门安装" in html
    assert '<hx-partial hx-target="#drawer" hx-swap="innerHTML"></hx-partial>' in html
    assert process.work_item(world.actor("installer"), item.id).state == "done"


def test_suspending_needs_a_reason_in_words(world, signed_in, part):
    item = claimed(world)
    client = signed_in("installer")
    soon = {"reason_code": "customer-away", "until": f"{now() + timedelta(days=7):%Y-%m-%dT%H:%M}"}
    refused = client.post(f"/work/{item.id}/suspend", {**soon, "note": " "}, headers=part)
    assert refused.status_code == 409
    assert process.work_item(world.actor("installer"), item.id).state == "claimed"
    done = client.post(f"/work/{item.id}/suspend", {**soon, "note": "客户外出"}, headers=part)
    assert done.status_code == 200
    assert "已挂起" in done.content.decode()
    again = client.post(f"/work/{item.id}/resume", headers=part)
    assert again.status_code == 200
    assert process.work_item(world.actor("installer"), item.id).state == "claimed"


def test_a_supervisor_dispatches_to_somebody_of_the_post(world, signed_in, part):
    item = open_item(world, world.order(1))
    installer = world.actor("installer")
    answer = signed_in("supervisor").post(
        f"/work/{item.id}/dispatch", {"to": str(installer.id), "reason": "就近"}, headers=part
    )
    assert answer.status_code == 200
    assert process.work_item(installer, item.id).assigned_by is not None


@pytest.mark.parametrize("verb", ["claim", "complete", "urge", "resume", "release"])
def test_another_branch_gets_not_found_and_nothing_happens(world, signed_in, part, verb):
    item = claimed(world)
    answer = signed_in("foreigner").post(f"/work/{item.id}/{verb}", headers=part)
    assert answer.status_code == 404
    held = process.work_item(world.actor("installer"), item.id)
    assert (held.state, held.urged) == ("claimed", 0)


def test_the_drawer_explains_the_time_and_says_what_follows(world, signed_in, part):
    item = claimed(world)
    html = signed_in("installer").get(f"/work/{item.id}/", headers=part).content.decode()
    assert "为什么是这个时间" in html
    assert "营业时间内办结" in html
    assert "派单后：上门安装（装维班组）" in html


def test_nonsense_in_the_address_is_no_filter(world, signed_in):
    world.order(1)
    answer = signed_in("installer").get("/work/?tab=x&page=-1&post=%00&due=x&item=nonsense")
    assert answer.status_code == 200


def test_pages_carry_the_content_policy_with_a_nonce(world, signed_in):
    answer = signed_in("installer").get("/work/")
    policy = answer["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)[1]
    assert "unsafe-inline" not in policy
    assert f'nonce="{nonce}"' in answer.content.decode()


def test_the_list_costs_the_same_whatever_its_length(county_of_sixty, signed_in, queries_of):
    client = signed_in("installer")
    county_of_sixty.order(0)
    few = queries_of(lambda: client.get("/work/"))
    for serial in range(1, 50):
        county_of_sixty.order(serial)
    html = client.get("/work/").content.decode()
    assert html.count("data-row=") == 50
    many = queries_of(lambda: client.get("/work/"))
    assert many == few
    assert many <= 26
