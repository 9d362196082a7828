"""Devices that sign in by themselves: made, paired with a browser, signed out for good.

A device holds one post and can do what that post may, on the pages `web.access` leaves open to it.
Its account has no password. A code of ten signs, good once and for half an hour, makes the browser
it is typed into the device; pairing anew ends the sign-in before.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Conflict, Forbidden, InputFault, NotFound
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.org.models import Branch, Device, Post, PostHolding, Staff
from kaitong.org.queries import visible_to

CODE_GOOD_FOR = timedelta(minutes=30)
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
_LENGTH = 10  # 49 bits: out of reach in half an hour


def add(
    *,
    actor: Actor,
    branch_id: UUID,
    title: str,
    post: str,
    days: int,
    device_id: UUID | None = None,
) -> tuple[Device, str]:
    """A device of a branch and the code that pairs it. The same identifier again gives the device
    and no code: that was told once, another is made by `renew`."""
    _require_leader(actor, branch_id)
    name = title.strip()
    if not 1 <= len(name) <= 40:
        raise BadInput([InputFault("title", _("没有填设备名称。"), _("请填 1 到 40 个字。"))])
    with audit.acting(actor.id, "device"), transaction.atomic():
        held = Post.objects.filter(key=post).first()
        if held is None:
            raise NotFound(_("没有岗位 %(post)s。") % {"post": post})
        branch = Branch.objects.select_for_update(no_key=True).get(pk=branch_id)  # two at once
        before = Device.objects.select_related("staff").filter(pk=device_id).first()
        if before is not None:
            return _seen(actor, before), ""
        key = device_id or uuid7()
        staff = Staff(username=f"device-{key.hex[-12:]}", name=name, branch=branch)
        staff.set_unusable_password()
        staff.save()
        PostHolding.objects.create(staff=staff, post=held)
        device = Device(pk=key, staff=staff, days=days, made_by=actor.id)
        code = _coded(device)
        device.save()
        _record("device-added", actor, device)
    return device, code


def renew(*, actor: Actor, device_id: UUID) -> str:
    """A new code for a device. Its sign-in goes on until the code is used."""
    with transaction.atomic():
        device = _locked(actor, device_id)
        if device.revoked_at is not None:
            raise Conflict(_("这台设备已停用。"), _("请新增设备。"))
        code = _coded(device)
        device.save(update_fields=["code", "code_until"])
        _record("device-code", actor, device)
    return code


def pair(*, code: str) -> Device:
    """Use a code: the caller's browser becomes the device. Once; whoever is second is refused."""
    typed = "".join(sign for sign in code.lower() if sign.isalnum())[:40]
    with transaction.atomic():
        rows = Device.objects.select_related("staff").select_for_update(of=("self",))
        device = rows.filter(code=_digest(typed)).first() if typed else None
        late = device is None or device.code_until is None or device.code_until <= now()
        if device is None or late or device.revoked_at is not None:
            raise NotFound(_("配对码不对，或已过期。"), _("请向班长要新的配对码。"), field="code")
        device.code, device.code_until = None, None
        device.paired_at = now()
        device.until = device.paired_at + timedelta(days=device.days)
        device.save(update_fields=["code", "code_until", "paired_at", "until"])
        device.staff.set_unusable_password()  # and with it every sign-in before is void
        device.staff.save(update_fields=["password"])
        _record("device-paired", Actor.system(), device)
    return device


def revoke(*, actor: Actor, device_id: UUID) -> None:
    """停用: signed out at its next request, for good. A second time changes nothing."""
    with audit.acting(actor.id, "device"), transaction.atomic():
        device = _locked(actor, device_id)
        if device.revoked_at is not None:
            return
        device.revoked_at, device.code, device.code_until = now(), None, None
        device.save(update_fields=["revoked_at", "code", "code_until"])
        device.staff.is_active = False
        device.staff.save(update_fields=["is_active"])
        _record("device-revoked", actor, device)


def devices(actor: Actor) -> list[Device]:
    """Devices of the actor's branches, those in use first."""
    rows = visible_to(Device.objects.select_related("staff__branch"), actor, "staff__branch_id")
    return sorted(rows, key=lambda row: (row.revoked_at is not None, row.created_at))


# ---- inside --------------------------------------------------------------------------------------


def _digest(code: str) -> bytes:
    return hashlib.sha256(f"kaitong.device:{code}".encode()).digest()


def _coded(device: Device) -> str:
    code = "".join(secrets.choice(_SIGNS) for _n in range(_LENGTH))
    device.code, device.code_until = _digest(code), now() + CODE_GOOD_FOR
    return f"{code[:5]}-{code[5:]}"


def _locked(actor: Actor, device_id: UUID) -> Device:
    rows = Device.objects.select_related("staff").select_for_update(of=("self",))
    return _seen(actor, rows.filter(pk=device_id).first())


def _seen(actor: Actor, device: Device | None) -> Device:
    if device is None or not actor.sees(device.staff.branch_id):
        raise NotFound(_("没有这台设备。"), _("请刷新页面。"))
    _require_leader(actor, device.staff.branch_id)
    return device


def _require_leader(actor: Actor, branch_id: UUID | None) -> None:
    if not actor.sees(branch_id):
        raise NotFound(_("没有这个分公司。"))
    if not actor.is_supervisor:
        raise Forbidden(_("设备由班长管理。"), _("请由班长办理。"))


def _record(kind: str, actor: Actor, device: Device) -> None:
    audit.record(
        kind,
        actor_id=actor.id,
        subject_type="org.Device",
        subject_id=device.pk,
        branch_id=device.staff.branch_id,
        data={"title": device.staff.name},
    )
