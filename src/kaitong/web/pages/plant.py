"""资源台账 (SYS-04): the tree of the network, a box with its ports, a port and who had it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.masking import mask_account
from kaitong.inventory import by_hand
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import Kind, ResourceState
from kaitong.inventory.models import Resource
from kaitong.org.actor import Actor
from kaitong.web.access import reads_customers
from kaitong.web.pages.parts import Pager, page_number

PAGE = 100


@dataclass(frozen=True, slots=True)
class Count:
    label: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True)
class Crumb:
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Use:
    """Who has, or had, a port."""

    what: str
    url: str
    order_url: str
    since: datetime
    until: datetime | None
    ended_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    id: UUID
    url: str
    name: str
    kind: str
    code: str
    state: str
    tone: str
    below: int
    free: int
    box: bool
    note: str
    use: Use | None


@dataclass(frozen=True, slots=True)
class Found:
    url: str
    text: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class Act:
    state: str
    label: str


@dataclass(frozen=True, slots=True)
class PlantPage:
    title: str
    crumbs: tuple[Crumb, ...]
    counts: tuple[Count, ...]
    asked: str
    found: tuple[Found, ...]
    ports: bool  # the rows are ports
    rows: tuple[Row, ...]
    total: int
    pager: Pager

    @property
    def coded(self) -> bool:
        return any(row.code for row in self.rows)

    @property
    def boxes(self) -> bool:
        return any(row.box for row in self.rows)


@dataclass(frozen=True, slots=True)
class PortPage:
    id: UUID
    name: str
    text: str
    crumbs: tuple[Crumb, ...]
    state: str
    state_key: str
    tone: str
    code: str
    note: str
    kind: str
    rests_until: datetime | None
    history: tuple[Use, ...]
    acts: tuple[Act, ...]
    chosen: str = ""
    reason: str = ""
    fault: str = ""


def page_of(actor: Actor, query: QueryDict, node_id: UUID | None = None) -> PlantPage | None:
    """What stands under a piece, or at the top; None for a port, which has a page of its own.

    A constant number of queries, however much stands there.
    """
    node = inventory.resource(actor, node_id) if node_id is not None else None
    if node is not None and by_hand.is_port(node):
        return None
    ports = node is not None and by_hand.is_box(node)
    number, asked = page_number(query), query.get("q", "").strip()[:60]
    below = by_hand.below(actor, node)
    total = below.count()
    shown = list(below[(number - 1) * PAGE : number * PAGE])
    uses = by_hand.holders([row.pk for row in shown]) if ports else {}
    looks = reads_customers(actor)
    found = tuple(_found(actor, asked)) if asked else ()
    return PlantPage(
        title=node.name if node is not None else _("资源台账"),
        crumbs=_crumbs(node),
        counts=() if node is not None else _counts(actor),
        asked=asked,
        found=found,
        ports=ports,
        rows=tuple(
            _row(one, _use(uses[one.pk], looks) if one.pk in uses else None) for one in shown
        ),
        total=len(found) if asked else total,
        pager=Pager(number, PAGE, total),
    )


def port_page(
    actor: Actor, port_id: UUID, *, chosen: str = "", reason: str = "", fault: str = ""
) -> PortPage:
    port = inventory.resource(actor, port_id)
    state = ResourceState(port.state)
    labels = {
        ResourceState.FREE: _("恢复空闲"),
        ResourceState.DAMAGED: _("登记损坏"),
        ResourceState.KEPT: _("保留"),
    }
    looks = reads_customers(actor)
    return PortPage(
        id=port.pk,
        name=port.name,
        text=inventory.port_view(port).text,
        crumbs=_crumbs(port),
        state=str(state.label),
        state_key=state.value,
        tone=state.tone,
        code=port.code,
        note=port.note,
        kind=_kind(port),
        rests_until=port.rests_until,
        history=tuple(_use(one, looks) for one in by_hand.had_by(port.pk)),
        acts=tuple(Act(s, labels[ResourceState(s)]) for s in by_hand.possible(port))
        if by_hand.may_keep(actor)
        else (),
        chosen=chosen,
        reason=reason,
        fault=fault,
    )


# ---- inside --------------------------------------------------------------------------------------


def _url(resource: Resource) -> str:
    return reverse("web:plant_node", args=[resource.pk])


def _kind(resource: Resource) -> str:
    known = resource.specification in Kind.values
    return str(Kind(resource.specification).label) if known else resource.specification


def _crumbs(node: Resource | None) -> tuple[Crumb, ...]:
    if node is None:
        return ()
    found = [Crumb(_("资源台账"), reverse("web:plant"))]
    found += [Crumb(one.name, _url(one)) for one in by_hand.above(node)]
    if node.pon_port is not None:  # the optical way, beside the tree of places
        olt = inventory.olt_of(node)
        name = f"{olt.name} {node.pon_port.name}" if olt is not None else node.pon_port.name
        found.append(Crumb(_("PON 口 %(name)s") % {"name": name}, _url(node.pon_port)))
    return tuple(found)


def _counts(actor: Actor) -> tuple[Count, ...]:
    counted = inventory.port_counts(actor)
    return tuple(Count(str(s.label), s.tone, counted[s.value]) for s in ResourceState)


def _found(actor: Actor, asked: str) -> list[Found]:
    return [
        Found(
            reverse("web:plant_node", args=[port.id]),
            port.text,
            str(ResourceState(port.state).label),
            ResourceState(port.state).tone,
        )
        for port in inventory.find_port(actor, asked)
    ]


def _use(held: by_hand.Holder, looks: bool) -> Use:
    """Links lead where the reader may go."""
    service = reverse("web:service", args=[held.service_id]) if held.service_id and looks else ""
    draft = _("受理中的草稿")
    what = mask_account(held.account) if held.account else _("未开通的业务")
    return Use(
        what=what if held.service_id else draft,
        url=service,
        order_url=reverse("web:order", args=[held.order_id])
        if held.order_id and held.service_id
        else "",
        since=held.since,
        until=held.until,
        ended_at=held.ended_at,
        reason=held.reason,
    )


def _row(one: Resource, use: Use | None) -> Row:
    state = ResourceState(one.state)
    return Row(
        id=one.pk,
        url=_url(one),
        name=one.name,
        kind=_kind(one),
        code=one.code,
        state=str(state.label),
        tone=state.tone,
        below=getattr(one, "below", 0),
        free=getattr(one, "below_free", 0),
        box=by_hand.is_box(one),
        note=one.note,
        use=use,
    )
