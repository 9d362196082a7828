"""TMF641's task CancelServiceOrder: take an order back (撤单), read one, read many."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Body
from ninja.params.functions import Header, Path, Query

from kaitong.core.audit import acting
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.core.ids import uuid7
from kaitong.ordering import queries, services
from kaitong.ordering.models import Withdrawal
from kaitong.tmf.api.documentation import (
    COUNT_HEADERS,
    FIELDS,
    LARGEST,
    LIMIT,
    LOCATION_HEADER,
    OFFSET,
    failing,
    with_headers,
)
from kaitong.tmf.api.parts import key_of, listed, number_of
from kaitong.tmf.api.service_order import MODELS, Error, api
from kaitong.tmf.auth import BearerToken, caller_of
from kaitong.tmf.choices import Scope
from kaitong.tmf.contract.cancellation import TMF641_CANCELLATION
from kaitong.tmf.errors import KeyReused
from kaitong.tmf.filters import parse_filters
from kaitong.tmf.mapping.cancellation import cancellation, wanted
from kaitong.tmf.mapping.incoming import DOCUMENT, FINGERPRINT, fingerprint
from kaitong.tmf.paging import Page
from kaitong.tmf.selection import parse_fields, select
from kaitong.tmf.wire import answer, body_of

__all__ = ["api"]

Cancellation = MODELS["CancelServiceOrder"]
CancellationCreate = MODELS["CancelServiceOrder_Create"]
# What a withdrawal calls its faults -> the attribute they stand at.
_PLACES = {"reason": "cancellationReason"}


@api.post(
    "/cancelServiceOrder",
    operation_id="createCancelServiceOrder",
    summary="Take back a service order that is under way",
    description=(
        "Its process ends and everything is undone; the task is inProgress until then. Past the "
        "point of no return 422 says what to do instead. The same `Idempotency-Key` sent again "
        "gives the task it made; with another body 422."
    ),
    tags=["cancelServiceOrder"],
    auth=BearerToken(Scope.ORDER_WRITE),
    by_alias=True,
    response={
        201: Cancellation,
        **failing(Error, 400, 401, 403, 405, 409, 413, 415, 422, 500, 503),
    },
    openapi_extra={"responses": with_headers(201, headers=LOCATION_HEADER)},
)
def create_cancel_service_order(
    request: HttpRequest,
    cancelServiceOrder: Body[CancellationCreate],  # type: ignore[valid-type]
    key: str = Header(
        None, alias="Idempotency-Key", description="up to 120 signs of the client's choice"
    ),
) -> HttpResponse:
    """201 with Location; the body was checked by its model and is taken as it was sent."""
    caller = caller_of(request)
    asked = key_of(key)
    body = body_of(request)
    order_id = _order_id(body)
    name, told_by = f"tmf-{asked or uuid7()}", fingerprint(body)
    try:
        with acting(caller.actor.id, "POST cancelServiceOrder"), transaction.atomic():
            before = services.withdrawn_under(actor=caller.actor, key=name)
            made = before or services.withdraw(
                actor=caller.actor,
                order_id=order_id,
                reason=str(body.get("cancellationReason") or ""),
                key=name,
                channel="api",
                ext={DOCUMENT: body, FINGERPRINT: told_by},
            )
            if made.ext.get(FINGERPRINT, told_by) != told_by or made.order_id != order_id:
                raise KeyReused(
                    _("这个 Idempotency-Key 已用于另一个请求。"),
                    _("新的请求请用新的编号。"),
                )
    except BadInput as error:
        raise BadInput(
            [InputFault(_PLACES.get(f.field, f.field), f.what, f.remedy) for f in error.faults]
        ) from None
    except NotFound as error:  # the body names it, so the body is at fault
        raise BadInput(
            [InputFault("serviceOrder.id", str(error.what), str(error.remedy))]
        ) from None
    told = _bodies(request, [queries.withdrawal(caller.actor, made.pk)])[0]
    response = answer(told, 201)
    response["Location"] = told["href"]
    return response


@api.get(
    "/cancelServiceOrder",
    operation_id="listCancelServiceOrder",
    summary="List cancellations of service orders",
    description="Filters, ANDed: `id`, `state`, `serviceOrder.id`. Newest first.",
    tags=["cancelServiceOrder"],
    auth=BearerToken(Scope.ORDER_READ),
    by_alias=True,
    response={
        200: list[Cancellation],  # type: ignore[valid-type]
        206: list[Cancellation],  # type: ignore[valid-type]
        **failing(Error, 400, 401, 403, 405, 500, 503),
    },
    openapi_extra={"responses": with_headers(200, 206, headers=COUNT_HEADERS)},
)
def list_cancel_service_order(
    request: HttpRequest,
    fields: str = Query(None, description=FIELDS),
    offset: int = Query(0, ge=0, le=LARGEST, description=OFFSET),
    limit: int = Query(None, ge=0, le=LARGEST, description=LIMIT),
) -> HttpResponse:
    """A page of the cancellations the caller may see."""
    page = Page(offset, limit)
    selected = parse_fields(fields)
    asked = wanted(parse_filters(TMF641_CANCELLATION, request.GET))
    rows, total = (
        ([], 0)
        if asked.nothing
        else queries.withdrawals(
            caller_of(request).actor,
            ids=asked.ids,
            order_ids=asked.order_ids,
            ended=asked.ended,
            offset=page.offset,
            limit=page.limit,
        )
    )
    return listed(request, page, _bodies(request, rows), total, selected)


@api.get(
    "/cancelServiceOrder/{id}",
    operation_id="retrieveCancelServiceOrder",
    summary="Read a cancellation of a service order",
    tags=["cancelServiceOrder"],
    auth=BearerToken(Scope.ORDER_READ),
    by_alias=True,
    response={200: Cancellation, **failing(Error, 400, 401, 403, 404, 405, 500, 503)},
)
def retrieve_cancel_service_order(
    request: HttpRequest,
    id: str = Path(..., description="the number of the cancellation"),
    fields: str = Query(None, description=FIELDS),
) -> HttpResponse:
    """One cancellation, or 404 for one that is not the caller's to see."""
    selected = parse_fields(fields)
    number = number_of(id, _("没有这个撤单任务。"))
    row = queries.withdrawal(caller_of(request).actor, number)
    return answer(select(_bodies(request, [row])[0], selected))


def _order_id(body: dict[str, Any]) -> UUID:
    try:
        return UUID(str(body["serviceOrder"]["id"]))
    except ValueError:
        raise BadInput(
            [InputFault("serviceOrder.id", _("不是这里的订单。"), _("请填订单的编号。"))]
        ) from None


def _bodies(request: HttpRequest, rows: Iterable[Withdrawal]) -> list[dict[str, Any]]:
    base = request.build_absolute_uri(reverse("tmf641:list_cancel_service_order"))
    orders = request.build_absolute_uri(reverse("tmf641:list_service_order"))
    return [
        cancellation(
            row,
            href=lambda number: f"{base}/{number}",
            order_href=lambda number: f"{orders}/{number}",
        )
        for row in rows
    ]
