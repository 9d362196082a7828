"""Several items at once: 接单, 放回, 催办, 派单, 转派; every refusal by its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kaitong.core.errors import NotFound
from kaitong.process import services as process
from kaitong.web import format as fmt
from kaitong.web.pages import batches
from kaitong.web.views.common import SignedIn, page, part, toast
from kaitong.web.views.work import list_parts

MOST_AT_ONCE = 200


@page
@require_POST
def bulk(request: SignedIn, verb: str) -> HttpResponse:
    """Each that can be done is done; with `all`, all or none. What was refused stands in a list."""
    said = _said().get(verb)
    if said is None:
        raise NotFound(_("没有这个操作。"), _("请刷新页面。"))
    given, lacking = _given(request, verb)
    if lacking:
        return HttpResponse("".join(list_parts(request)) + toast(request, lacking, "late"))
    texts = list(dict.fromkeys(request.POST.getlist("pick")))[:MOST_AT_ONCE]
    items = [UUID(text) for text in texts if _is_id(text)]
    bad = len(texts) - len(items)
    whole = bool(request.POST.get("all"))
    outcomes: list[process.Outcome] = []
    if items and not (whole and bad):
        outcomes = process.many(
            actor=request.actor, verb=verb, items=items, all_or_none=whole, **given
        )
    refused = [outcome for outcome in outcomes if outcome.why]
    done = 0 if whole and (refused or bad) else len(outcomes) - len(refused)
    text = said(done)
    if refused or bad:
        why = refused[0].why if refused else _("编号无效。")
        left = len(refused) + bad
        text += fmt.mark("；") + _("%(n)s 条没有办成：%(why)s") % {"n": left, "why": why}
    html = "".join(list_parts(request))
    if len(refused) > 1:
        context = {"rows": batches.refused(request.actor, refused), "done": done, "whole": whole}
        html += part("#dialog", render_to_string("web/work/refused.html", context, request),
                     "innerHTML")  # fmt: skip
    return HttpResponse(html + toast(request, text, "late" if refused or bad else "ok"))


def _given(request: SignedIn, verb: str) -> tuple[dict[str, Any], str]:
    """What the verb is told besides the items, or what is missing for it."""
    post, reason = request.POST.get("post", ""), request.POST.get("reason", "").strip()
    match verb:
        case "transfer":
            lacking = "" if post and reason else _("请选择转派给哪个岗位，并写明原因。")
            return {"post": post, "reason": reason}, lacking
        case "dispatch":
            to = request.POST.get("to", "")
            if not _is_id(to):
                return {}, _("请选择派给谁。")
            return {"to": UUID(to), "reason": reason}, ""
        case "release":
            return {"reason": reason}, ""
    return {}, ""


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _said() -> dict[str, Callable[[int], str]]:
    words = {
        "claim": _("%(n)s 张已接单"),
        "release": _("%(n)s 张已放回"),
        "urge": _("%(n)s 张已催办"),
        "dispatch": _("%(n)s 张已派单"),
        "transfer": _("%(n)s 张已转派"),
    }
    return {verb: lambda n, text=text: text % {"n": n} for verb, text in words.items()}
