"""A fault by its pages, from the telephone to the call-back (BB-12, BB-14, F-30)."""

from __future__ import annotations

import re

import pytest

from kaitong.activation.adapters.base import Proof, ProofKind, ProofResult
from kaitong.assurance.models import Fault, Routing, Survey
from kaitong.core.models import AuditEntry
from kaitong.documents.models import Paper
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.messaging.models import Notice
from kaitong.org.actor import Actor
from kaitong.playbooks import photos, wiring
from kaitong.process import services as process
from kaitong.process import worker
from kaitong.reporting import services as reporting
from kaitong.web.tests import fault_world as faults

NOT_SOLVED = {"lights": "los-red", "others": "no", "restarted": "same", "result": "not-solved"}


def look(service, order_id, key):
    """As the network would answer where everything is in order."""
    wanted = inventory.expected_line(service.id)
    seen = {"access_node": wanted.access_node, "pon_port": wanted.pon_port}
    return Proof(ProofKind.LINE, ProofResult.PROVEN, {"seen": seen, "expected": dict(seen)})


@pytest.fixture
def staffed(world):
    faults.menders(world)
    return world


def answer(client, fault, node, **answers):
    found = faults.item(fault.pk, node)
    return client.post(f"/faults/{fault.pk}/work/{found}", answers)


def test_from_the_telephone_to_the_call_back(staffed, signed_in):
    service = faults.line(staffed)
    agent = signed_in("hotline")
    found = agent.get("/faults/new/", {"q": service.account}).content.decode()
    assert f"service={service.pk}" in found
    page = agent.get("/faults/new/", {"service": service.pk}).content.decode()
    assert "不能上网" in page
    assert "OLT-01" in page
    made = agent.post(
        "/faults/new/",
        {
            "service": service.pk,
            "symptom": "no-internet",
            "channel": "hotline",
            "hotline": "10050",
            "key": "call-1",
        },
    )
    fault = Fault.objects.get()
    assert made.headers["Location"] == f"/faults/{fault.pk}/"
    assert (fault.state, fault.hotline, fault.routed_to) == ("acknowledged", "10050", "10086")
    assert fault.number.startswith("XN-GZ-")
    assert "电话预处理" in agent.get(f"/faults/{fault.pk}/").content.decode()

    assert answer(agent, fault, "PreHandle", **NOT_SOLVED).status_code == 302
    fault.refresh_from_db()
    assert (fault.state, fault.place) == ("inProgress", "network")
    assert fault.answers["lights"] == "los-red"

    monitor = signed_in("monitor")
    answer(monitor, fault, "Locate", location="outside", finding="端口收光 −31 dBm")
    sheet = Paper.objects.get(order_id=fault.pk)
    assert (sheet.kind, sheet.title) == ("repair-order", "外线修障单")

    installer = signed_in("installer")
    answer(installer, fault, "Visit", contacted="true", found="line")
    repair = faults.item(fault.pk, "Repair")
    actor = staffed.actor("installer")
    taken = photos.camera(actor=actor, item_id=repair)("signature")
    with wiring.looking(look):
        answer(
            installer,
            fault,
            "Repair",
            work="connector",
            power_dbm="-19.5",
            cleaned="true",
            signature=taken,
            label_photo="",
        )
    assert faults.standing(fault.pk) == ["SupportClose"]
    answer(signed_in("support"), fault, "SupportClose", fault_cause="outside.connector")
    fault.refresh_from_db()
    assert (fault.state, fault.cause_title) == ("resolved", "外线：接头松动或脏污")

    care = signed_in("service")
    refused = answer(care, fault, "CallBack", reached="yes")
    assert refused.status_code == 422
    assert not Survey.objects.exists()
    answer(care, fault, "CallBack", reached="yes", fixed="yes", score="5", remark="师傅很好")
    fault.refresh_from_db()
    assert fault.state == "closed"
    said = Survey.objects.get()
    assert (said.reached, said.fixed, said.score, said.remark) == (True, True, 5, "师傅很好")
    sheet.refresh_from_db()
    assert sheet.state == "void"
    told = set(
        Notice.objects.filter(order_id=fault.pk, to="customer").values_list("kind", flat=True)
    )
    assert told == {"accepted", "resolved"}
    text = agent.get(f"/faults/{fault.pk}/").content.decode()
    for word in ("外线修障单", "客户说已经解决", "10050 → 10086", "光信号灯亮红"):
        assert word in text

    reporting.fold()  # QA-07: what the customer said stands in the manager's figures
    figures = signed_in("supervisor").get("/figures/").content.decode()
    said_there = figures[figures.index('id="t-survey-call-back"') :].split("</section>")[0]
    assert re.search(r"满意率</td>\s*<td[^>]*>100.0%", said_there), said_there


def test_solved_by_telephone_ends_at_once(staffed, signed_in):
    fault = faults.report(staffed, faults.line(staffed))
    answer(
        signed_in("hotline"),
        fault,
        "PreHandle",
        lights="normal",
        dial="slow",
        restarted="works",
        result="solved",
        fault_cause="customer.router",
    )
    fault.refresh_from_db()
    assert (fault.state, fault.place, faults.standing(fault.pk)) == ("closed", "phone", [])


def test_not_mended_opens_it_again_and_a_second_voice_is_heard_once(staffed, signed_in):
    fault = faults.report(staffed, faults.line(staffed))
    agent = signed_in("hotline")
    answer(
        agent,
        fault,
        "PreHandle",
        lights="normal",
        dial="691",
        restarted="same",
        result="not-solved",
    )
    assert faults.standing(fault.pk) == ["SystemRepair"]
    answer(
        signed_in("it"), fault, "SystemRepair", system_outcome="fixed", fault_cause="system.data"
    )
    for _twice in range(2):
        agent.post(f"/faults/{fault.pk}/not-mended")
    worker.drain_all()
    fault.refresh_from_db()
    assert (fault.state, fault.reopened) == ("inProgress", 1)
    assert faults.standing(fault.pk) == ["Locate"]


def test_a_suspended_line_has_no_fault(staffed, signed_in):
    service = faults.line(staffed)
    type(service).objects.filter(pk=service.pk).update(state="inactive")
    agent = signed_in("hotline")
    assert "业务已停机" in agent.get("/faults/new/", {"service": service.pk}).content.decode()
    fault = faults.report(staffed, service)
    assert (fault.state, fault.instance_id) == ("rejected", None)
    assert "已停机" in agent.get(f"/faults/{fault.pk}/").content.decode()


def test_who_may_and_who_may_not(staffed, signed_in):
    service = faults.line(staffed)
    data = {"service": service.pk, "symptom": "no-internet", "channel": "hall"}
    refused = signed_in("transmission").post("/faults/new/", data)
    assert refused.status_code == 403
    assert not Fault.objects.exists()
    fault = faults.report(staffed, service, by="clerk", channel="hall", hotline="")
    assert fault.routed_to == ""
    foreigner = signed_in("foreigner")
    assert foreigner.get(f"/faults/{fault.pk}/").status_code == 404
    assert foreigner.post(f"/faults/{fault.pk}/urge").status_code == 404
    assert answer(signed_in("installer"), fault, "PreHandle", **NOT_SOLVED).status_code == 409
    fault.refresh_from_db()
    assert fault.state == "acknowledged"


def test_one_line_has_one_fault_and_is_urged(staffed, signed_in):
    service = faults.line(staffed)
    fault = faults.report(staffed, service)
    data = {"service": service.pk, "symptom": "slow", "channel": "hotline", "hotline": "10086"}
    again = signed_in("hotline2").post("/faults/new/", data)
    assert again.status_code == 409
    assert fault.number in again.content.decode()
    signed_in("hotline2").post(f"/faults/{fault.pk}/urge", {"words": "还要多久"})
    fault.refresh_from_db()
    assert fault.urged == 1
    text = signed_in("hotline").get(f"/faults/{fault.pk}/").content.decode()
    assert "还要多久" in text


def test_taken_back_by_the_customer(staffed, signed_in):
    fault = faults.report(staffed, faults.line(staffed))
    agent = signed_in("hotline")
    assert agent.post(f"/faults/{fault.pk}/cancel", {"reason": ""}).status_code == 409
    agent.post(f"/faults/{fault.pk}/cancel", {"reason": "自己好了"})
    fault.refresh_from_db()
    assert (fault.state, fault.reason, faults.standing(fault.pk)) == ("cancelled", "自己好了", [])
    assert agent.post(f"/faults/{fault.pk}/urge").status_code == 409


def test_suspending_says_pending_or_held_and_moves_the_clock(staffed):
    from datetime import timedelta

    from kaitong.core.clock import now
    from kaitong.playbooks import suspending
    from kaitong.process import services as process

    fault = faults.report(staffed, faults.line(staffed))
    before = fault.due_at
    actor = staffed.actor("hotline")
    found = faults.item(fault.pk)
    suspending.suspend(
        actor=actor,
        item_id=found,
        reason_code="customer-away",
        note="客户明天在家",
        until=now() + timedelta(hours=20),
        evidence=[],
    )
    fault.refresh_from_db()
    assert (fault.state, fault.due_at > before) == ("pending", True)
    process.resume(actor=actor, item_id=found)
    fault.refresh_from_db()
    assert fault.state == "inProgress"


def test_desk_lists_with_a_constant_number_of_queries(staffed, signed_in, queries_of):
    client = signed_in("hotline")
    faults.report(staffed, faults.line(staffed, 1))
    client.get("/faults/")
    few = queries_of(lambda: client.get("/faults/"))
    for serial in range(2, 5):
        faults.report(staffed, faults.line(staffed, serial))
    assert queries_of(lambda: client.get("/faults/")) <= few + 1
    text = client.get("/faults/", {"symptom": "slow"}).content.decode()
    assert "没有符合的故障单" in text


def test_workbench_drawer_and_phone_speak_of_the_fault(staffed, signed_in, part):
    fault = faults.report(staffed, faults.line(staffed))
    answer(signed_in("hotline"), fault, "PreHandle", **NOT_SOLVED)
    answer(signed_in("monitor"), fault, "Locate", location="outside", finding="无光")
    installer = signed_in("installer")
    assert fault.number in installer.get("/work/?tab=todo").content.decode()
    found = faults.item(fault.pk, "Visit")
    drawer = installer.get(f"/work/{found}/", headers=part).content.decode()
    assert fault.number in drawer
    assert "不能上网" in installer.get("/m/?tab=pool").content.decode()
    assert installer.get(f"/m/work/{found}/").status_code == 200
    order = installer.get(f"/orders/{fault.pk}/")
    assert order.headers["Location"] == f"/faults/{fault.pk}/"


def test_who_is_out_for_a_fault_reads_the_passwords_and_nobody_else(staffed, signed_in, part):
    service = faults.line(staffed)
    inventory_verbs.set_password(actor=Actor.system(), service_id=service.pk, password="Line-2026")
    fault = faults.report(staffed, service)
    answer(signed_in("hotline"), fault, "PreHandle", **NOT_SOLVED)
    monitor, locate = signed_in("monitor"), faults.item(fault.pk, "Locate")
    process.claim(actor=staffed.actor("monitor"), item_id=locate)
    url = f"/m/work/{locate}/passwords"
    assert monitor.post(url, headers=part).status_code == 404  # at a desk: nothing is set up there
    answer(monitor, fault, "Locate", location="outside", finding="无光")
    visit = faults.item(fault.pk, "Visit")
    page, url = f"/m/work/{visit}/", f"/m/work/{visit}/passwords"
    installer = signed_in("installer")
    assert installer.post(url, headers=part).status_code == 403  # not in hand yet
    process.claim(actor=staffed.actor("installer"), item_id=visit)
    html = installer.get(page).content.decode()
    assert url in html
    assert "Line-2026" not in html
    for wrong in ("monitor", "supervisor"):
        assert signed_in(wrong).post(url, headers=part).status_code == 403
    told = installer.post(url, headers=part)
    assert "Line-2026" in told.content.decode()
    assert "no-store" in told.headers["Cache-Control"]
    (row,) = AuditEntry.objects.filter(kind="password-read", actor_id=staffed.actor("installer").id)
    assert row.subject_id == service.pk
    assert fault.number in row.data["reason"]


def test_a_call_that_is_not_ours_is_recorded(staffed, signed_in):
    agent = signed_in("hotline")
    found = agent.get("/faults/new/", {"q": "13900000000"}).content.decode()
    assert "没有查到这个客户" in found
    agent.post("/faults/route", {"hotline": "10050", "ownership": "foreign"})
    row = Routing.objects.get()
    assert (row.hotline, row.ownership, row.routed_to, row.fault) == ("10050", "foreign", "", None)
    assert (
        agent.post("/faults/route", {"hotline": "999", "ownership": "foreign"}).status_code == 409
    )
    refused = signed_in("transmission").post("/faults/route", {"hotline": "10050"})
    assert refused.status_code in (403, 409)
    assert Routing.objects.count() == 1
