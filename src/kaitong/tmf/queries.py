"""Reading tokens."""

import hashlib

from kaitong.core.clock import now
from kaitong.org.actor import Actor
from kaitong.tmf.models import ApiToken


def digest(token: str) -> bytes:
    """What is kept of a token. It has 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


def token_for(secret: str) -> ApiToken | None:
    """The valid token of an active member of staff, or None."""
    row = ApiToken.objects.select_related("staff").filter(digest=digest(secret)).first()
    if row is None or not row.is_valid_at(now()) or not row.staff.is_active:
        return None
    return row


def tokens(actor: Actor) -> list[ApiToken]:
    """The tokens of staff of the actor's branches, newest first."""
    rows = ApiToken.objects.select_related("staff")
    if not actor.is_system:
        rows = rows.filter(staff__branch_id__in=actor.branch_ids)
    return list(rows)
