"""The verbs of long jobs: asking for one, taking it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.org.actor import Actor
from kaitong.transfer.choices import LIVING, JobState
from kaitong.transfer.importing import may_import
from kaitong.transfer.kinds import layout
from kaitong.transfer.models import Job
from kaitong.transfer.queries import own_job

LARGEST_UPLOAD = 20 * 1024 * 1024


def ask_import(
    *,
    actor: Actor,
    kind: str,
    name: str,
    data: bytes,
    skip_bad: bool = False,
    dry_run: bool = False,
) -> Job:
    """Queue an import into the actor's branch; the file is kept sealed until it is done."""
    may_import(actor, layout(kind), actor.branch_id)
    if not data:
        raise BadInput([InputFault("file", _("文件是空的。"), _("另选文件。"))])
    if len(data) > LARGEST_UPLOAD:
        remedy = _("拆成几个文件，或用 ./run kaitong import。")
        most = {"most": LARGEST_UPLOAD // 1024**2}
        raise BadInput([InputFault("file", _("文件大于 %(most)s MB。") % most, remedy)])
    options = {"skip_bad": skip_bad, "dry_run": dry_run}
    return _ask(actor, f"import.{kind}", name, options, data)


def ask_export(*, actor: Actor, kind: str, name: str, options: dict[str, Any]) -> Job:
    """Queue an export of what the options say."""
    return _ask(actor, f"export.{kind}", name, options, None)


@transaction.atomic
def _ask(actor: Actor, kind: str, name: str, options: dict[str, Any], data: bytes | None) -> Job:
    from kaitong.transfer.tasks import run

    if actor.id is None or actor.branch_id is None:
        raise Forbidden(_("没有所在分公司的人不能导入导出。"), _("请在 /admin/ 填写分公司。"))
    job = Job(
        branch_id=actor.branch_id,
        asked_by_id=actor.id,
        kind=kind,
        name=name[:200],
        options={**options, "language": get_language() or "zh-hans"},
    )
    job.put("source", data)
    job.save()
    run.defer(job_id=str(job.pk))
    return job


@transaction.atomic
def cancel(*, actor: Actor, job_id: UUID) -> Job:
    """Take a job back: one that waits never begins, a running one stops at its next step and
    leaves nothing. One that has ended stays as it is."""
    job = own_job(actor, job_id, lock=True)
    if job.state == JobState.QUEUED:
        job.state, job.ended_at = JobState.CANCELLED, now()
        job.put("source", None)
        job.save(update_fields=["state", "ended_at", "source"])
    elif job.state in LIVING:
        job.cancel_asked = True
        job.save(update_fields=["cancel_asked"])
    return job
