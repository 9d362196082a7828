"""TMF641: what a requester says anew of an order (PATCH), and who listens to orders (hub)."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body
from ninja.params.functions import Path

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering import describing, queries
from kaitong.ordering.models import Order
from kaitong.tmf.api.documentation import failing
from kaitong.tmf.api.hub import add_hub
from kaitong.tmf.api.parts import number_of
from kaitong.tmf.api.service_order import MODELS, Error, ServiceOrder, _bodies, api
from kaitong.tmf.auth import BearerToken, caller_of
from kaitong.tmf.choices import Scope
from kaitong.tmf.contract.schemas import parse_date
from kaitong.tmf.contract.service_order import PATCHED, TMF641
from kaitong.tmf.mapping.incoming import DOCUMENT, tidy
from kaitong.tmf.mapping.outgoing import told
from kaitong.tmf.mapping.terms import date_faults, priority_faults
from kaitong.tmf.sources import ORDERS
from kaitong.tmf.wire import answer, body_of

__all__ = ["api"]

ServiceOrderUpdate = MODELS["ServiceOrder_Update"]
_COLUMNS = {
    "category": "category",
    "description": "description",
    "externalId": "external_id",
    "priority": "priority",
    "requestedStartDate": "requested_start",
    "requestedCompletionDate": "requested_completion",
}
MOST_KEPT = 200_000  # of an order's document, after a patch
_USUAL = {"priority": "4"}
_KNOWN = frozenset(item.name for item in TMF641.resource)


@api.patch(
    "/serviceOrder/{id}",
    operation_id="patchServiceOrder",
    summary="Say anew what describes a service order",
    description=(
        "A JSON merge patch of " + ", ".join(PATCHED) + " and of extension attributes, while the "
        "order goes on. An order is taken back by `cancelServiceOrder`; its items stay."
    ),
    tags=["serviceOrder"],
    auth=BearerToken(Scope.ORDER_WRITE),
    by_alias=True,
    response={
        200: ServiceOrder,
        **failing(Error, 400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 503),
    },
)
def patch_service_order(
    request: HttpRequest,
    serviceOrder: Body[ServiceOrderUpdate],  # type: ignore[valid-type]
    id: str = Path(..., description="the number of the order"),
) -> HttpResponse:
    """200 with the order as it stands now; nothing is changed when one attribute cannot be."""
    caller = caller_of(request)
    number = number_of(id, _("没有这个业务订单。"))
    present = _bodies(request, [queries.order(caller.actor, number)])[0]
    patch = {
        name: value
        for name, value in body_of(request).items()
        if name in PATCHED or name not in _KNOWN or value != present.get(name)
    }
    fixed = sorted(set(patch) & _KNOWN - set(PATCHED))
    if fixed:
        remedy = _("可以改：%(list)s。") % {"list": ", ".join(PATCHED)}
        if "state" in fixed:
            remedy = _("撤单请向 cancelServiceOrder 提交。")
        raise BadInput([InputFault(name, _("不能更改"), remedy) for name in fixed])
    values: dict[str, Any] = {
        _COLUMNS[name]: _column(name, value) for name, value in patch.items() if name in _COLUMNS
    }
    if faults := priority_faults(str(values.get("priority", "4"))):
        raise BadInput(faults)
    describing.describe(
        actor=caller.actor,
        order_id=number,
        values=values,
        keep=lambda row: {DOCUMENT: _merged(row, patch)},
    )
    return answer(_bodies(request, [queries.order(caller.actor, number)], why=True)[0])


def _column(name: str, value: Any) -> Any:
    if name.endswith("Date"):
        return parse_date(value) if value else None
    return value or _USUAL.get(name, "")


def _merged(row: Order, patch: Mapping[str, Any]) -> dict[str, Any]:
    if faults := date_faults(row.requested_start, row.requested_completion):
        raise BadInput(faults)  # of the locked row, as it would be
    kept = dict(row.ext.get(DOCUMENT) or told(row))
    gone = {name for name, value in patch.items() if value is None}
    said = tidy(TMF641, TMF641.resource, patch, mask=True)
    merged = {name: value for name, value in {**kept, **said}.items() if name not in gone}
    if len(json.dumps(merged)) > MOST_KEPT:  # patch by patch it would grow, and every event with it
        what = _("合起来会超过 %(n)s 个字符") % {"n": MOST_KEPT}
        largest = max(said, key=lambda name: len(json.dumps(said[name])), default="")
        raise BadInput([InputFault(largest, what, _("大的资料请存在别处。"))])
    return merged


add_hub(api, MODELS, ORDERS, Scope.ORDER_READ)
