"""The file store: content-addressed, encrypted, on disk before the database knows of it.

A file's address is a keyed fingerprint of its content, so that equal files are kept once and
nobody can test from outside whether a known picture is stored. Order of a write: the sealed file is
written under another name, fsynced, renamed, its folder fsynced; then comes the row. A transaction
that fails leaves a file without row, which ``sweep`` removes; a row without file cannot arise.

Writers hold a shared advisory lock until their transaction ends, the sweeper an exclusive one: what
somebody is about to refer to is never swept.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction

from kaitong.core import clock
from kaitong.core.crypto import CryptoError, blind_index, seal, unseal
from kaitong.core.home import private_folder
from kaitong.documents.errors import StoreError
from kaitong.documents.models import Blob

PURPOSE = "documents.blob"
LOCK = 0x6B61_6974  # "kait": the advisory lock of the file store
YOUNGEST_SWEPT = timedelta(hours=24)


def put(data: bytes) -> Blob:
    """Store content; must run inside the transaction that will refer to it."""
    if not connection.in_atomic_block:
        raise StoreError("A file is stored within a transaction only.", "Call it from a verb.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])
    address = blind_index(PURPOSE, hashlib.sha256(data).hexdigest()).hex()
    path = _path(address)
    if not path.exists():
        _write(path, seal(PURPOSE, address, data))
    Blob.objects.bulk_create(
        [Blob(address=address, size=len(data), created_at=clock.now())], ignore_conflicts=True
    )
    return Blob.objects.get(pk=address)


def get(blob: Blob) -> bytes:
    """The content; raises ``StoreError`` when the file is gone or was changed."""
    try:
        return unseal(PURPOSE, blob.address, _path(blob.address).read_bytes())
    except FileNotFoundError:
        raise StoreError(
            f"The stored file {blob.address[:12]} is missing.",
            "Restore the folder of files that belongs to this database.",
        ) from None
    except CryptoError:
        raise StoreError(
            f"The stored file {blob.address[:12]} is damaged.", "Restore it from backup."
        ) from None


def sweep(*, older_than: timedelta = YOUNGEST_SWEPT) -> int:
    """Remove files no row refers to, and rows no attachment or paper refers to; how many files.

    Does nothing while somebody stores: it comes again.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(
                "DELETE FROM documents_blob b WHERE created_at < %s"
                " AND NOT EXISTS (SELECT FROM documents_attachment a WHERE a.blob_id = b.address)"
                " AND NOT EXISTS (SELECT FROM documents_paper p WHERE p.blob_id = b.address)",
                [clock.now() - older_than],
            )
        before = (clock.now() - older_than).timestamp()
        known = set(Blob.objects.values_list("address", flat=True))
        orphans = [
            path for path in _files() if path.name not in known and path.stat().st_mtime < before
        ]
    # Rows first, committed; then files. Killed in between, files remain, which is harmless.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return 0
        names = [path.name for path in orphans]
        again = set(Blob.objects.filter(pk__in=names).values_list("address", flat=True))
        gone = [path for path in orphans if path.name not in again]
        for path in gone:
            path.unlink(missing_ok=True)
    return len(gone)


def _path(address: str) -> Path:
    return private_folder("files", address[:2]) / address


def _files() -> Iterator[Path]:
    for folder in sorted(private_folder("files").iterdir()):
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if path.is_file())


def _write(path: Path, sealed: bytes) -> None:
    """All or nothing, and on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
