"""The replay of an order's process: each line with where tokens stood; deep links; who may look."""

from __future__ import annotations

import json
import re

import pytest

from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.process.models import Instance

pytestmark = pytest.mark.django_db


def frames_of(html):
    found = re.search(r'<script id="replay" type="application/json">(.*?)</script>', html)
    return json.loads(found[1])


def test_every_line_of_the_history_is_a_frame_and_the_last_is_where_it_stands(world, signed_in):
    order = world.order(1)
    html = signed_in("clerk").get(f"/orders/{order.id}/replay").content.decode()
    frames = frames_of(html)
    instance = Instance.objects.get(business_id=order.id)
    assert len(frames) == instance.seq
    assert sorted(frames[-1]["tokens"]) == sorted(instance.tokens.values_list("node", flat=True))
    assert "到 预约派单" in [frame["text"] for frame in frames]
    assert 'aria-current="step"' in html
    page = signed_in("clerk").get(f"/orders/{order.id}/").content.decode()
    assert f'href="/orders/{order.id}/replay"' in page


@pytest.mark.parametrize(
    ("at", "start"), [("5", 4), ("1", 0), ("99999", "last"), ("x", "last"), ("-1", "last")]
)
def test_a_deep_link_begins_at_its_line(world, signed_in, at, start):
    order = world.order(1)
    html = signed_in("clerk").get(f"/orders/{order.id}/replay?at={at}").content.decode()
    last = len(frames_of(html)) - 1
    assert f'data-start="{last if start == "last" else start}"' in html


def test_a_withdrawn_order_replays_both_of_its_processes(world, signed_in):
    order = world.order(1)
    instance = Instance.objects.get(business_id=order.id)
    verbs.cancel(actor=world.actor("supervisor"), instance_id=instance.pk, reason="客户不要了")
    html = signed_in("clerk").get(f"/orders/{order.id}/replay").content.decode()
    frames = frames_of(html)
    assert frames[-1]["tokens"] == []
    assert any(frame["gone"] for frame in frames)
    assert "流程撤销：客户不要了" in html


def test_nonsense_for_an_instance_is_the_orders_own_and_another_branch_finds_nothing(
    world, signed_in
):
    order, other = world.order(1), world.order(2)
    theirs = Instance.objects.get(business_id=other.id).pk
    client = signed_in("clerk")
    own = frames_of(client.get(f"/orders/{order.id}/replay").content.decode())
    for asked in ("nonsense", theirs):
        html = client.get(f"/orders/{order.id}/replay?instance={asked}").content.decode()
        assert frames_of(html) == own
    assert signed_in("foreigner").get(f"/orders/{order.id}/replay").status_code == 404


def test_what_people_did_names_them_and_what_machines_did_nobody(world, signed_in):
    order = world.order(1)
    item = process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]
    verbs.claim(actor=world.actor("installer"), item_id=item.id)
    html = signed_in("clerk").get(f"/orders/{order.id}/replay").content.decode()
    told = {frame["text"]: frame["who"] for frame in frames_of(html)}
    assert told["预约派单 接单"] == world.actor("installer").name
    assert told["到 预约派单"] == ""
