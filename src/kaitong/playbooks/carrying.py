"""Carrying running orders over to a playbook's current version, one by one or many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.core.errors import KaitongError
from kaitong.ordering import services as ordering
from kaitong.org.actor import Actor
from kaitong.process import migrating
from kaitong.process.migrating import InstancePlan
from kaitong.process.migration_plan import MigrationPlan, Names


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one instance: `refused` is empty where it was carried over."""

    instance_id: UUID
    business_id: UUID | None
    refused: str = ""


def plans(
    actor: Actor,
    playbook: str,
    *,
    process: str = "",
    names: Names | None = None,
    orders: Sequence[UUID] = (),
) -> Iterator[InstancePlan]:
    """For every running instance on an earlier version: what would happen. Nothing changes."""
    for target in migrating.targets(playbook, process):
        yield from migrating.plans(actor, target.pk, names=names, business_ids=orders)


def carry(
    *, actor: Actor, instance_id: UUID, to: UUID, names: Names | None = None, reason: str
) -> MigrationPlan:
    """Carry one instance and the order item it runs for over to another version, or neither."""
    version = ordering.parameters_of(to)

    def parameters(pinned: Mapping[str, Any]) -> Mapping[str, Any]:
        return ordering.carried(version, pinned) if version else pinned

    with transaction.atomic():
        made = migrating.migrate(
            actor=actor,
            instance_id=instance_id,
            to=to,
            names=names,
            reason=reason,
            parameters=parameters,
        )
        ordering.carry_over(actor=actor, instance_id=instance_id, definition_id=to)
    return made


def carry_all(
    *,
    actor: Actor,
    playbook: str,
    process: str = "",
    names: Names | None = None,
    orders: Sequence[UUID] = (),
    reason: str,
) -> Iterator[Outcome]:
    """Carry over whatever can be, each instance in a transaction of its own.

    Killed in between and begun again it goes on with what is left: what was carried over is on the
    current version and no longer asked about.
    """
    found = list(plans(actor, playbook, process=process, names=names, orders=orders))
    for plan in found:
        refused = "；".join(str(fault) for fault in plan.plan.faults)
        if not refused:
            try:
                carry(
                    actor=actor,
                    instance_id=plan.instance_id,
                    to=plan.to,
                    names=names,
                    reason=reason,
                )
            except KaitongError as error:
                refused = str(error)
        yield Outcome(plan.instance_id, plan.business_id, refused)
