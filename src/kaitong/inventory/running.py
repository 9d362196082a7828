"""Reading services: with their lines, addresses and proofs, never with a password."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.core import plain, wording
from kaitong.inventory.choices import (
    ServiceState,
)
from kaitong.inventory.errors import NoSuchResource
from kaitong.inventory.models import Proof, Service, ServiceOrder
from kaitong.inventory.network import Held, held_ports
from kaitong.inventory.results import (
    ExpectedLine,
    LineView,
    PortNotRead,
    ProofsNotRead,
    ProofView,
    ServiceView,
)
from kaitong.org.actor import Actor
from kaitong.org.queries import branches_seen, visible_to

_PROOFS_SHOWN = 100
ACCOUNT_PROOF = "account"
_NEWEST = "service_id = any(%s::uuid[]) order by at desc limit %s"
# the latest of each kind
_LATEST = """id in (select distinct on (service_id, kind) id from inventory_proof
 where service_id = any(%s::uuid[]) order by service_id, kind, at desc)"""
# One service and its address, as a view has them: what most steps read, several times in each.
_ONE = """select s.id, s.branch_id, s.specification, s.playbook, s.version, s.title, s.state,
 s.reason, s.order_id, s.customer_id, s.address_id, a.short_text, a.full_text, s.account,
 s.logical_id, s.password is not null, s.characteristics, s.proven_by, s.created_at, s.started_at,
 s.ended_at, s.withdrawn_at, s.updated_at, s.ext, s.prove_since, s.lead_id, s.account_since
 from inventory_service s left join places_address a on a.id = s.address_id where """
_BY_ID = "s.id = %s"
_OF_ORDER = """s.id in (select id from inventory_service where order_id = %s
 union select service_id from inventory_serviceorder where order_id = %s) order by s.id"""
_ANY_PART = "select 1 from inventory_service where lead_id = any(%s::uuid[]) limit 1"
_SEEN = " and s.branch_id = any(%s::uuid[])"


class _Address(NamedTuple):
    short_text: str
    full_text: str


class _Read(NamedTuple):
    """A service as `_ONE` reads it, with the names that a row of the table has."""

    pk: UUID
    branch_id: UUID
    specification: str
    playbook: str
    version: str
    title: str
    state: str
    reason: str
    order_id: UUID | None
    customer_id: UUID | None
    address_id: UUID | None
    short_text: str | None
    full_text: str | None
    account: str
    logical_id: str
    has_password: bool
    characteristics: dict[str, Any]
    proven_by: list[str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    withdrawn_at: datetime | None
    updated_at: datetime
    ext: dict[str, Any]
    prove_since: datetime
    lead_id: UUID | None
    account_since: datetime | None

    @property
    def address(self) -> _Address | None:
        return _Address(self.short_text or "", self.full_text or "") if self.address_id else None


_DOCUMENTS = [_Read._fields.index(name) for name in ("characteristics", "proven_by", "ext")]


def _one(actor: Actor, service_id: UUID) -> list[_Read]:
    branches = branches_seen(actor)
    if branches is None:
        return _read(_BY_ID, [service_id])
    return _read(_BY_ID + _SEEN, [service_id, plain.array(branches)])


def _read(condition: str, params: Sequence[Any]) -> list[_Read]:
    found = []
    for row in plain.ask(_ONE + condition, params):
        values = list(row)
        for place in _DOCUMENTS:
            values[place] = json.loads(values[place])
        found.append(_Read(*values))
    return found


def _with_all(rows: QuerySet[Service]) -> QuerySet[Service]:
    return (
        rows.defer("password", "former_password", "former_accounts", "address__grams")
        .select_related("address")
        .annotate(
            has_password=ExpressionWrapper(Q(password__isnull=False), output_field=BooleanField())
        )
    )


def _proofs(service_ids: list[UUID], *, all_of_them: bool) -> dict[UUID, list[Proof]]:
    found: dict[UUID, list[Proof]] = {}
    where, params = (_NEWEST, [_PROOFS_SHOWN * len(service_ids)]) if all_of_them else (_LATEST, [])
    for proof in plain.where(Proof, where, [plain.array(service_ids), *params]):
        found.setdefault(proof.service_id, []).append(proof)
    return found


def _views(
    rows: QuerySet[Service], *, all_proofs: bool = False, proofs: bool = True, line: bool = True
) -> list[ServiceView]:
    return _viewed(list(_with_all(rows)), all_proofs=all_proofs, proofs=proofs, line=line)


def _viewed(
    services: Sequence[Any], *, all_proofs: bool = False, proofs: bool = True, line: bool = True
) -> list[ServiceView]:
    if not services:
        return []
    ids = [service.pk for service in services]
    held = held_ports(ids) if line else {}
    read = _proofs(ids, all_of_them=all_proofs) if proofs else {}
    views = [_view(one, read.get(one.pk, []), held.get(one.pk)) for one in services]
    left_out: dict[str, Any] = {} if proofs else {"proofs": ProofsNotRead()}
    if not line:
        left_out["port"] = PortNotRead()
    return [replace(one, **left_out) for one in views] if left_out else views


def _view(service: Any, proofs: list[Proof], held: Held | None) -> ServiceView:
    address = service.address
    return ServiceView(
        id=service.pk,
        branch_id=service.branch_id,
        specification=service.specification,
        playbook=service.playbook,
        version=service.version,
        title=service.title,
        state=ServiceState(service.state),
        reason=wording.read(service.reason),
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
            ProofView(
                p.kind,
                p.ok,
                p.at,
                wording.read(p.summary),
                p.data,
                _counts(service, p),
            )
            for p in sorted(proofs, key=lambda p: p.at)
        ),
        port=held.port if held else None,
        port_state=held.state if held else "",
        reserved_until=held.reserved_until if held else None,
        created_at=service.created_at,
        started_at=service.started_at,
        ended_at=service.ended_at,
        withdrawn_at=service.withdrawn_at,
        updated_at=service.updated_at,
        ext=service.ext,
        prove_since=service.prove_since,
        lead_id=service.lead_id,
        account_since=service.account_since,
    )


def _counts(service: Any, proof: Proof) -> bool:
    """Whether nothing it speaks of has changed since a proof was made."""
    if proof.at < service.prove_since:
        return False
    since = service.account_since
    return proof.kind != ACCOUNT_PROOF or since is None or proof.at >= since


def service(
    actor: Actor, service_id: UUID, *, proofs: bool = True, line: bool = True
) -> ServiceView:
    """One service with line, address and its latest proof attempts, which a line that has been
    changed often has many of: who asks nothing of them, or of the line, leaves them out."""
    found = _viewed(_one(actor, service_id), all_proofs=True, proofs=proofs, line=line)
    if not found:
        raise NoSuchResource(_("没有这个服务。"), _("请核对编号和所在分公司。"), field="service_id")
    return found[0]


def service_by_account(actor: Actor, account: str) -> ServiceView | None:
    """The service an account names; blanks around it do not matter."""
    rows = Service.objects.filter(account=account.strip()).exclude(account="")
    return next(iter(_views(visible_to(rows, actor), all_proofs=True)), None)


def services_by_ids(service_ids: Iterable[UUID]) -> list[ServiceView]:
    """Services by their identifiers, in constant queries: for machines that carry many at once."""
    return _views(Service.objects.filter(pk__in=list(service_ids)).order_by("pk"))


def parts_of(service_ids: Iterable[UUID]) -> dict[UUID, list[ServiceView]]:
    """The further services of bundles by their lines, those that have not ended; in order."""
    ids = list(service_ids)
    found: dict[UUID, list[ServiceView]] = {}
    if not plain.ask(_ANY_PART, [plain.array(ids)]):
        return found
    rows = Service.objects.filter(lead_id__in=ids)
    for view in _views(rows.exclude(state=ServiceState.TERMINATED).order_by("pk")):
        assert view.lead_id is not None
        found.setdefault(view.lead_id, []).append(view)
    return found


def services_at(customer_id: UUID, address_id: UUID) -> list[ServiceView]:
    """A customer's services at an address that have not ended."""
    rows = Service.objects.filter(customer_id=customer_id, address_id=address_id)
    return _views(rows.exclude(state=ServiceState.TERMINATED))


def services_of_order(
    order_id: UUID, *, proofs: bool = True, line: bool = True
) -> list[ServiceView]:
    """The services an order is about, in the order of their making; what to read as `service`."""
    rows = _read(_OF_ORDER, [order_id, order_id])
    return _viewed(rows, all_proofs=True, proofs=proofs, line=line)


def services_of_orders(order_ids: Iterable[UUID]) -> dict[UUID, list[ServiceView]]:
    """The services of many orders, each with the latest proof of each kind."""
    ids = list(order_ids)
    mine = Service.objects.filter(order_id__in=ids).values_list("order_id", "pk")
    later = ServiceOrder.objects.filter(order_id__in=ids).values_list("order_id", "service_id")
    pairs = list(mine.union(later))
    views = {v.id: v for v in _views(Service.objects.filter(pk__in={pk for _, pk in pairs}))}
    found: dict[UUID, list[ServiceView]] = {}
    for order_id, pk in sorted(pairs, key=lambda pair: pair[1]):
        found.setdefault(order_id, []).append(views[pk])
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
    """Address, account and state of many orders' services, for lists; one query, no whole rows."""
    found: dict[UUID, list[LineView]] = {}
    ids = list(order_ids)
    told = ("address__short_text", "address__full_text", "pk", "account", "state", "title")
    mine = Service.objects.filter(order_id__in=ids).values_list("order_id", *told)
    later = Service.objects.filter(later_orders__order_id__in=ids).values_list(
        "later_orders__order_id", *told
    )
    for order_id, short, full, *own in sorted(mine.union(later), key=lambda row: row[3]):
        line = LineView(order_id, short or "", full or "", *own)
        found.setdefault(order_id, []).append(line)
    return found


def missing_proofs(service_row: Service) -> tuple[str, ...]:
    """Kinds of proof a service still needs before it may be active."""
    latest = _proofs([service_row.pk], all_of_them=False).get(service_row.pk, [])
    good = {p.kind for p in latest if p.ok and _counts(service_row, p)}
    return tuple(kind for kind in service_row.proven_by if kind not in good)


def expected_line(service_id: UUID) -> ExpectedLine:
    """Where the network must see this service. Raises NoSuchResource without a port."""
    found = _views(Service.objects.filter(pk=service_id))
    if not found or found[0].port is None:
        raise NoSuchResource(_("这个服务还没有端口。"), _("请先配线。"), field="port")
    return _expected(found[0])


def expected_lines(accounts: Iterable[str]) -> dict[str, ExpectedLine]:
    """By account, for watching many sessions; services without a port are left out."""
    names = [a for a in accounts if a]
    views = _views(Service.objects.filter(account__in=names))
    return {v.account: _expected(v) for v in views if v.port is not None}


def _expected(view: ServiceView) -> ExpectedLine:
    port = view.port
    if port is None:
        raise NoSuchResource(_("这个服务还没有端口。"), _("请先配线。"), field="port")
    return ExpectedLine(
        service_id=view.id,
        account=view.account,
        access_node=port.access_node,
        pon_port=port.pon_port,
        logical_id=view.logical_id,
        user_port=port.position if port.on_onu else None,
        olt_name=port.pon_text.partition(" ")[0],
    )
