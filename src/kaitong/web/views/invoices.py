"""开具发票 on the order page's money tab: ask for one, and try a failed one again."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from kaitong.charging import queries as charging
from kaitong.charging import services
from kaitong.charging.choices import BuyerKind
from kaitong.charging.models import Payment
from kaitong.core.errors import BadInput, KaitongError, NotFound
from kaitong.ordering import queries as ordering
from kaitong.web.pages import order_tabs
from kaitong.web.views.common import SignedIn, is_part, page, render_page, toast

CONFLICT, REFUSED = 409, 422


@dataclass(frozen=True, slots=True)
class InvoicePage:
    url: str  # where it is asked for
    home: str  # where one returns to
    amount: int
    test: bool
    kinds: list[tuple[str, str]]
    buyer_kind: str = BuyerKind.INDIVIDUAL
    title: str = ""
    taxpayer_number: str = ""
    fault: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@page
@require_http_methods(["GET", "POST"])
def invoice(request: SignedIn, order_id: UUID, payment_id: UUID) -> HttpResponse:
    """Whose name it bears; with POST it is asked for. What was typed is never lost."""
    order = ordering.order(request.actor, order_id)
    money = charging.money(request.actor, order.id)
    payment = next((p for p in money.payments if p.pk == payment_id), None)
    if payment is None:
        raise NotFound(_("没有这笔收费。"), _("请核对编号和所在分公司。"))
    back = sum(p.amount_fen for p in money.payments if p.refund_of_id == payment.pk)
    return _ask(
        request,
        payment,
        back,
        reverse("web:invoice", args=[order.id, payment.pk]),
        f"{reverse('web:order', args=[order.id])}?tab=money",
    )


@page
@require_http_methods(["GET", "POST"])
def account_invoice(request: SignedIn, payment_id: UUID) -> HttpResponse:
    """The same of money that was paid into a customer's account."""
    payment = charging.account_payment(request.actor, payment_id)
    if payment.account is None:
        raise NotFound(_("没有这笔收费。"), _("请核对编号和所在分公司。"))
    back = sum(p.amount_fen for p in payment.refunds.all())
    return _ask(
        request,
        payment,
        back,
        reverse("web:money_invoice", args=[payment.pk]),
        reverse("web:money_customer", args=[payment.account.customer_id]),
    )


@page
@require_POST
def account_retry(request: SignedIn, invoice_id: UUID) -> HttpResponse:
    """重试 a failed invoice of an account; the page is read again."""
    try:
        row = services.retry_invoice(actor=request.actor, invoice_id=invoice_id)
    except NotFound:
        raise
    except KaitongError as refused:
        return HttpResponse(toast(request, str(refused), "late"), status=CONFLICT)
    payment = charging.account_payment(request.actor, row.payment_id)
    assert payment.account is not None
    url = reverse("web:money_customer", args=[payment.account.customer_id])
    return HttpResponse(headers={"HX-Redirect": url})


def _ask(request: SignedIn, payment: Payment, back: int, own: str, home: str) -> HttpResponse:
    known = {
        "url": own,
        "home": home,
        "amount": payment.amount_fen - back,
        "test": charging.is_test_platform(payment.branch_id),
        "kinds": [(str(value), str(label)) for value, label in BuyerKind.choices],
    }
    if request.method != "POST":
        return _answer(request, InvoicePage(**known))  # type: ignore[arg-type]
    given = {
        name: request.POST.get(name, "")[:120]
        for name in ("buyer_kind", "title", "taxpayer_number")
    }
    fault, errors, status = "", {}, CONFLICT
    try:
        services.request_invoice(actor=request.actor, payment_id=payment.pk, **given)
    except NotFound:
        raise
    except BadInput as bad:
        status = REFUSED
        errors = {f.field: " ".join(filter(None, (str(f.what), str(f.remedy)))) for f in bad.faults}
    except KaitongError as refused:
        fault = str(refused)
    else:
        if is_part(request):
            return HttpResponse(headers={"HX-Redirect": home})
        return redirect(home)
    shown = InvoicePage(**known, **given, fault=fault, errors=errors)  # type: ignore[arg-type]
    return _answer(request, shown, status)


@page
@require_POST
def retry(request: SignedIn, order_id: UUID, invoice_id: UUID) -> HttpResponse:
    """重试 a failed invoice; the money tab comes back as it stands now."""
    ordering.order(request.actor, order_id)
    try:
        services.retry_invoice(actor=request.actor, invoice_id=invoice_id)
        said = toast(request, _("已重新提交开票平台"))
    except NotFound:
        raise
    except KaitongError as refused:
        said = toast(request, str(refused), "late")
    context = {
        "order": {"id": order_id},
        "tabs": order_tabs.tabs("money"),
        "pane": order_tabs.pane(request.actor, order_id, "money"),
    }
    answer = render(request, "web/order/tabs.html", context)
    answer.content += said.encode()
    return answer


def _answer(request: SignedIn, shown: InvoicePage, status: int = 200) -> HttpResponse:
    context = {"page": shown}
    if is_part(request):
        return render(request, "web/order/invoice.html", context, status=status)
    return render_page(
        request, "web/order/invoice_page.html", context, place="orders", status=status
    )
