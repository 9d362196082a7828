"""Who calls: `Authorization: Bearer kt_...`."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from kaitong.org.actor import Actor, actor_for
from kaitong.tmf.errors import ScopeMissing
from kaitong.tmf.queries import token_for
from kaitong.tmf.services import note_use


@dataclass(frozen=True, slots=True)
class Caller:
    """The member of staff a token stands for, and what the token may do."""

    actor: Actor
    staff_id: UUID
    scopes: frozenset[str]


class BearerToken(HttpBearer):
    """Demands a valid token that holds `scope`: none or a bad one is 401, a missing scope 403."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        row = token_for(token.strip())
        if row is None:
            return None
        if self.scope not in row.scopes:
            raise ScopeMissing(
                _("这个令牌没有权限 %(scope)s。") % {"scope": self.scope},
                _("请使用有这项权限的令牌。"),
            )
        note_use(row)
        return Caller(actor_for(row.staff), row.staff_id, frozenset(row.scopes))


def caller_of(request: HttpRequest) -> Caller:
    """The caller of an authenticated request."""
    caller: Caller = request.auth  # type: ignore[attr-defined]
    return caller
