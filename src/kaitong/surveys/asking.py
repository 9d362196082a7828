"""Who is asked: what happened since the last look, which of it is asked about, and of whom.

The events are found as figures find what has changed: by the identifiers of the rows that tell of
it, up to a mark that never passes a transaction that is still writing. One looks at a time; killed
anywhere, the next look begins at the same mark, and whom it asks is who would have been asked: an
invitation stands once by its event, and the sample is drawn from the event's key, not by dice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.assurance import facts as assurance
from kaitong.assurance.choices import TicketKind
from kaitong.assurance.choices import TicketState as FaultState
from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.horizon import horizon
from kaitong.hall import facts as hall
from kaitong.hall.choices import TicketState
from kaitong.ordering import facts as ordering
from kaitong.ordering.choices import OrderState
from kaitong.party import queries as parties
from kaitong.process import facts as process
from kaitong.process.choices import WorkState
from kaitong.surveys import links
from kaitong.surveys import rules as tables
from kaitong.surveys.choices import MOMENTS, State, Way
from kaitong.surveys.models import Invitation, Mark, Rules

log = logging.getLogger(__name__)

BATCH = 500
_NAME = "events"
_ASKING = 7_120_451
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that customers may be asked about."""

    key: str
    when: str
    of: str  # procedure, kind of the hall's business
    playbook: str
    business_id: UUID
    branch_id: UUID
    at: datetime
    number: str = ""
    party_id: UUID | None = None
    service_id: UUID | None = None
    offering: str = ""
    person_id: UUID | None = None
    post: str = ""
    counter: int | None = None


def look() -> int:
    """Ask about what happened since the last look; how many were asked. Others who look leave."""
    with transaction.atomic():
        found = db.one("select pg_try_advisory_xact_lock(%s) as taken", [_ASKING])
        if not found or not found["taken"]:
            return 0
        until = horizon()
        mark = Mark.objects.filter(name=_NAME).first()
        rules = tables.current()
        if mark is None or not rules:  # nobody is asked about what was before there were surveys
            Mark.objects.update_or_create(name=_NAME, defaults={"at": until})
            return 0
        if until <= mark.at:
            return 0
        changed = process.changed_since(mark.at, until)
        changed |= ordering.changed_since(mark.at, until)
        changed |= assurance.changed_since(mark.at, until)
        changed |= hall.changed_since(mark.at, until)
        ids, total = sorted(changed), 0
        for first in range(0, len(ids), BATCH):
            total += ask(events(ids[first : first + BATCH]), rules=rules)
        mark.at = until
        mark.save(update_fields=["at"])
    return total


def ask(found: Iterable[Event], *, rules: Mapping[str, Rules] | None = None) -> int:
    """Ask about these events what their playbooks want asked; how many were asked now."""
    known = tables.current() if rules is None else rules
    total = 0
    for event in found:
        row = known.get(event.playbook)
        for entry in tables.asks(row, event.when, event.of) if row is not None else ():
            try:
                with transaction.atomic():
                    total += _ask(row, entry, event)
            except Exception:  # one that cannot be asked keeps nobody else from being asked
                log.exception("survey %s about %s", entry["key"], event.key)
    return total


def served(ticket_id: UUID) -> int:
    """Ask at the hall's device about a number, at once: who was served has not left yet."""
    return ask(_of_hall([ticket_id]))


def events(ids: Iterable[UUID]) -> list[Event]:
    """What has happened to these: orders completed, visits done, tickets closed, numbers served."""
    wanted = list(ids)
    work: dict[UUID, list[process.WorkRow]] = {}
    for row in process.work_of(wanted):
        if row.state == WorkState.DONE and row.completed_at is not None:
            work.setdefault(row.business_id, []).append(row)
    return [*_of_orders(wanted, work), *_of_tickets(wanted, work), *_of_hall(wanted)]


def sampled(key: str, share: int) -> bool:
    """Whether an event is in a sample of `share` per cent: the same however often it is asked.

    >>> 250 < sum(sampled(f"order:{n}", 30) for n in range(1000)) < 350, sampled("order:1", 100)
    (True, True)
    """
    digest = hashlib.sha256(f"kaitong.survey:{key}".encode()).digest()
    return int.from_bytes(digest[:8]) % 100 < share


# ---- inside --------------------------------------------------------------------------------------


def _of_orders(ids: list[UUID], work: Mapping[UUID, list[process.WorkRow]]) -> list[Event]:
    found = []
    for row in ordering.read(ids):
        visits = [w for w in work.get(row.id, ()) if w.node in row.steps.get("visits", ())]
        told: dict[str, Any] = {
            "of": row.action,
            "playbook": row.playbook,
            "business_id": row.id,
            "branch_id": row.branch_id,
            "number": row.number,
            "party_id": row.party_id,
            "service_id": row.service_id,
            "offering": row.offering,
        }
        if row.state in (OrderState.COMPLETED, OrderState.PARTIAL) and row.completed_at:
            last = (visits or work.get(row.id) or [None])[-1]
            found.append(
                Event(key=f"order:{row.id}", when="order-completed", at=row.completed_at,
                      **told, **_who(last))
            )  # fmt: skip
        found += [
            Event(key=f"visit:{one.id}", when="visit-done", at=one.completed_at or one.created_at,
                  **told, **_who(one))
            for one in visits
        ]  # fmt: skip
    return found


def _of_tickets(ids: list[UUID], work: Mapping[UUID, list[process.WorkRow]]) -> list[Event]:
    """Tickets that are closed and whose customer was not reached by their own call-back."""
    rows = [row for row in assurance.tickets(ids) if row.state == FaultState.CLOSED]
    asked = {one.business_id for one in assurance.surveys([r.id for r in rows]) if one.reached}
    return [
        Event(
            key=f"ticket:{row.id}",
            when="complaint-closed" if row.kind == TicketKind.COMPLAINT else "fault-closed",
            of=row.kind,
            playbook=row.playbook,
            business_id=row.id,
            branch_id=row.branch_id,
            at=row.state_since,
            number=row.number,
            party_id=row.party_id,
            service_id=row.service_id,
            **_who(handler(work.get(row.id, ()), row.resolved_at)),
        )
        for row in rows
        if row.id not in asked
    ]


def handler(
    work: Iterable[process.WorkRow], resolved_at: datetime | None
) -> process.WorkRow | None:
    """Whose work ended a ticket: the last before it was resolved, which no call-back is."""
    done = [
        row
        for row in work
        if row.completed_at and (resolved_at is None or row.completed_at <= resolved_at)
    ]
    return max(done, key=lambda row: (row.completed_at, row.id), default=None)


def _of_hall(ids: Iterable[UUID]) -> list[Event]:
    rows = [row for row in hall.visits(ids) if row.state == TicketState.ENDED and row.ended_at]
    stints = {one.ticket_id: one for one in hall.stints([row.id for row in rows])}
    return [
        Event(
            key=f"hall:{row.id}",
            when="hall-served",
            of=row.kind,
            playbook=row.playbook,
            business_id=row.id,
            branch_id=row.branch_id,
            at=row.ended_at or row.taken_at,
            number=row.number,
            person_id=stints[row.id].clerk_id if row.id in stints else None,
            post="clerk" if row.id in stints else "",
            counter=row.counter,
        )
        for row in rows
    ]


def _who(row: process.WorkRow | None) -> dict[str, Any]:
    return {"person_id": row.completed_by, "post": row.post} if row is not None else {}


def _ask(rules: Rules, entry: Mapping[str, Any], event: Event) -> bool:
    """Ask one person about one event; False where nobody is asked, or was already."""
    key = f"{entry['key']}:{event.key}"
    within = tables.length(rules, entry["within"], _DAY)
    moment = now()
    if event.at + within <= moment or not sampled(key, entry["share"]):
        return False
    way = Way(entry["by"])
    reach = parties.reach(event.party_id)
    if way != Way.DEVICE and (event.party_id is None or reach is None or not reach.phone):
        return False
    if way == Way.LINK and not links.origin():  # nowhere a link could lead to
        if entry.get("then") != Way.CALL:
            return False
        way = Way.CALL
    if event.party_id is not None:  # one person is asked by one at a time
        number = int.from_bytes(event.party_id.bytes[:8], signed=True)
        db.rows("select pg_advisory_xact_lock(%s)", [number])
        again = tables.number(rules, "again-after", 30)
        if _asked_lately(event.party_id, moment - again * _DAY):
            return False
    row = Invitation(
        branch_id=event.branch_id,
        rules=rules,
        key=key,
        ask=entry["key"],
        source=MOMENTS[event.when],
        way=way,
        business_id=event.business_id,
        number=event.number,
        party_id=event.party_id,
        service_id=event.service_id,
        offering=event.offering,
        person_id=event.person_id,
        post=event.post,
        counter=event.counter,
        happened_at=event.at,
        asked_at=moment,
        expires_at=(event.at if way == Way.DEVICE else moment) + within,
        language=reach.language if reach is not None else "",
    )
    if Invitation.objects.filter(key=key).exists():
        return False
    if way == Way.LINK:
        assert reach is not None
        token = links.make(row)
        row.save(force_insert=True)
        links.send(row, entry, token, reach)
    else:
        row.save(force_insert=True)
    return True


def _asked_lately(party_id: UUID, since: datetime) -> bool:
    return Invitation.objects.filter(party_id=party_id, asked_at__gt=since).exists()


def expire(limit: int = 200) -> int:
    """What nobody answered in time ends, or goes on to the telephone; how many."""
    moment = now()
    with transaction.atomic():
        rows = list(
            Invitation.objects.filter(state=State.OPEN, expires_at__lte=moment)
            .select_related("rules")
            .select_for_update(no_key=True, skip_locked=True, of=("self",))
            .order_by("expires_at", "pk")[:limit]
        )
        for row in rows:
            entry = tables.ask_of(row)
            if row.way == Way.LINK and entry.get("then") == Way.CALL:
                row.way, row.token_digest = Way.CALL, None
                row.expires_at = moment + tables.length(row.rules, entry["within"], _DAY)
            else:
                row.state = State.EXPIRED
            row.save(update_fields=["state", "way", "token_digest", "expires_at"])
        links.forget_guesses(moment)
    return len(rows)


__all__ = ["Event", "ask", "events", "expire", "handler", "look", "sampled", "served"]
