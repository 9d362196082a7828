"""Papers of an order (单据): issued where something happened, each once.

A procedure says which papers there are, when each is issued and from which kept template; an order
uses those of the procedures it pinned. What a sheet says is gathered here and sealed at once; its
PDF is made when somebody first wants it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from kaitong.charging import services as charging
from kaitong.charging.models import Payment
from kaitong.core import db, wording
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.documents.choices import PaperState
from kaitong.documents.models import Paper
from kaitong.ordering import notices, queries
from kaitong.ordering.choices import OrderState
from kaitong.ordering.errors import OrderNotFound, WrongOrderState
from kaitong.ordering.models import Order, OrderItem, OrderNote
from kaitong.ordering.sheets import Facts
from kaitong.ordering.states import locked
from kaitong.org.actor import Actor

__all__ = [
    "Moment",
    "give_back",
    "issue",
    "paper_of",
    "pay",
    "renew",
    "void_work",
    "work_sheets",
]

Moment = Literal["accepted", "assigned", "reappointed", "withdrawn", "refunded", "paid"]
MOMENTS = get_args(Moment)
CHINESE = "zh-hans"


ACCOUNT_CHANGED = "账号已更换，另出新单"  # why a work order is issued anew


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A paper that should exist: its kind, the key it exists once under, what it is about."""

    kind: str
    entry: dict[str, Any]
    key: str
    about: OrderItem | Payment | OrderNote | None


def issue(*, actor: Actor, order: Order, when: Sequence[Moment]) -> list[Paper]:
    """Issue the papers that are due by these moments, within the caller's transaction.

    `accepted`: one for the order; `assigned`: one for each item whose line and data are made;
    `reappointed`, `withdrawn`, `refunded`: one for each time the customer moved the visit, took the
    order back (撤单), had the money of a failed order back (退单退费);
    `paid`: one for each time money was taken or given back. What was issued before stays as it is,
    so every verb may call this again. Numbers are taken here: call it last.
    """
    facts = Facts(actor, order)
    if not any(entry["when"] in when for entry in facts.papers.values()):
        return []
    before = documents.issued(order.id)
    with override(CHINESE):  # a sheet is Chinese whoever issues it
        return [
            _issue(actor, facts, wanted, before)
            for wanted in _wanted(facts, when)
            if wanted.key not in before
        ]


def renew(*, actor: Actor, order_id: UUID, reason: str = "上门时间已变更，另出新单") -> None:
    """Bring work orders up to date after a new appointment (改约), and tell the customer of it.

    One nobody has looked at yet takes the newer facts; one that was printed is declared void and
    another is issued, so that no two sheets with different times are valid.
    """
    with db.whole(), override(CHINESE):
        order = locked(order_id)
        facts = Facts(actor, order)
        before = documents.issued(order_id)
        for wanted in _wanted(facts, ("assigned",)):
            issued = [p for key, p in before.items() if key.partition("#")[0] == wanted.key]
            standing = [p for p in issued if p.state == PaperState.ISSUED]
            if not standing:
                continue
            data = facts.sheet(wanted.entry, wanted.about)
            if document_verbs.restate(actor=actor, paper_id=standing[-1].pk, data=data):
                continue
            document_verbs.void_paper(actor=actor, paper_id=standing[-1].pk, reason=reason)
            again = _Wanted(
                wanted.kind, wanted.entry, f"{wanted.key}#{len(issued) + 1}", wanted.about
            )
            _issue(actor, facts, again, before)
        notices.appointment_changed(actor=actor, order=order)


def pay(
    *,
    actor: Actor,
    order_id: UUID,
    method: str,
    key: str,
    reference: str = "",
    expected_fen: int | None = None,
) -> Payment:
    """Collect what is due on an order (收费) and issue its voucher (收费凭据), in one transaction.

    `key` comes from the page: a double click changes nothing, and gives no second voucher.
    """
    queries.order(actor, order_id)  # another branch's order is not found
    with transaction.atomic():
        order = locked(order_id)
        if order.state == OrderState.PENDING_CANCELLATION:
            raise WrongOrderState(_("订单正在撤单，不能收费。"), _("请刷新页面。"))
        payment = charging.pay(
            actor=actor,
            order_id=order_id,
            method=method,
            key=key,
            reference=reference,
            expected_fen=expected_fen,
            customer_id=order.party_id,
        )
        issue(actor=actor, order=order, when=("paid",))
    return payment


def give_back(*, actor: Actor, order: Order) -> None:
    """After a refund (退费): its voucher is issued; that of a payment wholly given back is void.

    Within the caller's transaction; again changes nothing.
    """
    issue(actor=actor, order=order, when=("paid",))
    facts = Facts(actor, order)
    issued = documents.issued(order.id)
    with override(CHINESE):
        for kind, entry in facts.papers.items():
            if entry["when"] != "paid":
                continue
            for payment, refund in facts.given_back():
                paper = issued.get(f"{kind}:{payment.pk}")
                proof = issued.get(f"{kind}:{refund.pk}")
                if paper is not None and paper.state == PaperState.ISSUED:
                    number = f"，见 {proof.number}" if proof else ""
                    document_verbs.void_paper(
                        actor=actor, paper_id=paper.pk, reason=f"已退费{number}"
                    )


def void_work(*, actor: Actor, order: Order, reason: str) -> None:
    """Work orders of an order that is not carried out any more are void; twice changes nothing."""
    kinds = _assigned_kinds(actor, order)
    for paper in documents.issued(order.id).values():
        if paper.kind in kinds and paper.state == PaperState.ISSUED:
            document_verbs.void_paper(actor=actor, paper_id=paper.pk, reason=reason)


def paper_of(actor: Actor, order: Order, kind: str = "") -> Paper:
    """The paper of a kind that stands (the newest), or the order's first one without a kind."""
    papers = documents.papers_of_order(actor, order.id)
    standing = [p for p in papers if p.state == PaperState.ISSUED]
    found = [p for p in standing if p.kind == kind][-1:] if kind else standing[:1]
    if not found:
        known = wording.several(dict.fromkeys(p.kind for p in standing))
        raise OrderNotFound(
            _("这个订单没有这种单据。"), _("可打印：%s。") % known if known else "", field="kind"
        )
    return found[0]


def work_sheets(
    actor: Actor, order_ids: Sequence[UUID], kind: str = ""
) -> tuple[list[Paper], list[str]]:
    """The work orders (施工工单) of these orders that stand, in the order of their appointments;
    and the numbers of orders that have none. `kind` asks for another paper instead."""
    found: list[Paper] = []
    without: list[str] = []
    rows = queries.by_ids(actor, order_ids)
    nobody_knows = datetime.max.replace(tzinfo=UTC)
    rows.sort(key=lambda o: (o.appointment_start or nobody_knows, o.ordered_at, o.id))
    for order in rows:
        kinds = {kind} if kind else _assigned_kinds(actor, order)
        papers = [
            paper
            for paper in documents.papers_of_order(actor, order.id)
            if paper.kind in kinds and paper.state == PaperState.ISSUED
        ]
        found += papers
        if not papers:
            without.append(order.number or str(order.id))
    return found, without


def _assigned_kinds(actor: Actor, order: Order) -> set[str]:
    """The kinds of papers that tell how to carry out an order."""
    papers = Facts(actor, queries.order(actor, order.id)).papers
    return {kind for kind, entry in papers.items() if entry["when"] == "assigned"}


# ---- inside --------------------------------------------------------------------------------------


def _wanted(facts: Facts, when: Sequence[str]) -> Iterator[_Wanted]:
    # In the order of the moments: a voucher names the receipt.
    papers = sorted(facts.papers.items(), key=lambda pair: MOMENTS.index(pair[1]["when"]))
    for kind, entry in papers:
        if entry["when"] not in when:
            continue
        match entry["when"]:
            case "accepted":
                yield _Wanted(kind, entry, kind, None)
            case "assigned":
                for item in facts.items:
                    service = facts.service_of(item)
                    if service is not None and service.port and service.logical_id:
                        yield _Wanted(kind, entry, f"{kind}:{item.item_id}", item)
            case "reappointed" | "withdrawn" | "refunded" as moment:
                for one in facts.told_of(moment):
                    yield _Wanted(kind, entry, f"{kind}:{one.pk}", one)
            case "paid":
                for payment in facts.payments:
                    yield _Wanted(kind, entry, f"{kind}:{payment.pk}", payment)


def _issue(actor: Actor, facts: Facts, wanted: _Wanted, before: dict[str, Paper]) -> Paper:
    entry = wanted.entry
    made = document_verbs.issue(
        actor=actor,
        branch_id=facts.order.branch_id,
        order_id=facts.order.id,
        kind=wanted.kind,
        title=entry["title"],
        template_hash=entry["template"],
        data=facts.sheet(entry, wanted.about),
        number=document_verbs.NumberRule(**entry["number"]),
        key=wanted.key,
    )
    before[wanted.key] = made
    return made
