"""The desk of notices (客户通知): what did not reach anybody, and sending it again."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import KaitongError, NotFound
from kaitong.messaging import services as messaging
from kaitong.web import format as fmt
from kaitong.web.pages import notices as pages
from kaitong.web.pages import order_tabs
from kaitong.web.views.common import SignedIn, is_part, page, part, render_page, toast

MOST_AT_ONCE = 200


@page
@require_GET
def notice_list(request: SignedIn) -> HttpResponse:
    if is_part(request, "list"):
        return HttpResponse(_list(request))
    context = {"page": pages.notice_page(request.actor, request.GET)}
    return render_page(request, "web/notice/page.html", context, place="notices")


@page
@require_POST
def retry(request: SignedIn) -> HttpResponse:
    """Send several again; what could not be is counted and said."""
    picked = []
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        try:
            picked.append(UUID(text))
        except ValueError:
            continue
    done, refused = messaging.retry_all(actor=request.actor, notice_ids=picked)
    said = _("%(n)s 条已安排重新发送") % {"n": done}
    if refused:
        said += fmt.mark("；") + _("%(n)s 条仍没有号码或邮箱") % {"n": refused}
    return HttpResponse(_list(request) + toast(request, said, "late" if refused else "ok"))


@page
@require_POST
def retry_one(request: SignedIn, notice_id: UUID) -> HttpResponse:
    """From the order page: its tab comes back fresh."""
    try:
        row = messaging.retry(actor=request.actor, notice_id=notice_id)
    except NotFound:
        raise
    except KaitongError as refused:
        return HttpResponse(toast(request, str(refused), "late"), status=409)
    html = ""
    if row.order_id is not None:
        context = {
            "order": {"id": row.order_id},
            "tabs": order_tabs.tabs("notices"),
            "pane": order_tabs.pane(request.actor, row.order_id, "notices"),
        }
        tabs = render_to_string("web/order/tabs.html", context, request)
        html = part("#tabs", tabs, "innerHTML")
    return HttpResponse(html + toast(request, _("已安排重新发送")))


@page
@require_POST
def text(request: SignedIn, notice_id: UUID) -> HttpResponse:
    """看内容: what was said, in clear; a recorded act."""
    said = messaging.reveal_text(
        actor=request.actor, notice_id=notice_id, reason=_("订单页查看通知内容")
    )
    return HttpResponse(format_html('<span class="kt-pre">{}</span>', said))


def _list(request: SignedIn) -> str:
    context = {"page": pages.notice_page(request.actor, request.GET)}
    return render_to_string("web/notice/list.html", context, request)
