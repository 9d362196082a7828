"""Customers on the page: masked, or in clear after a recorded reading."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.org.actor import Actor
from kaitong.party import queries as party
from kaitong.party import services as party_verbs
from kaitong.web.pages.parts import Person

DOCUMENT = "document"  # the scope in which a document's number is shown, not a name


def masked(summary: party.Summary, *, scope: str) -> Person:
    """`scope` tells apart two places of one page that show the same person."""
    url = f"{reverse('web:reveal', args=[summary.id])}?scope={scope}"
    return Person(scope=scope, name=summary.name, phone=summary.phone, reveal_url=url)


def document_of(summary: party.Summary) -> Person | None:
    """A customer's document, masked, with its own eye."""
    if not summary.document_number:
        return None
    url = f"{reverse('web:reveal', args=[summary.id])}?scope={DOCUMENT}"
    return Person(
        scope=DOCUMENT,
        name=summary.document_title,
        phone=summary.document_number,
        reveal_url=url,
    )


def reveal(actor: Actor, party_id: UUID, *, scope: str) -> Person:
    """Name and phone in clear, or documents; each reading is recorded with where it was."""
    reasons = {
        "work": _("工单页查看"),
        "customer": _("客户页查看"),
        DOCUMENT: _("客户页查看"),
    }
    safe = scope if scope in reasons else "order"
    reason = reasons.get(safe, _("订单页查看"))
    if safe == DOCUMENT:
        told = party_verbs.reveal(actor=actor, party_id=party_id, field="document", reason=reason)
        return Person(scope=safe, name=told.replace("\n", "　"), shown=True)
    name = party_verbs.reveal(actor=actor, party_id=party_id, field="name", reason=reason)
    phone = party_verbs.reveal(actor=actor, party_id=party_id, field="phone", reason=reason)
    return Person(scope=safe, name=name, phone=phone.replace("\n", "　"), shown=True)
