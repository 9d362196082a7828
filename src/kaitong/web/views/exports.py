"""Lists as workbooks, by the filters in force."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from typing import IO

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kaitong.core.clock import now
from kaitong.ordering import queries as ordering
from kaitong.process import queries as process
from kaitong.transfer import services as transfer
from kaitong.web import exports
from kaitong.web.pages.orders import conditions_of
from kaitong.web.pages.workbench import asked_of
from kaitong.web.views.common import SignedIn, page

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@page
@require_GET
def orders(request: SignedIn) -> HttpResponseBase:
    conditions = conditions_of(request.GET)
    if ordering.count(request.actor, conditions) >= exports.AS_JOB_FROM:
        return _as_job(request, "orders", _("订单"))
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    exports.orders_book(request.actor, conditions, target)
    return sent(target, _("订单"))


@page
@require_GET
def work(request: SignedIn) -> HttpResponseBase:
    wanted = asked_of(request.actor, request.GET)
    asked = asdict(wanted)
    if process.work_batches(request.actor, **wanted.found())[0] >= exports.AS_JOB_FROM:
        return _as_job(request, "work", _("工单"))
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    exports.work_book(request.actor, target, **asked)
    return sent(target, _("工单"))


def _as_job(request: SignedIn, kind: str, title: str) -> HttpResponseBase:
    """A worker writes it; the page of imports and exports shows how far it is."""
    transfer.ask_export(
        actor=request.actor,
        kind=kind,
        name=_named(title),
        options={"query": request.GET.urlencode()},
    )
    return redirect("web:transfers")


def _named(title: str) -> str:
    return f"{title}-{timezone.localtime(now()):%Y%m%d-%H%M}.xlsx"


def sent(file: IO[bytes], title: str) -> FileResponse:
    """A finished workbook, named after what it is and when; the answer closes the file."""
    file.seek(0)
    answer = FileResponse(file, as_attachment=True, filename=_named(title), content_type=XLSX)
    answer["Cache-Control"] = "private, no-store"
    return answer
