"""Speaking to a tax platform (开票平台): signed JSON over HTTP, both ways.

The protocol is ours and small: POST `/invoices` with a key; the same key gives the same invoice.
Request and answer carry an HMAC-SHA256 of their bytes under a shared secret, so that nobody between
can issue, or make us believe. A platform of another make gets an adapter with the same `issue`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.translation import gettext as _

from kaitong.charging.errors import ChargingRefused
from kaitong.core.errors import KaitongError

SIGNATURE = "X-Kaitong-Signature"
TIMEOUT = 5.0
_LARGEST = 64 * 1024


class PlatformAway(KaitongError):
    """No answer, or one that says later: worth another try."""

    default_code = "tax-away"


class PlatformRefused(ChargingRefused):
    """The platform says no: nothing was issued."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be issued. Money in fen; a red one names the number it takes back."""

    key: str
    kind: str
    amount_fen: int
    lines: Sequence[tuple[str, int]]
    buyer_name: str
    buyer_number: str
    seller_name: str
    seller_number: str
    red_of: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    number: str
    code: str
    at: datetime
    platform: str


class Adapter(Protocol):
    """A tax platform: `issue` may be called again with the same key and then changes nothing."""

    def issue(self, asked: Asked) -> Issued: ...


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class SignedHttp:
    """The platform behind an address and a shared secret."""

    def __init__(self, url: str, secret: str, timeout: float = TIMEOUT) -> None:
        self.url, self.secret, self.timeout = url.rstrip("/"), secret, timeout

    def issue(self, asked: Asked) -> Issued:
        """Raises PlatformAway for no answer, PlatformRefused for a no, or a forged answer."""
        body = json.dumps(asdict(asked), ensure_ascii=False, sort_keys=True).encode()
        request = urllib.request.Request(  # noqa: S310 - register_tax_platform lets in http only
            f"{self.url}/invoices",
            data=body,
            headers={"Content-Type": "application/json", SIGNATURE: sign(self.secret, body)},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                return self._read(answer.read(_LARGEST), answer.headers.get(SIGNATURE, ""))
        except urllib.error.HTTPError as error:
            self._refused(error)
        except (urllib.error.URLError, TimeoutError, ConnectionError, OSError) as error:
            why = getattr(error, "reason", error)
            raise PlatformAway(
                _("开票平台没有应答（%(why)s）。") % {"why": type(why).__name__}
            ) from None
        raise AssertionError("not reached")

    def _refused(self, error: urllib.error.HTTPError) -> None:
        data = error.read(_LARGEST)
        if error.code >= 500:
            raise PlatformAway(
                _("开票平台暂时不能开票（%(code)s）。") % {"code": error.code}
            ) from None
        said = self._document(data, error.headers.get(SIGNATURE, ""))
        why = str(said.get("reason", ""))[:200]
        raise PlatformRefused(_("开票平台拒绝：%(why)s") % {"why": why}) from None

    def _read(self, data: bytes, signature: str) -> Issued:
        said = self._document(data, signature)
        try:
            return Issued(
                number=str(said["number"])[:40],
                code=str(said.get("code", ""))[:20],
                at=datetime.fromisoformat(said["issued_at"]),
                platform=str(said["platform"])[:80],
            )
        except (KeyError, ValueError, TypeError):
            raise PlatformAway(_("开票平台的应答不完整。")) from None

    def _document(self, data: bytes, signature: str) -> Mapping[str, Any]:
        if not hmac.compare_digest(sign(self.secret, data), signature):
            raise PlatformAway(_("开票平台的应答签名不符，没有采信。"))
        try:
            said = json.loads(data)
        except ValueError:
            raise PlatformAway(_("开票平台的应答不是 JSON。")) from None
        return said if isinstance(said, dict) else {}
