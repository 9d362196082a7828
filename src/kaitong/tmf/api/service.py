"""TMF638 Service Inventory v4, read only: one service, many services."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja.params.functions import Path, Query

from kaitong.inventory import queries
from kaitong.inventory.results import ServiceView
from kaitong.tmf.api.base import TmfApi
from kaitong.tmf.api.documentation import (
    COUNT_HEADERS,
    FIELDS,
    LARGEST,
    LIMIT,
    OFFSET,
    failing,
    with_headers,
)
from kaitong.tmf.api.hub import add_hub
from kaitong.tmf.api.parts import listed, number_of
from kaitong.tmf.auth import BearerToken, caller_of
from kaitong.tmf.choices import Scope
from kaitong.tmf.contract.schemas import build
from kaitong.tmf.contract.service import TMF638
from kaitong.tmf.filters import parse_filters
from kaitong.tmf.mapping.services import service, wanted
from kaitong.tmf.paging import Page
from kaitong.tmf.selection import parse_fields, select
from kaitong.tmf.sources import SERVICES
from kaitong.tmf.wire import answer

api = TmfApi(TMF638)
MODELS = build(TMF638)
Service, Error = MODELS["Service"], MODELS["Error"]


@api.get(
    "/service",
    operation_id="listService",
    summary="List services",
    description=(
        "Filters, ANDed: `state`, `relatedParty.id` (the customer), `place.id` (the installation "
        "address). Newest first."
    ),
    tags=["service"],
    auth=BearerToken(Scope.SERVICE_READ),
    by_alias=True,
    response={
        200: list[Service],  # type: ignore[valid-type]
        206: list[Service],  # type: ignore[valid-type]
        **failing(Error, 400, 401, 403, 405, 500, 503),
    },
    openapi_extra={"responses": with_headers(200, 206, headers=COUNT_HEADERS)},
)
def list_service(
    request: HttpRequest,
    fields: str = Query(None, description=FIELDS),
    offset: int = Query(0, ge=0, le=LARGEST, description=OFFSET),
    limit: int = Query(None, ge=0, le=LARGEST, description=LIMIT),
) -> HttpResponse:
    """A page of the services the caller may see."""
    page = Page(offset, limit)
    selected = parse_fields(fields)
    asked = wanted(parse_filters(TMF638, request.GET))
    views, total = (
        ([], 0)
        if asked.nothing
        else queries.services(
            caller_of(request).actor,
            states=asked.states,
            customer_id=asked.customer_id,
            address_id=asked.address_id,
            offset=page.offset,
            limit=page.limit,
        )
    )
    return listed(request, page, _bodies(request, views), total, selected)


@api.get(
    "/service/{id}",
    operation_id="retrieveService",
    summary="Read a service",
    tags=["service"],
    auth=BearerToken(Scope.SERVICE_READ),
    by_alias=True,
    response={200: Service, **failing(Error, 400, 401, 403, 404, 405, 500, 503)},
)
def retrieve_service(
    request: HttpRequest,
    id: str = Path(..., description="the number of the service"),
    fields: str = Query(None, description=FIELDS),
) -> HttpResponse:
    """One service, or 404 for a service that is not the caller's to see."""
    selected = parse_fields(fields)
    number = number_of(id, _("没有这项业务。"))
    view = queries.service(caller_of(request).actor, number)
    return answer(select(_bodies(request, [view])[0], selected))


def _bodies(request: HttpRequest, views: list[ServiceView]) -> list[dict[str, object]]:
    base = request.build_absolute_uri(reverse("tmf638:list_service"))
    orders = request.build_absolute_uri(reverse("tmf641:list_service_order"))
    return [
        service(
            view,
            href=lambda number: f"{base}/{number}",
            order_href=lambda number: f"{orders}/{number}",
        )
        for view in views
    ]


add_hub(api, MODELS, SERVICES, Scope.SERVICE_READ)
