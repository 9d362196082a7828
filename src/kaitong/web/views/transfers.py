"""The page of imports and exports (导入导出)."""

from __future__ import annotations

from pathlib import PurePath
from uuid import UUID

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core import wording
from kaitong.core.errors import KaitongError, NotFound
from kaitong.transfer import queries, services
from kaitong.transfer.kinds import layout
from kaitong.transfer.templates import template as template_of
from kaitong.web.format import mark
from kaitong.web.pages import transfers as pages
from kaitong.web.views.common import SignedIn, is_part, page, render_page, toast
from kaitong.web.views.exports import XLSX

LARGEST = services.LARGEST_UPLOAD


@page
@require_GET
def transfers(request: SignedIn) -> HttpResponse:
    if is_part(request, "jobs"):
        return HttpResponse(_jobs(request))
    context = {"page": pages.transfers_page(request.actor)}
    return render_page(request, "web/transfer/page.html", context, place="transfers")


@page
@require_POST
def bring_in(request: SignedIn) -> HttpResponse:
    """Queue an import; with `trial` it only says what would be."""
    file = request.FILES.get("file")
    try:
        if file is not None and file.size and file.size > services.LARGEST_UPLOAD:
            data = b"x" * (services.LARGEST_UPLOAD + 1)  # refused by the verb, in its words
        else:
            data = file.read() if file is not None else b""
        services.ask_import(
            actor=request.actor,
            kind=request.POST.get("kind", ""),
            name=PurePath(file.name or "").name if file is not None else "",
            data=data,
            skip_bad=request.POST.get("bad") == "skip",
            dry_run="trial" in request.POST,
        )
    except KaitongError as refused:
        faults = getattr(refused, "faults", ())
        text = wording.several((f"{f.what}{mark('')}{f.remedy}" for f in faults), "；")
        said = toast(request, text or str(refused), "late")
        return HttpResponse(_jobs(request) + said)
    return HttpResponse(_jobs(request) + toast(request, _("已开始，进度在下面")))


@page
@require_POST
def cancel(request: SignedIn, job_id: UUID) -> HttpResponse:
    services.cancel(actor=request.actor, job_id=job_id)
    return HttpResponse(_jobs(request))


@page
@require_GET
def result(request: SignedIn, job_id: UUID) -> HttpResponse:
    """The refused rows, the faults, or the workbook."""
    job = queries.own_job(request.actor, job_id)
    data = job.file("result")
    if not data:
        raise NotFound(_("文件已清理。"), _("再导入或导出一次。"))
    return _file(data, job.result_name)


@page
@require_GET
def template(request: SignedIn, kind: str) -> HttpResponse:
    try:
        found = layout(kind)
    except KaitongError:
        raise NotFound(_("没有这个模板。")) from None
    return _file(template_of(found), f"{found.title}.xlsx")


def _jobs(request: SignedIn) -> str:
    context = {"page": pages.transfers_page(request.actor)}
    return render_to_string("web/transfer/jobs.html", context, request)


def file_answer(data: bytes, name: str) -> HttpResponse:
    """A file to save, named in any language."""
    return _file(data, name)


def _file(data: bytes, name: str) -> HttpResponse:
    kind = XLSX if name.endswith(".xlsx") else "text/csv; charset=utf-8"
    answer = HttpResponse(data, content_type=kind)
    answer.headers["Content-Disposition"] = _attachment(name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _attachment(name: str) -> str:
    from django.utils.http import content_disposition_header

    return content_disposition_header(True, name) or "attachment"
