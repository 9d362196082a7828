"""收费 at the counter: find the customer, take money into the account, give it back, print."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.charging import channels
from kaitong.charging import queries as charging
from kaitong.charging.choices import Method, RequestState
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
    given = request.GET
    shown = pages.customer_page(
        request.actor, customer_id, done=given.get("done", ""), asked=given.get("asked", "")
    )
    return render_page(request, "web/money/customer.html", {"page": shown}, place=PLACE)


@page
@require_POST
def pay(request: SignedIn, customer_id: UUID) -> HttpResponse:
    """收费: money into the account, with its voucher. What was typed is never lost, but the secret
    of a card is never given back to the page."""
    names = ("amount", "method", "reference", "serial")
    typed = {name: request.POST.get(name, "")[:80] for name in names}
    fault, errors, status = "", {}, CONFLICT
    try:
        done = _take(request, customer_id, typed, request.POST.get("key", "")[:80] or "none")
    except NotFound:
        raise
    except BadInput as bad:
        status = REFUSED
        errors = {f.field: " ".join(filter(None, (str(f.what), str(f.remedy)))) for f in bad.faults}
    except Forbidden as refused:
        fault, status = in_words(refused), FORBIDDEN
    except KaitongError as refused:
        name = str(getattr(refused, "field", "") or "")
        if name in ("amount", "secret"):
            errors, status = {name: in_words(refused)}, REFUSED
        else:
            fault = in_words(refused)
    else:
        return redirect(f"{reverse('web:money_customer', args=[customer_id])}?{done}")
    shown = pages.customer_page(
        request.actor, customer_id, pages.Typed(**typed, fault=fault, errors=errors)
    )
    context = {"page": shown}
    return render_page(request, "web/money/customer.html", context, place=PLACE, status=status)


def _take(request: SignedIn, customer_id: UUID, typed: dict[str, str], key: str) -> str:
    """Take it the way it was chosen; what the page then tells, as its query."""
    actor = request.actor
    if typed["method"] == Method.RECHARGE:
        taken = till.redeem(
            actor=actor,
            customer_id=customer_id,
            serial=typed["serial"],
            secret=request.POST.get("secret", "")[:80],
            key=key,
        )
        return f"done={taken.payment.pk}"
    amount = pages.read_yuan(typed["amount"])
    if typed["method"] == Method.ONLINE:
        row = channels.begin(actor=actor, customer_id=customer_id, amount_fen=amount, key=key)
        channels.ask(row.pk)
        return f"asked={row.pk}"
    taken = till.receive(
        actor=actor,
        customer_id=customer_id,
        method=typed["method"],
        amount_fen=amount,
        key=key,
        reference=typed["reference"],
    )
    return f"done={taken.payment.pk}"


@page
@require_GET
def waiting(request: SignedIn, request_id: UUID) -> HttpResponse:
    """An online payment as it stands; the page asks every two seconds until it is decided."""
    row = charging.pay_request(request.actor, request_id)
    if row.state == RequestState.ASKED:
        row = channels.ask(row.pk)
    if row.payment_id is not None:
        url = reverse("web:money_customer", args=[charging.customer_of(row.account_id)])
        return HttpResponse(headers={"HX-Redirect": f"{url}?done={row.payment_id}"})
    return render(request, "web/money/waiting.html", {"asked": pages.asked_of(row)})


@csrf_exempt
@require_POST
def callback(request: HttpRequest, channel: str) -> HttpResponse:
    """Where an online channel tells of payments. Nobody is signed in: its signature counts."""
    length = request.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) > channels.LARGEST:
        return JsonResponse({"result": "unsigned"}, status=401)
    answer = till.hear(key=channel, headers=request.headers, body=request.body)
    return JsonResponse({"result": answer.verdict}, status=answer.status)


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
