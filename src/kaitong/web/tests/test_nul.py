"""NUL in a text that is sent: refused in a sentence that names the field, and nothing is written.

An address with NUL is another matter: nonsense in it is passed over. Files hold any byte.
"""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from kaitong.documents import pictures
from kaitong.process import queries as process
from kaitong.process.models import Feedback, History, WorkItem

pytestmark = pytest.mark.django_db

WORK = [
    ("complete", "appointment_start"),
    ("return", "reason"),
    ("transfer", "reason"),
    ("help", "reason"),
    ("feedback", "text"),
    ("suspend", "reason"),
    ("suspend", "note"),
    ("dispatch", "reason"),
    ("urge", "reason"),
    ("release", "reason"),
]


@pytest.fixture
def item(world):
    order = world.order(1)
    return process.open_items_of(world.actor("supervisor"), [order.id])[order.id][0]


@pytest.mark.parametrize(("verb", "field"), WORK)
@pytest.mark.parametrize("partly", [True, False], ids=["part", "page"])
def test_no_form_of_a_work_item_keeps_it(item, signed_in, part, verb, field, partly):
    lines = History.objects.count()
    answer = signed_in("supervisor").post(
        f"/work/{item.id}/{verb}", {field: "客户\0要改"}, headers=part if partly else {}
    )
    assert answer.status_code == 422
    assert f"“{field}”里有不能保存的字符" in answer.content.decode()
    assert History.objects.count() == lines
    assert not Feedback.objects.exists()
    assert WorkItem.objects.get(pk=item.id).state == "todo"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/work/bulk/transfer", "reason"),
        ("/orders/{order}/withdraw", "note"),
        ("/incidents/{item}/note", "text"),
        ("/incidents/{item}/by-hand", "evidence"),
        ("/incidents/{item}/correct", "reason"),
        ("/incidents/{item}/hold", "to"),
        ("/incidents/retry", "pick"),
        ("/m/work/{item}/complete", "note"),
        ("/m/work/{item}/feedback", "text"),
        ("/m/work/{item}/suspend", "note"),
        ("/transfers/import", "kind"),
        ("/notices/retry", "pick"),
    ],
)
def test_no_other_form_keeps_it(item, signed_in, part, path, field):
    address = path.format(item=item.id, order=item.business_id)
    answer = signed_in("supervisor").post(address, {field: "\0"}, headers=part)
    assert answer.status_code == 422
    assert f"“{field}”" in answer.content.decode()
    assert answer["HX-Reswap"] == "none"  # what was typed stays


def test_what_was_sent_by_a_script_is_answered_as_one_reads_it(item, signed_in):
    answer = signed_in("supervisor").post(
        f"/work/{item.id}/feedback", {"text": "a\0"}, headers={"Accept": "application/json"}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "text")


def test_addresses_with_it_are_passed_over_and_photos_are_kept(item, signed_in):
    client = signed_in("installer")
    every = (
        "tab=%00&post=%00&step=x%00&product=%00&due=%00&node=%00&group=%00&cause=%00&q=%00&page=%00"
    )
    for address in ("/work/", "/incidents/", "/processes/", "/orders/", "/notices/", "/presence/"):
        assert client.get(f"{address}?{every}").status_code == 200, address
    assert b"\0" in pictures.tiny()
    shot = SimpleUploadedFile("a.jpg", pictures.tiny(), content_type="image/jpeg")
    answer = client.post(f"/work/{item.id}/photo?field=nothing", {"photo": shot})
    assert b"\xe7\xa9\xba\xe5\xad\x97\xe7\xac\xa6" not in answer.content  # 空字符
