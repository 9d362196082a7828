"""Photos: what a camera sends is never stored as it came, and an upload becomes evidence once."""

import io
import threading
import time
import zlib
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections, transaction
from PIL import Image, ImageChops

from kaitong.core import clock
from kaitong.core.errors import NotFound
from kaitong.core.models import AuditEntry
from kaitong.documents import pictures, queries, services
from kaitong.documents.errors import AttachmentRefused
from kaitong.documents.models import Attachment

pytestmark = pytest.mark.django_db
WORDS = "仅用于办理家庭宽带业务"
DRAFT, ORDER = uuid4(), uuid4()


def photo(size=(900, 600), colour=(200, 210, 190), form="JPEG", **more):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form, **more)
    return out.getvalue()


def store(actor, data=None, kind="identity-front", owner=DRAFT, slot="front", **more):
    return services.store_photo(
        actor=actor,
        data=data if data is not None else photo(),
        kind=kind,
        owner_type="draft",
        owner_id=owner,
        watermark=WORDS,
        slot=slot,
        **more,
    )


def opened(actor, row):
    return Image.open(io.BytesIO(services.open_attachment(actor, row.pk).data))


def use(actor, row, **more):
    asked = {"kind": "identity-front", "from_id": DRAFT, "owner_id": ORDER, **more}
    return services.use_photo(actor=actor, attachment_id=row.pk, owner_type="order", **asked)


def test_photo_is_kept_upright_without_a_trace_of_the_camera(clerk):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by a quarter
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825)[2] = (29.0, 47.0, 1.0)  # where it was taken
    picture = Image.new("RGB", (800, 400), (40, 40, 40))
    picture.paste((250, 250, 250), (0, 0, 100, 400))  # the left edge, which is the top when upright
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    kept = opened(clerk, store(clerk, out.getvalue() + b"bytes behind the picture"))
    assert kept.size == (400, 800)
    assert min(kept.getpixel((200, 30))) > 140
    assert max(kept.getpixel((200, 400))) < 140
    assert not kept.getexif()
    raw = services.open_attachment(clerk, Attachment.objects.get().pk).data
    assert b"SecretPhone" not in raw
    assert b"behind" not in raw


def test_words_stand_over_the_whole_picture_and_say_who_where_when(clerk, monkeypatch):
    said = []
    draw = pictures._watermark
    monkeypatch.setattr(
        pictures, "_watermark", lambda p, lines: (said.append(lines), draw(p, lines))[1]
    )
    kept = opened(clerk, store(clerk, photo((1200, 900), (128, 128, 128))))
    (words, facts) = said[0]
    assert words == WORDS
    assert facts.startswith("休宁分公司 · clerk · 20")
    plain = Image.new("RGB", kept.size, (128, 128, 128))
    changed = ImageChops.difference(kept.convert("RGB"), plain).convert("L")
    for left in range(0, 1200, 300):  # no part of it can be used without the words
        for top in range(0, 900, 300):
            box = changed.crop((left, top, left + 300, top + 300))
            assert box.getextrema()[1] > 40, (left, top)


def test_large_photo_is_scaled_down_and_a_transparent_signature_gets_paper(clerk):
    assert max(opened(clerk, store(clerk, photo((5000, 3000)))).size) == pictures.LONGEST_EDGE
    ink = Image.new("RGBA", (400, 200), (0, 0, 0, 0))
    out = io.BytesIO()
    ink.save(out, "PNG")
    signature = opened(clerk, store(clerk, out.getvalue(), kind="signature", slot="sign"))
    assert signature.convert("L").getextrema()[1] > 240


def bomb():
    """A PNG whose head claims thirty thousand by thirty thousand pixels."""
    data = bytearray(photo((100, 100), form="PNG"))
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "空"),
        (b"%PDF-1.7 not a photo", "JPEG"),
        (b"\x00\x00\x00\x18ftypheic" + b"0" * 400, "HEIC"),
        (photo()[:700], "损坏"),
        (b"\xff\xd8\xff\xe0" + b"noise" * 100, "损坏"),
        (b"\x89PNG\r\n\x1a\n" + b"noise" * 100, "损坏"),
        (bomb(), "像素"),
        (photo((40, 40)), "太小"),
        (b"\xff\xd8\xff" + b"0" * pictures.LARGEST_FILE, "20 MB"),
    ],
    ids=["empty", "pdf", "heic", "cut-off", "no-jpeg", "no-png", "bomb", "tiny", "too-large"],
)
def test_file_that_is_no_photo_is_refused_in_words_and_leaves_nothing(clerk, data, said):
    with pytest.raises(AttachmentRefused, match=said) as refused:
        store(clerk, data)
    assert str(refused.value.remedy)
    assert not Attachment.objects.exists()


def test_upload_is_no_record_until_it_is_used_and_then_stays(clerk):
    row = store(clerk)
    assert queries.attachments(clerk, [DRAFT, ORDER]) == {}
    assert queries.uploads(clerk, DRAFT) == {"front": row}
    assert use(clerk, row).pk == use(clerk, row).pk == row.pk
    assert queries.attachments(clerk, [DRAFT, ORDER]) == {ORDER: [row]}
    assert queries.uploads(clerk, DRAFT) == {}
    with pytest.raises(AttachmentRefused, match="归档"):
        services.discard_upload(actor=clerk, attachment_id=row.pk)
    services.sweep_uploads()
    assert Attachment.objects.count() == 1


def test_upload_of_another_job_kind_or_branch_proves_nothing(clerk, foreigner):
    row = store(clerk)
    for wrong in ({"from_id": uuid4()}, {"kind": "port-label"}):
        with pytest.raises(AttachmentRefused):
            use(clerk, row, **wrong)
    with pytest.raises(AttachmentRefused):
        use(foreigner, row)
    with pytest.raises(NotFound):
        store(foreigner, branch_id=clerk.branch_id)
    services.discard_upload(actor=foreigner, attachment_id=row.pk)  # hears nothing, does nothing
    use(clerk, row)
    with pytest.raises(AttachmentRefused):  # nor can it be moved on to another order
        use(clerk, row, owner_id=uuid4())


def test_retaking_replaces_and_taking_back_forgets(clerk):
    store(clerk)
    again = store(clerk, photo(colour=(10, 10, 10)))
    back = store(clerk, kind="identity-back", slot="back")
    assert queries.uploads(clerk, DRAFT) == {"front": again, "back": back}
    assert Attachment.objects.count() == 2
    services.discard_upload(actor=clerk, attachment_id=back.pk)
    services.discard_upload(actor=clerk, attachment_id=back.pk)
    assert queries.uploads(clerk, DRAFT) == {"front": again}


def test_uploads_nobody_used_are_swept_and_those_of_a_living_draft_are_not(clerk):
    store(clerk, owner=uuid4())
    held = store(clerk)
    services.hold_uploads(actor=clerk, owner_id=DRAFT, until=clock.now() + timedelta(days=3))
    Attachment.objects.exclude(pk=held.pk).update(pending_until=clock.now() - timedelta(minutes=1))
    assert services.sweep_uploads() == 1
    assert list(Attachment.objects.all()) == [held]
    services.discard_uploads(owner_ids=[DRAFT])
    assert not Attachment.objects.exists()


def test_reading_a_face_of_the_card_is_recorded(clerk):
    row = store(clerk)
    services.open_attachment(clerk, row.pk)
    services.open_attachment(clerk, store(clerk, kind="power", slot="power").pk)
    entry = AuditEntry.objects.get(kind="attachment.read")
    assert entry.data["kind"] == "identity-front"


@pytest.mark.django_db(transaction=True)
def test_two_forms_at_once_use_one_upload_for_one_order(county, staff_of):
    actor = staff_of(county, "clerk", "clerk")
    row = store(actor)
    orders, won = [uuid4(), uuid4()], []
    gate = threading.Barrier(2)

    def send(order):
        gate.wait()
        try:
            use(actor, row, owner_id=order)
            won.append(order)
        except AttachmentRefused:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert Attachment.objects.get().owner_id == won[0]


@pytest.mark.django_db(transaction=True)
def test_taken_back_while_its_form_is_sent_it_stays_evidence(county, staff_of):
    clerk = staff_of(county, "clerk", "clerk")
    row = store(clerk)
    used, refused = threading.Event(), []

    def discard():
        used.wait()
        try:
            services.discard_upload(actor=clerk, attachment_id=row.pk)
        except AttachmentRefused as refusal:
            refused.append(refusal)
        finally:
            connections.close_all()

    thread = threading.Thread(target=discard)
    thread.start()
    with transaction.atomic():
        use(clerk, row)
        used.set()
        time.sleep(0.3)  # the other waits for this transaction
    thread.join()
    assert Attachment.objects.get().owner_id == ORDER
    assert refused
