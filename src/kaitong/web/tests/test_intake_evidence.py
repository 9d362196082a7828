"""Evidence at the counter: photos by kind of document, the face comparison, a name corrected."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.core.models import AuditEntry
from kaitong.documents import queries as documents
from kaitong.documents.models import Attachment
from kaitong.documents.pictures import tiny
from kaitong.ordering import drafts
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party.models import Party
from kaitong.process import queries as process
from kaitong.web.tests.test_intake import GOOD, errors_of, hold, post, text_of
from kaitong.web.tests.world import resident_number

UNREAD = {"reader": ""}
LICENCE = {
    "kind": "organization",
    "name": "休宁县齐云茶业有限公司",
    "document_kind": "business-licence",
    "number": "91341022MA2N0W7F2K",
    "valid_until": "",
    "reader": "",
    "agent_phone": "13855900000",
    "agent_name": "程国强",
    "agent_document_kind": "resident-id",
    "agent_number": resident_number(9),
    "agent_valid_until": "2099-01-01",
    "agent_reader": "true",
}


@pytest.fixture
def desk(world, signed_in):
    return signed_in("clerk")


def shoot(client, draft_id, *slots, data=None):
    for number, slot in enumerate(slots):
        file = SimpleUploadedFile("p.png", tiny(number + 3) if data is None else data)
        answer = client.post(f"/intake/{draft_id}/photo?slot={slot}", {"photo": file})
    return answer


def nodes(order_id):
    order = Order.objects.get(pk=order_id)
    return {row.node for row in process.open_items_of(Actor.system(), [order.id])[order.id]}


def credit_code(body="91341022MA2N0W7F2"):
    signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(signs.index(s) * pow(3, n, 31) for n, s in enumerate(body))
    return body + signs[(31 - total % 31) % 31]


def test_photos_of_both_sides_stand_for_the_reader(world, desk):
    draft_id = hold(desk, world.addresses[0], **UNREAD)
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert 'data-photo="identity-front"' in page
    assert 'data-photo="identity-back"' in page
    assert "转“证件复核”" in page
    shoot(desk, draft_id, "identity-front")
    assert "转“证件复核”" in text_of(desk.get(f"/intake/{draft_id}/"))
    assert shoot(desk, draft_id, "identity-back").status_code == 200
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert "转“证件复核”" not in page
    assert "2 张已留存" in page
    assert post(desk, draft_id, **UNREAD).status_code == 302
    order = Order.objects.get(pk=draft_id)
    actor = world.actor("clerk")
    document = parties.documents(actor, order.party_id)[0]
    assert documents.kinds_of(document.evidence) == {"identity-front", "identity-back"}
    assert len(documents.attachments(actor, [order.party_id])[order.party_id]) == 2
    assert documents.uploads(actor, draft_id) == {}
    assert "DocumentReview" not in nodes(draft_id)


def test_one_side_is_kept_but_proves_nothing(world, desk):
    draft_id = hold(desk, world.addresses[0], **UNREAD)
    shoot(desk, draft_id, "identity-front")
    assert post(desk, draft_id, **UNREAD).status_code == 302
    assert nodes(draft_id) == {"DocumentReview"}
    order = Order.objects.get(pk=draft_id)
    document = parties.documents(world.actor("clerk"), order.party_id)[0]
    assert documents.kinds_of(document.evidence) == {"identity-front"}


def test_which_photos_are_asked_follows_the_kind_of_document(world, desk, part):
    draft_id = hold(
        desk, world.addresses[0], document_kind="passport", number="E12345678", reader=""
    )
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert 'data-photo="identity-front"' in page
    assert 'data-photo="identity-back"' not in page
    read = text_of(desk.post(f"/intake/{draft_id}/keep", GOOD, headers=part))
    assert "data-photo=" not in read
    assert "已读卡" in read


def test_an_organisation_brings_licence_letter_and_its_agents_document(world, desk):
    given = {**LICENCE, "number": credit_code(), "agent_reader": ""}
    draft_id = hold(desk, world.addresses[0], **given)
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    slots = set(re.findall(r'data-photo="([\w-]+)"', page))
    assert slots == {"licence", "letter", "agent_identity-front", "agent_identity-back"}
    assert "agent_face" in page
    refused = post(desk, draft_id, **given)
    assert refused.status_code == 422
    assert "没有单位介绍信" in errors_of(refused)["letter"]
    shoot(desk, draft_id, *slots)
    answer = post(desk, draft_id, **given)
    assert answer.status_code == 302, errors_of(answer)
    order = Order.objects.get(pk=draft_id)
    actor = world.actor("clerk")
    found = documents.attachments(actor, [order.id, order.party_id, order.agent_id])
    assert {row.kind for row in found[order.id]} == {"letter"}
    assert {row.kind for row in found[order.party_id]} == {"licence"}
    assert {row.kind for row in found[order.agent_id]} == {"identity-front", "identity-back"}
    assert "DocumentReview" not in nodes(draft_id)


def test_a_known_customer_without_evidence_is_photographed(world, desk):
    before = world.order(1, read=False)
    draft_id = hold(desk, world.addresses[1], party=str(before.party_id))
    page = text_of(desk.get(f"/intake/{draft_id}/"))
    assert 'data-photo="identity-back"' in page
    shoot(desk, draft_id, "identity-front", "identity-back")
    answer = post(
        desk, draft_id, party=str(before.party_id), name="", number="", document_kind="", phone=""
    )
    assert answer.status_code == 302, errors_of(answer)
    assert "DocumentReview" not in nodes(draft_id)
    assert len(parties.documents(world.actor("clerk"), before.party_id)[0].evidence) == 2


def test_face_comparison_by_hand_needs_a_reason_and_is_kept(world, desk):
    draft_id = hold(desk, world.addresses[0], face="passed", face_score="60")
    refused = post(desk, draft_id, face="passed", face_score="60")
    assert refused.status_code == 422
    assert "低于 75" in errors_of(refused)["face_score"]
    assert "怎样比对" in errors_of(refused)["face_reason"]
    given = {"face": "passed", "face_score": "91.5", "face_reason": "当面核对照片"}
    page = text_of(desk.post(f"/intake/{draft_id}/keep", {**GOOD, **given}, follow=True))
    assert "相似度 91.5" in page
    assert post(desk, draft_id, **given).status_code == 302
    order = Order.objects.get(pk=draft_id)
    document = parties.documents(world.actor("clerk"), order.party_id)[0]
    assert (document.face, str(document.face_score)) == ("passed", "91.50")
    assert (document.face_source, document.face_reason) == ("by-hand", "当面核对照片")
    assert document.face_at is not None


def test_a_face_that_does_not_match_goes_to_review(world, desk):
    draft_id = hold(desk, world.addresses[0])
    given = {"face": "failed", "face_score": "61", "face_reason": "读卡器比对"}
    assert post(desk, draft_id, **given).status_code == 302
    assert nodes(draft_id) == {"DocumentReview"}


def test_photos_outlive_the_countdown_and_not_the_draft(world, desk):
    draft_id = hold(desk, world.addresses[0], **UNREAD)
    with frozen(now() + timedelta(minutes=40)):
        drafts.mark_expired()
        assert shoot(desk, draft_id, "identity-front").status_code == 200
    desk.post(f"/intake/{draft_id}/drop")
    assert not Attachment.objects.exists()
    answer = shoot(desk, draft_id, "identity-front")
    assert "已经放弃" in answer.json()["error"]
    assert not Attachment.objects.exists()


def test_a_forgotten_drafts_photos_are_forgotten(world, desk):
    draft_id = hold(desk, world.addresses[0], **UNREAD)
    shoot(desk, draft_id, "identity-front")
    with frozen(now() + timedelta(hours=23)):
        desk.post(f"/intake/{draft_id}/keep", {**GOOD, **UNREAD})
    with frozen(now() + timedelta(hours=30)):
        drafts.mark_expired()
        assert Attachment.objects.exists()
    with frozen(now() + timedelta(hours=60)):
        drafts.mark_expired()
    assert not Attachment.objects.exists()


def test_what_is_no_photo_and_no_slot_is_refused_and_others_see_nothing(world, desk, signed_in):
    draft_id = hold(desk, world.addresses[0], **UNREAD)
    assert "损坏" in shoot(desk, draft_id, "identity-front", data=b"\xff\xd8\xff x").json()["error"]
    assert shoot(desk, draft_id, "selfie").status_code == 422
    assert shoot(signed_in("foreigner"), draft_id, "identity-front").status_code == 404
    assert shoot(signed_in("installer"), draft_id, "identity-front").status_code == 403
    assert not Attachment.objects.exists()


def test_a_taken_draft_takes_no_more_photos(world, desk):
    draft_id = hold(desk, world.addresses[0])
    post(desk, draft_id)
    answer = shoot(desk, draft_id, "identity-front")
    assert "已经受理成订单" in answer.json()["error"]
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("name", ["12345", "王", "叶慧敏!", "啊啊啊", "王John"])
def test_a_name_no_document_has_is_refused_at_its_field(world, desk, name):
    draft_id = hold(desk, world.addresses[0], name=name)
    answer = post(desk, draft_id, name=name)
    assert answer.status_code == 422
    assert errors_of(answer)["name"]
    assert not Party.objects.exists()


def test_a_slip_of_the_first_registration_is_corrected_at_the_counter(world, desk, part):
    first = hold(desk, world.addresses[0], name="叶惠民")
    post(desk, first, name="叶惠民")
    draft_id = hold(desk, world.addresses[1])
    refused = post(desk, draft_id)
    assert refused.status_code == 409
    assert "按证件更正姓名" in text_of(refused)
    without = desk.post(f"/intake/{draft_id}/rename", GOOD, headers=part)
    assert without.status_code == 422
    assert "没有写更正原因" in text_of(without)
    assert Party.objects.get().name == "叶惠民"
    reason = {"rename_reason": "核对身份证原件，前次录入有误"}
    assert desk.post(f"/intake/{draft_id}/rename", {**GOOD, **reason}).status_code == 302
    party = Party.objects.get()
    assert party.name == "叶慧敏"
    entry = AuditEntry.objects.get(kind="party.name-corrected")
    assert entry.subject_id == party.pk
    assert "叶" not in str(entry.data).replace(reason["rename_reason"], "")
    assert post(desk, draft_id).status_code == 302
    assert parties.find(world.actor("clerk"), "yhm")[0].id == party.pk


def test_nobody_corrects_a_name_of_a_document_that_is_not_registered(world, desk, signed_in, part):
    given = {**GOOD, "rename_reason": "x"}
    draft_id = uuid7()
    absent = desk.post(f"/intake/{draft_id}/rename", given, headers=part)
    assert (absent.status_code, "没有用这个证件登记" in text_of(absent)) == (409, True)
    world.order(7)  # the same number, registered in this county
    elsewhere = signed_in("foreigner").post(f"/intake/{uuid7()}/rename", given, headers=part)
    assert (elsewhere.status_code, "没有用这个证件登记" in text_of(elsewhere)) == (409, True)
    assert Party.objects.get().name != "叶慧敏"


def test_evidence_is_listed_on_the_order_and_read_by_a_click(world, desk, signed_in, part):
    draft_id = hold(desk, world.addresses[0], **UNREAD)
    shoot(desk, draft_id, "identity-front", "identity-back")
    given = {**UNREAD, "face": "passed", "face_score": "91.5", "face_reason": "当面核对"}
    assert post(desk, draft_id, **given).status_code == 302
    page = text_of(desk.get(f"/orders/{draft_id}/papers/", headers=part))
    assert "客户：证件正面" in page
    assert "客户：证件背面" in page
    assert not AuditEntry.objects.filter(kind="attachment.read").exists()
    url = re.findall(r'href="(/attachments/[^"]+)"', page)[0]
    assert desk.get(url)["Content-Type"] == "image/jpeg"
    assert AuditEntry.objects.get(kind="attachment.read").subject_id == (
        Order.objects.get().party_id
    )
    assert signed_in("foreigner").get(url).status_code == 404
    found = parties.find(world.actor("clerk"), "yhm")[0]
    assert found.verified == "已留存证件影像，人像比对通过 91.5"


def test_an_organisations_review_is_completed_with_licence_and_letter(world, desk, part):
    given = {**LICENCE, "number": credit_code(), "letter": "true"}
    draft_id = hold(desk, world.addresses[0], **given)
    assert post(desk, draft_id, **given).status_code == 302
    assert nodes(draft_id) == {"DocumentReview"}
    item = process.open_items_of(Actor.system(), [draft_id])[draft_id][0]
    desk.post(f"/work/{item.id}/claim", headers=part)
    sent = {"decision": "corrected"}
    for field in ("licence", "letter"):
        file = SimpleUploadedFile("p.png", tiny(len(field)))
        answer = desk.post(f"/work/{item.id}/photo?field={field}", {"photo": file})
        sent[field] = answer.json()["id"]
    answer = desk.post(f"/work/{item.id}/complete", sent, headers=part)
    assert answer.status_code == 200, text_of(answer)
    assert "DocumentReview" not in nodes(draft_id)
    order = Order.objects.get()
    found = documents.attachments(world.actor("clerk"), [order.id, order.party_id])
    assert [row.kind for row in found[order.id]] == ["letter"]
    assert [row.kind for row in found[order.party_id]] == ["licence"]
