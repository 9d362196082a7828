"""The hall's tablet and board: devices of the post the playbook has for them (`posts: device`).

How long one stays signed in is the parameter `device-days` names.
"""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.hall import rules as tables
from kaitong.hall.errors import HallRefused
from kaitong.org import devices
from kaitong.org.actor import Actor
from kaitong.org.models import Device

USUAL_DAYS = 90


def add_device(
    *, actor: Actor, title: str, branch_id: UUID | None = None, device_id: UUID | None = None
) -> tuple[Device, str]:
    """A device of the hall, and the code to type into its browser."""
    rules = tables.required()
    posts = rules.content["posts"].get("device", [])
    where = branch_id or actor.branch_id
    if not posts:
        raise HallRefused(_("业务流程包没有给设备的岗位。"), _("请在 hall: posts: 里写上 device。"))
    if where is None:
        raise HallRefused(_("没有所在的营业厅。"), _("请用营业厅人员的账号。"))
    return devices.add(
        actor=actor,
        branch_id=where,
        title=title,
        post=posts[0],
        days=tables.number(rules, "device-days", USUAL_DAYS),
        device_id=device_id,
    )
