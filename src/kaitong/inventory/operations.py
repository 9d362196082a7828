"""Verbs of services in operation: birth, states, proofs, secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import audit, db, plain, wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.inventory import pools, ports, queries, terminals
from kaitong.inventory.choices import SERVICE_BIRTHS, SERVICE_MOVES, ServiceState, TerminalState
from kaitong.inventory.errors import NotProven, WrongState
from kaitong.inventory.locking import living_assignment, locked_service
from kaitong.inventory.models import Proof, Service, ServiceOrder, Suspension, Terminal
from kaitong.inventory.numbers import make_password
from kaitong.inventory.results import LineNow
from kaitong.org.actor import Actor

_SHORTEST_PASSWORD = 6


@db.whole()
def create_service(
    *,
    actor: Actor,
    branch_id: UUID,
    specification: str,
    playbook: str = "",
    version: str = "",
    title: str = "",
    order_id: UUID | None = None,
    customer_id: UUID | None = None,
    address_id: UUID | None = None,
    characteristics: Mapping[str, Any] | None = None,
    proven_by: Sequence[str] = (),
    state: str = ServiceState.DESIGNED,
    service_id: UUID | None = None,
    lead_id: UUID | None = None,
    ext: Mapping[str, Any] | None = None,
) -> Service:
    """A service is born. With a `service_id` chosen by the caller a repetition finds the first."""
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司建立服务。"), field="branch_id")
    if state not in SERVICE_BIRTHS:
        raise BadInput(
            [InputFault("state", _("服务不能以状态 %(state)s 建立。") % {"state": state})]
        )
    if state == ServiceState.ACTIVE and proven_by:
        raise NotProven(_("服务未经开通验证，不能直接建立为在用。"), _("先以未激活建立，再验证。"))
    moment = now()
    facts = {
        "branch_id": branch_id,
        "specification": specification,
        "playbook": playbook,
        "version": version,
        "title": title,
        "state": state,
        "order_id": order_id,
        "customer_id": customer_id,
        "address_id": address_id,
        "lead_id": lead_id,
        "characteristics": dict(characteristics or {}),
        "proven_by": list(proven_by),
        "prove_since": moment,
        "updated_at": moment,
        "started_at": moment if state == ServiceState.ACTIVE else None,
        "ext": dict(ext or {}),
    }
    if service_id is None:  # nobody can have made it before
        return Service.objects.create(**facts)
    service, _made = Service.objects.get_or_create(pk=service_id, defaults=facts)
    return service


@db.whole()
def set_service_state(*, actor: Actor, service_id: UUID, state: str, reason: str = "") -> Service:
    """Move a service along TMF638's states, with a reason people can read.

    Raises WrongState for a move that does not exist, NotProven for `active` while a proof is
    missing. Setting the state it has only replaces the reason.
    """
    if state not in ServiceState.values:
        raise BadInput([InputFault("state", _("不认识的服务状态 %(state)s。") % {"state": state})])
    return move(locked_service(actor, service_id), state, reason)


def move(service: Service, state: str, reason: str) -> Service:
    """The same for a service that the caller's transaction has locked."""
    if state != service.state:
        if state not in SERVICE_MOVES[service.state]:
            raise WrongState(
                _("服务现在是%(state)s，不能改为%(target)s。")
                % {"state": service.get_state_display(), "target": ServiceState(state).label},
                _("请先核对服务状态。"),
                field="state",
            )
        if state == ServiceState.ACTIVE:
            if service.withdrawn_at is not None:
                raise WrongState(_("服务的订单已经撤回，不能在用。"), _("请重新受理。"))
            if plain.where(Suspension, "service_id = %s and ended_at is null", [service.pk]):
                raise WrongState(_("服务停机中，不能在用。"), _("先复机。"), field="state")
            _require_proofs(service)
            service.started_at = service.started_at or now()
            service.ended_at = None
        if state == ServiceState.TERMINATED:
            service.ended_at = now()
        service.state = state
    service.reason = reason[:300]
    service.updated_at = now()
    service.save(update_fields=["state", "reason", "started_at", "ended_at", "updated_at"])
    return service


def _require_proofs(service: Service) -> None:
    missing = queries.missing_proofs(service)
    if missing:
        raise NotProven(
            _("缺少开通验证：%(list)s。") % {"list": wording.several(missing)},
            _("完成验证后服务才能在用。"),
            field="proof",
        )


@db.whole()
def hold_line(*, actor: Actor, service_id: UUID) -> LineNow:
    """Lock a service, so that neither its port nor its terminal changes until this has ended.

    What it answers is read behind the lock; call it inside the transaction that relies on it.
    """
    service = locked_service(actor, service_id)
    held = living_assignment(service_id=service_id, order_id=None, role=ports.PORT)
    installed = Terminal.objects.filter(service=service, state=TerminalState.INSTALLED)
    return LineNow(
        port=str(held.resource_id) if held else "",
        logical_id=service.logical_id,
        serial=installed.values_list("serial", flat=True).first() or "",
    )


@db.whole()
def set_reason(*, actor: Actor, service_id: UUID, reason: str) -> None:
    """Say why a service is not (yet) what it should be."""
    service = locked_service(actor, service_id)
    service.reason, service.updated_at = reason[:300], now()
    service.save(update_fields=["reason", "updated_at"])


@db.whole()
def set_characteristics(*, actor: Actor, service_id: UUID, values: Mapping[str, Any]) -> Service:
    """Merge characteristics into a service's; None takes one away."""
    service = locked_service(actor, service_id)
    merged = service.characteristics | dict(values)
    service.characteristics = {k: v for k, v in merged.items() if v is not None}
    service.updated_at = now()
    service.save(update_fields=["characteristics", "updated_at"])
    return service


@db.whole()
def attach_order(*, actor: Actor, service_id: UUID, order_id: UUID) -> None:
    """A later order (change, suspension, cease) works on this service; again changes nothing."""
    service = locked_service(actor, service_id)
    if service.order_id != order_id:
        plain.add(ServiceOrder(service=service, order_id=order_id))


@db.whole()
def record_proof(
    *,
    actor: Actor,
    service_id: UUID,
    kind: str,
    ok: bool,
    data: Mapping[str, Any] | None = None,
    summary: str = "",
    at: datetime | None = None,
) -> Proof:
    """Keep what the network answered when asked to prove a service; failures too."""
    service = locked_service(actor, service_id)
    proof = Proof.objects.create(
        branch_id=service.branch_id,
        service=service,
        kind=kind,
        ok=ok,
        at=at or now(),
        summary=summary[:300],
        data=dict(data or {}),
        actor_id=actor.id,
    )
    service.updated_at = now()
    service.save(update_fields=["updated_at"])
    return proof


@db.whole()
def issue_password(*, actor: Actor, service_id: UUID, again: bool = False) -> None:
    """Give a service a random password; one it has stays unless `again` (reset, BB-06)."""
    service = locked_service(actor, service_id)
    if service.__dict__.get("password") is None or again:
        _write_password(actor, service, make_password())


@db.whole()
def set_password(*, actor: Actor, service_id: UUID, password: str) -> None:
    """Set the password the customer chose (BB-05); earlier proofs no longer count."""
    if len(password) < _SHORTEST_PASSWORD or not password.isascii() or not password.isprintable():
        raise BadInput(
            [
                InputFault(
                    "password",
                    _("密码至少 %(least)s 位，只能用字母、数字和符号。")
                    % {"least": _SHORTEST_PASSWORD},
                )
            ]
        )
    _write_password(actor, locked_service(actor, service_id), password)


def _write_password(actor: Actor, service: Service, password: str) -> None:
    had = service.__dict__.get("password") is not None
    if had:
        service.former_password = service.password
    service.password = password
    service.updated_at = now()
    if had:
        # a line that has worked is where it was; only the login must be shown anew
        if service.started_at is None:
            service.prove_since = service.updated_at
        else:
            service.account_since = service.updated_at
        audit.record(
            "password-changed",
            actor_id=actor.id,
            subject_type="inventory.service",
            subject_id=service.pk,
            branch_id=service.branch_id,
        )
    service.save(
        update_fields=["password", "former_password", "prove_since", "account_since", "updated_at"]
    )


def is_password(*, service_id: UUID, given: str) -> bool:
    """Whether this is a service's password (VER-10). Whoever asks counts the tries."""
    found = Service.objects.filter(pk=service_id).only("password").first()
    if found is None or found.password is None:
        return False
    return compare_digest(str(found.password).encode(), given.encode())


@db.whole()
def reveal_password(*, actor: Actor, service_id: UUID, reason: str) -> str:
    """The password in clear, for a person or for the network. Every reading is recorded."""
    if not reason.strip():
        raise BadInput([InputFault("reason", _("查看密码要写明原因。"))])
    service = locked_service(actor, service_id)
    password = service.password
    if password is None:
        raise WrongState(_("这个服务还没有密码。"), _("先分配账号和密码。"))
    audit.record(
        "password-read",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
        data={"reason": reason.strip()[:200]},
    )
    return str(password)


@db.whole()
def withdraw_service(*, actor: Actor, service_id: UUID, reason: str) -> Service:
    """The order of a service that never worked was withdrawn: give everything back.

    Its port becomes free, its numbers return to their pools (through quarantine where the pool has
    one), a terminal that was installed is to be fetched (待回收), and the service is terminated.
    TMF638's table knows no way there from a service that never worked; left as `inactive` it would
    look alive to every client. `withdrawn_at` tells it from one that was ceased. Doing it twice
    changes nothing. Raises WrongState for one that has worked: cease that.
    """
    service = locked_service(actor, service_id)
    if service.withdrawn_at is not None:
        return service
    if service.started_at is not None:
        raise WrongState(_("服务已经开通过，不能撤单。"), _("请办理销户。"))
    ports.release_port(actor=actor, service_id=service_id, reason=reason)
    pools.give_back(actor=actor, service_id=service_id)
    terminals.to_recover(actor=actor, service_id=service_id)
    service.account = service.logical_id = ""
    service.characteristics = pools.without_places(service.characteristics)
    service.password = service.former_password = None
    service.state = ServiceState.TERMINATED
    service.withdrawn_at = service.ended_at = service.updated_at = now()
    service.reason = reason[:300]
    service.save(
        update_fields=[
            "account",
            "logical_id",
            "characteristics",
            "password",
            "former_password",
            "state",
            "ended_at",
            "withdrawn_at",
            "updated_at",
            "reason",
        ]
    )
    return service
