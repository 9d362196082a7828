"""Common causes (群障): several faults under one splitter, PON port or OLT are one trouble.

Who counts faults, or attaches one, first takes the turn of the OLT (`take_turn`): two faults at
once then see each other, and one cause comes of them. The turn is taken before any row of ours; a
cause's process takes it after its own instance, which nobody who holds the turn waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from kaitong.assurance import notices
from kaitong.assurance.choices import (
    BROKEN,
    LEVEL_OF,
    OPEN_CAUSES,
    WIDEST_FIRST,
    CauseState,
    Level,
    TicketState,
)
from kaitong.assurance.handling import definition
from kaitong.assurance.models import Alarm, CommonCause, Fault, Handling
from kaitong.assurance.states import note, set_due
from kaitong.core.clock import now
from kaitong.core.locks import lock_rows
from kaitong.inventory import beneath
from kaitong.org.actor import Actor
from kaitong.process import services as process
from kaitong.worktime.budgets import parse_budget

_FIELDS = {Level.OLT: "olt_id", Level.PON: "pon_id", Level.SPLITTER: "box_id"}


def take_turn(olt_id: UUID | None) -> None:
    """One at a time for each OLT, to the end of the caller's transaction."""
    if olt_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"群障:{olt_id}"])


def message_key(fault: Fault) -> str:
    """What a ticket's process listens to. Opened again it listens anew: what was said of the time
    before is not heard."""
    return f"{fault.pk}:{fault.reopened}"


def gather(actor: Actor, fault: Fault, handling: Handling) -> CommonCause | None:
    """The common cause a new fault belongs to: one that is there, or one that it makes.

    Called within its taking in, under the OLT's turn, the fault written. A cause that is being
    mended takes it at once; else the counts of the playbook decide, the widest level first.
    """
    standing = _standing(fault.places)
    confirmed = next((c for c in standing if c.state == CauseState.CONFIRMED), None)
    if confirmed is not None:
        attach(confirmed, [fault])
        return confirmed
    narrowest = standing[-1] if standing else None
    if narrowest is not None:
        attach(narrowest, [fault])
    wider = WIDEST_FIRST[: WIDEST_FIRST.index(Level(narrowest.level))] if narrowest else None
    return _counted(actor, fault, handling, WIDEST_FIRST if wider is None else wider) or narrowest


def attach(cause: CommonCause, faults: Iterable[Fault]) -> None:
    for fault in faults:
        if fault.common_cause_id == cause.pk:
            continue
        fault.common_cause = cause
        fault.save(update_fields=["common_cause"])
        data = {"cause": str(cause.pk), "place": cause.resource_text, "state": cause.state}
        note(fault.pk, "attached", actor_id=None, data=data)


def propose(
    actor: Actor,
    *,
    handling: Handling,
    level: str,
    resource_id: UUID,
    text: str,
    branch_id: UUID,
    by_alarm: bool = False,
) -> CommonCause:
    """A living cause at this piece of the network, begun by this call unless there is one.

    Under the OLT's turn. Its process waits for monitoring to say yes or no. Narrower proposals
    beneath it go into it by `absorb`.
    """
    found = CommonCause.objects.filter(resource_id=resource_id, state__in=OPEN_CAUSES).first()
    if found is not None:
        return found
    moment = now()
    cause = CommonCause(
        branch_id=branch_id,
        level=level,
        resource_id=resource_id,
        resource_text=text[:200],
        handling=handling,
        by_alarm=by_alarm,
    )
    set_due(cause, handling, str(handling.content.get("cause-budget", "")), moment)
    cause.save(force_insert=True)
    note(cause.pk, "proposed", actor_id=None, data={"by": "alarm" if by_alarm else "count"})
    cause.instance_id = process.start(
        actor=actor,
        definition_id=definition(handling, "cause"),
        business_id=cause.pk,
        branch_id=branch_id,
        variables={"cause_id": str(cause.pk), "level": level},
        parameters=handling.parameters,
    )
    cause.save(update_fields=["instance_id"])
    return cause


def absorb(cause: CommonCause, others: Iterable[CommonCause]) -> None:
    """Proposals beneath a wider cause go into it: their faults are its, their work is taken back.

    Their instances are told by their inbox: whoever is just confirming one comes first or last.
    """
    for other in others:
        if other.pk == cause.pk or other.state != CauseState.PROPOSED:
            continue
        other.state, other.resolved_at = CauseState.MERGED, now()
        other.save(update_fields=["state", "resolved_at"])
        note(other.pk, "merged", actor_id=None, data={"cause": str(cause.pk)})
        Alarm.objects.filter(common_cause=other).update(common_cause=cause)
        if other.instance_id is not None:
            process.tell(
                instance_id=other.instance_id,
                key=f"merged:{other.pk}",
                event={"kind": "cancel", "reason": "并入更大的群障"},
            )


def members(cause: CommonCause, *, broken: bool = True) -> list[Fault]:
    """The tickets of a cause, locked by primary key."""
    rows = Fault.objects.filter(common_cause=cause)
    if broken:
        rows = rows.filter(state__in=BROKEN)
    return lock_rows(Fault.objects.all(), rows.values_list("pk", flat=True))


def gather_broken(cause: CommonCause, since: datetime) -> list[Fault]:
    """Attach what broke beneath a cause since then and belongs to no other that is mended."""
    field = _FIELDS[Level(cause.level)]
    rows = Fault.objects.filter(
        **{field: cause.resource_id}, kind="fault", state__in=BROKEN, reported_at__gte=since
    ).exclude(common_cause__state=CauseState.CONFIRMED)
    found = lock_rows(Fault.objects.all(), rows.values_list("pk", flat=True))
    attach(cause, found)
    return found


def tell(cause: CommonCause, fault: Fault, message: str) -> None:
    """Say to a ticket's process what became of its common cause."""
    process.publish(
        name=message,
        key=message_key(fault),
        sender_id=f"{message}:{cause.pk}:{message_key(fault)}",
        values={"cause_id": str(cause.pk)},
        branch_id=fault.branch_id,
    )


def window(handling: Handling) -> timedelta:
    """How far back faults count together."""
    name = handling.content.get("common-causes", {}).get("window", "")
    return timedelta(seconds=parse_budget(handling.parameters[name]).seconds)


def counts(handling: Handling) -> Mapping[str, Any]:
    """From how many faults on, by level: `{splitter: {faults, beneath}, ...}`."""
    name = handling.content.get("common-causes", {}).get("counts", "")
    table = handling.parameters.get(name)
    return table if isinstance(table, Mapping) else {}


def told_members(cause: CommonCause, when: str, values: Mapping[str, Any] | None = None) -> None:
    """Notices to the customers of a cause's tickets, each once."""
    for fault in Fault.objects.filter(common_cause=cause).select_related("handling"):
        if fault.state != TicketState.CANCELLED:
            notices.tell(fault=fault, when=when, once=str(cause.pk), values=values)


# ---- inside --------------------------------------------------------------------------------------


def _standing(places: Mapping[str, UUID]) -> list[CommonCause]:
    """Living causes at these places, the widest first."""
    rows = list(
        CommonCause.objects.filter(resource_id__in=list(places.values()), state__in=OPEN_CAUSES)
    )
    order = {level.value: n for n, level in enumerate(WIDEST_FIRST)}
    return sorted(rows, key=lambda cause: order[cause.level])


def _counted(
    actor: Actor, fault: Fault, handling: Handling, levels: Iterable[Level]
) -> CommonCause | None:
    rules, since = counts(handling), now() - window(handling) if counts(handling) else now()
    for level in levels:
        rule, resource_id = rules.get(level.value), fault.places.get(level.value)
        if not rule or resource_id is None:
            continue
        rows = Fault.objects.filter(
            **{_FIELDS[level]: resource_id},
            kind="fault",
            state__in=BROKEN,
            reported_at__gte=since,
        ).exclude(common_cause__state=CauseState.CONFIRMED)
        found = list(rows.values_list("pk", "pon_id", "box_id"))
        beneath_them = {pon if level is Level.OLT else box for _pk, pon, box in found}
        if len(found) < int(rule.get("faults", 2)) or len(beneath_them) < int(
            rule.get("beneath", 1)
        ):
            continue
        there = beneath.piece(Actor.system(), resource_id)
        if there is None:
            continue
        cause = propose(
            actor,
            handling=handling,
            level=level.value,
            resource_id=resource_id,
            text=there.text,
            branch_id=there.branch_id,
        )
        narrower = CommonCause.objects.filter(
            faults__in=[pk for pk, _pon, _box in found], state=CauseState.PROPOSED
        ).distinct()
        absorb(cause, list(narrower))
        attach(cause, lock_rows(Fault.objects.all(), [pk for pk, _pon, _box in found]))
        fault.refresh_from_db(fields=["common_cause"])
        return cause
    return None


def level_of(kind: str) -> str:
    """The level of a kind of resource; empty where nothing can have its common cause there."""
    return str(LEVEL_OF.get(kind, ""))
