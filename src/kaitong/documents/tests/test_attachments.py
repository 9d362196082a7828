"""Files: sealed on disk, kept once, denied to other branches, swept when nothing needs them."""

import os
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections, transaction

from kaitong.core.errors import NotFound
from kaitong.core.models import AuditEntry
from kaitong.documents import blobs, queries, services
from kaitong.documents.errors import AttachmentRefused, StoreError
from kaitong.documents.models import Attachment, Blob

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"picture of a card" * 20
OWNER = uuid4()


def store(actor, data=PNG, kind="identity", owner=OWNER, **more):
    return services.store(
        actor=actor, data=data, kind=kind, owner_type="party", owner_id=owner, **more
    )


def files(folder):
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


def age(folder, hours=48):
    for path in files(folder):
        moment = path.stat().st_mtime - hours * 3600
        os.utime(path, (moment, moment))
    Blob.objects.update(created_at=blobs.clock.now() - timedelta(hours=hours))


def test_file_is_sealed_on_disk_and_opens_again(clerk, state_folder):
    row = store(clerk, title="正面")
    (path,) = files(state_folder)
    assert b"picture" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    opened = services.open_attachment(clerk, row.pk)
    assert (opened.data, opened.media_type, opened.title) == (PNG, "image/png", "正面")


def test_reading_identity_evidence_is_recorded_and_a_label_is_not(clerk):
    services.open_attachment(clerk, store(clerk).pk)
    services.open_attachment(clerk, store(clerk, kind="port-label").pk)
    entry = AuditEntry.objects.get(kind="attachment.read")
    assert (entry.subject_id, entry.actor_id, entry.data["kind"]) == (OWNER, clerk.id, "identity")


def test_equal_content_is_kept_once(clerk, state_folder):
    first, again = store(clerk), store(clerk)
    other = store(clerk, owner=uuid4())
    assert first.pk == again.pk != other.pk
    assert len(files(state_folder)) == 1
    assert Blob.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "more"),
    [
        (b"", {}),
        (b"MZ executable", {}),
        (b"RIFF0000WAVE", {}),
        (PNG, {"media_type": "image/jpeg"}),
        (PNG, {"kind": "poem"}),
        (b"\xff\xd8\xff" + b"0" * services.LARGEST, {}),
    ],
    ids=["empty", "program", "sound", "mislabelled", "unknown-kind", "too-large"],
)
def test_file_that_is_not_taken_leaves_nothing(clerk, state_folder, data, more):
    with pytest.raises(AttachmentRefused):
        store(clerk, data=data, **more)
    assert files(state_folder) == []
    assert not Attachment.objects.exists()


def test_another_branch_cannot_open_or_add(clerk, foreigner):
    row = store(clerk)
    with pytest.raises(NotFound):
        services.open_attachment(foreigner, row.pk)
    with pytest.raises(NotFound):
        store(foreigner, branch_id=clerk.branch_id, kind="other")
    assert queries.attachments(foreigner, [OWNER]) == {}
    assert queries.attachments(clerk, [OWNER], "identity") == {OWNER: [row]}
    assert not AuditEntry.objects.filter(kind="attachment.read").exists()


def test_damaged_and_missing_files_are_told_apart(clerk, state_folder):
    row = store(clerk)
    (path,) = files(state_folder)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(StoreError, match="damaged"):
        services.open_attachment(clerk, row.pk)
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        services.open_attachment(clerk, row.pk)


def test_file_of_a_failed_transaction_is_swept_and_a_needed_one_is_not(clerk, state_folder):
    kept = store(clerk)

    class Died(Exception):
        pass

    def die():
        with transaction.atomic():
            store(clerk, data=PNG + b"other")
            raise Died

    with pytest.raises(Died):
        die()
    assert len(files(state_folder)) == 2
    assert services.sweep_files() == 0, "young files may belong to a running transaction"
    age(state_folder)
    assert services.sweep_files() == 1
    assert services.open_attachment(clerk, kept.pk).data == PNG


def test_file_whose_last_owner_is_gone_is_swept(clerk, state_folder):
    store(clerk)
    age(state_folder)
    Attachment.objects.all().delete()
    assert services.sweep_files() == 1
    assert files(state_folder) == []
    assert not Blob.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sweeper_waits_for_who_is_storing(county, staff_of, state_folder):
    """A file about to be referred to again is old and unreferenced, and must survive."""
    actor = staff_of(county, "clerk", "clerk")
    store(actor)
    Attachment.objects.all().delete()
    age(state_folder)
    swept = []

    def sweep():
        try:
            swept.append(services.sweep_files())
        finally:
            connections.close_all()

    with transaction.atomic():
        again = store(actor)
        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        sweeper.join()
    assert swept == [0]
    assert services.open_attachment(actor, again.pk).data == PNG


@pytest.mark.django_db(transaction=True)
def test_storing_outside_a_transaction_is_refused(state_folder):
    with pytest.raises(StoreError, match="transaction"):
        blobs.put(PNG)
    assert not (state_folder / "files").exists()
