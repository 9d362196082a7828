"""Customers on the page: masked, or in clear after a recorded reading."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.org.actor import Actor
from kaitong.party import queries as party
from kaitong.party import services as party_verbs
from kaitong.web.pages.parts import Person


def masked(summary: party.Summary, *, scope: str) -> Person:
    """`scope` tells apart two places of one page that show the same person."""
    url = f"{reverse('web:reveal', args=[summary.id])}?scope={scope}"
    return Person(scope=scope, name=summary.name, phone=summary.phone, reveal_url=url)


def reveal(actor: Actor, party_id: UUID, *, scope: str) -> Person:
    """Name and phone in clear. Each reading is recorded with where it was asked for."""
    reason = _("工单页查看") if scope == "work" else _("订单页查看")
    name = party_verbs.reveal(actor=actor, party_id=party_id, field="name", reason=reason)
    phone = party_verbs.reveal(actor=actor, party_id=party_id, field="phone", reason=reason)
    safe = "work" if scope == "work" else "order"
    return Person(scope=safe, name=name, phone=phone.replace("\n", "　"), shown=True)
