"""Lists as workbooks, by the filters in force."""

from __future__ import annotations

import tempfile
from typing import IO

from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kaitong.core.clock import now
from kaitong.web import exports
from kaitong.web.pages.orders import conditions_of
from kaitong.web.pages.workbench import asked_of
from kaitong.web.views.common import SignedIn, page

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@page
@require_GET
def orders(request: SignedIn) -> FileResponse:
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    exports.orders_book(request.actor, conditions_of(request.GET), target)
    return sent(target, _("订单"))


@page
@require_GET
def work(request: SignedIn) -> FileResponse:
    asked = asked_of(request.actor, request.GET)
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    exports.work_book(
        request.actor,
        target,
        tab=asked.tab,
        post=asked.post,
        overdue=asked.overdue,
        everyone=asked.everyone,
    )
    return sent(target, _("工单"))


def sent(file: IO[bytes], title: str) -> FileResponse:
    """A finished workbook, named after what it is and when; the answer closes the file."""
    file.seek(0)
    stamp = f"{timezone.localtime(now()):%Y%m%d-%H%M}"
    answer = FileResponse(
        file, as_attachment=True, filename=f"{title}-{stamp}.xlsx", content_type=XLSX
    )
    answer["Cache-Control"] = "private, no-store"
    return answer
