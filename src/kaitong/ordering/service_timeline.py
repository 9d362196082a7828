"""One timeline of a line over all its orders (客户统一视图): what was asked for it, what the
network said of it, money, papers and messages. Work stands in the timeline of its own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation import queries as activation
from kaitong.charging import of_orders as charging
from kaitong.charging import queries as money
from kaitong.charging.choices import Method, PaymentKind
from kaitong.core import wording
from kaitong.documents import queries as documents
from kaitong.inventory.results import ServiceView
from kaitong.messaging import queries as messaging
from kaitong.ordering import customers
from kaitong.ordering.timeline import Entry, entries_of, notice_entry, proof_entry
from kaitong.org.actor import Actor
from kaitong.org.queries import staff_names

MOST = 500  # of each kind; a line of many years shows its newest


def service_timeline(actor: Actor, service: ServiceView, order_ids: Sequence[UUID]) -> list[Entry]:
    """Newest first, in a constant number of queries; each entry of an order names it."""
    numbers = customers.numbers_of(order_ids)
    notes = customers.notes_of(order_ids, limit=MOST)
    entries = [
        _of(entry, numbers.get(row.order_id, ""))
        for row, entry in zip(notes, entries_of(notes), strict=True)
    ]
    entries += [
        Entry(
            at=exchange.at,
            kind="network",
            title=exchange.verb_title,
            text=exchange.element if exchange.ok else f"{exchange.element}：{exchange.cause}",
            tone="ok" if exchange.ok else "late",
            request=exchange.request,
            response=exchange.response,
            took_ms=exchange.took_ms,
        )
        for exchange in activation.exchanges(actor, service_id=service.id)
    ]
    entries += [proof_entry(proof) for proof in service.proofs]
    entries += _money(actor, order_ids, numbers)
    entries += [
        _of(
            Entry(at=paper.created_at, kind="paper", title=paper.title, text=paper.number),
            numbers.get(paper.order_id, "") if paper.order_id else "",
        )
        for paper in documents.papers_of_orders(actor, order_ids, limit=MOST)
    ]
    told, _total = messaging.notices(actor, order_ids=order_ids, limit=MOST)
    entries += [
        _of(notice_entry(row), numbers.get(row.order_id, "") if row.order_id else "")
        for row in told
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _of(entry: Entry, number: str) -> Entry:
    return replace(entry, text=" · ".join(filter(None, (entry.text, number))))


def _money(actor: Actor, order_ids: Sequence[UUID], numbers: dict[UUID, str]) -> list[Entry]:
    paid = charging.payments_of(actor, order_ids, limit=MOST)
    names = staff_names(row.clerk_id for row in paid)
    return [
        Entry(
            at=row.paid_at,
            kind="money",
            title=_("退费") if row.kind == PaymentKind.REFUND else _("收费"),
            text=" · ".join(
                filter(
                    None,
                    (
                        money.yuan(row.amount_fen),
                        str(Method(row.method).label),
                        wording.read(row.reason),
                        numbers.get(row.order_id, ""),
                    ),
                )
            ),
            who=names.get(row.clerk_id, "") if row.clerk_id else "",
        )
        for row in paid
    ]
