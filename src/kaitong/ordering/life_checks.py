"""What is looked at before a service is changed (过户、移机、销户前的检查).

Each check is a name of `counter: checks`; the playbook says whether a finding refuses or warns.
A finding is a sentence and what to do about it.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.catalog import queries as catalog
from kaitong.charging import queries as charging
from kaitong.core import plain, wording
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import changes, evidence
from kaitong.ordering.models import Order, OrderItem, Procedure, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party import rules
from kaitong.party.choices import Bearer, FaceResult, PartyKind


@dataclass(frozen=True, slots=True)
class Subject:
    """What a change is about: the service, by which procedure, who asks, when."""

    actor: Actor
    service: ServiceView
    procedure: Procedure
    at: datetime


@dataclass(frozen=True, slots=True)
class Term:
    """A contract of a service (合约期): its offering's or its marketing case's."""

    title: str
    until: date
    offering: str
    case: str


class Refusal(str):
    """A finding that refuses, whatever weight the playbook gives its check."""

    __slots__ = ()


Found = Iterator[tuple[str, str]]


def title_of(term: Term) -> str:
    """What a contract is of, as the reader calls it; the title an order has pinned is Chinese."""
    if not wording.english():
        return term.title
    return catalog.english_titles().get(term.case or term.offering) or term.title


# The orders of the line's customer, and which of them are about this line: what a former owner
# owes is not asked of him. Orders of a line nobody is named for are all its own.
_ORDERS_OF = """select o.id, max((i.service_id = %s)::int)
 from ordering_order o join ordering_orderitem i on i.order_id = o.id
 where """
# Charges for leaving a contract early: owed by the customer whatever line they were about.
LEAVING = frozenset({"leave-case", "exit-fee", "early-change"})


def arrears(subject: Subject) -> Found:
    """欠费: what the customer owes for this service: on its orders, and on his bills; and for
    having left a contract early, on whichever line."""
    owed = due_on_line(subject)
    owed += charging.arrears(service_id=subject.service.id).owed_fen
    if owed:
        yield _("还欠 %(sum)s。") % {"sum": charging.yuan(owed)}, _("请先收清欠费。")


def due_on_line(subject: Subject) -> int:
    """The charges of orders that its customer has not paid: of this line, and for having left a
    contract early."""
    service = subject.service
    if service.customer_id is None:
        whose, by = "i.service_id = %s and o.party_id is null", [service.id]
    else:
        whose, by = "o.party_id = %s", [service.customer_id]
    of_line = dict(plain.ask(f"{_ORDERS_OF}{whose} group by o.id", [service.id, *by]))
    return sum(
        row.amount_fen
        for row in charging.due_on_orders(subject.actor, of_line)
        if of_line.get(row.order_id) or row.code in LEAVING
    )


def term(subject: Subject) -> Found:
    """合约期: the contract still runs."""
    found = term_of(subject.service)
    if found is not None and timezone.localdate(subject.at) < found.until:
        yield (
            _("“%(title)s”的合约到 %(day)s 才满。")
            % {"title": title_of(found), "day": found.until.isoformat()},
            _("合约照常履行，提前退出按协议约定结算。"),
        )


def other_services(subject: Subject) -> Found:
    """同址业务: other services of the customer at this address."""
    service = subject.service
    if service.customer_id is None or service.address_id is None:
        return
    rows = inventory.services_at(service.customer_id, service.address_id)
    titles = [row.title or row.account for row in rows if row.id != service.id]
    if titles:
        yield (
            _("同一地址还有：%(list)s。") % {"list": wording.several(titles)},
            _("请问清是否一并办理。"),
        )


def scheduled(subject: Subject) -> Found:
    """约定的变更: another change of this line waits for its day.

    It was agreed with this customer, and would come to pass with the next one, or with nobody.
    """
    rows = ServiceChange.objects.defer("sealed").filter(
        service_id=subject.service.id, ended_at=None, waits_until__isnull=False
    )
    for row in rows.exclude(procedure=subject.procedure.key).select_related("item__order"):
        title = changes.titles([row.item.procedure_id]).get(row.item.procedure_id, row.procedure)
        yield (
            _("约定了%(what)s，%(day)s 生效（订单 %(number)s）。")
            % {
                "what": title,
                "day": timezone.localdate(row.waits_until).isoformat(),
                "number": row.item.order.number or "",
            },
            _("请先撤销那一单。"),
        )


def real_name(subject: Subject) -> Found:
    """实名: the holder's documents are complete and valid today (LIM-20, LIM-21)."""
    service = subject.service
    party = parties.own_party(subject.actor, service.customer_id) if service.customer_id else None
    if party is None:
        yield (
            names.of(service).say(_("%(this)s没有实名登记的机主。")),
            _("请先办理资料变更，补登实名。"),
        )
        return
    known = evidence.document_rules(subject.procedure.parameters)
    bearer = Bearer.ORGANIZATION if party.kind == PartyKind.ORGANIZATION else Bearer.CUSTOMER
    shown = [
        rules.Presented(
            bearer,
            kind=document.kind,
            number=document.number,
            valid_from=document.valid_from,
            valid_until=document.valid_until,
            long_term=document.long_term,
            evidence=evidence.count(document, known),
            reader_used=document.reader_used,
            face=FaceResult(document.face),
        )
        for document in parties.documents(subject.actor, party.id)[:1]
    ]
    day = timezone.localdate(subject.at)
    for what in dict.fromkeys(
        fault.what
        for fault in rules.check_handling(party.kind, shown, day, by_agent=False, kinds=known)
        if fault.bearer is bearer  # who acts for an organisation shows his own with the request
    ):
        yield what, _("请先补齐证件资料。")


CHECKS: dict[str, Callable[[Subject], Found]] = {
    "arrears": arrears,
    "term": term,
    "other-services": other_services,
    "real-name": real_name,
    "scheduled": scheduled,
}


def term_of(service: ServiceView, *, without_case: bool = False) -> Term | None:
    """The contract of a service, by the newest order that sold it something.

    A marketing case's contract is in the place of its plan's while the line has the case. Who
    leaves it is bound by the plan again, from the day the line had that plan: a case is no way
    out. `without_case` asks for that.
    """
    if service.started_at is None:
        return None
    found = [
        (price, timezone.localdate(order.completed_at or service.started_at))
        for order, item in _orders(service)
        for price in order.prices
        if price.get("item") == item.item_id
    ]
    if not found:
        return None
    newest, day = found[0]
    case = newest.get("case") or {}
    months = _months(str(newest.get("term") or ""))
    if months and not (case and without_case):
        title, key = str(case.get("title") or newest["title"]), str(case.get("key") or "")
        return Term(title, _later(day, months), str(newest["offering"]), key)
    same = takewhile(lambda one: one[0]["offering"] == newest["offering"], found)
    sold, begun = list(same)[-1]
    months = _months(_term_of_plan(sold))
    if not months:
        return None
    return Term(str(sold["title"]), _later(begun, months), str(sold["offering"]), "")


def _term_of_plan(price: Mapping[str, Any]) -> str:
    """The contract of a plan itself, as it was sold; with a case by what the catalogue says."""
    if not price.get("case"):
        return str(price.get("term") or "")
    plan = catalog.offerings([str(price["offering"])]).get(str(price["offering"]))
    return plan.term if plan is not None else ""


def _orders(service: ServiceView) -> list[tuple[Order, OrderItem]]:
    rows = OrderItem.objects.filter(service_id=service.id, state="completed")
    return [(item.order, item) for item in rows.select_related("order").order_by("-order_id")]


def months_left(term: Term | None, day: date) -> int:
    """Months of a contract from a day on; begun ones count whole, none when it is over."""
    if term is None or day >= term.until:
        return 0
    months = (term.until.year - day.year) * 12 + term.until.month - day.month
    return max(months + (1 if term.until.day > day.day else 0), 1)


def _months(text: str) -> int:
    amount, _space, unit = text.partition(" ")
    if not amount.isdigit():
        return 0
    return int(amount) * (12 if unit.startswith("year") else 1)


def _later(day: date, months: int) -> date:
    """The same day so many months on; the last of the month where there is none."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
