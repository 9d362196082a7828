"""TMF641 Service Ordering v4: submit an order, read one, read many."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Body
from ninja.params.functions import Header, Path, Query

from kaitong.catalog.errors import NotOffered
from kaitong.core.audit import acting
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory.errors import NumberGone
from kaitong.ordering import clock, fees, queries, services
from kaitong.ordering.choices import FINAL
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.changing import request_change
from kaitong.process import queries as process
from kaitong.tmf.api.base import TmfApi
from kaitong.tmf.api.documentation import (
    COUNT_HEADERS,
    FIELDS,
    FILTERING,
    LARGEST,
    LIMIT,
    LOCATION_HEADER,
    OFFSET,
    failing,
    filter_parameters,
    with_headers,
)
from kaitong.tmf.api.parts import key_of, listed, number_of
from kaitong.tmf.auth import BearerToken, Caller, caller_of
from kaitong.tmf.choices import Scope
from kaitong.tmf.contract.schemas import build
from kaitong.tmf.contract.service_order import TMF641
from kaitong.tmf.errors import KeyReused, ScopeMissing
from kaitong.tmf.filters import parse_filters
from kaitong.tmf.mapping import changing
from kaitong.tmf.mapping.conditions import conditions
from kaitong.tmf.mapping.incoming import DOCUMENT, FINGERPRINT, Reading
from kaitong.tmf.mapping.outgoing import customer_milestone, service_order, step_milestone
from kaitong.tmf.paging import Page
from kaitong.tmf.selection import parse_fields, select
from kaitong.tmf.wire import answer, body_of

api = TmfApi(TMF641)
MODELS = build(TMF641)
ServiceOrder, ServiceOrderCreate = MODELS["ServiceOrder"], MODELS["ServiceOrder_Create"]
Error = MODELS["Error"]


@api.post(
    "/serviceOrder",
    operation_id="createServiceOrder",
    summary="Submit a service order",
    description="The same `Idempotency-Key` sent again gives the order it made the first time.",
    tags=["serviceOrder"],
    auth=BearerToken(Scope.ORDER_WRITE),
    by_alias=True,
    response={
        201: ServiceOrder,
        **failing(Error, 400, 401, 403, 405, 409, 413, 415, 422, 500, 503),
    },
    openapi_extra={"responses": with_headers(201, headers=LOCATION_HEADER)},
)
def create_service_order(
    request: HttpRequest,
    serviceOrder: Body[ServiceOrderCreate],  # type: ignore[valid-type]
    key: str = Header(
        None, alias="Idempotency-Key", description="up to 120 signs of the client's choice"
    ),
) -> HttpResponse:
    """201 with Location; the body was checked by its model and is taken as it was sent."""
    caller = caller_of(request)
    asked = key_of(key)
    reading = Reading(body_of(request), key=asked)
    try:
        if changing.changes(reading):  # a wrong answer is counted whatever becomes of the request
            made = _change(caller, reading)
        with acting(caller.actor.id, "POST serviceOrder"), transaction.atomic():
            if not changing.changes(reading):
                made = services.submit(actor=caller.actor, request=reading.order)
            if key and made.ext.get(FINGERPRINT) != reading.fingerprint:
                raise KeyReused(
                    _("这个 Idempotency-Key 已用于另一个请求。"),
                    _("新的请求请用新的编号。"),
                )
    except BadInput as error:
        raise reading.translated(error) from None
    except NumberGone as gone:
        place = reading.place(gone.field)
        raise NumberGone(str(gone.what), str(gone.remedy), field=place) from None
    except (NotFound, NotOffered) as error:  # the body names it, so the body is at fault
        place = reading.place(error.field)
        raise BadInput([InputFault(place, str(error.what), str(error.remedy))]) from None
    body = _bodies(request, [queries.order(caller.actor, made.pk)], why=True)[0]
    response = answer(body, 201)
    response["Location"] = body["href"]
    return response


@api.get(
    "/serviceOrder",
    operation_id="listServiceOrder",
    summary="List service orders",
    description=FILTERING,
    tags=["serviceOrder"],
    auth=BearerToken(Scope.ORDER_READ),
    by_alias=True,
    response={
        200: list[ServiceOrder],  # type: ignore[valid-type]
        206: list[ServiceOrder],  # type: ignore[valid-type]
        **failing(Error, 400, 401, 403, 405, 500, 503),
    },
    openapi_extra={
        "responses": with_headers(200, 206, headers=COUNT_HEADERS),
        "parameters": filter_parameters(TMF641, but=frozenset({"href"})),
    },
)
def list_service_order(
    request: HttpRequest,
    fields: str = Query(None, description=FIELDS),
    offset: int = Query(0, ge=0, le=LARGEST, description=OFFSET),
    limit: int = Query(None, ge=0, le=LARGEST, description=LIMIT),
) -> HttpResponse:
    """A page of the orders the caller may see."""
    actor = caller_of(request).actor
    page = Page(offset, limit)
    wanted = parse_fields(fields)
    found = conditions(parse_filters(TMF641, request.GET))
    rows, total = queries.orders(actor, found, page.offset, page.limit, without=queries.UNTOLD)
    return listed(request, page, _bodies(request, rows), total, wanted)


@api.get(
    "/serviceOrder/{id}",
    operation_id="retrieveServiceOrder",
    summary="Read a service order",
    tags=["serviceOrder"],
    auth=BearerToken(Scope.ORDER_READ),
    by_alias=True,
    response={200: ServiceOrder, **failing(Error, 400, 401, 403, 404, 405, 500, 503)},
)
def retrieve_service_order(
    request: HttpRequest,
    id: str = Path(..., description="the number of the order"),
    fields: str = Query(None, description=FIELDS),
) -> HttpResponse:
    """One order, or 404 for an order that is not the caller's to see."""
    actor = caller_of(request).actor
    wanted = parse_fields(fields)
    number = number_of(id, _("没有这个业务订单。"))
    body = _bodies(request, [queries.order(actor, number)], why=True)[0]
    return answer(select(body, wanted))


def _change(caller: Caller, reading: Reading) -> Order:
    """A flow of the counter for a service in operation; the customer was proven by the caller's
    system, which the scope of its token says."""
    if Scope.ORDER_CHANGE not in caller.scopes:
        raise ScopeMissing(
            _("这个令牌没有权限 %(scope)s。") % {"scope": Scope.ORDER_CHANGE},
            _("有这项权限的系统自己核验客户身份，可以办理变更。"),
        )
    wanted = changing.asked(caller.actor, reading)
    order = reading.order
    try:
        made = request_change(
            actor=caller.actor,
            service_id=wanted.service_id,
            procedure=wanted.procedure,
            key=order.idempotency_key or str(uuid7()),
            data=wanted.data,
            reason=wanted.reason,
            note=order.description,
            channel=order.channel,
            external_id=order.external_id,
            vouched=True,
        )
    except BadInput as error:
        raise wanted.translated(error) from None
    if FINGERPRINT in made.ext:  # the same key again
        return made
    kept = changing.keepable(order.raw[DOCUMENT], wanted.procedure)
    return services.keep_document(made.pk, {DOCUMENT: kept, FINGERPRINT: reading.fingerprint})


def _bodies(
    request: HttpRequest, rows: Iterable[Order], *, why: bool = False
) -> list[dict[str, Any]]:
    """The documents of orders, in a constant number of queries. `why`: for one order, with what
    its two clocks are derived from, in words."""
    orders = list(rows)
    lines = inventory.lines_of_orders(row.pk for row in orders)
    milestones = _milestones(caller_of(request).actor, orders, why)
    owed = fees.of_orders(caller_of(request).actor, [row.pk for row in orders])
    states = {line.service_id: line.state for found in lines.values() for line in found}
    base = request.build_absolute_uri(reverse("tmf641:list_service_order"))
    return [
        service_order(
            row,
            href=lambda number: f"{base}/{number}",
            service_states=states,
            milestones=milestones.get(row.pk, ()),
            fees=owed.get(row.pk, ()),
        )
        for row in orders
    ]


def _milestones(actor: Actor, orders: list[Order], why: bool) -> dict[UUID, list[dict[str, Any]]]:
    going = [row for row in orders if row.state not in FINAL]
    work = process.open_items_of(actor, [row.pk for row in going]) if going else {}
    phases = process.phases_of(actor, [row.pk for row in going]) if going else {}
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in going:
        say = playbooks.words(row.playbook, row.playbook_hash) if row.playbook_hash else str
        if why:
            texts = {text.id: text.why for text in clock.told(actor, row, say=say)}
        else:
            texts = {}
        found[row.pk] = [customer_milestone(row, texts.get(row.pk, ""))] if row.due_at else []
        found[row.pk] += [
            step_milestone(
                item.id, say(item.title), item.due_at, late=item.overdue, why=texts.get(item.id, "")
            )
            for item in work.get(row.pk, ())
            if item.due_at
        ]
        found[row.pk] += [
            step_milestone(
                phase.id,
                say(phase.title),
                phase.due_at,
                late=phase.late,
                why=texts.get(phase.id, ""),
            )
            for phase in phases.get(row.pk, ())
            if phase.due_at and phase.ended_at is None
        ]
    return found
