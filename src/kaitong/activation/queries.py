"""Reading network elements and exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Max, OuterRef, Subquery
from django.utils.translation import gettext as _

from kaitong.activation.choices import ElementKind, ElementState, Verb
from kaitong.activation.errors import ElementProblem
from kaitong.activation.models import Exchange, NetworkElement
from kaitong.activation.nasport import Line
from kaitong.core import plain
from kaitong.core.clock import now
from kaitong.core.errors import NotFound
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.org import queries as org
from kaitong.org.actor import Actor

if TYPE_CHECKING:
    from kaitong.activation.adapters.base import Proof
    from kaitong.activation.adapters.circuits import Lease
    from kaitong.activation.adapters.registrations import Registration
    from kaitong.activation.usage import Usage


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """One exchange with a network element, fit for a timeline and its detail."""

    id: UUID
    at: datetime
    verb: str
    verb_title: str
    element: str
    ok: bool
    cause: str
    request: str
    response: str
    took_ms: int
    order_id: UUID | None
    service_id: UUID | None


@dataclass(frozen=True, slots=True)
class ElementView:
    """A network element for lists. Secrets are never in it."""

    id: UUID
    key: str
    kind: str
    kind_title: str
    title: str
    state: str
    state_title: str
    place: str
    branch_id: UUID
    last_ok_at: datetime | None
    last_failed_at: datetime | None


def element_for(kind: str, branch_id: UUID) -> NetworkElement:
    """The element that serves a branch: its own, else the nearest above it.

    Raises ElementProblem when there is none in service: people must register one.
    """
    above = _above(branch_id)
    rows = plain.kept(
        NetworkElement,
        "kind = %s and state = %s and branch_id = any(%s::uuid[])",
        [kind, ElementState.IN_SERVICE.value, plain.array(above)],
    )
    found = sorted(rows, key=lambda element: (above.index(element.branch_id), element.key))
    if not found:
        raise ElementProblem(
            f"本分公司没有在用的网元（{kind}）。", "登记网元，或把停用的网元恢复在用。"
        )
    return found[0]


def kinds_in_service(branch_id: UUID) -> set[str]:
    """The kinds of element that serve a branch now: its own or those above it."""
    above = _above(branch_id)
    rows = NetworkElement.objects.filter(state=ElementState.IN_SERVICE, branch_id__in=above)
    return set(rows.values_list("kind", flat=True).distinct())


def known_to_network(kind: str, branch_id: UUID) -> bool:
    """Whether a branch ever had an element of this kind: else nothing of it stands anywhere."""
    where = "kind = %s and branch_id = any(%s::uuid[]) limit 1"
    return bool(plain.kept(NetworkElement, where, [kind, plain.array(_above(branch_id))]))


def _above(branch_id: UUID) -> list[UUID]:
    """A branch and those above it, the nearest first. Raises NotFound without such a branch."""
    return org.branches_above(branch_id) or [org.branch(branch_id).pk]


def last_spoken_to(kind: str, service_id: UUID) -> NetworkElement | None:
    """The element of this kind to which a service was last sent, wherever it is registered now."""
    row = (
        Exchange.objects.filter(service_id=service_id, element__kind=kind)
        .select_related("element")
        .order_by("-id")
        .first()
    )
    return row.element if row else None


def elements_in_service(kind: str) -> list[NetworkElement]:
    """All elements of a kind to which something may be sent."""
    return list(NetworkElement.objects.filter(kind=kind, state=ElementState.IN_SERVICE))


def runs_until(service_id: UUID) -> datetime | None:
    """Until when what a service was cut off from may be used yet, at the latest; None where nothing
    is left of it."""
    rows = Exchange.objects.filter(service_id=service_id, runs_until__gt=now())
    found: datetime | None = rows.aggregate(last=Max("runs_until"))["last"]
    return found


def exchanges(
    actor: Actor,
    *,
    order_id: UUID | None = None,
    service_id: UUID | None = None,
    limit: int = 200,
) -> list[ExchangeView]:
    """What was said to the network for an order or a service, oldest first."""
    rows = org.visible_to(Exchange.objects.select_related("element"), actor)
    if order_id is not None:
        rows = rows.filter(order_id=order_id)
    if service_id is not None:
        rows = rows.filter(service_id=service_id)
    newest = list(rows.order_by("-id")[:limit])
    return [
        ExchangeView(
            id=row.pk,
            at=row.started_at,
            verb=row.verb,
            verb_title=str(Verb(row.verb).label),
            element=row.element.title,
            ok=row.ok,
            cause=row.cause,
            request=row.request,
            response=row.response,
            took_ms=row.took_ms,
            order_id=row.order_id,
            service_id=row.service_id,
        )
        for row in reversed(newest)
    ]


def elements(actor: Actor) -> list[ElementView]:
    """Network elements of the actor's branches and when each last answered, in one query."""

    def last(ok: bool) -> Subquery:
        exchanged = Exchange.objects.filter(element=OuterRef("pk"), ok=ok).order_by("-id")
        return Subquery(exchanged.values("started_at")[:1])

    rows = org.visible_to(NetworkElement.objects.all(), actor).annotate(
        last_ok_at=last(True), last_failed_at=last(False)
    )
    return [
        ElementView(
            id=row.pk,
            key=row.key,
            kind=row.kind,
            kind_title=str(row.get_kind_display()),
            title=row.title,
            state=row.state,
            state_title=str(row.get_state_display()),
            place=_place(row.connection),
            branch_id=row.branch_id,
            last_ok_at=row.last_ok_at,
            last_failed_at=row.last_failed_at,
        )
        for row in rows
    ]


def element(actor: Actor, element_id: UUID) -> NetworkElement:
    """One of the actor's branches', or NotFound."""
    row = org.visible_to(NetworkElement.objects.filter(pk=element_id), actor).first()
    if row is None:
        raise NotFound(_("没有这个网元。"), _("请核对编号和所在分公司。"))
    found: NetworkElement = row
    return found


def live(element: NetworkElement) -> Mapping[str, int]:
    """What is on at an element at this moment, in counts; {} for one that cannot be spoken to.
    Raises ActivationError while it cannot be asked."""
    from kaitong.activation import services
    from kaitong.activation.adapters.base import Conversation

    if element.kind == ElementKind.OLT:
        return {}
    return services.adapter(element).live(Conversation())


def _place(connection: Mapping[str, Any]) -> str:
    return (
        f"{connection.get('host', '')}:{connection.get('auth_port') or connection.get('port', '')}"
    )


def usage(service: ServiceView, start: datetime, end: datetime | None = None) -> Usage:
    """What a service has used in a span, by its network's accounting: sessions, days, months.

    The caller has the service, so has seen that it may. Raises ActivationError when the server
    cannot be asked.
    """
    from kaitong.activation import usage as counting

    return counting.usage(service, start, end)


def registrations(service: ServiceView) -> list[Registration] | None:
    """The telephones of a service's number that are registered now, the last heard first; None for
    a service that does not live at a voice platform. Raises ActivationError when it cannot be
    asked."""
    from kaitong.activation import telephones

    return telephones.registrations(service)


def boxes(service: ServiceView) -> list[Lease] | None:
    """What set-top boxes on the service's line hold now, the last heard first; None for a service
    that does not live at a DHCP server. Raises ActivationError when it cannot be asked."""
    from kaitong.activation import leases

    return leases.boxes(service)


def said(service: ServiceView, proof: Proof) -> str:
    """What the network answered about a service, in one sentence."""
    from kaitong.activation import kinds

    return kinds.of_service(service).sentence(proof)


def keeps_sessions(service: ServiceView) -> bool:
    """Whether the service logs in: its sessions stand in an AAA server's accounting."""
    from kaitong.activation import wanting

    return wanting.kind_of(service) == ElementKind.AAA


def line_of_account(account: str) -> Line | None:
    """The line on which the network must see an account, by the inventory; None when unknown."""
    expected = inventory.expected_lines([account]).get(account)
    if expected is None:
        return None
    return Line(expected.access_node, expected.pon_port, expected.logical_id, expected.user_port)
