"""A telephone sold alone is spoken of as one (HALL-05): no page, refusal or paper of it says 宽带;
its words come from its playbook's `names:`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.urls import reverse

from kaitong.activation.models import NetworkElement
from kaitong.assurance import handling
from kaitong.assurance.models import Fault, Handling
from kaitong.catalog import names
from kaitong.core.clock import now
from kaitong.core.home import library
from kaitong.documents import services as documents
from kaitong.documents.models import Paper
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service
from kaitong.messaging.models import Notice
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbooks
from kaitong.process import services as process
from kaitong.web.pages.customer_panes import PANES
from kaitong.web.tests import fault_world as faults
from kaitong.web.tests.world import request, resident_number

SYSTEM = Actor.system()
TABS = ("timeline", "duty", "items", "proof", "papers", "money", "notices", "audit")
CHANGES = (
    "suspend", "resume", "transfer", "cancel", "reset-password", "change-data", "change-plan",
    "move",
)  # fmt: skip


@pytest.fixture
def telephone(world):
    """A telephone in use, number 05597568888; its installation is declared done."""
    playbooks.deploy(actor=SYSTEM, folder=library() / "fixed-line")
    NetworkElement.objects.create(kind="voice", key="voice", title="固话平台", branch=world.branch)
    asked = request(1, world.addresses[0])
    (item,) = asked.items
    item = replace(
        item, specification="fixed-line.voice", offering="phone", telephone="05597568888"
    )
    order = ordering.submit(actor=world.actor("clerk"), request=replace(asked, items=(item,)))
    made = order.items.get()
    process.cancel(actor=SYSTEM, instance_id=made.instance_id, reason="建成用于测试")
    Order.objects.filter(pk=order.pk).update(state="completed", completed_at=now())
    order.items.update(state="completed")
    Service.objects.filter(pk=made.service_id).update(
        state=ServiceState.ACTIVE, started_at=now(), reason=""
    )
    return inventory.service(SYSTEM, made.service_id)


def addresses(line) -> list[str]:
    found = [reverse("web:customer", args=[line.customer_id]), f"/services/{line.id}/"]
    found += [f"{base}?tab={tab}" for base in found for tab in PANES]
    found += [f"/orders/{line.order_id}/?tab={tab}" for tab in TABS]
    found += [f"/services/{line.id}/do/{change}/" for change in CHANGES]
    return found


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "宽带"), ("en", "roadband")])
def test_no_page_of_a_telephone_speaks_of_broadband(telephone, signed_in, language, word):
    clerk = signed_in("clerk", **{"Accept-Language": language})
    called = names.of(telephone)
    assert called.account == "电话号码"
    said = 0
    for address in addresses(telephone):
        answer = clerk.get(address)
        assert answer.status_code == 200, address
        html = answer.content.decode()
        assert word not in html, f"{address}: {html[html.index(word) - 80 : html.index(word) + 40]}"
        said += "电话号码" in html or "Telephone number" in html
    assert said >= 5


def test_refusals_papers_and_notices_speak_of_the_telephone(telephone, signed_in, part):
    clerk = signed_in("clerk")

    def at(change: str, **given: str) -> str:
        url = f"/services/{telephone.id}/do/{change}/"
        return clerk.post(f"{url}prove", given, headers=part).content.decode()

    html = clerk.get(f"/services/{telephone.id}/do/resume/").content.decode()
    assert "这部固定电话现在是在用，不能办理复机" in html
    wrong = {"kind": "account-document", "document_number": resident_number(1)}
    assert "电话号码不是这部固定电话的" in at("suspend", account="05590000000", **wrong)
    assert "请核对电话号码" in at("suspend", account="05590000000", **wrong)
    found = clerk.post("/customers/", {"by": "account", "q": "05597568888"}, headers=part)
    assert "宽带" not in found.content.decode()
    told = [documents.paper_data(paper) for paper in Paper.objects.all()]
    told += [notice.text for notice in Notice.objects.all()]
    assert told
    assert "宽带" not in json.dumps(told, ensure_ascii=False, default=str)


def test_a_fault_of_a_telephone_is_asked_and_taken_in_its_own_words(telephone, world, signed_in):
    faults.menders(world)
    agent = signed_in("hotline")
    page = agent.get("/faults/new/", {"service": telephone.id}).content.decode()
    assert "打不出" in page
    assert "不能上网" not in page
    told = {"service": telephone.id, "channel": "hotline", "hotline": "10050"}
    wrong = agent.post("/faults/new/", told | {"symptom": "no-internet", "key": "call-0"})
    assert wrong.status_code == 422
    made = agent.post("/faults/new/", told | {"symptom": "no-outgoing", "key": "call-1"})
    fault = Fault.objects.get()
    assert made.status_code == 302
    assert (fault.handling.playbook, fault.number.split("-")[1]) == ("fixed-line", "DZ")
    assert (fault.hotline, fault.routed_to) == ("10050", "10086")
    assert fault.handling.papers["repair-order"]["form"] == "F-30"
    listed = agent.get("/faults/", {"symptom": "no-outgoing"}).content.decode()
    assert fault.number in listed
    assert "不能上网" in listed  # the list is of every product's tickets
    html = agent.get(f"/faults/{fault.pk}/").content.decode()
    assert "宽带" not in html


def test_hotlines_and_hand_over_are_of_the_playbook_that_has_them(telephone, world):
    assert telephone.playbook == "fixed-line"  # deployed last, and first by name
    rules = handling.only()
    assert rules is not None
    assert rules.playbook == "home-broadband"
    Handling.objects.filter(playbook="home-broadband").update(retired_at=now())
    alone = handling.only()
    assert alone is not None
    assert alone.playbook == "fixed-line"
