"""English pages hold no Chinese but data: names, addresses, and what people wrote."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.inventory.models import Coverage
from kaitong.ordering import services as ordering
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbooks
from kaitong.process import overdue, worker
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.web.tests.world import STAFF

SYSTEM = Actor.system()
CJK = re.compile("[\u4e00-\u9fff]+")
# Data of the tests: places, people, and words people wrote themselves.
DATA = re.compile(
    "|".join(
        [
            "安徽省黄山市休宁县海阳镇齐云大道",
            r"横江花园( ?\d+栋\d单元\d+室)?( POS-\d+)?",
            r"[王李张刘陈汪程胡吴朱][*志]?\*?伟",
            *STAFF.values(),
            *(name[0] + "(?=</span>)" for name in STAFF.values()),
            "核对箱体|箱体已核对|客户来问|客户外出|证件不符",
            "中文|(?<=>)中(?=<)|语言 Language",
        ]
    )
)


def items(order):
    return process.open_items_of(SYSTEM, [order.id]).get(order.id, [])


@pytest.fixture
def story(world):
    """Orders with every kind of trouble: helped, urged, late, suspended, refused, stuck, away."""
    busy = world.order(1)
    item = items(busy)[0]
    installer, network = world.actor("installer"), world.actor("network")
    verbs.claim(actor=installer, item_id=item.id)
    verbs.ask_help(actor=installer, item_id=item.id, to=network.id, reason="核对箱体")
    verbs.feedback(actor=network, item_id=item.id, text="箱体已核对")
    verbs.urge(actor=world.actor("clerk"), item_id=item.id, note="客户来问")
    verbs.suspend(
        actor=installer, item_id=item.id, reason_code="customer-away", note="客户外出",
        until=now() + timedelta(days=2),
    )  # fmt: skip
    returned = world.order(2, read=False)
    ordering.pay(actor=world.actor("clerk"), order_id=returned.id, method="cash", key="k")
    playbooks.complete_work(
        actor=world.actor("clerk"),
        item_id=items(returned)[0].id,
        data={"decision": "refuse", "decision_reason": "证件不符"},
    )
    late = world.order(3)
    with frozen(items(late)[0].due_at + timedelta(minutes=1)):
        overdue.watch()
    Coverage.objects.filter(address_id=world.addresses[4]).delete()
    refused = world.order(4)
    for _round in range(6):  # there is no AAA server: activation ends as an incident
        worker.drain_all()
    return busy, returned, late, refused


def chinese_in(page: str) -> list[str]:
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return CJK.findall(DATA.sub("", html.unescape(page)))


def test_every_page_is_english_for_who_reads_english(world, story, signed_in, part):
    client = signed_in("supervisor", **{"Accept-Language": "en"})
    places = ["/work/", "/work/?tab=suspended&who=team", "/work/?tab=done&who=team", "/orders/",
              "/incidents/", "/notices/", "/notices/?tab=waiting", "/search/?q=138"]  # fmt: skip
    tabs = ("timeline", "items", "proof", "papers", "money", "notices", "audit")
    places += [f"/orders/{order.id}/?tab={tab}" for order in story for tab in tabs]
    places += [f"/work/?item={item.id}" for order in story for item in items(order)]
    places += [f"/incidents/?item={row.id}" for row in process.incidents(SYSTEM).rows]
    assert len(process.incidents(SYSTEM).rows) >= 1
    left = {}
    for place in places:
        answer = client.get(place)
        assert answer.status_code == 200, place
        found = chinese_in(answer.content.decode())
        if found:
            left[place] = found
    assert left == {}


def test_what_an_english_speaker_does_is_stored_for_chinese_readers(world, signed_in):
    from django.utils import translation

    with translation.override("en"):
        order = world.order(2, read=False)  # the check of documents fails in this step
        Coverage.objects.filter(address_id=world.addresses[4]).delete()
        refused = world.order(4)
    assert CJK.search(refused.reason)
    page = signed_in("supervisor").get(f"/orders/{order.id}/?tab=audit").content.decode()
    assert "没有留存证件影像" in page
