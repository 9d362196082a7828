"""Emptying the outbox: lease, send outside any transaction, record.

At least once: a worker that dies between "sent" and "recorded" leaves a lease that runs out, and
the message goes again under the same identifier. Each carrier has its own loop, so that a slow
mail server never holds up what goes to the file.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.messaging import channels
from kaitong.messaging.channels import Carrier, Outcome, Outgoing
from kaitong.messaging.choices import Channel, NoticeState, Trouble
from kaitong.messaging.errors import ChannelMisconfigured
from kaitong.messaging.models import Notice
from kaitong.messaging.services import message_id

log = logging.getLogger(__name__)

LEASE_SECONDS = 120.0  # KAITONG_NOTICE_LEASE_SECONDS
BACK_OFF = (5, 30, 120, 600, 1800, 3600, 7200)  # seconds before the next try
MOST_TRIES = 12  # about a day and a half
CHUNK = {channels.FILE: 50, channels.SMTP: 5}

_LEASE = """with due as materialized (select id from messaging_notice
 where channel = any(%s) and ((state = 'queued' and next_at <= %s)
 or (state = 'sending' and lease_until <= %s)) order by next_at limit %s for update skip locked)
 update messaging_notice n set state = 'sending', worker = %s, lease_until = %s,
 tries = n.tries + 1,
 trouble = case when n.state = 'sending' then 'interrupted' else n.trouble end
 from due where n.id = due.id returning n.id"""
_SENT = """update messaging_notice set state = 'sent', sent_at = %s, sent_by = %s, trouble = '',
 last_error = '', lease_until = null where id = any(%s) and worker = %s and state = 'sending'"""
_MISSED = """update messaging_notice set state = %s, trouble = %s, last_error = %s, next_at = %s,
 lease_until = null where id = %s and worker = %s and state = 'sending'"""


def lease_seconds() -> float:
    return float(os.environ.get("KAITONG_NOTICE_LEASE_SECONDS") or LEASE_SECONDS)


def drain(served: str, *, most: int = 1000) -> int:
    """Send what is due by one carrier (`file` or `smtp`); how many messages were tried."""
    wanted = [c.value for c in Channel if channels.served_by(c.value) == served]
    if not wanted:
        return 0
    done = 0
    while done < most:
        worker, taken = lease(wanted, CHUNK[served])
        if not taken:
            break
        send(worker, taken, served)
        done += len(taken)
    return done


def drain_all() -> int:
    """Send what is due, whatever carries it (tests, the command line)."""
    return sum(drain(served) for served in (channels.FILE, channels.SMTP))


def lease(wanted: Sequence[str], limit: int) -> tuple[str, list[Notice]]:
    """Take messages to send, and those whose lease ran out."""
    moment = now()
    worker = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid7()}"
    ends = moment + timedelta(seconds=lease_seconds())
    with transaction.atomic():
        rows = db.rows(_LEASE, [list(wanted), moment, moment, limit, worker, ends])
    ids = [row["id"] for row in rows]
    return worker, list(Notice.objects.filter(pk__in=ids).order_by("next_at", "id")) if ids else []


def send(worker: str, taken: Sequence[Notice], served: str, carrier: Carrier | None = None) -> None:
    """Send leased messages and record what became of each."""
    tries = {row.pk: row.tries for row in taken}
    worn = [row for row in taken if row.tries > MOST_TRIES]  # whoever tries it dies of it
    for row in worn:
        _missed(worker, Outcome(row.pk, Trouble.INTERRUPTED), row.tries)
    late = {row.pk for row in taken if row.secret_until and row.secret_until <= now()}
    for row in taken:
        if row.pk in late:  # a code that nobody can use any more would only confuse
            _missed(worker, Outcome(row.pk, Trouble.TOO_LATE), row.tries)
    ready = [row for row in taken if row.tries <= MOST_TRIES and row.pk not in late]
    if not ready:
        return
    try:
        carrier = carrier or channels.carrier(served)
    except ChannelMisconfigured as error:
        log.error("notices cannot be sent by %s: %s", served, error)
        for row in ready:
            problem = Outcome(row.pk, Trouble.CONFIGURATION, str(error)[:300], again=True)
            _missed(worker, problem, row.tries)
        return
    for outcomes in carrier.send([_outgoing(row) for row in ready]):
        _sent(worker, [o.id for o in outcomes if not o.trouble], served)
        for outcome in outcomes:
            if outcome.trouble:
                _missed(worker, outcome, tries[outcome.id])


def _outgoing(row: Notice) -> Outgoing:
    return Outgoing(
        id=row.pk,
        message_id=message_id(row.key),
        channel=row.channel,
        order=str(row.order_id or ""),
        address=row.address or "",
        subject=(row.title_en or row.title) if row.language == "en" else row.title,
        text=row.text,
        language=row.language,
    )


def _sent(worker: str, ids: Sequence[UUID], served: str) -> None:
    if ids:
        db.execute(_SENT, [now(), served, list(ids), worker])


def _missed(worker: str, outcome: Outcome, tries: int) -> None:
    """Again after a while, or given up: then a person decides."""
    again = outcome.again and tries < MOST_TRIES
    state = NoticeState.QUEUED if again else NoticeState.FAILED
    at = now() + timedelta(seconds=BACK_OFF[min(tries, len(BACK_OFF)) - 1] if again else 0)
    if not again:
        log.warning("notice %s given up: %s", outcome.id, outcome.trouble)
    db.execute(_MISSED, [state.value, str(outcome.trouble), outcome.detail, at, outcome.id, worker])
