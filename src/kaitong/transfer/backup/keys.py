"""The keys folder: told apart by digests, and sealed under a passphrase where it is asked for."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.utils.translation import gettext as _

from kaitong.core.home import home
from kaitong.transfer.errors import BackupRefused

SHORTEST = 12
# OWASP's password storage cheat sheet: scrypt with N=2^17, r=8, p=1.
_COST = 2**17
_PURPOSE = b"kaitong backup keys 1"


def key_files() -> dict[str, bytes]:
    """The key files of this state folder by name."""
    folder = home() / "keys"
    if not folder.is_dir():
        return {}
    return {p.name: p.read_bytes() for p in sorted(folder.glob("*.key")) if p.is_file()}


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Digests by name: keys are random, so their digest tells nothing about them."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def seal(files: Mapping[str, bytes], passphrase: str) -> bytes:
    """The files under a passphrase."""
    if len(passphrase) < SHORTEST:
        raise BackupRefused(
            _("口令太短。"), _("至少 %(shortest)s 个字符。") % {"shortest": SHORTEST}
        )
    salt, nonce = os.urandom(16), os.urandom(12)
    plain = json.dumps(
        {name: base64.b64encode(data).decode() for name, data in files.items()}
    ).encode()
    return salt + nonce + AESGCM(_derived(passphrase, salt)).encrypt(nonce, plain, _PURPOSE)


def unseal(sealed: bytes, passphrase: str) -> dict[str, bytes]:
    """The files again; refused when the passphrase is another."""
    try:
        plain = AESGCM(_derived(passphrase, sealed[:16])).decrypt(
            sealed[16:28], sealed[28:], _PURPOSE
        )
    except InvalidTag:
        raise BackupRefused(_("口令不对。"), _("用备份时的口令。什么也没有改变。")) from None
    return {name: base64.b64decode(data) for name, data in json.loads(plain).items()}


def _derived(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Key files into a folder, readable by their owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, data in files.items():
        if Path(name).name != name:
            raise BackupRefused(_("备份里的密钥文件名不对。"), _("用另一份备份。"))
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
