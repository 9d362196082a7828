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
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError

from kaitong.core import wording
from kaitong.core.errors import (
    BadInput,
    Conflict,
    Forbidden,
    InputFault,
    KaitongError,
    NotFound,
)
from kaitong.tmf.contract.vocabulary import Contract
from kaitong.tmf.errors import BLANK, MISSING, BadBody, TmfError, is_missing
from kaitong.tmf.wire import StrictParser, error_answer, place_of

logger = logging.getLogger(__name__)

#: What Pydantic calls a fault -> what we say of the attribute.
_WORDS: dict[str, Any] = {
    "missing": MISSING,
    "blank": BLANK,
    "string_type": gettext_lazy("应是文字"),
    "int_type": gettext_lazy("应是整数"),
    "int_parsing": gettext_lazy("应是整数"),
    "bool_type": gettext_lazy("应是 true 或 false"),
    "list_type": gettext_lazy("应是列表"),
    "too_short": gettext_lazy("不能是空的"),
    "string_too_long": gettext_lazy("太长"),
    "model_type": gettext_lazy("应是对象"),
    "model_attributes_type": gettext_lazy("应是对象"),
    "dict_type": gettext_lazy("应是对象"),
    "greater_than_equal": gettext_lazy("太小"),
    "less_than_equal": gettext_lazy("太大"),
    "date": gettext_lazy("不是 2026-11-22T09:00:00+08:00 这样的日期时间"),
    "link": gettext_lazy("不是 URI"),
}
_NOT_ALLOWED = gettext_lazy("的值不对")
#: Names of the parameter that holds a whole body; they are no part of an attribute's place.
_BODY = "body"


def _fault(error: dict[str, Any]) -> InputFault:
    source, *place = error["loc"]
    if source == _BODY:
        place = place[1:]
    kind = error["type"]
    if kind == "literal_error":
        words = str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
        remedy = _("应是其中之一：%(list)s。") % {"list": words}
        return InputFault(place_of(place), _("不是认识的词"), remedy)
    if not place:
        return InputFault("", _("请求体应是一个 JSON 对象。"))
    return InputFault(place_of(place), str(_WORDS.get(kind, _NOT_ALLOWED)))


def bad_input_answer(faults: list[InputFault]) -> HttpResponse:
    """400 naming every attribute at fault."""
    sentences = [f"{fault.field} {fault.what}".strip() for fault in faults]
    reason = wording.several(sentences[:5], "；")
    if len(sentences) > 5:
        reason += _("；还有 %(n)s 处") % {"n": len(sentences) - 5}
    code = (
        "missing-attribute"
        if all(is_missing(str(fault.what)) for fault in faults)
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
        return _on_kaitong(request, BadBody(_("请求体没有传完。")))
    return error_answer(error.status_code, "invalid", str(error))


def _on_authentication(request: HttpRequest, error: Any) -> HttpResponse:
    given = "Authorization" in request.headers
    return error_answer(
        401,
        "unauthenticated",
        _("访问令牌无效。") if given else _("需要访问令牌。"),
        _("可能已过期或作废，请申请新的。") if given else "",
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
    if isinstance(error, NotFound):  # of the address; its field is a word of our own
        return error_answer(404, "not-found", reason, str(error.remedy))
    if error.field and error.field not in reason:
        # a phrase about the field, or a sentence of its own
        phrase = isinstance(error, TmfError) or reason[:1].islower()
        reason = f"{error.field} {reason}" if phrase else f"{error.field}: {reason}"
    faults = [InputFault(error.field, str(error.what))] if error.field else []
    return error_answer(_status_of(error), error.code, reason, str(error.remedy), faults)


def _on_missing(request: HttpRequest, error: Any) -> HttpResponse:
    return error_answer(404, "not-found", _("这个地址没有内容。"))


def _on_too_big(request: HttpRequest, error: Any) -> HttpResponse:
    return error_answer(413, "too-large", _("请求体太大。"))


def _on_database_away(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("the database did not answer: %s", type(error).__name__)
    response = error_answer(503, "unavailable", _("开通连不上数据库。"), _("请稍后再试。"))
    response["Retry-After"] = "5"
    return response


def _on_data(request: HttpRequest, error: Any) -> HttpResponse:
    # Only the kind of the fault: the database's sentence quotes the value.
    logger.warning("a value was refused by the database: %s", type(error).__name__)
    return error_answer(400, "invalid-attribute", _("有的值太长或超出范围。"))


def _on_anything(request: HttpRequest, error: Any) -> HttpResponse:
    logger.exception("%s %s failed", request.method, request.path)
    return error_answer(500, "internal", _("开通出错了。"), _("已记录。"))


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
                405,
                "method-not-allowed",
                _("这里不支持 %(method)s。") % {"method": request.method},
                _("支持：%(list)s。") % {"list": allowed},
            )
            plain["Allow"] = allowed
            return plain
        return response

    return wrapped


@csrf_exempt
def nothing_here(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
    """The answer for every other address below tmf-api/."""
    return _on_missing(request, None)
