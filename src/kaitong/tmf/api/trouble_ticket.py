"""TMF621 Trouble Ticket v4: report a fault, read tickets, take one back."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Body
from ninja.params.functions import Header, Path, Query

from kaitong.assurance import queries, services
from kaitong.assurance.choices import TicketState
from kaitong.assurance.errors import WrongFaultState
from kaitong.assurance.models import Fault
from kaitong.core.audit import acting
from kaitong.core.errors import BadInput, InputFault
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
    with_headers,
)
from kaitong.tmf.api.hub import add_hub
from kaitong.tmf.api.parts import key_of, listed, number_of
from kaitong.tmf.auth import BearerToken, caller_of
from kaitong.tmf.choices import Scope
from kaitong.tmf.contract.schemas import build
from kaitong.tmf.contract.trouble_ticket import TMF621
from kaitong.tmf.errors import KeyReused, missing
from kaitong.tmf.filters import parse_filters
from kaitong.tmf.mapping.tickets import DOCUMENT, conditions, report, trouble_ticket
from kaitong.tmf.paging import Page
from kaitong.tmf.selection import parse_fields, select
from kaitong.tmf.sources import TICKETS
from kaitong.tmf.wire import answer, body_of

api = TmfApi(TMF621)
MODELS = build(TMF621)
TroubleTicket, TroubleTicketCreate = MODELS["TroubleTicket"], MODELS["TroubleTicket_Create"]
TroubleTicketUpdate, Error = MODELS["TroubleTicket_Update"], MODELS["Error"]
_CHANGEABLE = frozenset(
    {"status", "statusChangeReason", "id", "href", "@type", "@baseType", "@schemaLocation"}
)


@api.post(
    "/troubleTicket",
    operation_id="createTroubleTicket",
    summary="Report a fault or a complaint",
    description="The same `Idempotency-Key` sent again gives the ticket it made the first time.",
    tags=["troubleTicket"],
    auth=BearerToken(Scope.TICKET_WRITE),
    by_alias=True,
    response={
        201: TroubleTicket,
        **failing(Error, 400, 401, 403, 405, 409, 413, 415, 422, 500, 503),
    },
    openapi_extra={"responses": with_headers(201, headers=LOCATION_HEADER)},
)
def create_trouble_ticket(
    request: HttpRequest,
    troubleTicket: Body[TroubleTicketCreate],  # type: ignore[valid-type]
    key: str = Header(
        None, alias="Idempotency-Key", description="up to 120 signs of the client's choice"
    ),
) -> HttpResponse:
    """201 with Location. A line that does not work yet or any more gives a rejected ticket."""
    caller = caller_of(request)
    asked = report(body_of(request), key=key_of(key))
    row = services.take_in(actor=caller.actor, report=asked)
    if key and row.ext.get(DOCUMENT) != asked.raw[DOCUMENT]:
        raise KeyReused(
            _("这个 Idempotency-Key 已用于另一个请求。"),
            _("新的请求请用新的编号。"),
        )
    body = _bodies(request, [queries.fault(caller.actor, row.pk)])[0]
    response = answer(body, 201)
    response["Location"] = body["href"]
    return response


@api.get(
    "/troubleTicket",
    operation_id="listTroubleTicket",
    summary="List tickets",
    description=FILTERING,
    tags=["troubleTicket"],
    auth=BearerToken(Scope.TICKET_READ),
    by_alias=True,
    response={
        200: list[TroubleTicket],  # type: ignore[valid-type]
        206: list[TroubleTicket],  # type: ignore[valid-type]
        **failing(Error, 400, 401, 403, 405, 500, 503),
    },
    openapi_extra={"responses": with_headers(200, 206, headers=COUNT_HEADERS)},
)
def list_trouble_ticket(
    request: HttpRequest,
    fields: str = Query(None, description=FIELDS),
    offset: int = Query(0, ge=0, le=LARGEST, description=OFFSET),
    limit: int = Query(None, ge=0, le=LARGEST, description=LIMIT),
) -> HttpResponse:
    """A page of the tickets the caller may see."""
    actor = caller_of(request).actor
    page, wanted = Page(offset, limit), parse_fields(fields)
    found = conditions(parse_filters(TMF621, request.GET))
    rows, total = queries.found(actor, found, offset=page.offset, limit=page.limit)
    return listed(request, page, _bodies(request, rows), total, wanted)


@api.get(
    "/troubleTicket/{id}",
    operation_id="retrieveTroubleTicket",
    summary="Read a ticket",
    tags=["troubleTicket"],
    auth=BearerToken(Scope.TICKET_READ),
    by_alias=True,
    response={200: TroubleTicket, **failing(Error, 400, 401, 403, 404, 405, 500, 503)},
)
def retrieve_trouble_ticket(
    request: HttpRequest,
    id: str = Path(..., description="the number of the ticket"),
    fields: str = Query(None, description=FIELDS),
) -> HttpResponse:
    """One ticket, or 404 for one that is not the caller's to see."""
    actor = caller_of(request).actor
    wanted = parse_fields(fields)
    row = queries.fault(actor, number_of(id, _("没有这张故障单。")))
    return answer(select(_bodies(request, [row])[0], wanted))


@api.patch(
    "/troubleTicket/{id}",
    operation_id="patchTroubleTicket",
    summary="Take a ticket back, or say that it is not mended",
    description=(
        "`status` follows from the ticket's process. Two changes are the customer's to ask: "
        "`cancelled` with a `statusChangeReason`, and `inProgress` after `resolved`."
    ),
    tags=["troubleTicket"],
    auth=BearerToken(Scope.TICKET_WRITE),
    by_alias=True,
    response={
        200: TroubleTicket,
        **failing(Error, 400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 503),
    },
)
def patch_trouble_ticket(
    request: HttpRequest,
    troubleTicket: Body[TroubleTicketUpdate],  # type: ignore[valid-type]
    id: str = Path(..., description="the number of the ticket"),
) -> HttpResponse:
    caller = caller_of(request)
    row = queries.fault(caller.actor, number_of(id, _("没有这张故障单。")))
    body = body_of(request)
    if fixed := sorted(set(body) - _CHANGEABLE):
        raise BadInput(
            [InputFault(name, _("不能更改"), _("只有 status 可以改。")) for name in fixed]
        )
    status = body.get("status", row.state)
    if status != row.state:
        with acting(caller.actor.id, "PATCH troubleTicket"):
            if status == TicketState.CANCELLED:
                reason = str(body.get("statusChangeReason") or "")
                if not reason.strip():
                    raise BadInput([InputFault("statusChangeReason", missing())])
                services.cancel(actor=caller.actor, fault_id=row.pk, reason=reason)
            elif status == TicketState.IN_PROGRESS and row.state == TicketState.RESOLVED:
                services.not_mended(actor=caller.actor, fault_id=row.pk)
            else:
                raise WrongFaultState(
                    _("状态是 %(now)s 的故障单不能改为 %(then)s。")
                    % {"now": row.state, "then": status},
                    _("状态随处理流程变化；可以申请 cancelled。"),
                    field="status",
                )
    return answer(_bodies(request, [queries.fault(caller.actor, row.pk)])[0])


def _bodies(request: HttpRequest, rows: Iterable[Fault]) -> list[dict[str, Any]]:
    base = request.build_absolute_uri(reverse("tmf621:list_trouble_ticket"))
    services_at = request.build_absolute_uri(reverse("tmf638:list_service"))
    return [
        trouble_ticket(
            row,
            href=lambda number: f"{base}/{number}",
            service_href=lambda number: f"{services_at}/{number}",
        )
        for row in rows
    ]


add_hub(api, MODELS, TICKETS, Scope.TICKET_READ)
