"""Carrying out long jobs: progress others can see, cancelling, and again after a worker died.

The queue is Procrastinate's; a job is deferred in the transaction that asks for it. An import is
one transaction, so that a job whose worker died has left nothing and is simply run again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePath
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import override

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.database import state_url
from kaitong.core.errors import KaitongError
from kaitong.org.actor import actor_for
from kaitong.transfer import leftovers, tables
from kaitong.transfer.choices import JobState
from kaitong.transfer.importing import Outcome, bring_in
from kaitong.transfer.kinds import layout
from kaitong.transfer.models import Job
from kaitong.transfer.watch import Watch

log = logging.getLogger(__name__)

QUEUE = "transfer"
LONG_QUEUE = "carry"  # jobs of hours have a queue of their own: no import waits behind them
FAULTS_SHOWN = 50
KEPT = timedelta(days=7)
_TELL_EVERY = 0.5
_DEAD_AFTER = 30.0


class Cancelled(Exception):
    """Somebody took the job back."""


@dataclass(slots=True)
class Ended:
    """What a runner hands back."""

    state: str = JobState.DONE.value
    summary: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    result: bytes | None = None
    result_name: str = ""


Runner = Callable[[Job, Watch], Ended]
_runners: dict[str, Runner] = {}


def carried_out_by(kind: str, runner: Runner) -> None:
    """Say who carries out jobs of a kind (`export`): a package above this one, at its set-up."""
    _runners[kind] = runner


class _Telling:
    """Progress on a connection of its own: visible while the work's transaction is open."""

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        self.connection = psycopg.connect(state_url(), autocommit=True)
        self.told = 0.0

    def stage(self, name: str, total: int) -> None:
        self._tell(
            "stage = %s, total = %s, done = 0, stage_at = clock_timestamp()", [name[:60], total]
        )

    def tick(self, done: int) -> None:
        if time.monotonic() - self.told >= _TELL_EVERY:
            self._tell("done = %s", [done])

    def _tell(self, what: str, values: list[Any]) -> None:
        self.told = time.monotonic()
        row = self.connection.execute(
            f"UPDATE transfer_job SET {what} WHERE id = %s RETURNING cancel_asked".encode(),
            [*values, self.job_id],
        ).fetchone()
        if row is None or row[0]:
            raise Cancelled

    def close(self) -> None:
        self.connection.close()


def run(job_id: UUID) -> None:
    """Carry out one job, whatever becomes of it; again changes nothing once it has ended."""
    begun = Job.objects.filter(pk=job_id, state__in=(JobState.QUEUED, JobState.RUNNING)).update(
        state=JobState.RUNNING, started_at=now()
    )
    if not begun:
        return
    job = Job.objects.select_related("asked_by").get(pk=job_id)
    watch = _Telling(job_id)
    runner = _runners.get(job.kind.partition(".")[0], _import)
    try:
        with override(job.options.get("language", "zh-hans")):
            ended = runner(job, watch)
    except Cancelled:
        ended = Ended(JobState.CANCELLED)
    except KaitongError as refused:
        ended = _failed(job_id, str(refused))
    except Exception:
        log.exception("job %s failed", job_id)
        ended = _failed(job_id, _("系统出错，管理员可在日志里查到。"))
    finally:
        watch.close()
    job = Job.objects.get(pk=job_id)
    job.state, job.ended_at = ended.state, now()
    job.done = job.total if ended.state == JobState.DONE else job.done
    job.error = str(ended.summary.pop("error", ""))[:400]
    job.summary, job.faults, job.result_name = ended.summary, ended.faults, ended.result_name
    job.put("source", None)
    job.put("result", ended.result)
    job.save()


def _failed(job_id: UUID, error: str) -> Ended:
    """What was told on the way stands: lines that were carried stay carried."""
    told = Job.objects.values_list("summary", flat=True).get(pk=job_id)
    return Ended(JobState.FAILED, summary={**told, "error": error})


def _import(job: Job, watch: Watch) -> Ended:
    actor = actor_for(job.asked_by)
    table = tables.read(job.file("source"), job.name, job.options.get("sheet", ""))
    skip_bad, dry_run = bool(job.options.get("skip_bad")), bool(job.options.get("dry_run"))
    outcome = bring_in(
        actor=actor,
        branch_id=job.branch_id,
        layout=layout(job.kind.partition(".")[2]),
        table=table,
        name=job.name,
        skip_bad=skip_bad,
        dry_run=dry_run,
        watch=watch,
    )
    stem = PurePath(job.name).stem
    ended = Ended(
        JobState.REFUSED if outcome.faults and not outcome.written else JobState.DONE,
        summary=_counts(outcome),
        faults=[_shown(fault) for fault in outcome.faults[:FAULTS_SHOWN]],
    )
    if outcome.written and outcome.refused:
        ended.result = leftovers.refused_rows(table, outcome)
        ended.result_name = f"{stem}-refused{table.suffix}"
    elif outcome.faults:
        ended.result = leftovers.faults_csv(outcome.faults)
        ended.result_name = f"{stem}-faults.csv"
    return ended


def _counts(outcome: Outcome) -> dict[str, Any]:
    return {
        "rows": outcome.rows,
        "added": outcome.added,
        "changed": outcome.changed,
        "same": outcome.same,
        "refused": len(outcome.refused),
        "faults": len(outcome.faults),
        "written": outcome.written,
    }


def _shown(fault: Any) -> dict[str, Any]:
    return {
        "row": fault.row,
        "column": fault.column,
        "heading": fault.heading,
        "value": fault.value,
        "what": fault.what,
        "remedy": fault.remedy,
    }


# ---- the worker's part ---------------------------------------------------------------------------


def drain(queue: str = QUEUE) -> None:
    """Take up jobs whose worker died, then carry out what waits; called now and then."""
    waits = db.one(
        "SELECT count(*) FILTER (WHERE status = 'todo') AS todo,"
        " count(*) FILTER (WHERE status = 'doing') AS doing"
        " FROM procrastinate_jobs WHERE queue_name = %s",
        [queue],
    )
    if waits and (waits["todo"] or waits["doing"]):
        connection.close()
        asyncio.run(_drain(queue))


async def _drain(queue: str) -> None:
    from procrastinate.contrib.django import app

    worker = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    async with worker.open_async():
        stalled = await worker.job_manager.get_stalled_jobs(
            queue=queue, seconds_since_heartbeat=_DEAD_AFTER
        )
        for job in stalled:
            log.warning("job %s is taken up again: its worker died", job.id)
            await worker.job_manager.retry_job(job)
        await worker.run_worker_async(
            queues=[queue], wait=False, concurrency=1, install_signal_handlers=False,
            listen_notify=False, delete_jobs="always",
        )  # fmt: skip


def forget_old() -> int:
    """Results are kept some days."""
    return Job.objects.filter(ended_at__lt=now() - KEPT, result__isnull=False).update(result=None)
