"""What every action of activation does alike: read the service, word failures, tell findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.activation import kinds, queries
from kaitong.activation.adapters.base import AccountChange, AccountState, Proof, ProofKind
from kaitong.activation.errors import ActivationError, Unreachable
from kaitong.activation.kinds import Kind
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For
from kaitong.activation.wanting import barred_for as barred_for
from kaitong.core.errors import BadInput, InputFault
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.results import ServiceView
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, Transient


@contextmanager
def spoken(service: ServiceView) -> Iterator[None]:
    """Errors of the network in the words of the process runtime; the service says why it waits."""
    try:
        yield
    except Unreachable as error:
        tell(service, error.what)
        raise Transient("network", error.what) from None
    except ActivationError as error:
        tell(service, error.what)
        raise BadInput([InputFault(error.field or "network", error.what, error.remedy)]) from None


def service_of(ctx: ActionContext) -> ServiceView:
    try:
        service_id = UUID(str(ctx.inputs.get("service_id")))
    except ValueError:
        raise BadInput([InputFault("service_id", "动作没有得到服务编号。")]) from None
    return inventory.service(Actor.system(), service_id, proofs=False, line=False)


def password_of(service: ServiceView, reason: str) -> str:
    return inventory_verbs.reveal_password(
        actor=Actor.system(), service_id=service.id, reason=reason
    )


def password_for(kind: Kind, service: ServiceView, reason: str) -> str:
    """The service's password where its element knows one."""
    return password_of(service, reason) if kind.has_password else ""


def for_whom(ctx: ActionContext, service: ServiceView) -> For:
    return For(service.branch_id, service.id, ctx.business_id or service.order_id, ctx.key)


def desired_account(
    service: ServiceView, element: NetworkElement, password: str, former: tuple[str, ...] = ()
) -> AccountChange:
    """What the element shall hold: the playbook's map over the service's characteristics.

    A service that is shut off is barred whatever is sent for it; one that ended has no account.
    """
    kind = kinds.of(element.kind)
    if service.state == ServiceState.TERMINATED:
        return AccountChange(account=kind.name(service), state=AccountState.ABSENT, former=former)
    return kind.desired(
        service, element, password=password, barred_for=barred_for(service), former=former
    )


def spoken_to(service: ServiceView) -> tuple[Kind, NetworkElement]:
    """The kind of element a service lives at, and the one that serves its branch."""
    kind = kinds.of_service(service)
    return kind, queries.element_for(kind.key, service.branch_id)


def stands_nowhere(service: ServiceView, kind: Kind) -> bool:
    """Whether nothing of a service can stand in the network: its branch has no such element.

    Where it was sent to one that has been taken from the branch since, its data are there still:
    bad input, which names the element.
    """
    if queries.known_to_network(kind.key, service.branch_id):
        return False
    element = queries.last_spoken_to(kind.key, service.id)
    if element is None:
        return True
    what = f"本分公司已没有登记网元{element.title}（{element.key}），而这项业务下发到过那里。"
    tell(service, what)
    raise BadInput([InputFault("network", what, "把网元登记回本分公司后重试。")])


def wanted_now(
    service: ServiceView, element: NetworkElement, why: str, former: tuple[str, ...] = ()
) -> Callable[[], AccountChange]:
    """Asks anew what the network shall hold each time it is called: see `Adapter.bring`."""

    def ask() -> AccountChange:
        fresh = inventory.service(Actor.system(), service.id, proofs=False, line=False)
        password = password_for(kinds.of(element.kind), fresh, why)
        return desired_account(fresh, element, password, former)

    return ask


def record(
    service: ServiceView, proof: Proof, sentence: str, kind: ProofKind | None = None
) -> None:
    inventory_verbs.record_proof(
        actor=Actor.system(),
        service_id=service.id,
        kind=(kind or proof.kind).value,
        ok=proof.ok,
        data={"result": proof.result.value, **proof.facts},
        summary=sentence,
    )


def tell(service: ServiceView, reason: str) -> None:
    """The service's visible reason."""
    if service.reason != reason:
        inventory_verbs.set_reason(actor=Actor.system(), service_id=service.id, reason=reason)


def patience(ctx: ActionContext, usual: float = 0) -> float:
    try:
        seconds = float(ctx.inputs.get("patience") or usual)
    except (TypeError, ValueError):
        raise BadInput([InputFault("patience", "等待时间应是秒数。")]) from None
    return min(max(seconds, 0.0), 24 * 3600.0)


def moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
