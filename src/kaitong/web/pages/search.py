"""One search box: order number, account, phone, customer, address or its pinyin initials."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.choices import TicketState
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import OrderState
from kaitong.org.actor import Actor
from kaitong.places import queries as places
from kaitong.places.choices import CoverageStatus
from kaitong.web.pages.facts import of_orders
from kaitong.web.pages.fault_facts import of_faults
from kaitong.web.pages.faults import TONES as FAULT_TONES
from kaitong.web.pages.order import TONES

MOST = 20
SHORTEST = 2
_COVERAGE_TONES = {"covered": "ok", "planned": "wait", "no-entry": "late", "none": "late"}


@dataclass(frozen=True, slots=True)
class Hit:
    title: str
    text: str
    url: str = ""
    tag: str = ""
    tone: str = "wait"
    key: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    icon: str
    hits: tuple[Hit, ...]
    more: bool = False


def groups(actor: Actor, text: str) -> list[Group]:
    """What was found, orders first; only groups with hits."""
    if len(text) < SHORTEST:
        return []
    found = []
    rows = ordering.search(actor, text, limit=MOST)
    facts = of_orders(rows, people=True)
    hits = [
        Hit(
            title=f"{one.number}　{one.product}",
            text="　".join(
                part
                for part in (
                    one.customer.name if one.customer else "",
                    one.customer.phone if one.customer else "",
                    one.address,
                )
                if part
            ),
            url=reverse("web:order", args=[one.id]),
            tag=str(OrderState(one.state).label),
            tone=TONES[OrderState(one.state)],
            key=one.number,
        )
        for one in (facts[row.id] for row in rows)
    ]
    if hits:
        found.append(Group(_("订单"), "clipboard-list", tuple(hits), len(hits) == MOST))
    tickets, _total = assurance.faults(actor, text=text, limit=MOST)
    told = of_faults(tickets)
    hits = [
        Hit(
            title=f"{told[row.pk].number}　{told[row.pk].product}",
            text="　".join(
                part
                for part in (told[row.pk].customer_name, row.account, told[row.pk].address)
                if part
            ),
            url=reverse("web:fault", args=[row.pk]),
            tag=str(TicketState(row.state).label),
            tone=FAULT_TONES[TicketState(row.state)],
            key=told[row.pk].number,
        )
        for row in tickets
    ]
    if hits:
        found.append(Group(_("故障"), "tool", tuple(hits), len(hits) == MOST))
    spots = places.search(actor, text, limit=MOST)
    if spots:
        found.append(
            Group(
                _("地址"),
                "map-pin",
                tuple(
                    Hit(
                        title=spot.short_text,
                        text=spot.full_text,
                        tag=str(CoverageStatus(spot.coverage).label),
                        tone=_COVERAGE_TONES.get(spot.coverage, "wait"),
                    )
                    for spot in spots
                ),
                len(spots) == MOST,
            )
        )
    return found


def certain(found: list[Group], text: str) -> str:
    """The address to open at once: the order whose number was typed whole."""
    for group in found:
        for hit in group.hits:
            if hit.key and hit.key.lower() == text.lower():
                return hit.url
    return ""
