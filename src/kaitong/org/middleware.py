"""Gives every request its actor, and the audit its name."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject

from kaitong.core.audit import acting
from kaitong.org.actor import actor_for

# What somebody with a one-time password may reach: changing it, signing out, language and theme.
_OPEN = ("/accounts/", "/preferences/", "/i18n/", "/static/")
# What a device may not reach beside pages, which `web.access` holds: its sign-in is nobody's.
_NO_DEVICE = ("/accounts/", "/admin/")


class ActorMiddleware:
    """`request.actor` is the signed-in person's Actor (lazily read), or None."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            request.actor = None  # type: ignore[attr-defined]
            return self.get_response(request)
        if user.must_change_password and not request.path.startswith(_OPEN):
            return redirect("account_change_password")
        request.actor = SimpleLazyObject(lambda: actor_for(user))  # type: ignore[attr-defined]
        if request.path.startswith(_NO_DEVICE) and request.actor.device:  # type: ignore[attr-defined]
            raise PermissionDenied
        with acting(user.pk, f"{request.method} {request.path}"):
            response = self.get_response(request)
        # Pages hold people's data, and counters are shared: nothing comes back after sign-out.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
