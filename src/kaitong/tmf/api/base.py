"""What every interface shares: errors in TM Forum's form, a tidy OpenAPI, 404 and 405 bodies."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    UnreadablePostError,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError

from kaitong.core.errors import (
    BadInput,
    Conflict,
    Forbidden,
    InputFault,
    KaitongError,
    NotFound,
)
from kaitong.tmf.contract.vocabulary import Contract
from kaitong.tmf.errors import BadBody, TmfError
from kaitong.tmf.wire import StrictParser, error_answer, place_of

logger = logging.getLogger(__name__)

#: What Pydantic calls a fault -> what we say of the attribute.
_WORDS = {
    "missing": "is mandatory and is missing",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_too_long": "is too long",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
}
#: Names of the parameter that holds a whole body; they are no part of an attribute's place.
_BODY = "body"


def _fault(error: dict[str, Any]) -> InputFault:
    source, *place = error["loc"]
    if source == _BODY:
        place = place[1:]
    kind = error["type"]
    if kind == "literal_error":
        words = str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
        return InputFault(place_of(place), "is not a known word", f"It must be one of {words}.")
    if not place:
        return InputFault("", "The body must be one JSON object.")
    return InputFault(place_of(place), _WORDS.get(kind, error["msg"]))


def bad_input_answer(faults: list[InputFault]) -> HttpResponse:
    """400 naming every attribute at fault."""
    sentences = [f"{fault.field} {fault.what}".strip() for fault in faults]
    reason = "; ".join(sentences[:5])
    if len(sentences) > 5:
        reason += f"; and {len(sentences) - 5} more"
    code = (
        "missing-attribute"
        if all("mandatory" in str(fault.what) for fault in faults)
        else "invalid-attribute"
    )
    message = " ".join(dict.fromkeys(str(f.remedy) for f in faults if f.remedy))
    return error_answer(400, code, reason, message, faults)


def _on_validation(request: HttpRequest, error: Any) -> HttpResponse:
    return bad_input_answer([_fault(item) for item in error.errors])


def _on_http(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error.__cause__, KaitongError):  # the parser's own words
        return _on_kaitong(request, error.__cause__)
    if isinstance(error.__cause__, UnreadablePostError):
        return _on_kaitong(request, BadBody("The body broke off."))
    return error_answer(error.status_code, "invalid", str(error))


def _on_authentication(request: HttpRequest, error: Any) -> HttpResponse:
    given = "Authorization" in request.headers
    return error_answer(
        401,
        "unauthenticated",
        "The bearer token is not valid." if given else "A bearer token is needed.",
        "It may have expired or been revoked; ask for a new one." if given else "",
    )


def _status_of(error: KaitongError) -> int:
    match error:
        case TmfError():
            return error.status
        case BadInput():
            return 400
        case NotFound():
            return 404
        case Forbidden():
            return 403
        case Conflict():
            return 409
        case _:  # a rule of the business says no
            return 422


def _on_kaitong(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error, BadInput):
        return bad_input_answer(error.faults)
    reason = str(error.what)
    if error.field and error.field not in reason:
        reason = f"{error.field} {reason}" if reason[:1].islower() else f"{error.field}: {reason}"
    faults = [InputFault(error.field, str(error.what))] if error.field else []
    return error_answer(_status_of(error), error.code, reason, str(error.remedy), faults)


def _on_missing(request: HttpRequest, error: Any) -> HttpResponse:
    return error_answer(404, "not-found", "There is nothing at this address.")


def _on_too_big(request: HttpRequest, error: Any) -> HttpResponse:
    return error_answer(413, "too-large", "The body is too large.")


def _on_database_away(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("the database did not answer: %s", type(error).__name__)
    response = error_answer(
        503, "unavailable", "Kaitong cannot reach its database.", "Try again in a moment."
    )
    response["Retry-After"] = "5"
    return response


def _on_data(request: HttpRequest, error: Any) -> HttpResponse:
    # Only the kind of the fault: the database's sentence quotes the value.
    logger.warning("a value was refused by the database: %s", type(error).__name__)
    return error_answer(400, "invalid-attribute", "A value is too long or out of range.")


def _on_anything(request: HttpRequest, error: Any) -> HttpResponse:
    logger.exception("%s %s failed", request.method, request.path)
    return error_answer(500, "internal", "Something went wrong in Kaitong.", "It was recorded.")


class TmfApi(NinjaAPI):
    """A django-ninja API that answers as TM Forum asks and describes itself tersely."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        super().__init__(
            title=f"{contract.number} {contract.title}",
            version=contract.version,
            description=f"{contract.title} as Kaitong serves it.",
            urls_namespace=contract.number.lower(),
            docs_url=None,
            openapi_url="/openapi.json",
            parser=StrictParser(),
        )
        for kind, handler in {
            NinjaValidationError: _on_validation,
            HttpError: _on_http,
            AuthenticationError: _on_authentication,
            KaitongError: _on_kaitong,
            Http404: _on_missing,
            RequestDataTooBig: _on_too_big,
            OperationalError: _on_database_away,
            InterfaceError: _on_database_away,
            DataError: _on_data,
            Exception: _on_anything,
        }.items():
            self.add_exception_handler(kind, handler)

    def get_openapi_schema(self, **options: Any) -> Any:
        """The description without what Pydantic adds: titles made of names, null defaults."""
        schema = super().get_openapi_schema(**options)
        for part in schema["components"]["schemas"].values():
            part.pop("title", None)
            part["properties"] = {
                name: _plain(item) for name, item in part.get("properties", {}).items()
            }
            if not part["properties"]:
                part.pop("properties")
        for operations in schema["paths"].values():
            for operation in operations.values():
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _plain(parameter["schema"])
        return schema

    def patterns(self) -> list[URLPattern]:
        """The routes, with TM Forum bodies for methods that are not served."""
        found = []
        for pattern in self._get_urls():
            if isinstance(pattern, URLResolver):  # pragma: no cover - ninja makes none
                raise TypeError("a nested resolver")
            pattern.callback = _with_not_allowed_body(pattern.callback)
            found.append(pattern)
        return found


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in item.items() if name not in ("title", "default")}
    if len(kept.get("allOf", ())) == 1:
        kept |= kept.pop("allOf")[0]
    if item.get("default") is not None:
        kept["default"] = item["default"]
    return kept


View = Callable[..., HttpResponseBase]


def _with_not_allowed_body(view: View) -> View:
    @csrf_exempt  # tokens only: no cookie is ever read here
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **more: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **more)
        except Http404 as error:
            return _on_missing(request, error)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = ", ".join(sorted(response["Allow"].split(", ")))
            plain = error_answer(
                405, "method-not-allowed", f"{request.method} is not served here.",
                f"Served: {allowed}.",
            )  # fmt: skip
            plain["Allow"] = allowed
            return plain
        return response

    return wrapped


@csrf_exempt
def nothing_here(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
    """The answer for every other address below tmf-api/."""
    return _on_missing(request, None)
