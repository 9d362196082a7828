"""The hub of an interface: who is told what happens to what it serves."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body
from ninja.params.functions import Path
from pydantic import BaseModel

from kaitong.tmf import subscribing
from kaitong.tmf.api.base import TmfApi
from kaitong.tmf.api.documentation import LOCATION_HEADER, failing, with_headers
from kaitong.tmf.api.parts import number_of
from kaitong.tmf.auth import BearerToken, caller_of
from kaitong.tmf.choices import Scope
from kaitong.tmf.sources import Source
from kaitong.tmf.wire import answer, body_of


def add_hub(
    api: TmfApi, models: Mapping[str, type[BaseModel]], source: Source, scope: Scope
) -> None:
    """Serve POST and DELETE of listeners on an interface."""
    subscription: Any = models["EventSubscription"]
    wish: Any = models["EventSubscriptionInput"]
    error: Any = models["Error"]

    @api.post(
        "/hub",
        operation_id="registerListener",
        summary="Be told what happens",
        description=(
            "Events are POSTed to `{callback}/listener/EVENT`, those of one thing in their order, "
            "again until they are taken; each is signed with the secret that this answer tells "
            "once."
        ),
        tags=["events subscription"],
        auth=BearerToken(scope),
        by_alias=True,
        response={201: subscription, **failing(error, 400, 401, 403, 405, 413, 415, 500, 503)},
        openapi_extra={"responses": with_headers(201, headers=LOCATION_HEADER)},
    )
    def register_listener(request: HttpRequest, data: Body[wish]) -> HttpResponse:
        """201; what happens from now on is told."""
        caller = caller_of(request)
        body = body_of(request)
        query = str(body.get("query") or "")
        number, secret = subscribing.register(
            actor=caller.actor,
            staff_id=caller.staff_id,
            callback=body["callback"],
            query=query,
            source=source,
        )
        made = {"id": str(number), "callback": body["callback"], "secret": secret}
        if query:
            made["query"] = query
        response = answer(made, 201)
        response["Location"] = f"{request.build_absolute_uri(request.path)}/{number}"
        response["Cache-Control"] = "no-store"
        return response

    @api.delete(
        "/hub/{id}",
        operation_id="unregisterListener",
        summary="Be told no more",
        tags=["events subscription"],
        auth=BearerToken(scope),
        by_alias=True,
        response={204: None, **failing(error, 400, 401, 403, 404, 405, 500, 503)},
    )
    def unregister_listener(
        request: HttpRequest,
        id: str = Path(..., description="the number of the listener"),
    ) -> HttpResponse:
        caller = caller_of(request)
        number = number_of(id, _("没有这个订阅。"))
        subscribing.unregister(
            actor=caller.actor, staff_id=caller.staff_id, listener_id=number, source=source
        )
        return HttpResponse(status=204)
