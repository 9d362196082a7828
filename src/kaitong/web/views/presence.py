"""在岗: absence (缺勤), delegation (委托), roster (排班), and work left in absent hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.clock import read_local
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.org import standing_in
from kaitong.process import services as process
from kaitong.web.pages import presence as pages
from kaitong.web.views.common import SignedIn, in_words, page, render_page

REFUSED = 422


@page
@require_GET
def presence(request: SignedIn) -> HttpResponse:
    context = {"page": pages.presence_page(request.actor, request.GET)}
    return render_page(request, "web/presence/page.html", context, place="presence")


@page
@require_POST
def absent(request: SignedIn) -> HttpResponse:
    """请假: one's own, or a colleague's by the supervisor."""

    def act() -> None:
        standing_in.report_absence(
            actor=request.actor,
            staff_id=_person(request, "staff") or _own(request),
            since=_moment(request, "since"),
            until=_moment(request, "until"),
            reason=request.POST.get("reason", "")[:120],
            deputy_id=_person(request, "deputy"),
        )

    return _done(request, act, form="away")


@page
@require_POST
def back(request: SignedIn, absence_id: UUID) -> HttpResponse:
    return _done(
        request, lambda: standing_in.end_absence(actor=request.actor, absence_id=absence_id)
    )


@page
@require_POST
def delegate(request: SignedIn) -> HttpResponse:
    def act() -> None:
        to = _person(request, "to")
        if to is None:
            raise BadInput([InputFault("to", _("没有选人。"), _("请选择一位。"))])
        standing_in.delegate(
            actor=request.actor,
            to=to,
            posts=request.POST.getlist("posts"),
            since=_moment(request, "since"),
            until=_moment(request, "until"),
            reason=request.POST.get("reason", "")[:120],
        )

    return _done(request, act, form="given")


@page
@require_POST
def take_back(request: SignedIn, delegation_id: UUID) -> HttpResponse:
    return _done(
        request,
        lambda: standing_in.end_delegation(actor=request.actor, delegation_id=delegation_id),
    )


@page
@require_POST
def add_shift(request: SignedIn) -> HttpResponse:
    """A shift on the roster; an end that is not later is on the next day."""

    def act() -> None:
        day = request.POST.get("day", "")
        since = _read(f"{day}T{request.POST.get('from', '')}", "since")
        until = _read(f"{day}T{request.POST.get('to', '')}", "until")
        if until <= since:
            until = _next_day(until)
        if request.actor.branch_id is None:
            raise NotFound(_("没有这个分公司。"))
        row = standing_in.ShiftRow(
            request.POST.get("username", ""), request.POST.get("post", ""), since, until
        )
        standing_in.put_shifts(actor=request.actor, branch_id=request.actor.branch_id, rows=[row])

    return _done(request, act, form="shift")


@page
@require_POST
def remove_shift(request: SignedIn, shift_id: UUID) -> HttpResponse:
    return _done(request, lambda: standing_in.remove_shift(actor=request.actor, shift_id=shift_id))


@page
@require_POST
def give(request: SignedIn) -> HttpResponse:
    """派单 of what absent people hold, each on its own; the first refusal is said."""

    def act() -> None:
        to = _person(request, "to")
        if to is None:
            raise BadInput([InputFault("to", _("没有选人。"), _("请选择一位。"))])
        outcomes = process.many(
            actor=request.actor,
            verb="dispatch",
            items=[UUID(text) for text in request.POST.getlist("pick") if _is_id(text)],
            to=to,
            reason=_("原经办人缺勤"),
        )
        refused = [outcome.why for outcome in outcomes if outcome.why]
        if refused:
            what = _("%(n)s 条没有办成：%(why)s") % {"n": len(refused), "why": refused[0]}
            raise BadInput([InputFault("items", what)], what)

    return _done(request, act)


# ---- inside --------------------------------------------------------------------------------------


def _done(request: SignedIn, act: Callable[[], Any], form: str = "") -> HttpResponse:
    """Back to the page; a refusal stands on it, above the forms, and the `form` keeps what was
    typed."""
    team = request.GET.get("tab") == "team"
    try:
        act()
    except NotFound:
        raise
    except KaitongError as refused:
        text = in_words(refused)
        context = {
            "page": pages.presence_page(request.actor, request.GET, fault=text),
            form: {**request.POST.dict(), "posts": request.POST.getlist("posts")},
        }
        return render_page(
            request, "web/presence/page.html", context, place="presence", status=REFUSED
        )
    week = request.GET.get("week", "")
    asked = "?tab=team" if team else ""
    if team and week.replace("-", "").isdigit():
        asked += f"&week={week}"
    return redirect(reverse("web:presence") + asked)


def _own(request: SignedIn) -> UUID:
    if request.actor.id is None:
        raise NotFound(_("没有这个人员。"))
    return request.actor.id


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _person(request: SignedIn, name: str) -> UUID | None:
    text = request.POST.get(name, "")
    return UUID(text) if _is_id(text) else None


def _next_day(moment: datetime) -> datetime:
    try:
        return moment + timedelta(days=1)
    except OverflowError:
        what = _("没有这一天。")
        raise BadInput([InputFault("day", what, _("请填写真实的日期。"))]) from None


def _moment(request: SignedIn, name: str) -> datetime:
    return _read(request.POST.get(name, ""), name)


def _read(text: str, name: str) -> datetime:
    try:
        return read_local(text)
    except ValueError:
        what = _("没有填时间。")
        raise BadInput([InputFault(name, what, _("请填写开始和结束。"))]) from None
