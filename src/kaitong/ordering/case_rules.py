"""Which marketing cases do not go together (营销案互斥, BB-15).

A case names those it `excludes`: one customer may not have both, on whichever of his lines. What
holds one way holds the other. Whoever takes a customer into a case asks here first; customers take
turns, so that of two clerks at once the second sees what the first has done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.catalog.models import Offering
from kaitong.core import plain, wording
from kaitong.inventory import customers as lines
from kaitong.inventory.choices import ServiceState
from kaitong.ordering import customers
from kaitong.ordering.models import ServiceChange
from kaitong.org.actor import Actor

_MOST_LINES = 200


def title_of(offering: Offering) -> str:
    """What a plan or a case is called in the reader's language."""
    return (wording.english() and offering.title_en) or offering.title


def pinned(case: Offering, number: str = "") -> dict[str, Any]:
    """A case as an order pins it: with what leaving it costs, as it was signed. `number` is the one
    that is bound, masked."""
    return {
        "key": case.key,
        "title": case.title,
        "version": case.version,
        "bound_number": number,
        "leaving": case.leaving,
    }


def against(
    actor: Actor,
    cases: Iterable[Offering],
    *,
    customer_id: UUID | None,
    service_id: UUID | None = None,
) -> dict[str, str]:
    """Why a customer may not have each of these cases for a line, by the case's key; nothing for
    those that go with what his other lines have, or are to have next month."""
    wanted = list(cases)
    if customer_id is None or not wanted:
        return {}
    found = lines.lines(actor, customers=[customer_id], limit=_MOST_LINES)
    living = {
        one.service_id: one
        for one in found
        if one.state != ServiceState.TERMINATED and one.service_id != service_id
    }
    terms = customers.terms_of(actor, living)
    has = {key: living[line] for line, key in _agreed(living)}
    has |= {
        str(term["case"]["key"]): living[line]
        for line, term in terms.items()
        if term.get("case") and term["case"].get("key")
    }
    known = catalog.offerings(has)
    refused = {}
    for case in wanted:
        for key, line in has.items():
            other = known.get(key)
            if key in case.excludes or (other is not None and case.key in other.excludes):
                refused[case.key] = _(
                    "营销案“%(title)s”不能与“%(other)s”同享，客户的业务 %(account)s 已参加。"
                ) % {
                    "title": title_of(case),
                    "other": title_of(other) if other is not None else key,
                    "account": line.account or line.title,
                }
    return refused


def among(cases: Iterable[Offering]) -> dict[str, str]:
    """Why cases that are asked for at once may not be had together, by the case's key."""
    refused = {}
    asked = list(cases)
    for case in asked:
        for other in asked:
            if other.key in case.excludes or case.key in other.excludes:
                refused[case.key] = _("营销案“%(title)s”不能与“%(other)s”同享。") % {
                    "title": title_of(case),
                    "other": title_of(other),
                }
    return refused


def _agreed(living: Iterable[UUID]) -> list[tuple[UUID, str]]:
    """Lines that join a case when their day comes (次月生效), with the case's key."""
    rows = ServiceChange.objects.filter(service_id__in=list(living), ended_at=None)
    agreed = rows.values_list("service_id", "agreed__joins")
    return [(line, str(key)) for line, key in agreed if key]


def take_turns(customer_id: UUID | None) -> None:
    """Until this transaction ends nobody else takes this customer into a case."""
    if customer_id is not None:
        plain.ask(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"case of {customer_id}"]
        )
