"""What the commands share: reading what was typed, and printing facts."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.clock import read_local
from kaitong.core.errors import BadInput, InputFault
from kaitong.org.actor import Actor
from kaitong.tmf.errors import BadBody
from kaitong.tmf.wire import read_json

SYSTEM = Actor.system()


def show(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        what = _("%(text)s 不是编号。") % {"text": repr(text)}
        raise BadInput([InputFault("id", what, _("请完整复制。"))]) from None


def json_object(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object, read as strictly as the API reads a body."""
    try:
        return read_json(data)
    except BadBody as error:
        what = f"{error.field} {error.what}" if error.field else str(error.what)
        raise BadInput([InputFault(where, what, "Correct it.")]) from None


def moment(text: str, field: str) -> datetime:
    """A time such as 2026-12-01T09:00, in the operator's zone unless it names another."""
    try:
        return read_local(text)
    except ValueError:
        what = _("%(text)s 不是时间。") % {"text": repr(text)}
        raise BadInput([InputFault(field, what, _("写作 2026-12-01T09:00。"))]) from None
