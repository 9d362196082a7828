"""How people's data look on a screen by default. Reading in clear is a recorded act."""

from __future__ import annotations

import re

_MOBILE = re.compile(r"(?<![0-9A-Za-z])((?:\+?86)?1[3-9]\d)\d{4}(\d{4})(?![0-9A-Za-z])")


def mask_name(name: str) -> str:
    """张三伟 -> 张*伟, 王明 -> 王*; an organisation keeps its first four and last two signs."""
    text = name.strip()
    if len(text) <= 1:
        return "*" if text else ""
    if len(text) == 2:
        return text[0] + "*"
    if len(text) <= 4:
        return text[0] + "*" * (len(text) - 2) + text[-1]
    return (
        text[:4] + "…" + text[-2:] if len(text) > 6 else text[:2] + "*" * (len(text) - 3) + text[-1]
    )


def mask_phone(phone: str) -> str:
    """13812345678 -> 138****5678; short numbers keep their last two digits."""
    text = phone.strip()
    if len(text) >= 7:
        return text[:3] + "*" * (len(text) - 7) + text[-4:]
    return "*" * max(len(text) - 2, 0) + text[-2:]


def mask_mobiles(text: str) -> str:
    """A text with the mobile numbers in it masked as telephones are."""
    return _MOBILE.sub(r"\1****\2", text)


def mask_account(account: str) -> str:
    """An account (宽带账号) as records keep it: one that is a mobile number (BB-11) is somebody's
    telephone, one that a pool has made says nothing of anybody."""
    return mask_mobiles(account)


def mask_document(number: str) -> str:
    """341022199001011234 -> 341022********1234; shorter numbers keep two and two."""
    text = number.strip()
    if len(text) >= 15:
        return text[:6] + "*" * (len(text) - 10) + text[-4:]
    if len(text) <= 4:
        return "*" * len(text)
    return text[:2] + "*" * (len(text) - 4) + text[-2:]


def mask_secret(secret: str) -> str:
    """Nothing of a secret is shown, not even its length."""
    return "••••••" if secret else ""
