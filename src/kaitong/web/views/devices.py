"""营业厅设备: a tablet or a board is added, paired by a code, and signed out for good."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.errors import BadInput, Conflict, Forbidden, KaitongError, NotFound
from kaitong.hall import services as hall
from kaitong.org import devices as org
from kaitong.web.pages import devices as pages
from kaitong.web.views.common import SignedIn, View, in_words, page, refusal_as_page, render_page

CONFLICT, REFUSED = 409, 422
_BACKEND = "django.contrib.auth.backends.ModelBackend"  # it asks whether the account is in use
_A_DAY = 24 * 3600


def for_leaders(view: View) -> View:
    return page(never_cache(refusal_as_page(view)))


def home(request: HttpRequest) -> HttpResponse:
    """Where an address without a path leads: people to their work, a tablet to its numbers."""
    actor = getattr(request, "actor", None)
    return redirect("web:hall_take" if actor is not None and actor.device else "web:workbench")


@never_cache
@require_http_methods(["GET", "POST"])
def pair(request: HttpRequest) -> HttpResponse:
    """The code is typed here, on the device; whoever was signed in there is signed out."""
    fault, status = "", 200
    if request.method == "POST":
        try:
            device = org.pair(code=request.POST.get("code", "").replace("\0", "")[:60])
        except NotFound as refused:
            fault, status = in_words(refused), REFUSED
        else:
            login(request, device.staff, backend=_BACKEND)
            request.session.set_expiry(device.days * _A_DAY)
            return redirect("web:hall_take")
    return render(request, "web/hall/pair.html", {"fault": fault}, status=status)


@for_leaders
@require_GET
def devices(request: SignedIn) -> HttpResponse:
    return _page(request)


@for_leaders
@require_POST
def add(request: SignedIn) -> HttpResponse:
    title = request.POST.get("title", "")[:200]
    try:
        key = UUID(request.POST.get("key", "")[:40])
    except ValueError:
        raise NotFound(_("没有设备编号。"), _("请刷新页面。")) from None
    try:
        device, code = hall.add_device(actor=request.actor, title=title, device_id=key)
    except (Forbidden, NotFound):
        raise
    except KaitongError as refused:
        status = REFUSED if isinstance(refused, BadInput) else CONFLICT
        return _page(request, status, title=title, fault=in_words(refused))
    if not code:  # the button was pressed twice
        return redirect("web:devices")
    return _page(request, code=code, code_for=device.staff.name)


@for_leaders
@require_POST
def code(request: SignedIn, device_id: UUID) -> HttpResponse:
    try:
        made = org.renew(actor=request.actor, device_id=device_id)
    except Conflict as refused:
        return _page(request, CONFLICT, fault=in_words(refused))
    names = {one.pk: one.staff.name for one in org.devices(request.actor)}
    return _page(request, code=made, code_for=names[device_id])


@for_leaders
@require_POST
def revoke(request: SignedIn, device_id: UUID) -> HttpResponse:
    org.revoke(actor=request.actor, device_id=device_id)
    return redirect("web:devices")


def _page(request: SignedIn, status: int = 200, **more: str) -> HttpResponse:
    found = pages.page(request.actor, **more)
    context = {"page": found}
    return render_page(request, "web/hall/devices.html", context, place="hall", status=status)
