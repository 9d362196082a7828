"""Messages between Kaitong and an online channel, signed: by whom, when, and each by its name.

HMAC-SHA256 under a shared secret over time, identifier and body: none of them can be changed, and
what was good once is not good for long. Without a database, so that the lab's channel signs by the
same code.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from kaitong.core import clock
from kaitong.core.ids import uuid7

TIMESTAMP = "X-Kaitong-Pay-Timestamp"
CALLBACK_ID = "X-Kaitong-Pay-Id"
SIGNATURE = "X-Kaitong-Pay-Signature"
WINDOW = 300  # seconds a message is good for, either way


def sign(secret: str, timestamp: str, identifier: str, body: bytes) -> str:
    """The signature of a message: over its time and identifier too, so that neither is changed."""
    data = f"{timestamp}.{identifier}.".encode() + body
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def signed(
    secret: str, body: bytes, *, at: float | None = None, identifier: str = ""
) -> dict[str, str]:
    """The headers of a message signed now. An answer bears the identifier of what it answers."""
    timestamp = str(int(at if at is not None else clock.now().timestamp()))
    identifier = identifier or str(uuid7())
    return {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        CALLBACK_ID: identifier,
        SIGNATURE: sign(secret, timestamp, identifier, body),
    }


def verified(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """The identifier of a message that is truly signed and of these minutes; "" for any other."""
    timestamp, identifier = headers.get(TIMESTAMP, ""), headers.get(CALLBACK_ID, "")
    given = headers.get(SIGNATURE, "")
    if not (timestamp.isdecimal() and len(timestamp) < 12 and 8 <= len(identifier) <= 80):
        return ""
    right = sign(secret, timestamp, identifier, body)
    if not hmac.compare_digest(right.encode(), given.encode()):
        return ""
    if abs(clock.now().timestamp() - int(timestamp)) > WINDOW:
        return ""
    return identifier
