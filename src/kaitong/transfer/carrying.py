"""网元割接 as a long job: asked for on a page, carried out by the worker, stopped, taken up again.

How far it has come is what the elements hold (`activation.carrying`): a job whose worker died is
run again and goes on with what the old element still has. One at a time for an element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.activation import carrying
from kaitong.activation.carrying import Report
from kaitong.core.errors import BadInput, Conflict, Forbidden, InputFault
from kaitong.org.actor import Actor, actor_for
from kaitong.transfer import jobs
from kaitong.transfer.choices import JobState
from kaitong.transfer.models import Job
from kaitong.transfer.watch import Watch

LINES, TRIAL = "carry.lines", "carry.trial"
BATCH = 20  # lines between two looks whether somebody stops it


def ask(*, actor: Actor, key: str, dry_run: bool = False) -> Job:
    """Queue it for an element; a dry run says how many lines the old one still holds. Raises
    BadInput where no lines of this element are served by another, Conflict while one runs."""
    from kaitong.transfer.tasks import run

    shares = carrying.shares(actor=actor, key=key)
    if not shares:
        raise BadInput(
            [InputFault("element", _("没有线路要割接。"), _("先为分公司登记新的网元。"))]
        )
    if actor.id is None:
        raise Forbidden(_("割接由网络岗位或班长办理。"))
    job = Job(
        branch_id=shares[0].old.branch_id,
        asked_by_id=actor.id,
        kind=TRIAL if dry_run else LINES,
        name=key,
        options={"language": get_language() or "zh-hans"},
    )
    try:
        with transaction.atomic():
            job.save()
            run.configure(queue=jobs.LONG_QUEUE).defer(job_id=str(job.pk))
    except IntegrityError:
        raise Conflict(_("这个网元的割接正在进行。"), _("等它结束，或先停止它。")) from None
    return job


@dataclass(slots=True)
class _Stopping:
    """Somebody may take the job back between two batches; what is done is done."""

    watch: Watch
    done: int = 0
    asked: bool = field(default=False)

    def __call__(self) -> bool:
        try:
            self.watch.tick(self.done)
        except jobs.Cancelled:
            self.asked = True
        return self.asked


def carry_out(job: Job, watch: Watch) -> jobs.Ended:
    """The runner of such jobs; what an earlier worker has carried counts with it."""
    actor = actor_for(job.asked_by)
    shares = carrying.shares(actor=actor, key=job.name)
    trial, before = job.kind == TRIAL, int(job.summary.get("carried", 0))
    stopping = _Stopping(watch)
    watch.stage(_("核对") if trial else _("割接"), sum(share.lines for share in shares))

    def tell(looked: int, report: Report) -> None:
        stopping.done = looked
        Job.objects.filter(pk=job.pk).update(done=looked, summary=_summary(report, before))

    report = carrying.carry(
        actor=actor, key=job.name, batch=BATCH, stop=stopping, tell=tell, dry_run=trial
    )
    faults = [
        {"service": str(report.services[name]), "what": what}
        for name, what in list(report.troubles.items())[: jobs.FAULTS_SHOWN]
    ]
    state = JobState.CANCELLED if report.stopped else JobState.DONE
    return jobs.Ended(state.value, summary=_summary(report, before), faults=faults)


def _summary(report: Report, before: int) -> dict[str, Any]:
    return {
        "carried": before + report.carried,
        "left": report.left,
        "held": report.held,
        "silent": report.silent,
        "faults": len(report.troubles),
    }
