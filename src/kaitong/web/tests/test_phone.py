"""The installer's phone: cards, one visit, and what is refused there."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kaitong.activation.adapters.base import Proof, ProofKind, ProofResult
from kaitong.core.clock import now
from kaitong.core.errors import BadInput
from kaitong.core.ids import uuid7
from kaitong.core.models import AuditEntry
from kaitong.fieldwork.models import Check
from kaitong.ordering import queries as orders
from kaitong.org.actor import Actor
from kaitong.playbooks import photos, wiring
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.services import complete_work
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.models import Suspension

SYSTEM = Actor.system()


def item_of(order, node):
    rows = process.open_items_of(SYSTEM, [order.id]).get(order.id, [])
    return next(row for row in rows if row.node == node)


def example(world, order, node):
    item = process.work_item(SYSTEM, item_of(order, node).id)
    pinned = item.parameters["playbook"]
    actor = world.actor("installer")
    return item, playbooks.example_for(
        playbook=pinned["key"],
        version=pinned["hash"],
        file=item.definition.form,
        branch_id=item.branch_id,
        photo=photos.camera(actor=actor, item_id=item.id),
    )


def seen(service, order_id, key):
    """The session on the registered line: what a network would show."""
    line = {
        "access_node": service.port.access_node,
        "pon_port": service.port.pon_port,
        "logical_id": service.logical_id,
    }
    facts = {"account": service.account, "expected": line, "seen": line, "differences": []}
    return Proof(ProofKind.LINE, ProofResult.PROVEN, facts)


@pytest.fixture
def visit(world):
    """An order whose installation the installer has in hand."""
    order = world.order(1)
    item, data = example(world, order, "Appoint")
    complete_work(actor=world.actor("installer"), item_id=item.id, data=data)
    item = item_of(order, "Install")
    process_verbs.claim(actor=world.actor("installer"), item_id=item.id)
    return order, item


@pytest.fixture
def installer(world, signed_in):
    return signed_in("installer")


def test_cards_stand_in_the_order_of_appointment_with_masked_phones(installer, world, visit):
    order, item = visit
    world.order(2)
    html = installer.get(reverse("web:phone")).content.decode()
    assert order.number not in html  # a card says what and where
    assert "横江花园" in html
    assert "13855900001" not in html
    assert "138****0001" in html
    assert reverse("web:phone_job", args=[item.id]) in html
    pool = installer.get(reverse("web:phone") + "?tab=pool").content.decode()
    assert pool.count("kt-job-act") == 1


def test_queries_are_constant(installer, world, visit, django_assert_max_num_queries):
    with django_assert_max_num_queries(40):
        installer.get(reverse("web:phone") + "?tab=pool")
    for serial in range(3, 9):
        world.order(serial)
    with django_assert_max_num_queries(40):
        installer.get(reverse("web:phone") + "?tab=pool")


def test_the_visit_shows_what_is_entered_and_asks_the_rest(installer, visit):
    html = installer.get(reverse("web:phone_job", args=[visit[1].id])).content.decode()
    assert 'class="kt-mono kt-ph-sn"' in html
    for name in ("power_dbm", "terminal_serial", "label_photo", "signature", "clearance"):
        assert f'name="{name}"' in html
    assert 'name="override_reason"' not in html  # a supervisor's
    assert "现网核验" in html


def test_a_supervisor_sees_the_fields_to_let_it_pass(world, visit, signed_in):
    client = signed_in("supervisor")
    html = client.get(reverse("web:phone_job", args=[visit[1].id])).content.decode()
    assert 'name="override_reason"' in html
    assert 'name="override_photo"' in html


def test_another_branch_finds_nothing(world, visit, signed_in):
    client = signed_in("foreigner")
    for name in ("phone_job", "phone_pane", "phone_serial"):
        assert client.get(reverse(f"web:{name}", args=[visit[1].id])).status_code == 404
    for name in ("phone_call", "phone_check", "phone_complete", "phone_resend"):
        assert client.post(reverse(f"web:{name}", args=[visit[1].id])).status_code == 404
    assert not Check.objects.exists()


def test_a_call_is_a_recorded_reading(installer, visit):
    before = AuditEntry.objects.count()
    answer = installer.post(reverse("web:phone_call", args=[visit[1].id]))
    assert json.loads(answer.content) == {"phone": "13855900001"}
    assert AuditEntry.objects.count() == before + 1


def test_completion_without_photo_and_signature_is_refused_before_the_network(
    installer, world, visit
):
    _item, data = example(world, visit[0], "Install")
    for name in ("label_photo", "signature"):
        del data[name]
    posted = {k: ("true" if v is True else v) for k, v in data.items()}
    answer = installer.post(
        reverse("web:phone_complete", args=[visit[1].id]),
        posted,
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 422
    faults = json.loads(answer.content)["faults"]
    assert {f["field"] for f in faults} == {"label_photo", "signature"}
    # the same on the desk, and whoever asks
    desk = installer.post(f"/work/{visit[1].id}/complete", posted, headers={"HX-Request": "true"})
    assert desk.status_code == 422
    assert 'id="e-label_photo"' in desk.content.decode()
    with pytest.raises(BadInput) as refused:
        complete_work(actor=world.actor("installer"), item_id=visit[1].id, data=data)
    assert {f.field for f in refused.value.faults} == {"label_photo", "signature"}
    assert not Check.objects.exists()


def _posted(world, visit, **more):
    item, data = example(world, visit[0], "Install")
    take = photos.camera(actor=world.actor("installer"), item_id=item.id)
    data |= {"label_photo": take("label_photo"), "signature": take("signature")}
    return {k: ("true" if v is True else v) for k, v in data.items()} | more


def test_a_failed_check_comes_back_as_card_and_sentences(installer, world, visit):
    answer = installer.post(
        reverse("web:phone_complete", args=[visit[1].id]),
        _posted(world, visit, power_dbm="-31", key="k-1"),
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 422
    said = json.loads(answer.content)
    assert "kt-chk is-late" in said["pane"]
    assert "power_dbm" in {f["field"] for f in said["faults"]}
    assert Check.objects.get().ok is False
    page = installer.post(  # without a script: the page again, what was entered stays
        reverse("web:phone_complete", args=[visit[1].id]), _posted(world, visit, power_dbm="-31")
    )
    assert page.status_code == 422
    assert 'value="-31' in page.content.decode()


def test_a_completion_sent_again_is_answered_the_same(installer, world, visit):
    posted = _posted(world, visit, key="phone-key-1")
    url = reverse("web:phone_complete", args=[visit[1].id])
    with wiring.looking(seen):
        first = installer.post(url, posted, headers={"accept": "application/json"})
        again = installer.post(url, posted, headers={"accept": "application/json"})
    assert json.loads(first.content)["ok"] is True
    assert json.loads(again.content)["ok"] is True
    other = installer.post(url, posted | {"key": "x"}, headers={"accept": "application/json"})
    assert other.status_code in (409, 422)
    kept = orders.order(SYSTEM, visit[0].id)
    from kaitong.documents import queries as documents

    kinds = {a.kind for a in documents.attachments(SYSTEM, [kept.id])[kept.id]}
    assert kinds >= {"port-label", "signature"}


def test_a_serial_is_judged_while_typing(installer, visit):
    url = reverse("web:phone_serial", args=[visit[1].id])
    good = json.loads(installer.get(url, {"serial": "hwtc00000001"}).content)
    assert good["tone"] == "ok"
    confused = json.loads(installer.get(url, {"serial": "HWTCO0000001"}).content)
    assert confused["tone"] == "late"
    assert "HWTC00000001" in confused["text"]


def test_port_changed_by_hand_and_data_on_their_way(installer, world, visit):
    from kaitong.inventory import queries as inventory

    service = inventory.services_of_order(visit[0].id)[0]
    free = inventory.free_ports(world.actor("installer"), service.address_id)[0]
    url = reverse("web:phone_port", args=[visit[1].id])
    answer = installer.post(url, {"port": str(free.id), "reason": "bad-port"})
    assert answer.status_code == 302
    moved = inventory.services_of_order(visit[0].id)[0]
    assert moved.port.id == free.id
    html = installer.get(reverse("web:phone_job", args=[visit[1].id])).content.decode()
    assert "正在重发" in html
    nodes = {r.node for r in process.open_items_of(SYSTEM, [visit[0].id])[visit[0].id]}
    assert nodes == {"Install", "ResourceCheck"}
    refused = installer.post(url, {"port": str(uuid7()), "reason": "bad-port"})
    assert refused.status_code in (404, 409)


@pytest.mark.parametrize("reason, stops", [("customer-away", True), ("resource", False)])
def test_postponed_for_the_customer_stops_his_clock_waiting_for_resources_does_not(
    installer, visit, reason, stops
):
    until = timezone.localtime(now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    answer = installer.post(
        reverse("web:phone_suspend", args=[visit[1].id]),
        {"reason": reason, "until": until, "note": "说明"},
    )
    assert answer.status_code == 302
    assert Suspension.objects.get(workitem_id=visit[1].id).stops_customer is stops
    html = installer.get(reverse("web:phone_job", args=[visit[1].id])).content.decode()
    assert "解挂，接着办" in html
    installer.post(reverse("web:phone_resume", args=[visit[1].id]))
    assert process.work_item(SYSTEM, visit[1].id).state == "claimed"


def test_a_wake_up_too_far_is_refused_on_the_page(installer, visit):
    until = timezone.localtime(now() + timedelta(days=200)).strftime("%Y-%m-%dT%H:%M")
    answer = installer.post(
        reverse("web:phone_suspend", args=[visit[1].id]),
        {"reason": "customer-away", "until": until, "note": "x"},
    )
    assert answer.status_code == 409
    assert "90" in answer.content.decode()  # the playbook's limit
    assert not Suspension.objects.exists()


def test_a_new_appointment_moves_the_times_and_renews_the_work_order(installer, visit):
    from kaitong.documents import queries as documents

    before = documents.issued(visit[0].id)
    start = timezone.localtime(now() + timedelta(days=9)).replace(hour=10, minute=0, second=0)
    answer = installer.post(
        reverse("web:phone_agree", args=[visit[1].id]),
        {"start": start.strftime("%Y-%m-%dT%H:%M"), "minutes": "60"},
    )
    assert answer.status_code == 302, answer.content.decode()
    order = orders.order(SYSTEM, visit[0].id)
    assert timezone.localtime(order.appointment_start).hour == 10
    assert order.appointment_end - order.appointment_start == timedelta(hours=1)
    assert order.due_at >= order.appointment_start
    item = process.work_item(SYSTEM, visit[1].id)
    assert item.due_at >= order.appointment_start
    after = documents.issued(visit[0].id)
    assert set(after) >= set(before)
    past = installer.post(
        reverse("web:phone_agree", args=[visit[1].id]), {"start": "2020-01-01T09:00"}
    )
    assert past.status_code == 422
    for minutes in ("0", "7", "²", "9" * 30):  # nothing that the page offers
        odd = installer.post(
            reverse("web:phone_agree", args=[visit[1].id]),
            {"start": start.strftime("%Y-%m-%dT%H:%M"), "minutes": minutes},
        )
        assert odd.status_code == 422
    assert orders.order(SYSTEM, visit[0].id).appointment_end == order.appointment_end


def test_giving_up_on_the_phone_needs_the_photo(installer, world, visit):
    url = reverse("web:phone_give_up", args=[visit[1].id])
    refused = installer.post(url, {"reason": "site.no-route"})
    assert refused.status_code == 422
    take = photos.camera(actor=world.actor("installer"), item_id=visit[1].id)
    answer = installer.post(url, {"reason": "site.no-route", "return_photo": take("return_photo")})
    assert answer.status_code == 302
    rows = process.open_items_of(SYSTEM, [visit[0].id]).get(visit[0].id, [])
    assert "Install" not in {r.node for r in rows}


def test_the_page_reads_in_english(world, visit, signed_in):
    client = signed_in("installer", **{"accept-language": "en"})
    html = client.get(reverse("web:phone_job", args=[visit[1].id])).content.decode()
    for text in ("Live check", "Site checklist", "# still missing", ">Complete<", "Change port"):
        assert text in html, text
    for text in ("还差", "回单", "现网核验"):
        assert text not in html, text


def test_who_works_outside_lands_on_the_phones_page_by_phone(world, signed_in):
    by_phone = {"sec-ch-ua-mobile": "?1"}
    assert signed_in("installer", **by_phone).get("/work/").url == reverse("web:phone")
    assert signed_in("installer", **by_phone).get("/work/?desk=1").status_code == 200
    assert signed_in("clerk", **by_phone).get("/work/").status_code == 200
    assert signed_in("installer").get("/work/").status_code == 200
