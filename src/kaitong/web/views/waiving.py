"""减免 on the order page's money tab: a fee for leaving early is let go, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kaitong.charging import queries as charging
from kaitong.core import wording
from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.ordering import fees
from kaitong.ordering import queries as ordering
from kaitong.web.views.common import SignedIn, in_words, is_part, page, render_page

CONFLICT, REFUSED = 409, 422


@dataclass(frozen=True, slots=True)
class WaivePage:
    url: str
    home: str
    title: str
    basis: str
    amount: int
    reason: str = ""
    fault: str = ""
    error: str = ""


@page
@require_http_methods(["GET", "POST"])
def waive(request: SignedIn, order_id: UUID, charge_id: UUID) -> HttpResponse:
    """What is let go; with POST it is. What was typed is never lost."""
    order = ordering.order(request.actor, order_id)
    found = next((c for c in charging.charges(request.actor, order.pk) if c.pk == charge_id), None)
    if found is None:
        raise NotFound(_("没有这项费用。"), _("请核对编号和所在分公司。"))
    home = f"{reverse('web:order', args=[order.pk])}?tab=money"
    reason = request.POST.get("reason", "")[:200]
    fault, error, status = "", "", 200
    if request.method == "POST":
        try:
            fees.waive(actor=request.actor, order_id=order.pk, charge_id=charge_id, reason=reason)
        except Forbidden:
            raise PermissionDenied from None
        except BadInput as bad:
            status, error = REFUSED, f"{bad.faults[0].what}{bad.faults[0].remedy}"
        except KaitongError as refused:
            status, fault = CONFLICT, in_words(refused)
        else:
            return (
                HttpResponse(headers={"HX-Redirect": home}) if is_part(request) else redirect(home)
            )
    elif not fees.allowed(request.actor, order, found):
        raise PermissionDenied
    elif not fees.may_waive(request.actor, order, found):  # paid, or let go, since the page
        status, fault = CONFLICT, in_words(fees.not_due())
    shown = WaivePage(
        url=reverse("web:waive_fee", args=[order.pk, charge_id]),
        home=home,
        title=wording.read(found.title),
        basis=wording.read(found.note),
        amount=found.amount_fen,
        reason=reason,
        fault=fault,
        error=error,
    )
    if is_part(request):
        return render(request, "web/order/waive.html", {"page": shown}, status=status)
    context = {"page": shown}
    return render_page(request, "web/order/waive_page.html", context, place="orders", status=status)
