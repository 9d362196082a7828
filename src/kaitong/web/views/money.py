"""收费 at the counter: find the customer, take money into the account, give it back, print."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.ordering import till
from kaitong.web.pages import money as pages
from kaitong.web.views.common import SignedIn, in_words, is_part, page, render_page

CONFLICT, REFUSED, FORBIDDEN = 409, 422, 403
PLACE = "money"


@page
@require_GET
def search(request: SignedIn) -> HttpResponse:
    """The customer by phone, name, number or account; a single one opens at once."""
    text = request.GET.get("q", "").strip()[:100]
    tab = "owing" if request.GET.get("tab") == "owing" else "pay"
    shown = pages.search_page(request.actor, text, tab)
    if text and len(shown.found) == 1:
        return redirect(shown.found[0].url)
    return render_page(request, "web/money/search.html", {"page": shown}, place=PLACE)


@page
@require_GET
def customer(request: SignedIn, customer_id: UUID) -> HttpResponse:
    """A customer's account, and the form that takes money for it."""
    shown = pages.customer_page(request.actor, customer_id, done=request.GET.get("done", ""))
    return render_page(request, "web/money/customer.html", {"page": shown}, place=PLACE)


@page
@require_POST
def pay(request: SignedIn, customer_id: UUID) -> HttpResponse:
    """收费: money into the account, with its voucher. What was typed is never lost."""
    typed = {name: request.POST.get(name, "")[:80] for name in ("amount", "method", "reference")}
    fault, errors, status = "", {}, CONFLICT
    try:
        taken = till.receive(
            actor=request.actor,
            customer_id=customer_id,
            method=typed["method"],
            amount_fen=pages.read_yuan(typed["amount"]),
            key=request.POST.get("key", "")[:80] or "none",
            reference=typed["reference"],
        )
    except NotFound:
        raise
    except BadInput as bad:
        status = REFUSED
        errors = {f.field: " ".join(filter(None, (str(f.what), str(f.remedy)))) for f in bad.faults}
    except Forbidden as refused:
        fault, status = in_words(refused), FORBIDDEN
    except KaitongError as refused:
        if getattr(refused, "field", "") == "amount":
            errors, status = {"amount": in_words(refused)}, REFUSED
        else:
            fault = in_words(refused)
    else:
        url = reverse("web:money_customer", args=[customer_id])
        return redirect(f"{url}?done={taken.payment.pk}")
    shown = pages.customer_page(
        request.actor, customer_id, pages.Typed(**typed, fault=fault, errors=errors)
    )
    context = {"page": shown}
    return render_page(request, "web/money/customer.html", context, place=PLACE, status=status)


@page
@require_http_methods(["GET", "POST"])
def give_back(request: SignedIn, payment_id: UUID) -> HttpResponse:
    """退费 of a payment into an account: how much, why; with POST it goes back."""
    if request.method != "POST":
        return _back(request, pages.back_page(request.actor, payment_id))
    given = {name: request.POST.get(name, "")[:200] for name in ("amount", "reason", "key")}
    try:
        taken = till.take_back(
            actor=request.actor,
            payment_id=payment_id,
            key=given["key"][:80] or "none",
            reason=given["reason"],
            amount_fen=pages.read_yuan(given["amount"]),
        )
    except NotFound:
        raise
    except KaitongError as refused:
        status = CONFLICT if not isinstance(refused, BadInput) else REFUSED
        shown = pages.back_page(request.actor, payment_id, **given, fault=in_words(refused))
        return _back(request, shown, status)
    account = taken.payment.account
    assert account is not None
    url = reverse("web:money_customer", args=[account.customer_id])
    url = f"{url}?done={taken.payment.pk}"
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _back(request: SignedIn, shown: pages.BackPage, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/money/back.html", context, status=status)
    return render_page(request, "web/money/back_page.html", context, place=PLACE, status=status)
