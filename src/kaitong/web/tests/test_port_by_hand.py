"""另配端口: the resource post names a free port that covers the address, or one nearby."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from kaitong.core.errors import BadInput
from kaitong.inventory import queries as inventory
from kaitong.inventory.models import Coverage, Resource
from kaitong.ordering import queries as ordering
from kaitong.ordering.timeline import timeline
from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.web.tests.world import World


def stuck(world: World, serial: int, *, covered: bool = False):
    """An order that found no port. Its box is taken; of the other box one port comes free, which
    covers the address or, without `covered`, only its neighbours."""
    ports = Resource.objects.filter(specification="splitter-port")
    ports.update(state="kept")
    address = world.addresses[serial]
    other = Resource.objects.get(specification="splitter", name="横江花园 POS-02")
    if not covered:
        Coverage.objects.filter(box=other, address_id=address).delete()
    order = world.order(serial)
    item = process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]
    assert item.node == "PortException"
    port = ports.get(parent=other, position=5)
    Resource.objects.filter(pk=port.pk).update(state="free")
    return order, item, port


def port_of(order):
    return next(iter(inventory.services_of_order(order.id))).port


def test_a_port_nearby_is_listed_and_needs_a_reason(world, signed_in, part):
    order, item, port = stuck(world, 1)
    verbs.claim(actor=world.actor("resource"), item_id=item.id)
    client = signed_in("resource")
    html = client.get(f"/work/{item.id}/", headers=part).content.decode()
    assert re.search(rf'type="radio" name="port" value="{port.pk}"', html)
    assert "横江花园 POS-02/05" in html
    assert "不覆盖本址" in html
    assert re.search(
        r'data-when="decision=assign" hidden>\s*<span[^>]*>端口<span class="kt-req">', html
    )

    asked = {"decision": "assign"}
    answer = client.post(f"/work/{item.id}/complete", asked, headers=part)
    assert answer.status_code == 422
    assert "端口没有填" in answer.content.decode()
    asked["port"] = str(port.pk)
    answer = client.post(f"/work/{item.id}/complete", asked, headers=part)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'id="e-port_reason".*?不覆盖装机地址', html, re.DOTALL)
    assert re.search(rf'value="{port.pk}" checked', html)
    assert port_of(order) is None

    asked["port_reason"] = "从隔壁单元弱电井放线"
    answer = client.post(f"/work/{item.id}/complete", asked, headers=part)
    assert answer.status_code == 200, answer.content.decode()
    assert port_of(order).id == port.pk
    assert process.open_items_of(world.actor("installer"), [order.id])[order.id][0].node == (
        "Appoint"
    )
    lines = timeline(world.actor("resource"), ordering.order(world.actor("resource"), order.id))
    (named,) = [line for line in lines if line.title == "另配端口"]
    assert "POS-02/05" in named.text
    assert "弱电井" in named.text


def test_a_port_that_covers_the_address_needs_no_reason(world):
    order, item, port = stuck(world, 1, covered=True)
    playbooks.complete_work(
        actor=world.actor("resource"),
        item_id=item.id,
        data={"decision": "assign", "port": str(port.pk)},
    )
    assert port_of(order).id == port.pk


def test_a_port_chosen_before_another_decision_is_left_alone(world, signed_in, part):
    order, item, port = stuck(world, 1, covered=True)
    given = {"decision": "refuse", "decision_reason": "无扩容计划", "port": str(port.pk)}
    with pytest.raises(BadInput, match="端口"):
        playbooks.complete_work(actor=world.actor("resource"), item_id=item.id, data=given)
    verbs.claim(actor=world.actor("resource"), item_id=item.id)
    answer = signed_in("resource").post(f"/work/{item.id}/complete", given, headers=part)
    assert answer.status_code == 200
    assert Resource.objects.get(pk=port.pk).state == "free"
    assert ordering.order(world.actor("resource"), order.id).state == "failed"


@pytest.mark.parametrize("nonsense", ["nonsense", "01a21419-0a9f-70f0-a517-45ed4e55e6c2"])
def test_what_is_no_port_is_refused_at_the_field(world, nonsense):
    _, item, _ = stuck(world, 1)
    data = {"decision": "assign", "port": nonsense, "port_reason": "试"}
    with pytest.raises(BadInput) as refused:
        playbooks.complete_work(actor=world.actor("resource"), item_id=item.id, data=data)
    assert [fault.field for fault in refused.value.faults] == ["port"]


@pytest.mark.django_db(transaction=True)
def test_two_name_the_same_port_at_once_and_one_is_told(transactional_db, nothing_kept):
    from kaitong.web.tests import world as making

    world = making.build(rooms=12, boxes=2)
    first, one, _ = stuck(world, 1)
    second, other, port = stuck(world, 2)
    together = Barrier(2)

    def name(item):
        together.wait()
        data = {"decision": "assign", "port": str(port.pk), "port_reason": "借用"}
        try:
            return playbooks.complete_work(
                actor=world.actor("resource"), item_id=item.id, data=data
            )
        except BadInput as refused:
            return refused
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(name, (one, other)))
    (refused,) = [r for r in results if isinstance(r, BadInput)]
    assert [fault.field for fault in refused.faults] == ["port"]
    assert "不能占用" in str(refused.faults[0].what)
    assert sorted(port_of(order) is None for order in (first, second)) == [False, True]
    loser = second if port_of(second) is None else first
    waiting = process.open_items_of(world.actor("resource"), [loser.id])[loser.id][0]
    assert waiting.node == "PortException"
