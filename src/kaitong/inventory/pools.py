"""Numbers: pools made ahead from patterns, taken without waiting for one another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import db, plain
from kaitong.core.clock import now
from kaitong.core.locks import lock_row
from kaitong.inventory import choosing, queries, running
from kaitong.inventory.choices import Kind, NumberState
from kaitong.inventory.errors import BadPattern
from kaitong.inventory.locking import living_assignment, locked_service
from kaitong.inventory.models import NumberPool, PoolNumber, Resource, Service
from kaitong.inventory.numbers import bind, check_logical_id, fill, make
from kaitong.org import queries as org
from kaitong.org.actor import Actor

ACCOUNT = "account"
LOGICAL_ID = "logical-id"
NUMBER = choosing.NUMBER  # a fixed telephone number

# In a service's characteristics: what it is reached by, and what it loses when it ends.
NUMBER_PLACE, CIRCUIT_PLACE = "number", "circuit_id"

# So many numbers are made at once; whoever finds the pool empty makes them for all.
_BATCH = 100

_TAKE = """
SELECT id, value FROM inventory_poolnumber
WHERE pool_id = %s AND state = 'free'
ORDER BY value LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED
"""


@db.whole()
def allocate_account(
    *,
    actor: Actor,
    service_id: UUID,
    pattern: str,
    params: Mapping[str, object] | None = None,
    quarantine_days: int = 0,
) -> str:
    """Give a service its account by a pattern, such as `{branch_lower}{area_code}{seq:7}@kd`.

    One it has stays. Values: `branch`, `branch_lower`, `area_code` and `olt` of the OLT its port is
    on (else of the branch's first OLT), and `params`, which stand over these.
    """
    service = locked_service(actor, service_id)
    if not service.account:
        service.account = _allocate(service, ACCOUNT, pattern, params or {}, quarantine_days)
        service.updated_at = now()
        service.save(update_fields=["account", "updated_at"])
    return service.account


@db.whole()
def allocate_logical_id(
    *,
    actor: Actor,
    service_id: UUID,
    pattern: str = "O{area_code:4}{olt:2}{seq:9}",
    params: Mapping[str, object] | None = None,
    quarantine_days: int = 0,
) -> str:
    """Give a service its logical identifier (逻辑 SN, ONU-02); one it has stays.

    Raises BadPattern when the pattern makes anything but the letter O and fifteen digits.
    """
    service = locked_service(actor, service_id)
    if not service.logical_id:
        service.logical_id = _allocate(service, LOGICAL_ID, pattern, params or {}, quarantine_days)
        service.updated_at = now()
        service.save(update_fields=["logical_id", "updated_at"])
    return service.logical_id


@db.whole()
def allocate_number(
    *, actor: Actor, service_id: UUID, pattern: str, quarantine_days: int = 0
) -> str:
    """Give a telephone service its number by a pattern, such as `0559755{seq:4}`; one it has stays.

    One that was picked and is held for its order comes first (选号, `inventory.choosing`). The
    number is its account, and stands in its characteristics as `number`. Raises BadPattern when
    none is left.
    """
    service = locked_service(actor, service_id)
    if not service.account:
        number = choosing.take_held(service, service.order_id) or _allocate(
            service, NUMBER, pattern, {}, quarantine_days
        )
        service.account = number
        service.characteristics = {**service.characteristics, NUMBER_PLACE: number}
        service.updated_at = now()
        service.save(update_fields=["account", "characteristics", "updated_at"])
    return service.account


@db.whole()
def derive_circuit(*, actor: Actor, service_id: UUID, pattern: str) -> str:
    """Give a service the circuit its network knows it by (Option 82), from its line's port.

    The port is its own, or that of the line it comes with in a bundle. The pattern's values are
    `access_node`, `pon_port`, `user_port` (of a building's ONU; `[:{user_port}]` is left out where
    there is none) and `logical_id`. It follows the line: asked again after a move it is another.
    Raises BadPattern where a value is missing, NoSuchResource without a port.
    """
    service = locked_service(actor, service_id)
    line = running.expected_line(service.lead_id or service.pk)
    circuit = fill(
        pattern,
        {
            "access_node": line.access_node,
            "pon_port": line.pon_port,
            "user_port": "" if line.user_port is None else line.user_port,
            "logical_id": line.logical_id,
        },
    )
    if service.characteristics.get(CIRCUIT_PLACE) != circuit:
        service.characteristics = {**service.characteristics, CIRCUIT_PLACE: circuit}
        service.updated_at = now()
        service.save(update_fields=["characteristics", "updated_at"])
    return circuit


def without_places(characteristics: Mapping[str, Any]) -> dict[str, Any]:
    """Characteristics of a service that has ended: what others may have now is no longer there."""
    places = (NUMBER_PLACE, CIRCUIT_PLACE)
    return {key: value for key, value in characteristics.items() if key not in places}


@db.whole()
def renew_logical_id(*, actor: Actor, service_id: UUID, pattern: str) -> str:
    """A service that came to another OLT gets a logical identifier of that one (ONU-02); where the
    pattern makes the same of both it stays. The old one returns to its pool."""
    service = locked_service(actor, service_id)
    held = PoolNumber.objects.filter(service=service, rule=LOGICAL_ID).select_related("pool")
    row = held.select_for_update(of=("self",), no_key=True).first()
    template = bind(pattern, _values(service, pattern))
    if service.logical_id and (row is None or row.pool.template == template):
        return service.logical_id
    if row is not None:
        days = row.pool.quarantine_days
        row.service = None
        row.state = NumberState.QUARANTINE if days else NumberState.FREE
        row.rests_until = now() + timedelta(days=days) if days else None
        row.save(update_fields=["service", "state", "rests_until"])
    service.logical_id = _allocate(service, LOGICAL_ID, pattern, {}, 0)
    service.updated_at = now()
    service.save(update_fields=["logical_id", "updated_at"])
    return service.logical_id


def take_account(service: Service, pattern: str, quarantine_days: int = 0) -> str:
    """A further account of the pool for a service its caller has locked, who writes it there."""
    return _allocate(service, ACCOUNT, pattern, {}, quarantine_days)


_POOL = "branch_id = %s and rule = %s and template = %s"


def _allocate(
    service: Service, rule: str, pattern: str, params: Mapping[str, object], rest: int
) -> str:
    template = bind(pattern, _values(service, pattern) | dict(params))
    if rule == LOGICAL_ID and (fault := check_logical_id(make(template, 1))):
        raise BadPattern(
            _("逻辑 SN 的编号格式 %(pattern)s 不合规则：%(fault)s")
            % {"pattern": pattern, "fault": fault}
        )
    known = plain.where(NumberPool, _POOL, [service.branch_id, rule, template])
    pool = known[0] if known else _pool(service.branch_id, rule, template, rest)
    taken = db.one(_TAKE, [pool.pk])
    if taken is None:
        # Whoever comes second waits here, and then finds what the first has made.
        lock_row(NumberPool.objects.all(), pool.pk)
        taken = db.one(_TAKE, [pool.pk])
    while taken is None:
        _refill(pool)
        taken = db.one(_TAKE, [pool.pk])
    in_use = {"state": NumberState.IN_USE.value, "service": service.pk}
    plain.update(PoolNumber, in_use, "id = %s", [taken["id"]])
    return str(taken["value"])


def _pool(branch_id: UUID, rule: str, template: str, rest: int) -> NumberPool:
    """A pool nobody has asked for before; of two who make it at once there is one."""
    pool, _made = NumberPool.objects.get_or_create(
        branch_id=branch_id, rule=rule, template=template, defaults={"quarantine_days": rest}
    )
    return pool


def _values(service: Service, pattern: str) -> dict[str, object]:
    code = org.branch(service.branch_id).code
    values: dict[str, object] = {"branch": code, "branch_lower": code.lower()}
    if "{olt" in pattern or "{area_code" in pattern:
        attributes = _olt_attributes(service)
        values["olt"] = attributes.get("number", "")
        values["area_code"] = attributes.get("area_code", "")
    return values


def _olt_attributes(service: Service) -> dict[str, object]:
    held = living_assignment(service_id=service.pk, order_id=None, role="port")
    if held is not None:
        port = queries.with_line(Resource.objects.filter(pk=held.resource_id)).get()
        olt = queries.olt_of(port)
        if olt is not None:
            return dict(olt.attributes)
    first = Resource.objects.filter(branch_id=service.branch_id, specification=Kind.OLT)
    olt = first.order_by("path").first()
    return dict(olt.attributes) if olt is not None else {}


def _refill(pool: NumberPool) -> None:
    """Make a pool's next numbers while we hold its row, without those a service has already."""
    pool.refresh_from_db(fields=["next_value"])
    values = []
    for sequence in range(pool.next_value, pool.next_value + _BATCH):
        try:
            values.append(make(pool.template, sequence))
        except BadPattern:
            if not values:
                raise
            break
    field = "logical_id" if pool.rule == LOGICAL_ID else "account"
    used = set(Service.objects.filter(**{f"{field}__in": values}).values_list(field, flat=True))
    PoolNumber.objects.bulk_create(
        [PoolNumber(pool=pool, rule=pool.rule, value=v) for v in values if v not in used],
        ignore_conflicts=True,
    )
    pool.next_value += len(values)
    pool.save(update_fields=["next_value"])


@db.whole()
def give_back(*, actor: Actor, service_id: UUID) -> list[str]:
    """A service's numbers return to their pools, at once or after a quarantine (冷冻期)."""
    service = locked_service(actor, service_id)
    if service.order_id is not None:  # picked for its order, and never given to it
        choosing.release_numbers(holder=service.order_id)
    rows = list(
        PoolNumber.objects.filter(service=service)
        .select_related("pool")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
    for row in rows:
        days = row.pool.quarantine_days
        row.service = None
        row.state = NumberState.QUARANTINE if days else NumberState.FREE
        row.rests_until = now() + timedelta(days=days) if days else None
        row.save(update_fields=["service", "state", "rests_until"])
    return [row.value for row in rows]
