"""Devices of a hall (设备) on the command line."""

from __future__ import annotations

import argparse
import json
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.hall import services as hall
from kaitong.org import devices
from kaitong.org import queries as org
from kaitong.org.actor import Actor


def device_add(asked: argparse.Namespace) -> None:
    branch = org.branch_by_code(asked.branch)
    device, code = hall.add_device(actor=Actor.system(), title=asked.title, branch_id=branch.pk)
    _tell(device.pk, code)


def device_code(asked: argparse.Namespace) -> None:
    key = _key(asked.id)
    _tell(key, devices.renew(actor=Actor.system(), device_id=key))


def device_revoke(asked: argparse.Namespace) -> None:
    devices.revoke(actor=Actor.system(), device_id=_key(asked.id))


def device_list(asked: argparse.Namespace) -> None:
    facts = [
        {
            "id": str(one.pk),
            "title": one.staff.name,
            "branch": one.staff.branch.name if one.staff.branch else "",
            "paired_at": one.paired_at.isoformat() if one.paired_at else None,
            "until": one.until.isoformat() if one.until else None,
            "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
        }
        for one in devices.devices(Actor.system())
    ]
    if asked.json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for fact in facts:
        state = (fact["revoked_at"] and "revoked") or fact["until"] or "not paired"
        print(f"{fact['id']}  {fact['title']}  {fact['branch']}  {state}")


def _tell(key: UUID, code: str) -> None:
    print(_("设备 %(id)s 的配对码：%(code)s（半小时内在设备上打开 /queue/device/ 输入）") % {
        "id": key, "code": code,
    })  # fmt: skip


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput(
            [InputFault("id", _("不是设备的编号。"), _("用 ./run kaitong device list 查看。"))]
        ) from None
