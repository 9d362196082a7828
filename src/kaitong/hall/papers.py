"""The application form (业务申请表, F-38) on paper: blank, filled in to be signed, and kept.

Blank and filled in it is no numbered paper. Once its order is made it is issued with it, from the
order's own data: what the customer signs is what was taken in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from kaitong.core.clock import now
from kaitong.core.masking import mask_account, mask_document, mask_name, mask_phone
from kaitong.documents import printing
from kaitong.documents import services as documents
from kaitong.documents.models import Paper
from kaitong.hall import forms
from kaitong.hall import rules as tables
from kaitong.hall.errors import HallRefused, NoSuchTicket
from kaitong.hall.models import Link, Rules, Ticket
from kaitong.ordering import counter
from kaitong.ordering import queries as orders
from kaitong.ordering.choices import ItemAction, OrderState
from kaitong.ordering.models import Order
from kaitong.ordering.sheets import Facts
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party.choices import PartyKind
from kaitong.party.kinds import accepted_on, find

CHINESE = "zh-hans"
_NOBODY = dict.fromkeys(
    ("name", "kind", "document_type", "document_number", "valid_until", "phone")
)


def blank(actor: Actor) -> bytes:
    """An empty form with the hall's head, for whoever fills it in by hand."""
    rules = tables.required()
    tables.require(tables.may_see(actor, rules))
    return _sheet(actor, rules, None, {})


def filled_in(actor: Actor, ticket_id: UUID) -> bytes:
    """The form of a number as it was filled in, with the line to sign on."""
    ticket = Ticket.objects.select_related("rules").filter(pk=ticket_id).first()
    if ticket is None or not actor.sees(ticket.branch_id):
        raise NoSuchTicket(_("没有这个排队号。"), _("请重新取号。"))
    tables.require(tables.may_see(actor, ticket.rules))
    data = forms.entered(actor, ticket)
    if not data:
        raise NoSuchTicket(_("这个号没有填好的申请表。"), _("请先填表，或打印空白表。"))
    return _sheet(actor, ticket.rules, ticket, data)


def issue_forms(actor: Actor, ticket: Ticket) -> list[Paper]:
    """Issue the form of every order made for a number, in the caller's transaction; each once."""
    kind = tables.kind(ticket.rules, ticket.kind)
    entry = ticket.rules.papers.get(tables.APPLICATION)
    if kind is None or not kind.form or entry is None:
        return []
    made = Link.objects.filter(ticket=ticket).order_by("pk").values_list("business_id", flat=True)
    rows = orders.by_ids(actor, list(made))
    wanted = [row for row in rows if row.number and row.state != OrderState.REJECTED]
    with override(CHINESE):
        return [_issue(actor, ticket, order, entry) for order in wanted]


# ---- inside --------------------------------------------------------------------------------------


def _issue(actor: Actor, ticket: Ticket, order: Order, entry: Mapping[str, Any]) -> Paper:
    return documents.issue(
        actor=actor,
        branch_id=order.branch_id,
        order_id=order.pk,
        kind=tables.APPLICATION,
        title=entry["title"],
        template_hash=entry["template"],
        data=_of_order(actor, ticket, order, entry),
        number=documents.NumberRule(**entry["number"]),
        key=tables.APPLICATION,
    )


def _of_order(
    actor: Actor, ticket: Ticket, order: Order, entry: Mapping[str, Any]
) -> dict[str, Any]:
    told = Facts(actor, order).sheet(dict(entry), None)
    person = told["customer"]
    monthly = [item["monthly"] for item in told["items"] if item["monthly"]]
    changes = any(item.action != ItemAction.ADD for item in order.items.all())
    return {
        "paper": told["paper"],
        "ticket": ticket.number,
        "order": order.number,
        "at": told["accepted_at"],
        "customer": {
            **_NOBODY,
            "name": person["name"],
            "document_type": person["document_type"],
            "document_number": person["document_number"],
            "phone": person["phone"],
        },
        "agent": told["agent"],
        "changes": changes,
        "account": (mask_account(told["account"] or "") or None) if changes else None,
        "remark": None,
        "service": told["operation"],
        "services": [],
        "plan": told["product"],
        "plans": [],
        "case": told["marketing_case"],
        "term": told["term"],
        "monthly": sum(monthly) if monthly else None,
        "address": told["address"],
        "appointment": told["appointment"],
        "documents": [],
        "terms": entry.get("terms", []),
        "clerk": told["clerk"],
        "clerk_number": told["clerk_number"],
    }


def _sheet(actor: Actor, rules: Rules, ticket: Ticket | None, data: Mapping[str, str]) -> bytes:
    """The form before its order is made; what is not known is an empty cell for the hand."""
    entry = rules.papers.get(tables.APPLICATION)
    if entry is None or actor.branch_id is None:
        raise HallRefused(_("没有业务申请表。"), _("请在业务流程包的 hall: 里写上。"))
    with override(CHINESE):
        offers = counter.offers(actor)
        offer = next((o for o in offers if o.offering.key == data.get("offering")), None)
        accepted = accepted_on(timezone.localdate(now()), "", forms.document_kinds(offers))
        rule = find(data.get("document_kind", ""), accepted)
        kind = tables.kind(rules, ticket.kind) if ticket is not None else None
        moment = f"{timezone.localtime(now()):%Y-%m-%d %H:%M}"
        organization = data.get("kind") == PartyKind.ORGANIZATION
        changes = kind is not None and kind.changes
        wanted = counter.changes() if changes else []
        chosen = next((one for one in wanted if one.key == data.get(forms.OPERATION)), None)
        customer = _NOBODY | {
            "name": mask_name(data.get("name", "")) or None,
            "kind": (PartyKind.ORGANIZATION if organization else PartyKind.INDIVIDUAL).label
            if data
            else None,
            "document_type": rule.title if rule is not None else None,
            "document_number": mask_document(data.get("number", "")) or None,
            "valid_until": "长期" if data.get("long_term") else data.get("valid_until"),
            "phone": mask_phone(data.get("phone", "")) or None,
        }
        told = {
            "paper": {
                **_head(actor),
                "form": entry["form"],
                "title": entry["title"],
                "office": entry["office"],
                "copies": [None],
                "number": "",
                "printed_at": moment,
                "printed_by": actor.name,
            },
            "ticket": ticket.number if ticket is not None else None,
            "order": None,
            "at": moment if data else None,
            "customer": {key: str(v) if v else None for key, v in customer.items()},
            "agent": _agent(data),
            "changes": changes,
            "account": mask_account(data.get(forms.ACCOUNT, "")) or None,
            "remark": data.get(forms.REMARK),
            "service": chosen.title
            if chosen is not None
            else kind.title
            if kind is not None and not changes
            else None,
            "services": [one.title for one in wanted]
            if kind is not None
            else [k.title for k in tables.kinds(rules) if k.form],
            "plan": offer.offering.title if offer is not None else None,
            "plans": [] if offer is not None or changes else [one.offering.title for one in offers],
            "case": None,
            "term": None,
            "monthly": offer.monthly_fen if offer is not None else None,
            "address": data.get("q"),
            "appointment": None,
            "documents": [] if rule is not None else [one.title for one in accepted],
            "terms": entry.get("terms", []),
            "clerk": None,
            "clerk_number": None,
        }
        return printing.unnumbered(template_hash=entry["template"], data=told)


def _agent(data: Mapping[str, str]) -> dict[str, Any] | None:
    """Who comes for the customer (VER-03)."""
    if not data.get("agent"):
        return None
    return {
        "name": mask_name(data.get(forms.AGENT + "name", "")),
        "document_number": mask_document(data.get(forms.AGENT + "number", "")),
    }


def _head(actor: Actor) -> dict[str, Any]:
    assert actor.branch_id is not None
    branch = org.branch(actor.branch_id)
    root = branch.path.partition(".")[0]
    top = branch if root == branch.code else org.branch_by_code(root)
    return {"operator": top.name, "branch": branch.name, "watermark": None}
