"""Reading the network: ports in words, the tree, what hangs behind what, the stock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Func, Q, QuerySet, Value
from django.utils.translation import gettext as _

from kaitong.core import db, plain
from kaitong.inventory.choices import (
    LINE_PORTS,
    AssignmentState,
    Kind,
    ResourceState,
)
from kaitong.inventory.errors import NoSuchResource
from kaitong.inventory.models import Assignment, Resource, Terminal
from kaitong.inventory.results import (
    PortView,
)
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


def living() -> QuerySet[Assignment]:
    """Assignments that hold something: all but the released."""
    return Assignment.objects.exclude(state=AssignmentState.RELEASED)


def with_line(rows: QuerySet[Resource]) -> QuerySet[Resource]:
    """Ports with box, PON port, card and OLT, in the same query."""
    return rows.select_related("parent", "pon_port__parent__parent")


def olt_of(port: Resource) -> Resource | None:
    """The OLT a port hangs on; its PON port may stand on a card between them."""
    above = port.pon_port.parent if port.pon_port else None
    while above is not None and above.specification != Kind.OLT:
        above = above.parent
    return above


def _texts(olt: str, pon: str, box: str, name: str, position: int | None) -> tuple[str, str, str]:
    """The whole text of a port, its network half and its stairwell half."""
    pon_text = f"{olt} {pon}".strip()
    number = f"{position:02d}" if position is not None else name
    box_text = f"{box}/{number}" if box else name
    return f"{pon_text} · {box_text}" if pon_text else box_text, pon_text, box_text


def port_view(port: Resource) -> PortView:
    """A port in words; give it rows of `with_line`."""
    olt, pon, box = olt_of(port), port.pon_port, port.parent
    text, pon_text, box_text = _texts(
        olt.name if olt else "",
        pon.name if pon else "",
        box.name if box else "",
        port.name,
        port.position,
    )
    return PortView(
        id=port.pk,
        text=text,
        pon_text=pon_text,
        box_text=box_text,
        state=port.state,
        access_node=str(olt.attributes.get("node") or olt.name) if olt else "",
        pon_port=pon.name if pon else "",
        position=port.position,
        box_id=port.parent_id,
        pon_port_id=port.pon_port_id,
        on_onu=port.specification == Kind.ONU_PORT,
    )


@dataclass(frozen=True, slots=True)
class Held:
    """The port a service holds, and how."""

    port: PortView
    state: str
    reserved_until: datetime | None


_HELD = """
SELECT a.service_id, a.state, a.reserved_until, p.id, p.name, p.position, p.state,
       p.specification, p.parent_id, p.pon_port_id,
       coalesce(box.name, '') AS box, coalesce(pon.name, '') AS pon,
       coalesce(olt.name, '') AS olt, coalesce(olt.attributes->>'node', '') AS node
FROM inventory_assignment a
JOIN inventory_resource p ON p.id = a.resource_id
LEFT JOIN inventory_resource box ON box.id = p.parent_id
LEFT JOIN inventory_resource pon ON pon.id = p.pon_port_id
LEFT JOIN inventory_resource up ON up.id = pon.parent_id
LEFT JOIN inventory_resource olt
    ON olt.id = CASE WHEN up.specification = 'olt' THEN up.id ELSE up.parent_id END
    AND olt.specification = 'olt'
WHERE a.service_id = ANY(%s::uuid[]) AND a.role = 'port' AND a.state <> 'released'
"""


def held_ports(service_ids: Iterable[UUID]) -> dict[UUID, Held]:
    """The ports of services in words, in one statement: most pages and steps ask for them."""
    found = {}
    for row in plain.ask(_HELD, [plain.array(service_ids)]):
        service_id, held, until, port_id, name, position, state, kind, box_id, pon_id = row[:10]
        box, pon, olt, node = row[10:]
        text, pon_text, box_text = _texts(olt, pon, box, name, position)
        port = PortView(
            id=port_id,
            text=text,
            pon_text=pon_text,
            box_text=box_text,
            state=state,
            access_node=node or olt,
            pon_port=pon,
            position=position,
            box_id=box_id,
            pon_port_id=pon_id,
            on_onu=kind == Kind.ONU_PORT,
        )
        found[service_id] = Held(port, held, until)
    return found


_TEXTS = """
SELECT p.id, p.name, p.position, coalesce(box.name, '') AS box, coalesce(pon.name, '') AS pon,
       CASE WHEN up.specification = 'olt' THEN up.name
            WHEN top.specification = 'olt' THEN top.name ELSE '' END AS olt
FROM inventory_resource p
LEFT JOIN inventory_resource box ON box.id = p.parent_id
LEFT JOIN inventory_resource pon ON pon.id = p.pon_port_id
LEFT JOIN inventory_resource up ON up.id = pon.parent_id
LEFT JOIN inventory_resource top ON top.id = up.parent_id
WHERE p.id = ANY(%s)
"""


def port_texts(port_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The words of many ports: OLT-01 0/3/6 · 6栋2单元 POS-01/03."""
    return {
        r["id"]: _texts(r["olt"], r["pon"], r["box"], r["name"], r["position"])[0]
        for r in db.rows(_TEXTS, [list(port_ids)])
    }


def port_text_of(port_id: UUID) -> str:
    return port_texts([port_id]).get(port_id, "")


def port_texts_of_services(service_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The ports of services in words, in one statement."""
    return {key: held.port.text for key, held in held_ports(service_ids).items()}


def port_text(service_id: UUID) -> str:
    """The port a service has, in words; empty when it has none."""
    held = living().filter(service_id=service_id, role="port").values("resource_id")[:1]
    rows = with_line(Resource.objects.filter(pk__in=held))
    return next((port_view(row).text for row in rows), "")


def find_port(actor: Actor, text: str, *, limit: int = 20) -> list[PortView]:
    """Ports by what people write: the box's name and the number, or the code of the label."""
    written = text.strip()
    box, _, number = written.replace("／", "/").rpartition("/")
    rows = visible_to(Resource.objects.filter(specification__in=LINE_PORTS), actor)
    if box and number.strip().isdigit():
        rows = rows.filter(parent__name__icontains=box.strip(), position=int(number))
    elif written:
        rows = rows.filter(Q(code=written) | Q(parent__name__icontains=written))
    else:
        return []
    return [port_view(row) for row in with_line(rows).order_by("path")[:limit]]


def resource(actor: Actor, resource_id: UUID, *, line: bool = True) -> Resource:
    """A resource the actor sees; with `line` also what it hangs on."""
    rows = visible_to(Resource.objects.filter(pk=resource_id), actor)
    found = (with_line(rows) if line else rows).first()
    if found is None:
        raise NoSuchResource(
            _("没有这个资源。"), _("请核对编号和所在分公司。"), field="resource_id"
        )
    return found


def children(actor: Actor, parent_id: UUID | None = None) -> QuerySet[Resource]:
    """What stands under a resource (or at the top), with `below` and `below_free` counted."""
    return (
        visible_to(Resource.objects.filter(parent_id=parent_id), actor)
        .annotate(
            below=Count("children"),
            below_free=Count("children", filter=Q(children__state=ResourceState.FREE)),
        )
        .order_by("position", "path")
    )


def behind(actor: Actor, pon_port_id: UUID) -> QuerySet[Resource]:
    """The boxes that hang on a PON port, with their ports counted by state."""
    return (
        visible_to(
            Resource.objects.filter(pon_port_id=pon_port_id).exclude(specification__in=LINE_PORTS),
            actor,
        )
        .annotate(
            below=Count("children"),
            below_free=Count("children", filter=Q(children__state=ResourceState.FREE)),
        )
        .order_by("path")
    )


def ids_by_path(branch_id: UUID, paths: Iterable[str]) -> dict[str, UUID]:
    rows = Resource.objects.filter(branch_id=branch_id, path__in=list(paths))
    return dict(rows.values_list("path", "id"))


def port_counts(actor: Actor) -> dict[str, int]:
    """How many user ports stand in each state."""
    rows = visible_to(Resource.objects.filter(specification__in=LINE_PORTS), actor)
    counted = dict(rows.values_list("state").annotate(n=Count("id")))
    return {state: counted.get(state, 0) for state in ResourceState.values}


def history_of_port(resource_id: UUID) -> list[Assignment]:
    """Who had a port, youngest first."""
    rows = Assignment.objects.filter(resource_id=resource_id).select_related("service")
    return list(rows.defer("service__password").order_by("-pk")[:100])


def terminal(actor: Actor, serial: str) -> Terminal | None:
    return visible_to(Terminal.objects.filter(serial=serial.strip().upper()), actor).first()


def terminal_mistaken(actor: Actor, serial: str) -> str:
    """The serial in stock that was probably meant: figures and letters that look alike are one
    (0 and O, 1 and I). Empty when there is none, or more than one."""

    def alike(value: Any) -> Any:
        return Func(value, Value("OI"), Value("01"), function="translate")

    rows = visible_to(Terminal.objects.all(), actor).annotate(alike=alike(F("serial")))
    wanted = alike(Value(serial.strip().upper()))
    found = rows.filter(alike=wanted).values_list("serial", flat=True)[:2]
    return found[0] if len(found) == 1 else ""


def terminals_held(actor: Actor) -> list[Terminal]:
    """The terminals in the actor's own hands (领用), by model."""
    if actor.id is None:
        return []
    rows = visible_to(Terminal.objects.filter(holder_id=actor.id, state="issued"), actor)
    return list(rows.order_by("model", "serial")[:200])


def terminals_of(service_ids: Iterable[UUID]) -> dict[UUID, list[Terminal]]:
    found: dict[UUID, list[Terminal]] = {}
    for row in Terminal.objects.filter(service_id__in=list(service_ids)).order_by("pk"):
        if row.service_id is not None:
            found.setdefault(row.service_id, []).append(row)
    return found


def stock(actor: Actor) -> list[dict[str, Any]]:
    """Terminals counted by model and state."""
    rows = visible_to(Terminal.objects.all(), actor).values("model", "state")
    return [dict(row) for row in rows.annotate(count=Count("id")).order_by("model", "state")]
