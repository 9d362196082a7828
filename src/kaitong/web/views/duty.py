"""责任历时 as files, and 更正 of a wrong line of the ledger."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from kaitong.core.clock import read_local
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.ordering import queries as ordering
from kaitong.playbooks import queries as playbooks
from kaitong.process import queries as process
from kaitong.process import reasons
from kaitong.process import services as verbs
from kaitong.process.models import Suspension
from kaitong.web.pages import order_duty
from kaitong.web.pages.reading import Reading
from kaitong.web.views.common import SignedIn, is_part, page, render_page
from kaitong.web.views.exports import sent

CONFLICT = 409


@page
@require_GET
def as_csv(request: SignedIn, order_id: UUID) -> HttpResponse:
    reading = Reading(request.actor, order_id)
    data = order_duty.to_csv(order_duty.pane(reading))
    return _file(data, "text/csv; charset=utf-8", f"{reading.facts.number}-duty.csv", save=True)


@page
@require_GET
def as_xlsx(request: SignedIn, order_id: UUID) -> HttpResponseBase:
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    order_duty.to_book(order_duty.pane(Reading(request.actor, order_id)), target)
    return sent(target, _("责任历时"))


@page
@require_GET
def as_pdf(request: SignedIn, order_id: UUID) -> HttpResponse:
    reading = Reading(request.actor, order_id)
    data = order_duty.to_pdf(reading, order_duty.pane(reading))
    return _file(data, "application/pdf", f"{reading.facts.number}-duty.pdf")


def _file(data: bytes, media_type: str, name: str, *, save: bool = False) -> HttpResponse:
    answer = HttpResponse(data, content_type=media_type)
    how = "attachment" if save else "inline"
    plain = name.encode("ascii", "ignore").decode()
    answer["Content-Disposition"] = f'{how}; filename="{plain}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@dataclass(frozen=True, slots=True)
class CorrectPage:
    order_id: UUID
    suspension_id: UUID
    step: str
    lasts: bool
    reasons: tuple[tuple[str, str], ...]
    reason: str
    since: str
    ended: str
    why: str = ""
    fault: str = ""


@page
@require_http_methods(["GET", "POST"])
def correct(request: SignedIn, order_id: UUID, suspension_id: UUID) -> HttpResponse:
    """更正: what was written down wrongly stays, the right line stands beside it."""
    order = ordering.order(request.actor, order_id)
    line = next((s for s in process.suspensions_of(order.id) if s.pk == suspension_id), None)
    if line is None:
        raise NotFound(_("没有这条挂起记录。"), _("请刷新页面。"))
    say = playbooks.words(order.playbook, order.playbook_hash)
    known = {
        "order_id": order.id,
        "suspension_id": line.pk,
        "step": say(line.workitem.title),
        "lasts": line.ended is None,
        "reasons": tuple((c, say(t)) for c, t in reasons.titles(order.parameters).items()),
    }
    if request.method != "POST":
        shown = CorrectPage(
            **known,  # type: ignore[arg-type]
            reason=line.reason_code,
            since=_field(line.since),
            ended=_field(line.ended),
        )
        return _answer(request, shown)
    given = {name: request.POST.get(name, "")[:200] for name in ("reason", "since", "ended", "why")}
    try:
        verbs.correct_suspension(
            actor=request.actor,
            suspension_id=line.pk,
            why=given["why"],
            **_changes(request, line, given),
        )
    except NotFound:
        raise
    except KaitongError as refused:
        shown = CorrectPage(**known, **given, fault=str(refused))  # type: ignore[arg-type]
        return _answer(request, shown, CONFLICT)
    url = f"{reverse('web:order', args=[order.id])}?tab=duty"
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _changes(request: SignedIn, line: Suspension, given: dict[str, str]) -> dict[str, object]:
    """What differs from the wrong line: its seconds are kept where the minute is left alone."""
    if request.POST.get("void"):
        return {"void": True}
    found: dict[str, object] = {}
    if given["reason"] and given["reason"] != line.reason_code:
        found["reason_code"] = given["reason"]
    for name, was in (("since", line.since), ("ended", line.ended)):
        if given[name] and given[name] != _field(was):
            found[name] = _moment(name, given[name])
    if not found:
        raise BadInput([InputFault("reason", _("没有改动。"), _("请改正原因或时间。"))])
    return found


def _moment(name: str, text: str) -> datetime:
    try:
        return read_local(text)
    except ValueError:
        raise BadInput([InputFault(name, _("时间不对。"), _("请填写年月日时分。"))]) from None


def _field(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}" if moment else ""


def _answer(request: SignedIn, shown: CorrectPage, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/order/correct.html", context, status=status)
    return render_page(
        request, "web/order/correct_page.html", context, place="orders", status=status
    )
