"""Money at the counter that belongs to no order (缴费, 预存, 退费): with its voucher, in one
transaction.

The voucher is a paper of the account, from the template and number rule of the playbook under
which the customer pays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from kaitong.charging import cards, channels
from kaitong.charging import queries as charging
from kaitong.charging import services as charges
from kaitong.charging.choices import ClosingState, Method, PaymentKind
from kaitong.charging.models import Account, Payment
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.documents.choices import PaperState
from kaitong.documents.models import Paper
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.models import Procedure
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.worktime.explain import WEEKDAYS_ZH

CHINESE = "zh-hans"


@dataclass(frozen=True, slots=True)
class Taken:
    """Money taken or given back, and the voucher that says so."""

    payment: Payment
    voucher: Paper | None


def receive(
    *,
    actor: Actor,
    customer_id: UUID,
    method: str,
    amount_fen: int,
    key: str,
    reference: str = "",
) -> Taken:
    """Take money for a customer's account and issue its voucher (收费凭据): both or neither.

    `key` comes from the page: a double click takes it once and gives no second voucher.
    """
    with transaction.atomic():
        payment = charges.receive(
            actor=actor,
            customer_id=customer_id,
            method=method,
            amount_fen=amount_fen,
            key=key,
            reference=reference,
        )
        return Taken(payment, voucher(actor=actor, payment=payment))


def redeem(*, actor: Actor, customer_id: UUID, serial: str, secret: str, key: str) -> Taken:
    """Use a recharge card (充值卡) for a customer's account, with its voucher: both or neither.

    A wrong try is written down first and raised after it; not to be called in a transaction.
    """
    with transaction.atomic():
        outcome = cards.attempt(
            actor=actor, customer_id=customer_id, serial=serial, secret=secret, key=key
        )
        if isinstance(outcome, Payment):
            return Taken(outcome, voucher(actor=actor, payment=outcome))
    raise outcome.error


def hear(*, key: str, headers: Mapping[str, str], body: bytes) -> channels.Answer:
    """A channel's message (支付通知), and the voucher of what it credited, in one transaction."""
    with transaction.atomic():
        answer = channels.accept(key=key, headers=headers, body=body)
        if answer.payment is not None:
            voucher(actor=Actor.system(branch_id=answer.payment.branch_id), payment=answer.payment)
    return answer


def take_back(
    *,
    actor: Actor,
    payment_id: UUID,
    key: str,
    reason: str,
    amount_fen: int | None = None,
    approved_by: UUID | None = None,
) -> Taken:
    """Give money of an account back; its voucher is issued, and the first one's is void where all
    of it went back."""
    with transaction.atomic():
        refund = charges.take_back(
            actor=actor,
            payment_id=payment_id,
            key=key,
            reason=reason,
            amount_fen=amount_fen,
            approved_by=approved_by,
        )
        paper = voucher(actor=actor, payment=refund)
        original = refund.refund_of
        assert original is not None
        if charging.returnable_fen(original) == 0:
            _void(actor, original, paper)
        return Taken(refund, paper)


def voucher(*, actor: Actor, payment: Payment) -> Paper | None:
    """The voucher of money into or out of an account; issued before it stays as it is.

    None where no playbook brought a voucher. Call it last: it takes a number.
    """
    if payment.account_id is None:
        raise OrderRefused(_("这笔收费不属于账户。"))
    key = f"voucher:{payment.pk}"
    before = documents.issued(payment.account_id).get(key)
    if before is not None:
        return before
    account = charging.account(actor, payment.account_id)
    found = _template(charging.playbooks_of(account.pk))
    if found is None:
        return None
    kind, entry = found
    with override(CHINESE):  # a sheet is Chinese whoever issues it
        return document_verbs.issue(
            actor=actor,
            branch_id=payment.branch_id,
            order_id=account.pk,
            kind=kind,
            title=entry["title"],
            template_hash=entry["template"],
            data=_data(actor, account, payment, entry),
            number=document_verbs.NumberRule(**entry["number"]),
            key=key,
        )


def vouchers(actor: Actor, account_id: UUID) -> dict[UUID, Paper]:
    """The vouchers of an account by their payment, in one query."""
    return {
        UUID(paper.key.partition(":")[2]): paper
        for paper in documents.papers_of_order(actor, account_id)
        if paper.key.startswith("voucher:")
    }


# ---- inside --------------------------------------------------------------------------------------


def _template(playbooks: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
    """The paper that current procedures issue when money is taken: of these playbooks first."""
    found: list[tuple[bool, str, str, dict[str, Any]]] = []
    for row in Procedure.objects.filter(retired_at=None).order_by("playbook", "key"):
        for kind, entry in row.papers.items():
            if entry["when"] == "paid":
                found.append((row.playbook not in playbooks, row.playbook, kind, entry))
    if not found:
        return None
    best = min(found, key=lambda one: one[:3])
    return best[2], best[3]


def _data(
    actor: Actor, account: Account, payment: Payment, entry: dict[str, Any]
) -> dict[str, Any]:
    branch = org.branch(payment.branch_id)
    root = branch.path.partition(".")[0]
    top = branch if root == branch.code else org.branch_by_code(root)
    back = payment.kind == PaymentKind.REFUND
    person = parties.summaries([account.customer_id])[account.customer_id]
    name = org.staff_names([payment.clerk_id]).get(payment.clerk_id) if payment.clerk_id else None
    original = payment.refund_of
    first = documents.issued(account.pk).get(f"voucher:{original.pk}") if original else None
    whole = original is not None and charging.returnable_fen(original) == 0
    return {
        "paper": {
            "operator": top.name,
            "branch": branch.name,
            "watermark": None,
            "form": entry["form"],
            "title": entry["title"],
            "office": entry["office"],
            "copies": entry["copies"],
            "verify_url": "",
        },
        "order": None,
        "receipt": None,
        "customer": f"{person.name}　{person.phone}".strip("　"),
        "document_number": person.document_number,
        "account": person.number,
        "operation": "退费" if back else "缴费",
        "marketing_case": None,
        "paid_at": _moment(payment),
        "fees": [
            {
                "title": "退还账户款项" if back else "存入账户（先销欠费）",
                "note": payment.reason or f"办理后余额 {charging.yuan(account.balance_fen)}",
                "amount": -payment.amount_fen if back else payment.amount_fen,
            }
        ],
        "payment": {
            "method": str(Method(payment.method).label),
            "reference": payment.reference or None,
        },
        "status": "已退" if back else "已收",
        "void": {
            "at": _moment(payment),
            "reason": payment.reason,
            "original": first.number if first else None,
        }
        if back and whole
        else None,
        "invoice": dict(zip(("state", "number"), charging.invoice_words(payment), strict=True)),
        "cashier": name or ("系统" if payment.clerk_id is None else actor.name),
    }


def _moment(payment: Payment) -> str:
    local = timezone.localtime(payment.paid_at)
    return f"{local:%Y-%m-%d} 周{WEEKDAYS_ZH[local.weekday()]} {local:%H:%M}"


def _void(actor: Actor, original: Payment, proof: Paper | None) -> None:
    """The voucher of money that went back wholly is taken back (收回作废)."""
    assert original.account_id is not None
    paper = documents.issued(original.account_id).get(f"voucher:{original.pk}")
    if paper is not None and paper.state == PaperState.ISSUED:
        number = f"，见 {proof.number}" if proof else ""
        document_verbs.void_paper(actor=actor, paper_id=paper.pk, reason=f"已退费{number}")


# ---- 日结单 --------------------------------------------------------------------------------------

SHEET = "common/papers/cash-closing.typ"
SHEET_NUMBER = document_verbs.NumberRule("cash-closing", "{branch}-RJ-{yyyymmdd}-{seq:5}", "daily")


def closing_sheet(*, actor: Actor, closing_id: UUID) -> Paper:
    """The printed sheet of a closed day (日结单), as it stands: one for each of its states."""
    with transaction.atomic():
        row = charging.closing(actor, closing_id)
        if row.state == ClosingState.OPEN:
            raise OrderRefused(_("这次日结已被撤回。"), _("请重新日结后打印。"))
        branch = org.branch(row.branch_id)
        root = branch.path.partition(".")[0]
        top = branch if root == branch.code else org.branch_by_code(root)
        names = org.staff_names([row.clerk_id, row.confirmed_by])
        with override(CHINESE):
            return document_verbs.issue(
                actor=actor,
                branch_id=row.branch_id,
                order_id=row.pk,
                kind="cash-closing",
                title="日结单",
                template=SHEET,
                number=SHEET_NUMBER,
                key=f"{row.state}:{row.closed_at:%Y%m%d%H%M%S%f}",
                data={
                    "paper": {
                        "operator": top.name,
                        "branch": branch.name,
                        "office": "",
                        "form": "",
                        "copies": ["财务联", "营业员联"],
                        "watermark": None,
                        "verify_url": "",
                    },
                    "day": f"{row.day:%Y-%m-%d} 周{WEEKDAYS_ZH[row.day.weekday()]}",
                    "clerk": names.get(row.clerk_id, ""),
                    "closed_at": f"{timezone.localtime(row.closed_at):%Y-%m-%d %H:%M}",
                    "methods": [
                        {
                            "method": str(Method(method).label),
                            **sums,
                            "net_fen": sums["taken_fen"] - sums["back_fen"],
                        }
                        for method, sums in sorted(row.sums.items())
                    ],
                    "expected_fen": row.expected_fen,
                    "counted_fen": row.counted_fen,
                    "reason": row.reason or None,
                    "state": str(ClosingState(row.state).label),
                    "confirmed_by": names.get(row.confirmed_by) if row.confirmed_by else None,
                },
            )
