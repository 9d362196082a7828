"""导入导出: what runs, how far it is and how long yet, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.org.actor import Actor
from kaitong.transfer import queries as transfer
from kaitong.transfer.choices import LIVING, JobState
from kaitong.transfer.kinds import LAYOUTS
from kaitong.transfer.models import Job

_TONES = {
    JobState.QUEUED: "wait",
    JobState.RUNNING: "you",
    JobState.DONE: "ok",
    JobState.REFUSED: "late",
    JobState.FAILED: "late",
    JobState.CANCELLED: "wait",
}


@dataclass(frozen=True, slots=True)
class JobRow:
    id: UUID
    title: str
    name: str
    who: str
    at: datetime
    state_text: str
    tone: str
    living: bool
    stage: str
    done: int
    total: int
    left: str
    summary: str
    error: str
    faults: tuple[dict[str, Any], ...]
    more_faults: int
    result_name: str
    stopping: bool


@dataclass(frozen=True, slots=True)
class TransfersPage:
    kinds: tuple[tuple[str, str], ...]
    rows: tuple[JobRow, ...]
    living: bool
    at: datetime


def transfers_page(actor: Actor) -> TransfersPage:
    rows = tuple(_row(job) for job in transfer.jobs(actor))
    return TransfersPage(
        kinds=tuple(
            (layout.key, str(layout.title))
            for layout in LAYOUTS.values()
            if not layout.shared and layout.posts & actor.posts
        ),
        rows=rows,
        living=any(row.living for row in rows),
        at=now(),
    )


def _row(job: Job) -> JobRow:
    what, _sep, kind = job.kind.partition(".")
    if what == "import":
        title = _("导入%(what)s") % {"what": LAYOUTS[kind].title}
    else:
        title = _("导出订单") if kind == "orders" else _("导出工单")
    state = JobState(job.state)
    living = job.state in LIVING
    return JobRow(
        id=job.pk,
        title=title,
        name=job.name,
        who=job.asked_by.name,
        at=job.created_at,
        state_text=str(state.label),
        tone=_TONES[state],
        living=living,
        stage=job.stage,
        done=job.done,
        total=job.total,
        left=_left(job) if living else "",
        summary=_summary(job),
        error=job.error,
        faults=tuple(job.faults),
        more_faults=max(int(job.summary.get("faults", 0)) - len(job.faults), 0),
        result_name=job.result_name,
        stopping=living and job.cancel_asked,
    )


def _left(job: Job) -> str:
    """The estimate of the stage, from its own speed."""
    if not job.stage_at or not job.done or job.done >= job.total:
        return ""
    gone = now() - job.stage_at
    left = gone * (job.total - job.done) / job.done
    if left < timedelta(minutes=1):
        seconds = max(round(left.total_seconds()), 1)
        return _("约 %(n)s 秒") % {"n": seconds}
    return _("约 %(n)s 分钟") % {"n": round(left.total_seconds() / 60)}


def _summary(job: Job) -> str:
    facts = job.summary
    if not facts:
        return ""
    if job.kind.startswith("export."):
        return _("%(n)s 行") % {"n": f"{facts['rows']:,}"}
    counts = {key: f"{facts[key]:,}" for key in ("added", "changed", "same", "refused", "faults")}
    if job.options.get("dry_run"):
        return _("试导入：将新增 %(added)s，修改 %(changed)s，不变 %(same)s。") % counts
    if not facts["written"]:
        return _("%(faults)s 处错误，什么也没有写入。") % counts
    text = _("新增 %(added)s，修改 %(changed)s，不变 %(same)s") % counts
    return text + (_("，退回 %(refused)s 行") % counts if facts["refused"] else "")
