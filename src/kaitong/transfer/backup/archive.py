"""The file of a backup: a ZIP of tables in COPY's text form, files, and a manifest of all of it.

No format of one PostgreSQL version: what 15 wrote 18 reads, and the other way round. The schema is
not in it; migrations make it, exactly those the manifest names.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

from kaitong.transfer.errors import BackupRefused, UnreadableFile

FORMAT = 1
MANIFEST = "manifest.json"
KEYS = "keys.sealed"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class TableFacts:
    name: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str

    @property
    def member(self) -> str:
        return f"tables/{self.name}.copy"


@dataclass(frozen=True, slots=True)
class FileFacts:
    path: str  # below KAITONG_HOME/files
    bytes: int
    sha256: str

    @property
    def member(self) -> str:
        return f"files/{self.path}"


@dataclass(slots=True)
class Manifest:
    """What a backup holds, and what it needs."""

    made_at: str
    version: str
    postgresql: int
    migrations: list[list[str]]
    format: int = FORMAT
    tables: list[TableFacts] = field(default_factory=list)
    files: list[FileFacts] = field(default_factory=list)
    # name -> (last value, is called)
    sequences: dict[str, list[Any]] = field(default_factory=dict)
    # partitioned table -> [(partition, its bound)]
    partitions: dict[str, list[list[str]]] = field(default_factory=dict)
    # digests of the key files: whether a keys folder is the right one, never the keys
    keys: dict[str, str] = field(default_factory=dict)
    with_keys: bool = False

    def dumped(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    @classmethod
    def loaded(cls, data: bytes) -> Manifest:
        facts = json.loads(data)
        facts["tables"] = [TableFacts(**table) for table in facts["tables"]]
        facts["files"] = [FileFacts(**file) for file in facts["files"]]
        return cls(**facts)


class Hashing:
    """Writes on, counting and hashing."""

    def __init__(self, target: IO[bytes]) -> None:
        self.target, self.bytes, self.hash = target, 0, hashlib.sha256()

    def write(self, block: bytes) -> None:
        self.bytes += len(block)
        self.hash.update(block)
        self.target.write(block)


@contextmanager
def writing(path: Path) -> Iterator[zipfile.ZipFile]:
    """A new archive, readable by its owner only, in place when it is whole and on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def reading(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """An archive and its manifest."""
    refused = UnreadableFile(
        _("%(name)s 不是开通的备份文件，或不完整。") % {"name": path.name}, _("检查文件名。")
    )
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        raise refused from None
    with archive:
        try:
            facts = archive.read(MANIFEST)
            found = json.loads(facts).get("format")
        except (KeyError, ValueError, zipfile.BadZipFile, AttributeError):
            raise refused from None
        if found != FORMAT:
            raise BackupRefused(
                _("备份的格式是 %(found)s，本版本只认得 %(known)s。")
                % {"found": found, "known": FORMAT},
                _("用制作它的版本恢复。"),
            )
        try:
            yield archive, Manifest.loaded(facts)
        except (zipfile.BadZipFile, EOFError) as error:
            raise refused from error


def verify(archive: zipfile.ZipFile, manifest: Manifest, name: str) -> None:
    """Every member is there and has the bytes it was written with."""
    wanted = [(t.member, t.sha256) for t in manifest.tables]
    wanted += [(f.member, f.sha256) for f in manifest.files]
    for member, digest in wanted:
        total = hashlib.sha256()
        try:
            with archive.open(member) as source:
                while block := source.read(_BLOCK):
                    total.update(block)
        except (KeyError, zipfile.BadZipFile, EOFError, OSError, ValueError):
            total = hashlib.sha256(b"unreadable")
        if total.hexdigest() != digest:
            raise BackupRefused(
                _("%(name)s 里的 %(member)s 损坏或缺失。") % {"name": name, "member": member},
                _("用另一份备份。什么也没有改变。"),
            )
    if manifest.with_keys and KEYS not in archive.namelist():
        raise BackupRefused(
            _("%(name)s 里的 %(member)s 损坏或缺失。") % {"name": name, "member": KEYS},
            _("用另一份备份。什么也没有改变。"),
        )


def blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block
