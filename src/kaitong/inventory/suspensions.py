"""Suspended services (停机): each reason stands and ends by itself, and the line works with none.

A customer's own wish and arrears are two reasons: paying ends one of them and not the other.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.core import db, plain
from kaitong.core.clock import now
from kaitong.inventory.choices import ServiceState, SuspensionKind
from kaitong.inventory.errors import WrongState
from kaitong.inventory.locking import locked_service
from kaitong.inventory.models import Suspension
from kaitong.inventory.operations import move, set_service_state
from kaitong.org.actor import Actor

_WORDS = {
    SuspensionKind.REQUEST: gettext_noop("客户停机"),
    SuspensionKind.ARREARS: gettext_noop("欠费停机"),
    SuspensionKind.ADMINISTRATIVE: gettext_noop("管理停机"),
}
_STANDING = "service_id = %s and ended_at is null"
_WAITING = gettext_noop("已复机，等待验证。")


@db.whole()
def suspend(
    *,
    actor: Actor,
    service_id: UUID,
    kind: str,
    reason: str,
    order_id: UUID | None = None,
) -> Suspension:
    """A working service stops for a reason (BB-04); the same reason twice is one.

    One that was resumed and is not yet proven may be stopped again. Raises WrongState for a service
    that has never worked, or has ended.
    """
    SuspensionKind(kind)
    service = locked_service(actor, service_id)
    standing = {s.kind: s for s in plain.where(Suspension, _STANDING, [service_id])}
    if kind in standing:
        return standing[kind]
    worked = service.state == ServiceState.INACTIVE and service.started_at is not None
    if service.state != ServiceState.ACTIVE and not worked:
        raise WrongState(
            _("服务现在是%(state)s，不能停机。") % {"state": service.get_state_display()},
            _("只有在用的服务可以停机。"),
            field="state",
        )
    made = Suspension.objects.create(
        branch_id=service.branch_id,
        service=service,
        kind=kind,
        reason=reason[:200],
        order_id=order_id,
        since=now(),
        actor_id=actor.id,
    )
    move(service, ServiceState.INACTIVE, _why([*standing.values(), made]))
    return made


@db.whole()
def resume(*, actor: Actor, service_id: UUID, kind: str) -> bool:
    """A reason has ended; whether the service works again.

    With no reason left it may work, and is active once the network has been seen to accept it
    (`activation.prove-account`); at once where its specification asks for no proof. Ending what
    does not stand changes nothing.
    """
    service = locked_service(actor, service_id)
    standing = plain.where(Suspension, _STANDING, [service_id])
    mine = [s for s in standing if s.kind == kind]
    left = [s for s in standing if s.kind != kind]
    for one in mine:
        one.ended_at = now()
        one.save(update_fields=["ended_at"])
    if not mine:
        return service.state == ServiceState.ACTIVE
    works = not left and not service.proven_by
    state = ServiceState.ACTIVE if works else ServiceState.INACTIVE
    move(service, state, "" if works else _why(left) or _WAITING)
    return works


@db.whole()
def reinstate(
    *, actor: Actor, service_id: UUID, kind: str, ended_since: datetime
) -> Suspension | None:
    """A reason that ended then or later stands after all (复机撤回), from the day it began.

    One that stands changes nothing; None where none ended since, or the service has ended.
    """
    service = locked_service(actor, service_id)
    rows = Suspension.objects.filter(service=service, kind=kind)
    standing = rows.filter(ended_at=None).first()
    if standing is not None or service.state == ServiceState.TERMINATED:
        return standing
    found = rows.filter(ended_at__gte=ended_since).order_by("-since").first()
    if found is None:
        return None
    found.ended_at = None
    found.save(update_fields=["ended_at"])
    set_service_state(
        actor=actor,
        service_id=service_id,
        state=ServiceState.INACTIVE,
        reason=_why(list(Suspension.objects.filter(service=service, ended_at=None))),
    )
    return found


def _why(rows: list[Suspension]) -> str:
    """Chinese, whoever asks: it is kept."""
    if not rows:
        return ""
    return "、".join(dict.fromkeys(_WORDS[SuspensionKind(row.kind)] for row in rows))
