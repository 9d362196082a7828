"""Who listens to orders, services and tickets, and telling them (hub of TMF641, TMF638, TMF621).

What happened is read from the audit (`tmf.sources`), which stands in the transaction of what it
tells: nothing is written for listeners by those who work, and nothing is missed. A worker makes
deliveries of it, sends each outside any transaction, signed, and again until it is taken: at least
once, under the same `eventId`.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext as _

from kaitong.charging.signing import signed
from kaitong.core import db
from kaitong.core.audit import record
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.core.trail import Happening
from kaitong.org.actor import Actor, actor_for
from kaitong.org.models import Staff
from kaitong.tmf.mapping.outgoing import moment
from kaitong.tmf.models import Delivery, Listener
from kaitong.tmf.posting import forbidden, literal, post
from kaitong.tmf.sources import ORDERS, SOURCES, Source

log = logging.getLogger(__name__)

MOST_LISTENERS = 20  # of one member of staff
LATE = 120.0  # seconds after which nothing becomes visible any more
EACH = 10  # of one listener in a round, and for so many seconds: the others wait no longer for it
PATIENCE = 15.0
ANSWERED = "HTTP "  # how a refusal by somebody who is there begins
LEASE = timedelta(seconds=60)
BACK_OFF = (5, 30, 120, 600, 1800, 3600, 7200)  # seconds before the next try
MOST_TRIES = 14  # about a day and a half
KEPT = timedelta(days=7)

_TO_MAKE = """insert into tmf_delivery (id, created_at, listener_id, number, subject_id, event,
 state, happened_at, next_at, tries, last_error) select gen_random_uuid(), now(), %s, x.number,
 x.subject_id, x.event, x.state, x.at, greatest(now(), (select min(d.next_at) from tmf_delivery d
  where d.listener_id = %s and d.sent_at is null and d.given_up_at is null and d.tries > 0
  and d.last_error <> '' and d.last_error not like 'HTTP %%')), 0, ''
 from unnest(%s::bigint[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[])
 as x(number, subject_id, event, state, at) on conflict do nothing"""
_TAKE = """with due as materialized (select d.id from tmf_delivery d
 where d.listener_id = %s and d.sent_at is null and d.given_up_at is null and d.next_at <= %s
 and (d.lease_until is null or d.lease_until <= %s)
 and not exists (select 1 from tmf_delivery e where e.listener_id = d.listener_id
  and e.subject_id = d.subject_id and e.number < d.number
  and e.sent_at is null and e.given_up_at is null)
 order by d.next_at, d.number limit %s for update skip locked)
 update tmf_delivery d set lease_until = %s, tries = d.tries + 1 from due where d.id = due.id
 returning d.id"""
Send = Callable[[str, bytes, dict[str, str]], str]


# ---- the hub -------------------------------------------------------------------------------------


def register(
    *, actor: Actor, staff_id: UUID, callback: str, query: str = "", source: Source = ORDERS
) -> tuple[UUID, str]:
    """Begin to tell; the listener and the secret that signs, which is told this once.

    Registered twice with the same callback and query there are two, as TMF630 has it.
    """
    faults = [*_callback_faults(callback), *_query_faults(query, source)]
    if faults:
        raise BadInput(faults)
    with transaction.atomic():
        if Listener.objects.filter(staff_id=staff_id).count() >= MOST_LISTENERS:
            what = _("已有 %(n)s 个订阅。") % {"n": MOST_LISTENERS}
            raise BadInput([InputFault("callback", what, _("请先取消一个。"))])
        secret = "ks_" + secrets.token_urlsafe(32)
        newest = source.trail.newest_number()
        row = Listener.objects.create(
            staff_id=staff_id,
            api=source.api,
            callback=callback.rstrip("/"),
            query=query,
            secret=secret,
            after=newest,
            since=newest,
        )
        record(
            "listener-registered",
            actor_id=actor.id,
            subject_type="tmf.Listener",
            subject_id=row.pk,
            branch_id=actor.branch_id,
            data={"host": urlsplit(callback).hostname or "", "api": source.api},
        )
    return row.pk, secret


def unregister(*, actor: Actor, staff_id: UUID, listener_id: UUID, source: Source = ORDERS) -> None:
    """Tell no more; what waits is forgotten. Somebody else's listener is not found."""
    with transaction.atomic():
        rows = Listener.objects.filter(pk=listener_id, staff_id=staff_id, api=source.api)
        if not rows.select_for_update().exists():
            raise NotFound(_("没有这个订阅。"))
        rows.delete()
        record(
            "listener-unregistered",
            actor_id=actor.id,
            subject_type="tmf.Listener",
            subject_id=listener_id,
            branch_id=actor.branch_id,
        )


def _callback_faults(callback: str) -> list[InputFault]:
    try:
        parts = urlsplit(callback)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    spelt = parts.path.isascii() and not any(one <= " " for one in callback)
    more = parts.query or parts.fragment
    if not spelt or parts.scheme not in ("http", "https") or not host or more:
        what = _("应是 http 或 https 地址，不带查询和片段")
        return [InputFault("callback", what, _("开通会接上 /listener/ 和事件名。"))]
    if parts.username or parts.password:
        return [InputFault("callback", _("不能带用户名和密码"))]
    if (address := literal(host)) and forbidden(address):
        what = _("不能是内网、本机、链路本地、保留或组播地址")
        remedy = _("运营商可以用 KAITONG_CALLBACK_NETWORKS 放行自己的网段。")
        return [InputFault("callback", what, remedy)]
    return []


def wanted(query: str) -> dict[str, set[str]]:
    return {name: set(",".join(values).split(",")) for name, values in parse_qs(query).items()}


def _query_faults(query: str, source: Source) -> list[InputFault]:
    known = {"eventType": set(source.events.values()), source.state: set(source.states)}
    if query and not parse_qs(query):
        return [InputFault("query", _("不是条件列表"), _("例如 state=completed,failed。"))]
    for name, values in wanted(query).items():
        if name not in known:
            return [
                InputFault(
                    "query",
                    _("没有条件 %(name)s") % {"name": name},
                    _("可以写：%(list)s。") % {"list": ", ".join(known)},
                )
            ]
        if bad := sorted(values - known[name]):
            remedy = _("应是其中之一：%(list)s。") % {"list": ", ".join(sorted(known[name]))}
            return [
                InputFault(
                    "query", _("没有 %(name)s=%(value)s") % {"name": name, "value": bad[0]}, remedy
                )
            ]
    return []


# ---- telling -------------------------------------------------------------------------------------


def tell(send: Send | None = None) -> int:
    """Make deliveries of what happened, and send what is due; how many were tried."""
    if not Listener.objects.exists():
        return 0
    gather()
    return deliver(send or post)


def gather() -> int:
    """Deliveries of what happened since a listener's number; what may yet become visible is read
    again, and made once by its number."""
    made = 0
    settled = {key: source.trail.number_before(LATE) for key, source in SOURCES.items()}
    for listener in Listener.objects.select_related("staff"):
        source = SOURCES[listener.api]
        actor = actor_for(listener.staff)
        after = listener.after
        while True:
            found, last = source.trail.since(after=after)
            told = [
                one
                for one in found
                if one.number > listener.since
                and actor.sees(one.branch_id)
                and _is_wanted(listener, source, one)
            ]
            if told:
                made += db.execute(
                    _TO_MAKE,
                    [
                        listener.pk,
                        listener.pk,
                        [one.number for one in told],
                        [one.subject_id for one in told],
                        [source.events[one.kind] for one in told],
                        [one.state for one in told],
                        [one.at for one in told],
                    ],
                )
            if last == after:
                break
            after = last
        if settled[source.api] > listener.after:
            looked = settled[source.api]
            Listener.objects.filter(pk=listener.pk, after__lt=looked).update(after=looked)
    return made


def _is_wanted(listener: Listener, source: Source, one: Happening) -> bool:
    asked = wanted(listener.query)
    if "eventType" in asked and source.events[one.kind] not in asked["eventType"]:
        return False
    return source.state not in asked or one.state in asked[source.state]


def deliver(send: Send) -> int:
    """Send what is due, each leased first and recorded after; a lease that ran out goes again.

    Listener by listener and a few of each, so that one that is away or slow holds up itself.
    """
    tried = 0
    for listener_id in Listener.objects.values_list("pk", flat=True):
        at = now()
        with transaction.atomic():
            ids = [row["id"] for row in db.rows(_TAKE, [listener_id, at, at, EACH, at + LEASE])]
        rows = Delivery.objects.filter(pk__in=ids).select_related("listener__staff")
        tried += _deliver(list(rows.order_by("number")), send)
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
        else:
            done.update(next_at=now() + wait, last_error=error[:120], lease_until=None)
        if error and not error.startswith(ANSWERED):  # asked once, not for each of its events
            _untried(rows[number + 1 :])
            _put_off(row.listener_id, now() + wait)
            return number + 1
    return len(rows)


def _untried(rows: list[Delivery]) -> None:
    ids = [row.pk for row in rows]
    Delivery.objects.filter(pk__in=ids, sent_at=None).update(lease_until=None, tries=F("tries") - 1)


def _put_off(listener_id: UUID, later: datetime) -> None:
    """Who is not there for one event is not there for the others either."""
    waiting = Delivery.objects.filter(listener_id=listener_id, sent_at=None, given_up_at=None)
    waiting.filter(next_at__lt=later, lease_until=None).update(next_at=later)


def told(actor: Actor) -> list[dict[str, Any]]:
    """Listeners of the actor's branches and how they stand: what waits for them, what they never
    took (given up after a day and a half), and why the last was not taken."""
    rows = Listener.objects.select_related("staff").order_by("created_at")
    if not actor.is_system:
        rows = rows.filter(staff__branch_id__in=actor.branch_ids)
    waiting = Count("deliveries", filter=Q(deliveries__sent_at=None, deliveries__given_up_at=None))
    dead = Count("deliveries", filter=Q(deliveries__given_up_at__isnull=False))
    found = []
    for row in rows.annotate(waiting=waiting, dead=dead):
        last = row.deliveries.exclude(last_error="").order_by("-next_at").first()
        found.append(
            {
                "id": str(row.pk),
                "api": row.api,
                "callback": row.callback,
                "query": row.query,
                "user": row.staff.username,
                "waiting": row.waiting,
                "given_up": row.dead,
                "last_error": last.last_error if last is not None else "",
            }
        )
    return found


def retry(*, actor: Actor, listener_id: UUID) -> int:
    """Send again what a listener never took, and at once what waits; how many are due now."""
    with transaction.atomic():
        row = Listener.objects.select_related("staff").filter(pk=listener_id).first()
        if row is None or not (actor.is_system or actor.sees(row.staff.branch_id)):
            raise NotFound(_("没有这个订阅。"))
        open_ = Delivery.objects.filter(listener=row, sent_at=None)
        dead = open_.filter(given_up_at__isnull=False)
        dead.update(given_up_at=None, tries=0, next_at=now(), lease_until=None)
        open_.filter(next_at__gt=now(), lease_until=None).update(next_at=now())
        record(
            "listener-retried",
            actor_id=actor.id,
            subject_type="tmf.Listener",
            subject_id=row.pk,
            branch_id=row.staff.branch_id,
        )
        return open_.count()


def forget() -> int:
    """Deliveries of long ago, taken or not: nobody waits a week for an event."""
    gone, _kinds = Delivery.objects.filter(created_at__lt=now() - KEPT).delete()
    return gone


def notification(row: Delivery, actor: Actor) -> dict[str, Any]:
    """The body of one event: the thing as it stands, in the state that is told."""
    source = SOURCES[row.listener.api]
    body = source.body(actor, row.subject_id)
    return {
        "eventId": str(row.pk),
        "eventTime": moment(row.happened_at),
        "eventType": row.event,
        "correlationId": str(row.subject_id),
        "domain": source.domain,
        "title": row.event,
        "event": {source.resource: {**body, source.state: row.state}},
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
