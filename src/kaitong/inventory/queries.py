"""Reading resources and services. Each function asks a constant number of queries.

Functions that take an `actor` are for faces and show only the actor's branches; those that take
identifiers fill in rows the actor already sees.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Count, ExpressionWrapper, Prefetch, Q, QuerySet

from kaitong.core import db
from kaitong.inventory.choices import (
    LINE_PORTS,
    AssignmentState,
    Kind,
    ResourceState,
    ServiceState,
    Verdict,
)
from kaitong.inventory.errors import NoSuchResource
from kaitong.inventory.models import Assignment, Proof, Resource, Service, Terminal
from kaitong.inventory.results import (
    CoverageVerdict,
    ExpectedLine,
    LineView,
    PortView,
    ProofView,
    ServiceView,
)
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import queries as places
from kaitong.places.choices import CoverageStatus
from kaitong.places.models import Address

_PROOFS_SHOWN = 100

# ---- ports ---------------------------------------------------------------------------------


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


def port_text(service_id: UUID) -> str:
    """The port a service has, in words; empty when it has none."""
    held = _living().filter(service_id=service_id, role="port").values("resource_id")[:1]
    rows = with_line(Resource.objects.filter(pk__in=held))
    return next((port_view(row).text for row in rows), "")


def free_ports(actor: Actor, address_id: UUID, *, limit: int = 100) -> list[PortView]:
    """Ports that could be taken for an address by hand, best first."""
    boxes = coverage_verdict(places.address(actor, address_id).pk).boxes_usable
    rows = with_line(
        visible_to(Resource.objects.all(), actor).filter(
            parent_id__in=boxes, state=ResourceState.FREE, specification__in=LINE_PORTS
        )
    )
    order = {box: place for place, box in enumerate(boxes)}
    found = sorted(rows, key=lambda r: (order[r.parent_id], r.position or 0))
    return [port_view(row) for row in found[:limit]]


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


# ---- what can be had at an address -----------------------------------------------------------

_BOXES = """
SELECT c.address_id, b.id, b.name, b.specification, c.rank,
       b.state NOT IN ('damaged', 'kept') AND pon.id IS NOT NULL
           AND pon.state NOT IN ('damaged', 'kept') AS usable,
       count(p.id) AS ports, count(p.id) FILTER (WHERE p.state = 'free') AS free
FROM inventory_coverage c
JOIN inventory_resource b ON b.id = c.box_id
LEFT JOIN inventory_resource pon ON pon.id = b.pon_port_id
LEFT JOIN inventory_resource p ON p.parent_id = b.id AND p.specification = ANY(%s)
WHERE c.address_id = ANY(%s)
GROUP BY c.address_id, b.id, b.name, b.specification, c.rank, b.state, pon.id, pon.state
ORDER BY c.address_id, c.rank, b.name, b.id
"""


def coverage_verdict(address_id: UUID) -> CoverageVerdict:
    """What can be had at an address, the refusals told apart (BB-17)."""
    found = coverage_verdicts([address_id]).get(address_id)
    if found is None:
        raise NoSuchResource("没有这个地址。", "请重新搜索地址。", field="address_id")
    return found


def coverage_verdicts(address_ids: Iterable[UUID]) -> dict[UUID, CoverageVerdict]:
    """The verdict of many addresses, in two queries."""
    wanted = list(dict.fromkeys(address_ids))
    known = places.addresses(wanted)
    boxes: dict[UUID, list[dict[str, Any]]] = {}
    for row in db.rows(_BOXES, [list(LINE_PORTS), list(known)]) if known else []:
        boxes.setdefault(row["address_id"], []).append(row)
    return {i: _verdict(known[i], boxes.get(i, [])) for i in wanted if i in known}


def _verdict(address: Address, boxes: list[dict[str, Any]]) -> CoverageVerdict:
    usable = [b for b in boxes if b["usable"]]
    free, ports = sum(b["free"] for b in usable), sum(b["ports"] for b in usable)
    names = tuple(b["name"] for b in boxes)
    if address.coverage == CoverageStatus.NO_ENTRY:
        verdict = Verdict.NO_ENTRY
        text = address.coverage_reason or str(verdict.label)
    elif address.coverage == CoverageStatus.PLANNED:
        verdict = Verdict.PLANNED
        text = f"计划 {address.planned_date:%Y-%m-%d} 建成"
    elif not boxes:
        verdict = Verdict.NOT_COVERED
        text = address.coverage_reason or str(verdict.label)
    elif free:
        verdict = Verdict.AVAILABLE
        best = next(b for b in usable if b["free"])
        kind = "FTTB" if best["specification"] == Kind.ONU else "FTTH"
        text = f"{kind}，{best['name']} 空闲 {best['free']} 口"
    else:
        verdict = Verdict.NO_FREE_PORT
        text = f"{ports} 口已全部占用" if usable else f"{names[0]} 没有可用的 PON 口"
    return CoverageVerdict(
        address_id=address.pk,
        verdict=verdict,
        text=text,
        free_ports=free,
        ports=ports,
        boxes=names,
        planned_date=address.planned_date,
        reason=address.coverage_reason,
        boxes_usable=tuple(b["id"] for b in usable),
    )


_FREE_ADDRESS = """
SELECT c.address_id
FROM (
    SELECT id, address_id, box_id FROM inventory_coverage
    WHERE {branches} ORDER BY id OFFSET %(offset)s LIMIT 400
) c
JOIN places_address a ON a.id = c.address_id AND a.coverage = 'covered'
JOIN inventory_resource b ON b.id = c.box_id AND b.state NOT IN ('damaged', 'kept')
JOIN inventory_resource pon ON pon.id = b.pon_port_id AND pon.state NOT IN ('damaged', 'kept')
WHERE EXISTS (
    SELECT 1 FROM inventory_resource p
    WHERE p.parent_id = b.id AND p.state = 'free' AND p.specification = ANY(%(kinds)s)
) AND NOT EXISTS (
    SELECT 1 FROM inventory_service s
    WHERE s.address_id = c.address_id AND s.state <> 'terminated' AND s.withdrawn_at IS NULL
)
ORDER BY random() LIMIT 1
"""


def free_address(actor: Actor) -> UUID | None:
    """Some covered address with a free port and no service, for examples and demonstrations.

    Chosen at random, so that many who ask at once rarely get the same; None when there is none.
    """
    params: dict[str, Any] = {"kinds": list(LINE_PORTS), "offset": 0}
    branches = "true"
    if not actor.is_system:
        branches, params["branches"] = "branch_id = ANY(%(branches)s)", list(actor.branch_ids)
    sql = _FREE_ADDRESS.format(branches=branches)
    total = db.one(f"SELECT count(*) AS n FROM inventory_coverage WHERE {branches}", params)
    count = int(total["n"]) if total else 0
    starts = db.one("SELECT floor(random() * %s)::int AS n", [count])
    start = int(starts["n"]) if starts else 0
    # From a random place on, then around.
    for step in range(0, count, 400):
        params["offset"] = (start + step) % count
        if found := db.one(sql, params):
            return UUID(str(found["address_id"]))
    params["offset"] = 0
    found = db.one(sql, params) if count else None
    return UUID(str(found["address_id"])) if found else None


# ---- services --------------------------------------------------------------------------------


def _living() -> QuerySet[Assignment]:
    return Assignment.objects.exclude(state=AssignmentState.RELEASED)


def _with_all(rows: QuerySet[Service]) -> QuerySet[Service]:
    line = "resource__parent", "resource__pon_port__parent__parent"
    return (
        rows.defer("password", "address__grams")
        .select_related("address")
        .annotate(
            has_password=ExpressionWrapper(Q(password__isnull=False), output_field=BooleanField())
        )
        .prefetch_related(
            Prefetch(
                "assignments",
                queryset=_living().filter(role="port").select_related("resource", *line),
                to_attr="living",
            )
        )
    )


def _proofs(service_ids: list[UUID], *, all_of_them: bool) -> dict[UUID, list[Proof]]:
    rows = Proof.objects.filter(service_id__in=service_ids)
    if all_of_them:
        rows = rows.order_by("-at")[: _PROOFS_SHOWN * len(service_ids)]
    else:
        rows = rows.order_by("service_id", "kind", "-at").distinct("service_id", "kind")
    found: dict[UUID, list[Proof]] = {}
    for proof in rows:
        found.setdefault(proof.service_id, []).append(proof)
    return found


def _views(rows: QuerySet[Service], *, all_proofs: bool = False) -> list[ServiceView]:
    services = list(_with_all(rows))
    proofs = _proofs([s.pk for s in services], all_of_them=all_proofs) if services else {}
    return [_view(service, proofs.get(service.pk, [])) for service in services]


def _view(service: Any, proofs: list[Proof]) -> ServiceView:
    held: Assignment | None = service.living[0] if service.living else None
    address = service.address
    return ServiceView(
        id=service.pk,
        branch_id=service.branch_id,
        specification=service.specification,
        playbook=service.playbook,
        version=service.version,
        title=service.title,
        state=ServiceState(service.state),
        reason=service.reason,
        order_id=service.order_id,
        customer_id=service.customer_id,
        address_id=service.address_id,
        address_short=address.short_text if address else "",
        address_full=address.full_text if address else "",
        account=service.account,
        logical_id=service.logical_id,
        has_password=service.has_password,
        characteristics=service.characteristics,
        proven_by=tuple(service.proven_by),
        proofs=tuple(
            ProofView(p.kind, p.ok, p.at, p.summary, p.data, p.at >= service.prove_since)
            for p in sorted(proofs, key=lambda p: p.at)
        ),
        port=port_view(held.resource) if held else None,
        port_state=held.state if held else "",
        reserved_until=held.reserved_until if held else None,
        created_at=service.created_at,
        started_at=service.started_at,
        ended_at=service.ended_at,
        withdrawn_at=service.withdrawn_at,
        updated_at=service.updated_at,
        ext=service.ext,
    )


def service(actor: Actor, service_id: UUID) -> ServiceView:
    """One service with line, address and its latest proof attempts."""
    found = _views(visible_to(Service.objects.filter(pk=service_id), actor), all_proofs=True)
    if not found:
        raise NoSuchResource("没有这个服务。", "请核对编号和所在分公司。", field="service_id")
    return found[0]


def service_by_account(actor: Actor, account: str) -> ServiceView | None:
    """The service an account names; blanks around it do not matter."""
    rows = Service.objects.filter(account=account.strip()).exclude(account="")
    return next(iter(_views(visible_to(rows, actor), all_proofs=True)), None)


def services_of_order(order_id: UUID) -> list[ServiceView]:
    """The services an order is about, in the order of their making."""
    return _views(Service.objects.filter(order_id=order_id).order_by("pk"), all_proofs=True)


def services_of_orders(order_ids: Iterable[UUID]) -> dict[UUID, list[ServiceView]]:
    """The services of many orders, each with the latest proof of each kind."""
    found: dict[UUID, list[ServiceView]] = {}
    for view in _views(Service.objects.filter(order_id__in=list(order_ids)).order_by("pk")):
        if view.order_id is not None:
            found.setdefault(view.order_id, []).append(view)
    return found


def services(
    actor: Actor,
    *,
    states: Iterable[str] = (),
    customer_id: UUID | None = None,
    address_id: UUID | None = None,
    text: str = "",
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[ServiceView], int]:
    """Services the actor sees, youngest first, and how many there are in all."""
    rows = visible_to(Service.objects.all(), actor)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if customer_id is not None:
        rows = rows.filter(customer_id=customer_id)
    if address_id is not None:
        rows = rows.filter(address_id=address_id)
    if text:
        rows = rows.filter(Q(account__startswith=text) | Q(logical_id=text.upper()))
    # Identifiers first: deep pages then read the index only.
    ids = list(rows.order_by("-pk").values_list("pk", flat=True)[offset : offset + limit])
    return _views(Service.objects.filter(pk__in=ids).order_by("-pk")), rows.count()


def lines_of_orders(order_ids: Iterable[UUID]) -> dict[UUID, list[LineView]]:
    """Port, address and account of many orders' services, for lists; two queries."""
    found: dict[UUID, list[LineView]] = {}
    rows = Service.objects.filter(order_id__in=list(order_ids)).order_by("pk")
    for row in _with_all(rows):
        held = row.living[0] if row.living else None
        line = LineView(
            service_id=row.pk,
            order_id=row.order_id,
            address_short=row.address.short_text if row.address else "",
            address_full=row.address.full_text if row.address else "",
            port_text=port_view(held.resource).text if held else "",
            port_state=held.state if held else "",
            account=row.account,
            state=row.state,
            title=row.title,
        )
        found.setdefault(row.order_id, []).append(line)
    return found


def missing_proofs(service_row: Service) -> tuple[str, ...]:
    """Kinds of proof a service still needs before it may be active."""
    latest = _proofs([service_row.pk], all_of_them=False).get(service_row.pk, [])
    good = {p.kind for p in latest if p.ok and p.at >= service_row.prove_since}
    return tuple(kind for kind in service_row.proven_by if kind not in good)


def expected_line(service_id: UUID) -> ExpectedLine:
    """Where the network must see this service. Raises NoSuchResource without a port."""
    found = _views(Service.objects.filter(pk=service_id))
    if not found or found[0].port is None:
        raise NoSuchResource("这个服务还没有端口。", "请先配线。", field="port")
    return _expected(found[0])


def expected_lines(accounts: Iterable[str]) -> dict[str, ExpectedLine]:
    """By account, for watching many sessions; services without a port are left out."""
    names = [a for a in accounts if a]
    views = _views(Service.objects.filter(account__in=names))
    return {v.account: _expected(v) for v in views if v.port is not None}


def _expected(view: ServiceView) -> ExpectedLine:
    port = view.port
    if port is None:
        raise NoSuchResource("这个服务还没有端口。", "请先配线。", field="port")
    return ExpectedLine(
        service_id=view.id,
        account=view.account,
        access_node=port.access_node,
        pon_port=port.pon_port,
        logical_id=view.logical_id,
        user_port=port.position if port.on_onu else None,
        olt_name=port.pon_text.partition(" ")[0],
    )


# ---- the tree --------------------------------------------------------------------------------


def resource(actor: Actor, resource_id: UUID) -> Resource:
    found = with_line(visible_to(Resource.objects.filter(pk=resource_id), actor)).first()
    if found is None:
        raise NoSuchResource("没有这个资源。", "请核对编号和所在分公司。", field="resource_id")
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


def terminals_of(service_ids: Iterable[UUID]) -> dict[UUID, list[Terminal]]:
    found: dict[UUID, list[Terminal]] = {}
    for row in Terminal.objects.filter(service_id__in=list(service_ids)).order_by("pk"):
        if row.service_id is not None:
            found.setdefault(row.service_id, []).append(row)
    return found


def stock(actor: Actor) -> list[dict[str, Any]]:
    """Terminals counted by model and state."""
    rows = visible_to(Terminal.objects.all(), actor).values("model", "state")
    return list(rows.annotate(count=Count("id")).order_by("model", "state"))
