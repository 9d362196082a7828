"""Telling who listens of orders, services and tickets (`tmf.subscribing` says who does).

What happened is read from the audit (`tmf.sources`), which stands in the transaction of what it
tells: nothing is written for listeners by those who work, and nothing is missed. A worker makes
deliveries of it, sends each outside any transaction, signed, and again until it is taken: at least
once, under the same `eventId`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from kaitong.charging.signing import signed
from kaitong.core import db
from kaitong.core.audit import record
from kaitong.core.clock import now
from kaitong.core.errors import NotFound
from kaitong.core.trail import Happening
from kaitong.ordering import describing
from kaitong.org.actor import Actor, actor_for
from kaitong.org.models import Staff
from kaitong.tmf.contract.events import ORDER_EVENTS
from kaitong.tmf.mapping.outgoing import moment
from kaitong.tmf.models import Delivery, Listener
from kaitong.tmf.posting import post
from kaitong.tmf.sources import ORDERS, SOURCES, Source, Telling
from kaitong.tmf.subscribing import wanted

log = logging.getLogger(__name__)

LATE = 120.0  # seconds after which nothing becomes visible any more
EACH = 10  # of one listener in a round, and for so many seconds: the others wait no longer for it
PATIENCE = 15.0
ANSWERED = "HTTP "  # how a refusal by somebody who is there begins
LEASE = timedelta(seconds=60)
BACK_OFF = (5, 30, 120, 600, 1800, 3600, 7200)  # seconds before the next try
MOST_TRIES = 14  # about a day and a half
KEPT = timedelta(days=7)
OVERDUE_PART = 9  # after every event of the same row of the audit
OVERDUE_FOR = timedelta(days=1)  # how long after its due time an order is yet told to be overdue

_TO_MAKE = """insert into tmf_delivery (id, created_at, listener_id, number, part, subject_id,
 event, state, happened_at, next_at, tries, last_error) select gen_random_uuid(), now(), %s,
 x.number, x.part, x.subject_id, x.event, x.state, x.at,
 greatest(now(), (select min(d.next_at) from tmf_delivery d where d.listener_id = %s
  and d.sent_at is null and d.given_up_at is null and d.tries > 0 and d.last_error <> ''
  and d.last_error not like 'HTTP %%')), 0, ''
 from unnest(%s::bigint[], %s::smallint[], %s::uuid[], %s::text[], %s::text[],
  %s::timestamptz[]) as x(number, part, subject_id, event, state, at) on conflict do nothing"""
_TAKE = """with due as materialized (select d.id from tmf_delivery d
 where d.listener_id = %s and d.sent_at is null and d.given_up_at is null and d.next_at <= %s
 and (d.lease_until is null or d.lease_until <= %s)
 and not exists (select 1 from tmf_delivery e where e.listener_id = d.listener_id
  and e.subject_id = d.subject_id and (e.number, e.part) < (d.number, d.part)
  and e.sent_at is null and e.given_up_at is null)
 order by d.next_at, d.number, d.part limit %s for update skip locked)
 update tmf_delivery d set lease_until = %s, tries = d.tries + 1 from due where d.id = due.id
 returning d.id"""
Send = Callable[[str, bytes, dict[str, str]], str]


def tell(send: Send | None = None) -> int:
    """Make deliveries of what happened, and send what is due; how many were tried."""
    if not _listening().exists():
        return 0
    gather()
    return deliver(send or post)


def _listening() -> QuerySet[Listener]:
    return Listener.objects.filter(suspended_at=None)


def gather() -> int:
    """Deliveries of what happened since a listener's number; what may yet become visible is read
    again, and made once by its number. Who was suspended goes on where it stopped, a week back."""
    made = 0
    settled = {key: source.trail.number_before(LATE) for key, source in SOURCES.items()}
    for listener in _listening().select_related("staff"):
        source = SOURCES[listener.api]
        actor = actor_for(listener.staff)
        after = listener.after
        while True:
            found, last = source.trail.since(after=after)
            made += _make(
                listener,
                [
                    (part, one, telling)
                    for one in found
                    if one.number > listener.since
                    and one.at > now() - KEPT
                    and actor.sees(one.branch_id)
                    for part, telling in enumerate(source.tellings(one))
                    if _is_wanted(listener, source, telling)
                ],
            )
            if last == after:
                break
            after = last
        if settled[source.api] > listener.after:
            looked = settled[source.api]
            Listener.objects.filter(pk=listener.pk, after__lt=looked).update(after=looked)
    return made


def warn() -> int:
    """Deliveries of orders whose due time has passed: time writes nothing that could be read, so
    they are looked for. Told once for a due time, in its place among what happened to the order."""
    made = 0
    for listener in _listening().filter(api=ORDERS.api).select_related("staff"):
        telling = Telling(ORDER_EVENTS["jeopardy"], "")
        since = max(now() - OVERDUE_FOR, listener.created_at)
        told = set(
            Delivery.objects.filter(
                listener=listener, event=telling.event, happened_at__gt=since
            ).values_list("subject_id", "happened_at")
        )
        made += _make(
            listener,
            [
                (OVERDUE_PART, one, Telling(telling.event, one.state))
                for one in describing.overdue(actor_for(listener.staff), since=since)
                if (one.subject_id, one.at) not in told
                and _is_wanted(listener, ORDERS, Telling(telling.event, one.state))
            ],
        )
    return made


def _make(listener: Listener, rows: list[tuple[int, Happening, Telling]]) -> int:
    if not rows:
        return 0
    return db.execute(
        _TO_MAKE,
        [
            listener.pk,
            listener.pk,
            [one.number for _part, one, _telling in rows],
            [part for part, _one, _telling in rows],
            [one.subject_id for _part, one, _telling in rows],
            [telling.event for _part, _one, telling in rows],
            [telling.state for _part, _one, telling in rows],
            [one.at for _part, one, _telling in rows],
        ],
    )


def _is_wanted(listener: Listener, source: Source, telling: Telling) -> bool:
    asked = wanted(listener.query)
    if "eventType" in asked and telling.event not in asked["eventType"]:
        return False
    return source.state not in asked or telling.state in asked[source.state]


def deliver(send: Send) -> int:
    """Send what is due, each leased first and recorded after; a lease that ran out goes again.

    Listener by listener and a few of each, so that one that is away or slow holds up itself.
    """
    tried = 0
    for listener_id in _listening().values_list("pk", flat=True):
        at = now()
        with transaction.atomic():
            ids = [row["id"] for row in db.rows(_TAKE, [listener_id, at, at, EACH, at + LEASE])]
        rows = Delivery.objects.filter(pk__in=ids).select_related("listener__staff")
        tried += _deliver(list(rows.order_by("number", "part")), send)
    return tried


def _deliver(rows: list[Delivery], send: Send) -> int:
    """The leased rows of one listener; how many were tried."""
    until = time.monotonic() + PATIENCE
    for number, row in enumerate(rows):
        if time.monotonic() > until:
            _untried(rows[number:])
            return number
        error = _sent(row, send)
        done = Delivery.objects.filter(pk=row.pk, sent_at=None)
        wait = timedelta(seconds=BACK_OFF[min(row.tries, len(BACK_OFF)) - 1])
        if not error:
            done.update(sent_at=now(), last_error="", lease_until=None)
        elif row.tries >= MOST_TRIES:
            log.warning("a listener does not take events: %s", error)
            done.update(given_up_at=now(), last_error=error[:120], lease_until=None)
            if _took_nothing_since(row):
                _untried(rows[number + 1 :])
                _suspend(row.listener_id, error)
                return number + 1
        else:
            done.update(next_at=now() + wait, last_error=error[:120], lease_until=None)
        if error and not error.startswith(ANSWERED):  # asked once, not for each of its events
            _untried(rows[number + 1 :])
            _put_off(row.listener_id, now() + wait)
            return number + 1
    return len(rows)


def _took_nothing_since(row: Delivery) -> bool:
    """Whether a listener is not there at all, rather than unable to take this one event."""
    taken = Delivery.objects.filter(listener_id=row.listener_id, sent_at__gt=row.created_at)
    return not taken.exists()


def _suspend(listener_id: UUID, error: str) -> None:
    """It is told no more until somebody says so (`subscribing.retry`)."""
    with transaction.atomic():
        gone = _listening().filter(pk=listener_id)
        if not gone.update(suspended_at=now(), suspended_for=error[:120]):
            return
        row = Listener.objects.select_related("staff").get(pk=listener_id)
        record(
            "listener-suspended",
            actor_id=None,
            subject_type="tmf.Listener",
            subject_id=listener_id,
            branch_id=row.staff.branch_id,
            data={"api": row.api, "why": error[:120]},
        )
    log.warning("listener %s of %s is suspended: %s", listener_id, row.api, error)


def _untried(rows: list[Delivery]) -> None:
    ids = [row.pk for row in rows]
    Delivery.objects.filter(pk__in=ids, sent_at=None).update(lease_until=None, tries=F("tries") - 1)


def _put_off(listener_id: UUID, later: datetime) -> None:
    """Who is not there for one event is not there for the others either."""
    waiting = Delivery.objects.filter(listener_id=listener_id, sent_at=None, given_up_at=None)
    waiting.filter(next_at__lt=later, lease_until=None).update(next_at=later)


def forget() -> int:
    """Deliveries of long ago, taken or not: nobody waits a week for an event."""
    gone, _kinds = Delivery.objects.filter(created_at__lt=now() - KEPT).delete()
    return gone


def notification(row: Delivery, actor: Actor) -> dict[str, Any]:
    """The body of one event: the thing as it stands, in the state that is told."""
    source = SOURCES[row.listener.api]
    thing = source.things[row.event]
    body = thing.body(actor, row.subject_id)
    return {
        "eventId": str(row.pk),
        "eventTime": moment(row.happened_at),
        "eventType": row.event,
        "correlationId": str(row.subject_id),
        "domain": source.domain,
        "title": row.event,
        "event": {thing.resource: {**body, thing.state: row.state}},
    }


def _sent(row: Delivery, send: Send) -> str:
    """Why it was not taken; empty when it was. A listener whose owner has left is told no more."""
    staff: Staff = row.listener.staff
    if not staff.is_active:
        return "the account of the listener is not in use"
    try:
        body = notification(row, actor_for(staff))
    except NotFound:
        return ""  # not the listener's to see any more
    except Exception as fault:  # one that cannot be told must not hold up all others
        log.exception("an event cannot be told")
        return f"{ANSWERED}500 {type(fault).__name__}"
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    name = row.event[0].lower() + row.event[1:]
    headers = signed(str(row.listener.secret), data, identifier=str(row.pk))
    return send(f"{row.listener.callback}/listener/{name}", data, headers)
