"""Verbs: issue and revoke tokens."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.audit import record
from kaitong.core.clock import now
from kaitong.core.errors import NotFound
from kaitong.org.actor import Actor
from kaitong.org.models import Staff
from kaitong.tmf.choices import Scope
from kaitong.tmf.errors import TokenRefused
from kaitong.tmf.models import ApiToken
from kaitong.tmf.queries import digest

PREFIX = "kt_"
#: A token is not noted as used more often than this.
USE_NOTED_EVERY = timedelta(hours=1)


@transaction.atomic
def issue_token(
    *,
    actor: Actor,
    staff_username: str,
    title: str = "",
    scopes: Iterable[str] | None = None,
    valid_days: int = 90,
) -> str:
    """Make a token for a member of staff and return it. It cannot be read again.

    People issue tokens for themselves; the system and administrators for anybody they see.
    """
    staff = Staff.objects.filter(username=staff_username, is_active=True, device=None).first()
    if staff is None or not (actor.id == staff.pk or actor.sees(staff.branch_id)):
        raise NotFound(
            _("没有在用的用户 %(name)s。") % {"name": staff_username}, field="staff_username"
        )
    if not (actor.is_system or actor.id == staff.pk or "admin" in actor.permissions):
        raise TokenRefused(_("替别人发令牌要由管理员办理。"))
    wanted = list(dict.fromkeys(Scope.values if scopes is None else scopes))
    unknown = sorted(set(wanted) - set(Scope.values))
    if unknown or not wanted:
        raise TokenRefused(
            _("没有权限 %(list)s。") % {"list": ", ".join(unknown)}
            if unknown
            else _("令牌至少要有一项权限。"),
            _("可用的权限：%(list)s。") % {"list": ", ".join(Scope.values)},
            field="scopes",
        )
    if not 1 <= valid_days <= 366:
        raise TokenRefused(_("令牌的有效期是 1 至 366 天。"), field="valid_days")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        staff=staff,
        title=title,
        digest=digest(secret),
        hint=secret[: len(PREFIX) + 6],
        scopes=wanted,
        expires_at=now() + timedelta(days=valid_days),
        issued_by=actor.id,
    )
    record(
        "token-issued",
        actor_id=actor.id,
        subject_type="tmf.ApiToken",
        subject_id=row.pk,
        branch_id=staff.branch_id,
        data={"staff": staff.username, "scopes": wanted},
    )
    return secret


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: UUID) -> None:
    """End a token at once. A second time changes nothing."""
    row = ApiToken.objects.select_for_update(of=("self",)).filter(pk=token_id).first()
    if row is None or not (actor.id == row.staff_id or actor.sees(row.staff.branch_id)):
        raise NotFound(_("没有这个令牌。"))
    if not (actor.is_system or actor.id == row.staff_id or "admin" in actor.permissions):
        raise TokenRefused(_("作废别人的令牌要由管理员办理。"))
    if row.revoked_at is not None:
        return
    row.revoked_at = now()
    row.save(update_fields=["revoked_at"])
    record(
        "token-revoked",
        actor_id=actor.id,
        subject_type="tmf.ApiToken",
        subject_id=row.pk,
        branch_id=row.staff.branch_id,
    )


def note_use(row: ApiToken) -> None:
    """Remember that a token is in use, at most once an hour, so that reads stay reads."""
    moment = now()
    if row.last_used_at is None or row.last_used_at < moment - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=moment)
