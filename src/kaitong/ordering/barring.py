"""欠费停机 and 缴费复机 by machine: stopped at a level of dunning, on again when paid.

`charging` says who owes what and whose turn it is, by levels of the playbook; here the procedures
`suspend-arrears` and `resume-arrears` of the line's playbook are begun, each line's once. A change
of the line that is under way is waited for. A customer's own suspension is another reason and
stays: the line works when none is left. `dunning` reminds before.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from uuid import UUID

from kaitong.charging import queries as charging
from kaitong.charging.days import today
from kaitong.core.clock import now
from kaitong.core.errors import KaitongError
from kaitong.ordering.life import ChangeRequest, request_change
from kaitong.org import queries as org
from kaitong.org.actor import Actor

log = logging.getLogger(__name__)

SUSPEND, RESUME = "suspend-arrears", "resume-arrears"
# How far back payments are looked for: what was paid while no worker ran is found all the same.
LATELY = timedelta(days=1)
LONG_AGO = timedelta(days=60)


def resume_paid(*, since: datetime | None = None) -> int:
    """Begin to resume lines that stand still for arrears and owe nothing overdue; how many."""
    top = org.top_branch()
    if top is None:
        return 0
    begun = 0
    for service_id in charging.settled_since(top.pk, since or now() - LATELY):
        begun += _begin(service_id, RESUME, f"{RESUME}:{service_id}:{now():%Y-%m-%dT%H:%M}")
    return begun


def suspend_due(*, on: date | None = None) -> int:
    """Begin to suspend lines whose arrears have reached that level; how many. A line is tried once
    a day: one that was paid for in between is left alone."""
    top, day = org.top_branch(), on or today()
    if top is None:
        return 0
    begun = 0
    for one in charging.suspension_due(top.pk, day):
        key = f"{SUSPEND}:{one.service_id}:{one.oldest_due}:{day}"
        begun += _begin(one.service_id, SUSPEND, key)
    return begun


def run() -> None:
    """What is due now; the worker calls this again and again, any number of workers at once."""
    resume_paid()


def run_daily() -> None:
    """Suspensions, and payments that were missed."""
    suspend_due()
    resume_paid(since=now() - LONG_AGO)


# ---- inside --------------------------------------------------------------------------------------


def _begin(service_id: UUID, procedure: str, key: str) -> int:
    """1 where it has begun; a line that is busy or stands otherwise by now is left alone."""
    try:
        request_change(
            actor=Actor.system(),
            request=ChangeRequest(
                service_id=service_id, procedure=procedure, key=key, channel="system"
            ),
        )
    except KaitongError as refused:
        log.info("%s of %s left for later: %s", procedure, service_id, refused.code or "refused")
        return 0
    return 1
