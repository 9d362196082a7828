"""Bringing in lines that work already (存量): the customers an operator has when Kaitong begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.locks import lock_rows
from kaitong.inventory.bulk import may_build
from kaitong.inventory.choices import LINE_PORTS, AssignmentState, ResourceState, ServiceState
from kaitong.inventory.models import Assignment, Resource, Service
from kaitong.inventory.numbers import check_logical_id
from kaitong.inventory.plant import Built
from kaitong.org.actor import Actor

_SEEN_FAULTS = 200


@dataclass(frozen=True, slots=True)
class LineRow:
    """A working line: its port (path), where it is, its account and logical identifier; whose it
    is, what he has (`down_mbps`) and since when, as far as known."""

    port: str
    address_id: UUID
    account: str
    logical_id: str = ""
    specification: str = "access"
    title: str = ""
    customer_id: UUID | None = None
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None


@transaction.atomic
def adopt_lines(*, actor: Actor, branch_id: UUID, rows: Iterable[LineRow]) -> Built:
    """Enter services that have worked since before Kaitong, with the ports they use.

    They are active without a proof of ours and are marked so (`ext.adopted`). An account that is
    known is left as it is. All rows or none: raises BadInput with every fault by row.
    """
    may_build(actor, branch_id)
    given = list(rows)
    known = set(
        Service.objects.filter(account__in=[r.account for r in given]).values_list(
            "account", flat=True
        )
    )
    new = [(n, r) for n, r in enumerate(given) if r.account not in known]
    ids = Resource.objects.filter(
        branch_id=branch_id, path__in=[r.port for _number, r in new], specification__in=LINE_PORTS
    ).values_list("pk", flat=True)
    ports = {p.path: p for p in lock_rows(Resource.objects.all(), ids)}
    if faults := _faults(new, ports):
        raise BadInput(faults)
    moment = now()
    services, assignments = [], []
    for _number, row in new:
        service = Service(
            branch_id=branch_id,
            specification=row.specification,
            title=row.title,
            state=ServiceState.ACTIVE,
            address_id=row.address_id,
            account=row.account,
            logical_id=row.logical_id,
            customer_id=row.customer_id,
            characteristics=dict(row.characteristics),
            started_at=row.since or moment,
            prove_since=moment,
            updated_at=moment,
            ext={"adopted": True},
        )
        services.append(service)
        assignments.append(
            Assignment(
                branch_id=branch_id,
                resource=ports[row.port],
                service=service,
                state=AssignmentState.IN_USE,
                actor_id=actor.id,
            )
        )
    Service.objects.bulk_create(services, batch_size=1000)
    Assignment.objects.bulk_create(assignments, batch_size=1000)
    Resource.objects.filter(pk__in=[p.pk for p in ports.values()]).update(
        state=ResourceState.IN_USE
    )
    if services:
        audit.record(
            "lines-adopted",
            actor_id=actor.id,
            subject_type="inventory.service",
            subject_id=None,
            branch_id=branch_id,
            data={"count": len(services)},
        )
    return Built(len(services), len(given) - len(services))


def _faults(new: list[tuple[int, LineRow]], ports: dict[str, Resource]) -> list[InputFault]:
    faults: list[InputFault] = []
    seen: set[str] = set()
    for number, row in new:
        port = ports.get(row.port)
        if port is None:
            faults.append(
                InputFault(
                    f"rows[{number}].port", _("没有用户端口 %(port)s。") % {"port": row.port}
                )
            )
        elif port.state != ResourceState.FREE:
            what = _("%(port)s 现在是%(state)s。") % {
                "port": row.port,
                "state": port.get_state_display(),
            }
            faults.append(InputFault(f"rows[{number}].port", what, _("核对端口或先释放。")))
        if not row.account.strip():
            faults.append(InputFault(f"rows[{number}].account", _("没有账号。")))
        for column, value in (("port", row.port), ("account", row.account)):
            if f"{column} {value}" in seen:
                faults.append(
                    InputFault(f"rows[{number}].{column}", _("%(value)s 重复。") % {"value": value})
                )
            seen.add(f"{column} {value}")
        if row.logical_id and (fault := check_logical_id(row.logical_id)):
            faults.append(InputFault(f"rows[{number}].logical_id", fault))
        if len(faults) >= _SEEN_FAULTS:
            break
    return faults
