"""The hall's devices (设备): which tablets and boards are signed in, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.org import devices as org
from kaitong.org.actor import Actor
from kaitong.org.models import Device
from kaitong.web import format as fmt
from kaitong.web.pages.intake_parts import branch_name


@dataclass(frozen=True, slots=True)
class DeviceRow:
    id: UUID
    title: str
    branch: str
    state: str
    tone: str
    when: datetime | None  # paired, or revoked
    until: datetime | None
    living: bool


@dataclass(frozen=True, slots=True)
class DevicesPage:
    branch: str
    rows: tuple[DeviceRow, ...]
    key: str  # of the device that the form makes
    title: str = ""
    fault: str = ""
    code: str = ""
    code_for: str = ""


def page(
    actor: Actor, *, title: str = "", fault: str = "", code: str = "", code_for: str = ""
) -> DevicesPage:
    return DevicesPage(
        branch=branch_name(actor),
        rows=tuple(_row(one) for one in org.devices(actor)),
        key=str(uuid7()),
        title=title,
        fault=fault,
        code=code,
        code_for=code_for,
    )


def _row(device: Device) -> DeviceRow:
    state, tone = _("登录中"), "ok"
    if device.revoked_at is not None:
        state, tone = _("已停用"), "wait"
    elif device.paired_at is None:
        state, tone = _("等待配对"), "soon"
    elif device.until is not None and device.until <= now():
        state, tone = _("登录已到期"), "late"
    branch = device.staff.branch
    return DeviceRow(
        id=device.pk,
        title=device.staff.name,
        branch=("" if branch is None else branch.name)
        if fmt.in_chinese()
        else ("" if branch is None else branch.name_en or branch.name),
        state=state,
        tone=tone,
        when=device.revoked_at or device.paired_at,
        until=None if device.revoked_at else device.until,
        living=device.revoked_at is None,
    )
