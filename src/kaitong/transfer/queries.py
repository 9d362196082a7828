"""Reading long jobs."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation.reconciling import may_repair
from kaitong.core.errors import NotFound
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.transfer.models import Job

CARRY = "carry."  # lines that go to another element (transfer.carrying)


def carries(actor: Actor, key: str, *, limit: int = 6) -> list[Job]:
    """What was asked of an element's lines, the newest first."""
    rows = visible_to(Job.objects.defer("source", "result").select_related("asked_by"), actor)
    return list(rows.filter(kind__startswith=CARRY, name=key).order_by("-created_at")[:limit])


def jobs(actor: Actor, *, limit: int = 20) -> list[Job]:
    """Jobs of the actor's branches, newest first, without their files. Exports are their asker's
    alone: what is in them was read for them."""
    rows = visible_to(Job.objects.defer("source", "result").select_related("asked_by"), actor)
    rows = rows.exclude(kind__startswith=CARRY)
    mine = rows.filter(asked_by_id=actor.id) | rows.filter(kind__startswith="import.")
    return list(mine.order_by("-created_at")[:limit])


def own_job(actor: Actor, job_id: UUID, *, lock: bool = False) -> Job:
    """One job, or NotFound."""
    rows = visible_to(Job.objects.all(), actor).filter(pk=job_id)
    if lock:
        rows = rows.select_for_update(no_key=True)
    found = rows.first()
    hidden = found is not None and (
        (found.kind.startswith("export.") and found.asked_by_id != actor.id)
        or (found.kind.startswith(CARRY) and not may_repair(actor))
    )
    if found is None or hidden:
        raise NotFound(_("没有这项导入导出。"), _("请刷新页面。"))
    return found
