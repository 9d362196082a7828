"""Bytes in, bytes out: strict JSON of requests, TM Forum bodies of answers."""

import json
import math
from collections.abc import Iterable
from typing import Any, cast

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from ninja.parser import Parser

from kaitong.core.errors import InputFault
from kaitong.tmf.errors import BadBody, TooLarge, UnsupportedMediaType

CONTENT_TYPE = "application/json"
ACCEPTED = (CONTENT_TYPE, "application/merge-patch+json")
MAX_DEPTH = 40
MAX_FAULTS_NAMED = 20


class StrictParser(Parser):
    """Reads JSON that PostgreSQL can keep, or says what is wrong with it."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        if request.content_type not in ACCEPTED:
            raise UnsupportedMediaType(_("请求体应是 application/json。"), field="Content-Type")
        try:
            data = request.body
        except RequestDataTooBig:
            raise TooLarge(_("请求体太大。")) from None
        except UnreadablePostError:
            raise BadBody(_("请求体没有传完。")) from None
        body = read_json(data)
        request.tmf_body = body  # type: ignore[attr-defined]
        return body


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The body as it was sent, after it passed its checks: models check, they do not copy."""
    return cast(dict[str, Any], request.tmf_body)  # type: ignore[attr-defined]


def _refuse_constant(word: str) -> Any:
    raise BadBody(_("%(word)s 不是 JSON。") % {"word": word})


def _whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadBody(_("同一个对象里有重复的属性。"))
    return found


def read_json(data: bytes) -> dict[str, Any]:
    """A JSON object. Refused: NaN, numbers without end, doubled names, deep nests, NUL signs."""
    try:
        value = json.loads(
            data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_whole
        )
    except UnicodeDecodeError:
        raise BadBody(_("请求体不是 UTF-8。")) from None
    except RecursionError:
        raise BadBody(_("请求体嵌套太深。")) from None
    except json.JSONDecodeError as error:
        raise BadBody(
            _("请求体不是 JSON：第 %(line)s 行第 %(column)s 列有误。")
            % {"line": error.lineno, "column": error.colno}
        ) from None
    except ValueError:  # a number of thousands of digits
        raise BadBody(_("请求体里有太长的数字。")) from None
    if not isinstance(value, dict):
        raise BadBody(_("请求体应是一个 JSON 对象。"))
    _refuse_unkeepable(value, "", 0)
    return value


def _refuse_unkeepable(value: Any, place: str, depth: int) -> None:
    """jsonb keeps neither NUL nor half a surrogate pair nor an infinite number."""
    if depth > MAX_DEPTH:
        raise BadBody(_("请求体嵌套太深。"), field=place)
    if isinstance(value, str):
        if not is_keepable(value):
            raise BadBody(_("含有不能保存的字符。"), field=place)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadBody(_("是不能保存的数字。"), field=place)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not is_keepable(key):
                raise BadBody(_("有不能保存的属性名。"), field=place)
            _refuse_unkeepable(item, f"{place}.{key}" if place else key, depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _refuse_unkeepable(item, f"{place}[{number}]", depth + 1)


def is_keepable(text: str) -> bool:
    """False for text PostgreSQL refuses: NUL signs and halves of surrogate pairs."""
    if "\x00" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def place_of(location: Iterable[str | int]) -> str:
    """("serviceOrderItem", 0, "action") -> "serviceOrderItem[0].action"."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer, Chinese as it is."""
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type=CONTENT_TYPE,
    )


def fault_body(
    status: int, code: str, reason: str, message: str = "", faults: Iterable[InputFault] = ()
) -> dict[str, Any]:
    """A TM Forum error: {code, reason, message, status}; `fault` lists each attribute at fault."""
    body: dict[str, Any] = {"code": code, "reason": reason}
    if message:
        body["message"] = message
    body["status"] = str(status)
    body["@type"] = "Error"
    listed = [
        {
            "attribute": fault.field,
            "reason": str(fault.what),
            **({"message": str(fault.remedy)} if fault.remedy else {}),
        }
        for fault in faults
    ]
    if listed:
        body["fault"] = listed[:MAX_FAULTS_NAMED]
    return body


def error_answer(
    status: int, code: str, reason: str, message: str = "", faults: Iterable[InputFault] = ()
) -> HttpResponse:
    """The answer of a call that failed."""
    response = answer(fault_body(status, code, reason, message, faults), status)
    response["Cache-Control"] = "no-store"
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="kaitong"'
    return response
