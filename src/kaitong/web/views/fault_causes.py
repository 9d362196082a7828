"""Pages of common causes (群障)."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.assurance import queries as assurance
from kaitong.core import audit
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.inventory import beneath
from kaitong.playbooks import services as playbooks
from kaitong.process import services as process
from kaitong.transfer.book import Book, OutColumn
from kaitong.web.forms import read
from kaitong.web.pages import drawer as drawers
from kaitong.web.pages import fault_causes as pages
from kaitong.web.views.common import SignedIn, in_words, page, render_page

REFUSED, CONFLICT = 422, 409
_BATCH = 500


@page
@require_GET
def cause_list(request: SignedIn) -> HttpResponse:
    context = {"page": pages.causes_page(request.actor, request.GET)}
    return render_page(request, "web/fault/causes.html", context, place="faults")


@page
@require_GET
def cause(request: SignedIn, cause_id: UUID) -> HttpResponse:
    found = pages.cause_page(request.actor, cause_id, request.GET)
    return render_page(request, "web/fault/cause.html", {"page": found}, place="faults")


@page
@require_POST
def work(request: SignedIn, cause_id: UUID, item_id: UUID) -> HttpResponse:
    """Claim or complete the work in hand on the common cause's own page."""
    assurance.cause(request.actor, cause_id)
    faults: list[InputFault] = []
    answers: dict[str, Any] = {}
    fault, status = "", CONFLICT
    try:
        if request.POST.get("do") == "claim":
            process.claim(actor=request.actor, item_id=item_id)
            return redirect("web:cause", cause_id)
        form = drawers.form_of(request.actor, item_id)
        answers = read(form.schema if form else {}, request.POST)
        for name in form.unasked(answers) if form else ():
            del answers[name]
        playbooks.complete_work(actor=request.actor, item_id=item_id, data=answers)
    except NotFound:
        raise
    except BadInput as bad:
        faults, status = list(bad.faults), REFUSED
    except KaitongError as refused:
        fault = in_words(refused)
    else:
        return redirect("web:cause", cause_id)
    found = pages.cause_page(
        request.actor,
        cause_id,
        request.GET,
        item_id=item_id,
        values=answers,
        faults=faults,
        fault=fault,
    )
    context = {"page": found}
    return render_page(request, "web/fault/cause.html", context, place="faults", status=status)


@page
@require_GET
def export(request: SignedIn, cause_id: UUID) -> HttpResponse:
    """影响用户 as XLSX, masked; a recorded act."""
    row = assurance.cause(request.actor, cause_id)
    reported = {one.service_id for one in assurance.members(request.actor, row.pk, limit=10_000)}
    columns = [
        OutColumn(_("账号"), 24),
        OutColumn(_("客户"), 12),
        OutColumn(_("联系电话"), 14),
        OutColumn(_("地址"), 40),
        OutColumn(_("状态"), 10),
        OutColumn(_("已报障"), 8),
    ]
    out = BytesIO()
    with Book(out, _("影响用户"), columns) as book:
        offset, total = 0, 1
        while offset < total:
            rows, total = beneath.services_beneath(row.resource_id, offset=offset, limit=_BATCH)
            for one in pages.affected(rows, reported):
                mark = _("是") if one.reported else ""
                book.add([one.account, one.customer, one.phone, one.address, one.state, mark])
            offset += _BATCH
    audit.record(
        "affected-exported",
        actor_id=request.actor.id,
        subject_type="common-cause",
        subject_id=row.pk,
        data={"rows": total},
    )
    answer = HttpResponse(
        out.getvalue(),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    answer["Content-Disposition"] = f'attachment; filename="{row.number or row.pk}.xlsx"'
    return answer
