"""The workbench (工作台) and the verbs of the trade on its drawer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.clock import read_local
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.playbooks import onsite, suspending
from kaitong.playbooks import services as playbooks
from kaitong.process import services as process
from kaitong.web.forms import read
from kaitong.web.pages import drawer as drawers
from kaitong.web.pages import saved
from kaitong.web.pages import workbench as pages
from kaitong.web.views.common import (
    SignedIn,
    is_part,
    page,
    part,
    render_page,
    toast,
)

REFUSED, CONFLICT = 422, 409


@page
@require_GET
def workbench(request: SignedIn) -> HttpResponse:
    """The list; with `item` in the address its drawer stands open."""
    if _on_a_phone(request) and not request.GET and onsite.works_outside(request.actor):
        return redirect("web:phone")
    if is_part(request, "list"):
        return HttpResponse("".join(list_parts(request)))
    if not request.GET and (first := saved.first_query(request.actor)):
        return redirect(f"{reverse('web:workbench')}?{first}")
    detail = _asked_item(request)
    found = pages.work_page(request.actor, request.GET)
    context = {"page": found, "detail": detail}
    return render_page(request, "web/work/page.html", context, place="work", todo=found.waiting)


@page
@require_GET
def work(request: SignedIn, item_id: UUID) -> HttpResponse:
    if not is_part(request):
        return redirect(
            f"{reverse('web:workbench')}?tab={pages.tab_of(request.actor, item_id)}&item={item_id}"
        )
    return HttpResponse(_drawer(request, item_id))


@page
@require_POST
def claim(request: SignedIn, item_id: UUID) -> HttpResponse:
    """接单 and open, in one click."""
    return run_verb(
        request,
        item_id,
        lambda: process.claim(actor=request.actor, item_id=item_id),
        said=_("已接单"),
    )


@page
@require_POST
def release(request: SignedIn, item_id: UUID) -> HttpResponse:
    return run_verb(
        request,
        item_id,
        lambda: process.release(actor=request.actor, item_id=item_id),
        said=_("已放回待接单"),
    )


@page
@require_POST
def urge(request: SignedIn, item_id: UUID) -> HttpResponse:
    return run_verb(
        request,
        item_id,
        lambda: process.urge(actor=request.actor, item_id=item_id),
        said=_("已催办，经办人会看到"),
    )


@page
@require_POST
def resume(request: SignedIn, item_id: UUID) -> HttpResponse:
    return run_verb(
        request,
        item_id,
        lambda: process.resume(actor=request.actor, item_id=item_id),
        said=_("已解挂，时限接着走"),
    )


@page
@require_POST
def suspend(request: SignedIn, item_id: UUID) -> HttpResponse:
    def act() -> None:
        suspending.suspend(
            actor=request.actor,
            item_id=item_id,
            reason_code=request.POST.get("reason_code", ""),
            note=required(request, "note", _("请写明挂起的说明和凭据。")),
            until=moment(request.POST.get("until", "")),
            evidence=photos_of(request),
        )

    return run_verb(request, item_id, act, said=_("已挂起"))


@page
@require_POST
def dispatch(request: SignedIn, item_id: UUID) -> HttpResponse:
    def act() -> None:
        process.dispatch(
            actor=request.actor,
            item_id=item_id,
            to=chosen(request),
            reason=required(request, "reason", _("请写明原因。")),
        )

    return run_verb(request, item_id, act, said=_("已改派"))


@page
@require_POST
def complete(request: SignedIn, item_id: UUID) -> HttpResponse:
    """办结 / 回单: faults stand at their fields and what was entered stays."""
    form = drawers.form_of(request.actor, item_id)
    schema = form.schema if form else {}
    answers = read(schema, request.POST)
    for name in form.unasked(answers) if form else ():  # chosen, then another way was taken
        del answers[name]
    try:
        progress = playbooks.complete_work(actor=request.actor, item_id=item_id, data=answers)
    except NotFound:
        raise
    except BadInput as bad:
        return _answer(request, item_id, REFUSED, values=answers, faults=bad.faults)
    except KaitongError as refused:
        faults = [InputFault(refused.field, str(refused.what), str(refused.remedy))]
        if refused.field in schema.get("properties", {}):
            return _answer(request, item_id, REFUSED, values=answers, faults=faults)
        return _answer(request, item_id, CONFLICT, values=answers, fault=str(refused), kept=True)
    text = drawers.done_text(request.actor, progress)
    return _closed(request, text)


# ---- answers -------------------------------------------------------------------------------------


def run_verb(
    request: SignedIn,
    item_id: UUID,
    act: Callable[[], Any],
    *,
    said: str,
    close: bool = False,
) -> HttpResponse:
    """Run a verb; the drawer, the list and a toast come back together."""
    try:
        act()
    except NotFound:
        raise
    except KaitongError as refused:
        return _answer(request, item_id, CONFLICT, fault=str(refused))
    if not is_part(request):
        return redirect(f"{reverse('web:workbench')}?item={item_id}")
    if close:
        return _closed(request, said)
    table, rail = list_parts(request, item_id)
    html = _drawer(request, item_id)
    return HttpResponse(html + part("#list", table) + rail + toast(request, said))


def _answer(request: SignedIn, item_id: UUID, status: int, **drawer: Any) -> HttpResponse:
    if not is_part(request):
        context = {
            "page": pages.work_page(request.actor, request.GET),
            **_drawer_context(request, item_id, **drawer),
        }
        return render_page(request, "web/work/page.html", context, place="work", status=status)
    return HttpResponse(_drawer(request, item_id, **drawer), status=status)


def _closed(request: SignedIn, text: str) -> HttpResponse:
    """The item left this person's hands: the drawer closes, the list is fresh."""
    if not is_part(request):
        return redirect("web:workbench")
    return HttpResponse(closed_parts(request) + toast(request, text))


def closed_parts(request: SignedIn) -> str:
    """The drawer shut and the list fresh."""
    table, rail = list_parts(request)
    return part("#drawer", "", "innerHTML") + part("#list", table) + rail


def list_parts(request: SignedIn, item_id: UUID | None = None) -> tuple[str, str]:
    """The list, and the part that tells the rail how many wait."""
    found = pages.work_page(request.actor, request.GET)
    context = {"page": found, "detail": {"id": item_id} if item_id else None}
    html = render_to_string("web/work/list.html", context, request)
    return html, part("#rail-work", str(found.waiting or ""), "innerHTML")


def _drawer_context(
    request: SignedIn,
    item_id: UUID,
    *,
    fault: str = "",
    kept: bool = False,
    values: dict[str, Any] | None = None,
    faults: list[InputFault] | None = None,
) -> dict[str, Any]:
    detail = drawers.work_detail(request.actor, item_id, values=values, faults=faults or ())
    loose = " ".join(detail.form.loose) if detail.form else ""
    return {"detail": detail, "fault": fault or loose, "kept": kept}


def _drawer(request: SignedIn, item_id: UUID, **drawer: Any) -> str:
    context = _drawer_context(request, item_id, **drawer)
    return render_to_string("web/work/drawer.html", context, request)


def _on_a_phone(request: SignedIn) -> bool:
    """As the browser says it: client hints, else the word in its name."""
    hint = request.headers.get("Sec-CH-UA-Mobile", "")
    return hint == "?1" or (not hint and "Mobile" in request.headers.get("User-Agent", ""))


def _asked_item(request: SignedIn) -> drawers.WorkDetail | None:
    """The drawer named in the address; a stale or foreign one just stays shut."""
    try:
        item_id = UUID(request.GET.get("item", ""))
    except ValueError:
        return None
    try:
        return drawers.work_detail(request.actor, item_id)
    except NotFound:
        return None


def required(request: SignedIn, name: str, what: str) -> str:
    text = request.POST.get(name, "").strip()
    if not text:
        raise BadInput([InputFault(name, what)], what)
    return text


def photos_of(request: SignedIn) -> list[UUID]:
    """Photos that prove why work is suspended, by the identifiers their upload was given."""
    given = [v for k, v in request.POST.items() if k.startswith("evidence") and v]
    try:
        return [UUID(str(value)) for value in given]
    except ValueError:
        raise BadInput([InputFault("evidence", _("照片不在。"), _("请重新拍照。"))]) from None


def chosen(request: SignedIn) -> UUID:
    """The person picked for 改派 or 协办."""
    try:
        return UUID(request.POST.get("to", ""))
    except ValueError:
        raise BadInput([InputFault("to", _("没有选人。"), _("请选择一位。"))]) from None


def moment(text: str) -> datetime:
    try:
        return read_local(text)
    except ValueError:
        what = _("请填写预计解挂的时间。")
        raise BadInput([InputFault("until", what)], what) from None
