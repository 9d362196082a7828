"""Photos of work forms: taken for the item, carried by the form, kept as evidence."""

from __future__ import annotations

import io
import json
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from kaitong.core.models import AuditEntry
from kaitong.documents import queries as documents
from kaitong.documents.models import Attachment
from kaitong.documents.pictures import tiny
from kaitong.ordering import queries as orders
from kaitong.party import queries as parties
from kaitong.playbooks import photos
from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.process import services as verbs


@pytest.fixture
def review(world):
    """An order whose customer's card was not read: 证件复核 stands open, in the clerk's hand."""
    order = world.order(1, read=False)
    item = process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]
    verbs.claim(actor=world.actor("clerk"), item_id=item.id)
    return order, item


def send(client, url, data=None, name="photo.png"):
    file = SimpleUploadedFile(name, tiny(7) if data is None else data)
    return client.post(url, {"photo": file})


def url(item, field="customer_front"):
    return f"/work/{item.id}/photo?field={field}"


def test_photos_of_a_review_become_the_documents_evidence_and_the_order_goes_on(
    world, review, signed_in, part
):
    order, item = review
    client = signed_in("clerk")
    front, back = (
        send(client, url(item, field)).json()["id"] for field in ("customer_front", "customer_back")
    )
    answer = client.post(
        f"/work/{item.id}/complete",
        {"decision": "corrected", "customer_front": front, "customer_back": back},
        headers=part,
    )
    assert answer.status_code == 200, answer.content.decode()
    actor = world.actor("clerk")
    document = parties.documents(actor, order.party_id)[0]
    assert {str(one) for one in document.evidence} == {front, back}
    kept = documents.attachments(actor, [order.party_id])[order.party_id]
    assert {row.kind for row in kept} == {"identity-front", "identity-back"}
    nodes = {
        w["node"] for w in orders.described(actor, orders.order(actor, order.id))["work_items"]
    }
    assert "DocumentReview" not in nodes


def test_page_shows_the_camera_and_after_a_refusal_the_photo_is_still_there(
    review, signed_in, part
):
    _order, item = review
    client = signed_in("clerk")
    html = client.get(f"/work/{item.id}/", headers=part).content.decode()
    assert f'data-upload="/work/{item.id}/photo?field=customer_front"' in html
    front = send(client, url(item)).json()["id"]
    answer = client.post(
        f"/work/{item.id}/complete", {"customer_front": front}, headers=part
    )  # the decision is missing
    assert answer.status_code == 422
    html = answer.content.decode()
    assert f'value="{front}" data-photo-id' in html
    assert "已加密保存" in html
    assert f'src="/attachments/{front}"' not in html, "a person's document is read by a click only"


def test_looking_at_a_document_is_recorded(review, signed_in):
    _order, item = review
    client = signed_in("clerk")
    front = send(client, url(item)).json()["id"]
    shown = client.get(f"/attachments/{front}")
    assert shown["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (160, 120)
    assert AuditEntry.objects.filter(kind="attachment.read").count() == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "空"),
        (b"\x00\x00\x00\x18ftypheic" + b"0" * 99, "HEIC"),
        (b"\x89PNG\r\n\x1a\n broken", "损坏"),
        (b"not a photo", "JPEG"),
    ],
)
def test_what_is_no_photo_is_refused_in_a_sentence(review, signed_in, data, said):
    _order, item = review
    answer = send(signed_in("clerk"), url(item), data)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert not Attachment.objects.exists()


def test_no_file_and_no_such_field_are_refused(review, signed_in):
    _order, item = review
    client = signed_in("clerk")
    assert client.post(url(item)).status_code == 422
    assert "不要这张照片" in send(client, url(item, "decision")).json()["error"]


def test_another_branch_and_another_hand_take_no_photos(world, review, signed_in):
    _order, item = review
    assert send(signed_in("foreigner"), url(item)).status_code == 404
    assert send(signed_in("installer"), url(item)).status_code == 422
    front = send(signed_in("clerk"), url(item)).json()["id"]
    assert signed_in("foreigner").get(f"/attachments/{front}").status_code == 404
    signed_in("foreigner").post(f"/attachments/{front}/discard")
    assert Attachment.objects.filter(pk=front).exists()


def test_taking_back_forgets_and_evidence_stays(review, signed_in, part):
    _order, item = review
    client = signed_in("clerk")
    front = send(client, url(item)).json()["id"]
    for _twice in range(2):
        assert client.post(f"/attachments/{front}/discard").status_code == 204
    assert not Attachment.objects.exists()
    front, back = (
        send(client, url(item, field)).json()["id"] for field in ("customer_front", "customer_back")
    )
    client.post(
        f"/work/{item.id}/complete",
        {"decision": "corrected", "customer_front": front, "customer_back": back},
        headers=part,
    )
    answer = client.post(f"/attachments/{front}/discard")
    assert answer.status_code == 422
    assert "归档" in answer.json()["error"]


def test_a_made_up_or_borrowed_photo_is_refused_at_its_field(world, review, signed_in, part):
    order, item = review
    client = signed_in("clerk")
    other = world.order(2, read=False)
    theirs = process.open_items_of(world.actor("supervisor"), [other.id])[other.id][0]
    borrowed = send(client, url(theirs)).json()["id"]
    for wrong in (str(uuid4()), borrowed, "front.jpg"):
        answer = client.post(
            f"/work/{item.id}/complete",
            {"decision": "corrected", "customer_front": wrong},
            headers=part,
        )
        assert answer.status_code == 422, wrong
        assert 'id="e-customer_front"' in answer.content.decode()
    assert parties.documents(world.actor("clerk"), order.party_id)[0].evidence == []
    assert Attachment.objects.get().pending_until is not None


def test_agents_photo_of_an_order_without_agent_is_refused(review, signed_in, part):
    _order, item = review
    client = signed_in("clerk")
    front = send(client, url(item, "agent_front")).json()["id"]
    answer = client.post(
        f"/work/{item.id}/complete", {"decision": "corrected", "agent_front": front}, headers=part
    )
    assert answer.status_code == 422
    assert "代办人" in answer.content.decode()


def test_examples_take_real_photos(world, review):
    order, item = review
    actor = world.actor("clerk")
    detail = process.work_item(actor, item.id)
    pinned = detail.parameters["playbook"]
    form = playbooks.queries.form(pinned["key"], pinned["hash"], detail.definition.form)
    number = next(n for n, one in enumerate(form.content["examples"]) if "photo" in json.dumps(one))
    data = playbooks.queries.example_for(
        playbook=pinned["key"],
        version=pinned["hash"],
        file=detail.definition.form,
        branch_id=item.branch_id,
        index=number,
        photo=photos.camera(actor=actor, item_id=item.id),
    )
    playbooks.complete_work(actor=actor, item_id=item.id, data=data)
    assert len(parties.documents(actor, order.party_id)[0].evidence) == 2
