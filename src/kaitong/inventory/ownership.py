"""Whose a service in operation is, what it is called, and its end (过户, 修改账号, 销户).

Nothing here speaks to the network: a process brings it there before or after, as its playbook says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.inventory import former, pools, ports, terminals
from kaitong.inventory.choices import NumberState, ResourceState, ServiceState, TerminalState
from kaitong.inventory.errors import WrongState
from kaitong.inventory.locking import locked_service
from kaitong.inventory.models import PoolNumber, Service, Suspension, Terminal
from kaitong.org.actor import Actor

FORMER = former.FORMER


@dataclass(frozen=True, slots=True)
class Ceased:
    """What a service left behind: its port rests until it is taken down, its pieces are to be
    fetched. A service that had ended before leaves nothing more."""

    account: str
    port_id: UUID | None
    port: str
    terminals: tuple[str, ...]


@db.whole()
def give_service_to(*, actor: Actor, service_id: UUID, customer_id: UUID) -> UUID | None:
    """Another customer holds the service from now on (过户, BB-02); the one before, if there was.

    Recorded by the audit of the table. Raises WrongState for a service that has ended.
    """
    service = locked_service(actor, service_id)
    _living(service)
    before = service.customer_id
    if before == customer_id:
        return before
    service.customer_id, service.updated_at = customer_id, now()
    service.save(update_fields=["customer_id", "updated_at"])
    return before


@db.whole()
def rename_account(*, actor: Actor, service_id: UUID, account: str) -> str:
    """The service goes by another account in the network (BB-11); the one it had before.

    A name made by a pool returns to it, through its quarantine. Asked for the name it has, nothing
    changes. Raises WrongState when another service has the name.
    """
    service = locked_service(actor, service_id)
    _living(service)
    before, name = service.account, account.strip()
    if before == name:
        return before
    moment = now()
    service.account = name
    service.prove_since = service.updated_at = moment
    former.keep_account(service, before)
    try:
        with transaction.atomic():  # a savepoint: the name may be taken at this instant
            service.save(
                update_fields=["account", "prove_since", "updated_at", "ext", "former_accounts"]
            )
    except IntegrityError:
        raise WrongState(
            _("账号 %(account)s 已被使用。") % {"account": name},
            _("请换一个号码。"),
            field="account",
        ) from None
    _rest(service, before)
    audit.record(
        "account-renamed",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
    )
    return before


@db.whole()
def renew_account(
    *, actor: Actor, service_id: UUID, pattern: str, quarantine_days: int = 0
) -> tuple[str, str]:
    """The service goes by another account of its pool (换账号); the one it had, and the new one."""
    service = locked_service(actor, service_id)
    account = pools.take_account(service, pattern, quarantine_days)
    return rename_account(actor=actor, service_id=service_id, account=account), account


@db.whole()
def restore_account(*, actor: Actor, service_id: UUID, account: str) -> str:
    """The service goes by a name it had again (改账号撤回); the one it gives up.

    A name of a pool is taken out of its quarantine. Raises WrongState when somebody else has it by
    now; asked for the name it has, nothing changes.
    """
    service = locked_service(actor, service_id)
    before = service.account
    if before == account:
        return before
    rows = PoolNumber.objects.filter(value=account, rule=pools.ACCOUNT)
    number = rows.select_for_update(of=("self",), no_key=True).first()
    if number is not None and number.state == NumberState.IN_USE:
        raise WrongState(
            _("账号 %(account)s 已被使用。") % {"account": account},
            _("请换一个号码。"),
            field="account",
        )
    rename_account(actor=actor, service_id=service_id, account=account)
    if number is not None:
        number.service, number.state, number.rests_until = service, NumberState.IN_USE, None
        number.save(update_fields=["service", "state", "rests_until"])
    return before


@db.whole()
def cease_service(
    *, actor: Actor, service_id: UUID, reason: str, rest: timedelta | None = None
) -> Ceased:
    """A service that worked ends (销户, BB-03), whatever it was suspended for.

    Its port is pre-released (预释放): free when the line has been taken down, or after `rest`. Its
    numbers return to their pools through quarantine, its pieces are to be fetched, its password is
    forgotten. Twice changes nothing. Raises WrongState for one that never worked: withdraw that.
    """
    service = locked_service(actor, service_id)
    if service.state == ServiceState.TERMINATED:
        return Ceased("", None, "", ())
    if service.started_at is None:
        raise WrongState(_("服务还没有开通，不能销户。"), _("请办理撤单。"), field="state")
    moment = now()
    Suspension.objects.filter(service=service, ended_at=None).update(ended_at=moment)
    released = ports.release_port(
        actor=actor,
        service_id=service_id,
        becomes=ResourceState.PRE_RELEASED,
        rest=rest,
        reason=reason,
    )
    pools.give_back(actor=actor, service_id=service_id)
    boxes = terminals.to_recover(actor=actor, service_id=service_id)
    account = service.account
    service.account = service.logical_id = ""
    service.characteristics = pools.without_places(service.characteristics)
    service.password = None
    service.state, service.reason = ServiceState.TERMINATED, reason[:300]
    service.ended_at = service.updated_at = moment
    if account:
        former.keep_account(service, account)
    service.save()
    return Ceased(
        account,
        released.resource_id if released else None,
        released.text if released else "",
        tuple(box.serial for box in boxes),
    )


@db.whole()
def line_taken_down(*, actor: Actor, port_id: UUID) -> bool:
    """The line of a service that ended has been taken down (拆机): its port is free.

    False when it is not waiting for that any more: somebody found it bad, or its rest is over.
    """
    port = ports.locked_resources(actor, [port_id])[port_id]
    if port.state != ResourceState.PRE_RELEASED:
        return False
    ports.move(port, ResourceState.FREE)
    port.rests_until = None
    port.save(update_fields=["rests_until"])
    return True


@db.whole()
def terminal_recovered(*, actor: Actor, service_id: UUID, serial: str) -> Terminal:
    """A piece that was to be fetched is on the shelf again (回收入库); twice is once.

    Raises WrongState for a piece that is not this service's to give back.
    """
    locked_service(actor, service_id)
    wanted = serial.strip().upper()
    row = (
        Terminal.objects.filter(serial=wanted, service_id=service_id)
        .select_for_update(no_key=True)
        .first()
    )
    if row is None or row.state != TerminalState.TO_RECOVER:
        raise WrongState(
            _("串号 %(serial)s 不是这一户待回收的终端。") % {"serial": wanted[:40]},
            _("请核对标签；不是我方终端的，不要回收。"),
            field="serial",
        )
    return terminals.return_to_stock(actor=actor, serials=[wanted])[0]


# ---- inside --------------------------------------------------------------------------------------


def _living(service: Service) -> None:
    if service.state == ServiceState.TERMINATED:
        raise WrongState(
            names.of(service).say(_("%(this)s已经销户。")),
            _("需要时请重新受理。"),
            field="state",
        )


def _rest(service: Service, account: str) -> None:
    """The pool's number behind a name the service no longer has."""
    rows = PoolNumber.objects.filter(service=service, value=account).select_related("pool")
    for row in rows.select_for_update(of=("self",), no_key=True):
        days = row.pool.quarantine_days
        row.service = None
        row.state = NumberState.QUARANTINE if days else NumberState.FREE
        row.rests_until = now() + timedelta(days=days) if days else None
        row.save(update_fields=["service", "state", "rests_until"])
