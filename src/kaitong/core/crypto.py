"""Encryption of people's data and secrets at rest.

AES-256-GCM. Each ciphertext is bound to its purpose and its row (associated data), so that moving
it into another row or column makes it unreadable. Keys have versions and live in
`KAITONG_HOME/keys`, outside every database dump. A keyed HMAC-SHA256 gives a blind index for
equality search.

Stored form: one byte of format (1), two bytes of key version, 12 bytes of nonce, ciphertext + tag.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import models

from kaitong.core.errors import KaitongError
from kaitong.core.home import private_folder

_FORMAT = b"\x01"
_KEY_BYTES = 32


class CryptoError(KaitongError):
    """A ciphertext cannot be read: wrong key folder, wrong row, or tampered with."""

    default_code = "crypto"


def _key_folder() -> Path:
    return _folder(os.environ.get("KAITONG_HOME"))


@lru_cache(maxsize=8)
def _folder(_home: str | None) -> Path:
    """Made, and made private, when it is first asked for: not for each value that is sealed."""
    return private_folder("keys")


def _create_once(path: Path, content: bytes) -> None:
    """Write a key file atomically; the first of several processes wins and all use its key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@lru_cache(maxsize=32)
def _read_key(folder: Path, name: str) -> bytes:
    key = bytes.fromhex((folder / name).read_text().strip())
    if len(key) != _KEY_BYTES:
        raise CryptoError(f"Key file {name} is damaged.", "Restore the keys folder from backup.")
    return key


def _versions(folder: Path) -> list[int]:
    return sorted(int(p.stem[1:]) for p in folder.glob("v*.key") if p.stem[1:].isdigit())


@lru_cache(maxsize=4)
def _newest(folder: Path) -> list[int]:
    """The newest version as this process knows it: one number, which grows."""
    versions = _versions(folder)
    if not versions:
        _create_once(folder / "v1.key", os.urandom(_KEY_BYTES).hex().encode())
        versions = _versions(folder)
    return [versions[-1]]


def _current_version(folder: Path) -> int:
    """The newest version there is. Another process may have made one since it was last asked:
    whether the next has come is one look at a name, whose file comes whole or not at all."""
    known = _newest(folder)
    version = known[0]
    while os.access(f"{folder}/v{version + 1}.key", os.F_OK):
        version += 1
    known[0] = version
    return version


def _data_key(folder: Path, version: int) -> bytes:
    try:
        return _read_key(folder, f"v{version}.key")
    except FileNotFoundError:
        raise CryptoError(
            f"Encryption key version {version} is missing.",
            "Restore the keys folder that belongs to this database.",
        ) from None


def _index_key() -> bytes:
    folder = _key_folder()
    try:
        return _read_key(folder, "index.key")
    except FileNotFoundError:
        _create_once(folder / "index.key", os.urandom(_KEY_BYTES).hex().encode())
    return _read_key(folder, "index.key")


@lru_cache(maxsize=32)
def _cipher(folder: Path, version: int) -> AESGCM:
    """The cipher of a key, made once: it is asked with a nonce of its own each time."""
    return AESGCM(_data_key(folder, version))


def rotate() -> int:
    """Make a new key version; new ciphertexts of every process use it, old ones stay readable.
    Two at once make one."""
    folder = _key_folder()
    version = _current_version(folder) + 1
    _create_once(folder / f"v{version}.key", os.urandom(_KEY_BYTES).hex().encode())
    return _current_version(folder)


def versions() -> list[int]:
    """The key versions there are, oldest first."""
    folder = _key_folder()
    _current_version(folder)
    return _versions(folder)


def forget_cached_keys() -> None:
    """Drop keys held in memory (after `KAITONG_HOME` changed, in tests)."""
    _read_key.cache_clear()
    _newest.cache_clear()
    _cipher.cache_clear()
    _folder.cache_clear()


def _associated(purpose: str, row_id: UUID | str) -> bytes:
    return f"{purpose}\x1f{row_id}".encode()


def seal(purpose: str, row_id: UUID | str, plain: bytes) -> bytes:
    """Encrypt `plain`, readable again only with the same purpose and row."""
    folder = _key_folder()
    version = _current_version(folder)
    nonce = os.urandom(12)
    body = _cipher(folder, version).encrypt(nonce, plain, _associated(purpose, row_id))
    return _FORMAT + version.to_bytes(2) + nonce + body


def unseal(purpose: str, row_id: UUID | str, stored: bytes) -> bytes:
    """The plain bytes; CryptoError when the key, the row or the bytes are not the right ones."""
    stored = bytes(stored)
    if stored[:1] != _FORMAT or len(stored) < 1 + 2 + 12 + 16:
        raise CryptoError("This is not an encrypted value of Kaitong.")
    version = int.from_bytes(stored[1:3])
    try:
        return _cipher(_key_folder(), version).decrypt(
            stored[3:15], stored[15:], _associated(purpose, row_id)
        )
    except InvalidTag:
        raise CryptoError(
            "An encrypted value does not belong to this row, or was changed."
        ) from None


def blind_index(purpose: str, value: str) -> bytes:
    """A keyed fingerprint for equality search: equal values of one purpose look equal."""
    return hmac.new(_index_key(), f"{purpose}\x1f{value}".encode(), hashlib.sha256).digest()


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """A text kept as ciphertext bound to its row; in Python it is a plain `str`.

    The row's primary key is part of the associated data, so the key must be set before saving,
    as UUIDv7 keys of `core.models.Row` are. Use through instances (save, bulk_create); an
    `.update()` cannot know the row and is refused.
    """

    def __init__(self, *args: Any, purpose: str = "", **kwargs: Any) -> None:
        self.purpose = purpose
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["purpose"] = self.purpose
        return name, path, args, kwargs

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Sealed(self))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, _Plain):
            if model_instance.pk is None:
                raise CryptoError("An encrypted value needs its row's identifier before saving.")
            return seal(self.purpose, model_instance.pk, value.text.encode())
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, _Plain | str):
            raise CryptoError("An encrypted column is written through its row, never by update().")
        return super().get_db_prep_value(value, connection, prepared)


class _Plain:
    """A text set on an instance and not yet sealed. Its repr never shows it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<encrypted>"


class _Sealed:
    """The attribute of an encrypted field: reading unseals, setting keeps plain text till saved."""

    def __init__(self, field: EncryptedTextField) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        name = self.field.attname
        if name not in instance.__dict__:
            instance.refresh_from_db(fields=[name])
        value = instance.__dict__.get(name)
        if value is None:
            return None
        if isinstance(value, _Plain):
            return value.text
        return unseal(self.field.purpose, instance.pk, value).decode()

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, str):
            value = _Plain(value)
        instance.__dict__[self.field.attname] = value
