"""What every action of activation does alike: read the service, word failures, tell findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from kaitong.activation import plan
from kaitong.activation.adapters.base import AccountChange, AccountState, Proof, ProofKind
from kaitong.activation.choices import ElementKind
from kaitong.activation.errors import ActivationError, Unreachable
from kaitong.activation.models import NetworkElement
from kaitong.activation.nasport import Line
from kaitong.activation.records import For
from kaitong.catalog import queries as catalog
from kaitong.core.errors import BadInput, InputFault
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState, SuspensionKind
from kaitong.inventory.reckoning import Standing
from kaitong.inventory.results import ServiceView
from kaitong.org.actor import Actor
from kaitong.process import feel
from kaitong.process.actions import ActionContext, Transient

# names in `activates: map:` that are not for the AAA server's plan
_OWN_NAMES = frozenset({"account", "password"})
_WEIGHT = (SuspensionKind.ADMINISTRATIVE, SuspensionKind.ARREARS, SuspensionKind.REQUEST)


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
    return inventory.service(Actor.system(), service_id)


def password_of(service: ServiceView, reason: str) -> str:
    return inventory_verbs.reveal_password(
        actor=Actor.system(), service_id=service.id, reason=reason
    )


def line_of(service: ServiceView) -> Line:
    expected = inventory.expected_line(service.id)
    return Line(expected.access_node, expected.pon_port, expected.logical_id, expected.user_port)


def for_whom(ctx: ActionContext, service: ServiceView) -> For:
    return For(service.branch_id, service.id, ctx.business_id or service.order_id, ctx.key)


def mapped(service: ServiceView | Standing, on: str) -> dict[str, Any]:
    """The values of `activates: [{on, map}]` for an element's kind."""
    specification = catalog.service_specification(
        service.specification, playbook=service.playbook, version=service.version
    )
    known = {
        **service.characteristics,
        "account": service.account,
        "logical_id": service.logical_id,
        "specification": service.specification,
        "characteristics": service.characteristics,
    }
    found: dict[str, Any] = {}
    for entry in specification.activates:
        if entry.get("on") != on:
            continue
        mapping: Mapping[str, Any] = entry.get("map") or {}
        for name, text in mapping.items():
            if name in _OWN_NAMES:
                continue
            where = f"{service.playbook}: activates {on}.{name}"
            found[name] = (
                feel.compile(text, where=where).evaluate(known) if isinstance(text, str) else text
            )
    return found


def desired_account(
    service: ServiceView, element: NetworkElement, password: str, former: tuple[str, ...] = ()
) -> AccountChange:
    """What the AAA server shall hold: the playbook's map over the service's characteristics.

    A service that is shut off is barred whatever is sent for it; one that ended has no account.
    """
    if service.state == ServiceState.TERMINATED:
        return AccountChange(account=service.account, state=AccountState.ABSENT, former=former)
    barred = barred_for(service)
    wanted = mapped(service, ElementKind.AAA)
    return AccountChange(
        account=service.account,
        state=AccountState.BARRED if barred else AccountState.OPEN,
        password=password,
        plan=plan.plan_group(wanted, service.playbook),
        plan_attributes=plan.plan_attributes(wanted, element.connection.get("plan_attributes")),
        attributes=plan.own_attributes(wanted),
        barred_for=barred,
        former=former,
    )


def barred_for(service: ServiceView) -> str:
    """The kind of suspension that stands, "" for none. Of several the one the customer hears: what
    he cannot mend by himself comes first."""
    return weightiest(s.kind for s in inventory.suspensions([service.id]).get(service.id, ()))


def weightiest(kinds: Iterable[str]) -> str:
    held = set(kinds)
    return next((str(kind) for kind in _WEIGHT if kind in held), "")


def wanted_now(
    service: ServiceView, element: NetworkElement, why: str, former: tuple[str, ...] = ()
) -> Callable[[], AccountChange]:
    """Asks anew what the network shall hold each time it is called: see `RadiusAdapter.bring`."""

    def ask() -> AccountChange:
        fresh = inventory.service(Actor.system(), service.id)
        return desired_account(fresh, element, password_of(fresh, why), former)

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
