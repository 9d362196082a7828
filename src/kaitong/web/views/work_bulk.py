"""Several items at once from the workbench: 接单, 催办, 转派, each in its own transaction."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kaitong.core.errors import KaitongError, NotFound
from kaitong.process import services as process
from kaitong.web import format as fmt
from kaitong.web.views.common import SignedIn, page, toast
from kaitong.web.views.work import list_parts

MOST_AT_ONCE = 200


@page
@require_POST
def bulk(request: SignedIn, verb: str) -> HttpResponse:
    """What could not be done is counted, and the first reason said; the rest is done."""
    act = _verbs(request).get(verb)
    if act is None:
        raise NotFound(_("没有这个操作。"), _("请刷新页面。"))
    if verb == "transfer" and not (request.POST.get("post") and request.POST.get("reason")):
        text = _("请选择转派给哪个岗位，并写明原因。")
        return HttpResponse("".join(list_parts(request)) + toast(request, text, "late"))
    done, refusals = 0, []
    for text in list(dict.fromkeys(request.POST.getlist("pick")))[:MOST_AT_ONCE]:
        try:
            act(UUID(text))
            done += 1
        except (ValueError, KaitongError) as refused:
            refusals.append(str(refused))
    said = _said()[verb] % {"n": done}
    if refusals:
        said += fmt.mark("；") + _("%(n)s 条没有办成：%(why)s") % {
            "n": len(refusals),
            "why": refusals[0],
        }
    html = "".join(list_parts(request))
    return HttpResponse(html + toast(request, said, "late" if refusals else "ok"))


def _verbs(request: SignedIn) -> dict[str, Callable[[UUID], object]]:
    actor, asked = request.actor, request.POST
    return {
        "claim": lambda item: process.claim(actor=actor, item_id=item),
        "urge": lambda item: process.urge(actor=actor, item_id=item),
        "transfer": lambda item: process.transfer(
            actor=actor, item_id=item, post=asked["post"], reason=asked["reason"]
        ),
    }


def _said() -> dict[str, str]:
    return {
        "claim": _("%(n)s 张已接单"),
        "urge": _("%(n)s 张已催办"),
        "transfer": _("%(n)s 张已转派"),
    }
