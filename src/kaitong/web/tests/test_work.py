"""The workbench: tabs, the drawer, the verbs, faults at their fields, other branches, costs."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook

from kaitong.catalog import queries as catalog
from kaitong.core.clock import now
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.process.models import WorkItem


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
    client.get("/work/")  # definitions are read once and kept
    few = queries_of(lambda: client.get("/work/"))
    for serial in range(1, 50):
        county_of_sixty.order(serial)
    html = client.get("/work/").content.decode()
    assert html.count("data-row=") == 50
    many = queries_of(lambda: client.get("/work/"))
    assert many == few
    assert many <= 26
    narrow = "/work/?tab=open&due=today&step=预约派单&product=hb-300m"
    assert queries_of(lambda: client.get(narrow)) <= many + 1  # and the total is counted


def test_each_number_leads_to_its_rows_and_back(world, signed_in):
    late, other = world.order(1), world.order(2)
    WorkItem.objects.filter(business_id=late.id).update(due_at=now() - timedelta(minutes=26))
    WorkItem.objects.filter(business_id=other.id).update(due_at=now() + timedelta(days=9))
    client = signed_in("installer")
    html = client.get("/work/").content.decode()
    link, count = re.search(r'<a href="([^"]*due=late)"[^>]*>超时<b>(\d+)</b>', html).groups()
    assert count == "1"
    html = client.get(link.replace("&amp;", "&")).content.decode()
    assert late.number in html
    assert other.number not in html
    assert re.search(r'aria-current="true">超时', html)
    assert re.search(r'aria-selected="true">全部在办<span>2<', html)
    back = re.search(r'<a href="([^"]*)"[^>]*>超时<b>', html)[1]
    assert other.number in client.get(back).content.decode()


def test_the_list_is_narrowed_by_step_and_product(world, signed_in):
    order = world.order(1)
    item, (sold,) = open_item(world, order), order.items.all()
    client = signed_in("installer")
    html = client.get("/work/").content.decode()
    assert f"step={quote(item.title)}" in html
    assert f"product={sold.offering}" in html
    for wanted in ({"step": item.title}, {"product": sold.offering}):
        html = client.get("/work/", wanted).content.decode()
        assert order.number in html, wanted
        assert "is-set" in html
    other = next(
        o.key for o in catalog.current_offerings(world.actor("clerk")) if o.key != sold.offering
    )
    for wanted in ({"step": "上门安装"}, {"product": other}):
        html = client.get("/work/", wanted).content.decode()
        assert order.number not in html, wanted
        assert "没有符合的工单" in html
    html = client.get("/work/", {"step": "\x00", "product": "nonsense"}).content.decode()
    assert order.number in html


def test_the_workbook_holds_what_the_filters_left(world, signed_in):
    order = world.order(1)
    (sold,) = order.items.all()
    client = signed_in("installer")
    for wanted, rows in (({"product": sold.offering}, 1), ({"step": "上门安装"}, 0)):
        answer = client.get("/work/export.xlsx", wanted)
        book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(answer.streaming_content)))
        assert len(book.get_sheet_by_index(0).to_python()) - 1 == rows
