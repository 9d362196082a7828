"""What a printed sheet says about an order, in the shape its template reads.

There is one shape for each moment a paper is issued at: `accepted` (受理单), `assigned` (施工工单),
`paid` (收费凭据). Whatever is not known is null and prints a dash, or an empty cell for the hand.
People are masked. Texts are Chinese and final: a template reads no clock and knows no codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from kaitong.catalog import queries as catalog
from kaitong.charging import queries as charging
from kaitong.charging.choices import ChargeState, Method, PaymentKind
from kaitong.charging.models import Charge, Payment
from kaitong.core.clock import now
from kaitong.documents import queries as documents
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bundles, changes, kept, leaving, queries
from kaitong.ordering.choices import ItemAction
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.models import FailedRefund, Order, OrderItem, OrderNote, ServiceChange
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party.choices import PartyKind
from kaitong.places import queries as places
from kaitong.worktime.budgets import BudgetKind, parse_budget
from kaitong.worktime.explain import UNITS_ZH, WEEKDAYS_ZH
from kaitong.worktime.steps import StepKind

REFUNDS = {"none": "不退", "full-until-installed": "装机前撤单全退", "full": "可全退"}
RESULT = (
    "port", "pon", "drop", "serial", "stb", "power", "speed", "proof", "outcome", "reason",
    "new_appointment", "arrived_at", "finished_at", "customer_sign", "installer_sign",
    "signed_on", "satisfaction",
)  # fmt: skip


class Facts:
    """Everything sheets say about one order, read when first asked for."""

    def __init__(self, actor: Actor, order: Order) -> None:
        self.actor, self.order = actor, order

    # ---- what there is ----------------------------------------------------------------------

    @cached_property
    def items(self) -> list[OrderItem]:
        return kept.items_of(self.order.id)

    @cached_property
    def papers(self) -> dict[str, dict[str, Any]]:
        """Papers of the order's procedures by kind; the first item's come first."""
        found: dict[str, dict[str, Any]] = {}
        for item in self.items:
            for kind, entry in (item.procedure.papers if item.procedure else {}).items():
                found.setdefault(kind, entry)
        return found

    @cached_property
    def payments(self) -> list[Payment]:
        return charging.payments(self.actor, self.order.id)

    def given_back(self) -> list[tuple[Payment, Payment]]:
        """Payments that were wholly given back, each with the last refund of it."""
        found = []
        for payment in self.payments:
            backs = [p for p in self.payments if p.refund_of_id == payment.pk]
            if backs and sum(p.amount_fen for p in backs) == payment.amount_fen:
                found.append((payment, backs[-1]))
        return found

    @cached_property
    def charges(self) -> list[Charge]:
        rows = charging.charges(self.actor, self.order.id)
        return [row for row in rows if row.state != ChargeState.VOID]

    @cached_property
    def services(self) -> dict[UUID, ServiceView]:
        ids = {item.service_id for item in self.items if item.service_id}
        found = {s.id: s for s in inventory.services_of_order(self.order.id, proofs=False)}
        return {
            i: found[i] if i in found else inventory.service(self.actor, i, proofs=False)
            for i in ids
        }

    def service_of(self, item: OrderItem) -> ServiceView | None:
        return self.services.get(item.service_id) if item.service_id else None

    @cached_property
    def people(self) -> dict[UUID, parties.Summary]:
        return parties.summaries([i for i in (self.order.party_id, self.order.agent_id) if i])

    @cached_property
    def changes(self) -> dict[UUID, ServiceChange]:
        """Changes of services that work, by item; a new line has none."""
        if all(item.action == ItemAction.ADD for item in self.items):
            return {}
        return changes.of_items([item.pk for item in self.items])

    @property
    def customer(self) -> parties.Summary | None:
        return self.people.get(self.order.party_id) if self.order.party_id else None

    @cached_property
    def addresses(self) -> dict[UUID, str]:
        spots = places.addresses(item.address_id for item in self.items)
        return {key: spot.full_text for key, spot in spots.items()}

    @cached_property
    def specifications(self) -> dict[str, str]:
        """Titles of the services asked for, as they were called when the order was taken in."""
        found = {}
        for item in self.items:
            playbook, _dot, key = item.specification.rpartition(".")
            version = item.procedure.playbook_hash if item.procedure else ""
            found[item.specification] = catalog.service_specification(
                key, playbook=playbook, version=version
            ).title
        return found

    @cached_property
    def offered(self) -> dict[str, dict[str, Any]]:
        """Prices and titles pinned by the order, by item."""
        return {price["item"]: price for price in self.order.prices}

    @cached_property
    def head(self) -> dict[str, Any]:
        branch = org.branch(self.order.branch_id)
        root = branch.path.partition(".")[0]
        top = branch if root == branch.code else org.branch_by_code(root)
        return {"operator": top.name, "branch": branch.name, "watermark": None}

    def due(self, word: str = "") -> str | None:
        """The customer's time limit and why it is that: `… 09:26 前完成（受理起 48 小时）`."""
        if self.order.due_at is None:
            return None
        why = queries.why_due(self.order)
        agreed = why is not None and any(s.kind is StepKind.AGREED for s in why.steps)
        budget = self.order.due_basis.get("budget")
        reason = "客户另约，以此为准" if agreed else budget and f"受理起 {_length(budget)}"
        text = f"{_moment(self.order.due_at)} {word}".strip()
        return f"{text}（{reason}）" if reason else text

    def appointment(self, *, year: bool) -> str | None:
        if self.order.appointment_start is None:
            return None
        start = timezone.localtime(self.order.appointment_start)
        text = _moment(start) if year else _moment(start)[5:]
        if self.order.appointment_end is not None:
            text += f"–{timezone.localtime(self.order.appointment_end):%H:%M}"
        return text

    def operation(self, item: OrderItem) -> str:
        procedure = item.procedure.title if item.procedure else ""
        return f"{self.specifications[item.specification]}{procedure}"

    def products(self) -> str | None:
        titles = [self.offered[i.item_id]["title"] for i in self.items if i.item_id in self.offered]
        return " + ".join(titles) or None

    def staff(self, staff_id: UUID | None) -> tuple[str | None, str | None]:
        """Name and number (工号) of somebody who acted; the number only of who acts now."""
        if staff_id is None:
            return None, None
        if staff_id == self.actor.id:
            return self.actor.name, self.actor.username
        return org.staff_names([staff_id]).get(staff_id), None

    # ---- the sheets -------------------------------------------------------------------------

    def sheet(
        self, entry: dict[str, Any], about: OrderItem | Payment | OrderNote | None
    ) -> dict[str, Any]:
        """The data of a paper of a playbook's entry."""
        paper = {
            **self.head,
            "form": entry["form"],
            "title": entry["title"],
            "office": entry["office"],
            "copies": entry["copies"],
            "verify_url": "",  # its code alone: documents completes it
        }
        if isinstance(about, Payment):
            data = self._voucher(about)
        elif isinstance(about, OrderNote):
            data = {**self._receipt(entry), **TOLD[entry["when"]](self, about)}
        elif about is not None:
            paper["verify_url"] = f"{_origin()}/orders/{self.order.id}/?paper="
            data = self._work_order(about, entry)
        else:
            data = self._receipt(entry)
        return {"paper": paper, **data}

    def told_of(self, moment: str) -> list[OrderNote]:
        """The times that something was done which has a receipt of its own, oldest first."""
        rows = OrderNote.objects.filter(order_id=self.order.id, kind=NOTED[moment])
        return list(rows.order_by("pk"))

    def _reappointed(self, moved: OrderNote) -> dict[str, Any]:
        """A receipt of one 改约: from when to when, and why."""
        was, to = (_moment(datetime.fromisoformat(moved.data[k])) for k in ("was", "to"))
        return {
            "state": f"第 {moved.data['n']} 次改约",
            "accepted_at": _moment(moved.created_at),
            "operation": f"改约：{was} → {to}",
            "reason": moved.data["reason"] or None,
            "fees": [],
            "payment": None,
        }

    def _withdrawn(self, told: OrderNote) -> dict[str, Any]:
        """A receipt of 撤单: why, and what is promised to go back."""
        back = int(told.data["refund_fen"])
        fees = [{"title": "退费", "note": "撤单办完后原路退回", "amount": -back}] if back else []
        return {
            "state": "撤单",
            "accepted_at": _moment(told.created_at),
            "operation": f"撤单（{self.operation(self.items[0])}）",
            "reason": told.data["reason"] or None,
            "due": None,
            "appointment": None,
            "fees": fees,
            "payment": None,
        }

    def _refunded(self, told: OrderNote) -> dict[str, Any]:
        """A receipt of 退单退费 (BB-10): why it failed, what went back how, the invoice."""
        item = next(i for i in self.items if i.item_id == told.data["item"])
        row = FailedRefund.objects.defer("password").get(item=item)
        before = f"refused-{item.pk}#"
        paid = [p for p in self.payments if p.key.startswith(before)]
        proven = AuthenticationKind.ACCOUNT_PASSWORD if row.account else None
        kind = proven or AuthenticationKind.ACCOUNT_DOCUMENT
        lines = [f"退单原因：{row.failed_for}", f"鉴权：{kind.label}"]
        lines += ["发票已收回"] if row.invoice_back else []
        methods = [str(Method(one.method).label) for one in paid]
        return {
            "state": "退单退费",
            "accepted_at": _moment(told.created_at),
            "operation": f"退单退费（{self.operation(item)}）",
            "reason": row.reason,
            "account": row.account or None,
            "due": None,
            "appointment": None,
            "items": [
                {
                    "title": self.operation(item),
                    "action": "退单",
                    "detail": "；".join(lines),
                    "monthly": None,
                }
            ],
            "fees": [line for one in paid for line in self._moved(one, back=True)],
            "payment": f"原路退回：{'、'.join(dict.fromkeys(methods))}" if methods else None,
            "clerk": self.staff(row.settled_by)[0],
            "clerk_number": self.staff(row.settled_by)[1],
        }

    def _receipt(self, entry: dict[str, Any]) -> dict[str, Any]:
        order, first = self.order, self.items[0]
        person = self.customer
        agent = self.people.get(order.agent_id) if order.agent_id else None
        service = self.service_of(first)
        paid = [p for p in self.payments if p.kind == PaymentKind.PAYMENT]
        owing = any(row.state == ChargeState.DUE for row in self.charges)
        methods = [str(Method(p.method).label) for p in paid] + (["待收"] if owing else [])
        clerk, clerk_number = self.staff(order.requester_id)
        case = self.offered.get(first.item_id, {}).get("case") or {}
        change = self.changes.get(first.pk)
        return {
            "order": order.number,
            "state": "已受理",
            "accepted_at": _moment(order.ordered_at),
            "due": self.due("前完成"),
            "customer": {
                "name": person.name if person else None,
                "number": person.number if person else None,
                "document_type": person.document_title or None if person else None,
                "document_number": person.document_number if person else "",
                "phone": person.phone if person else "",
                "grade": person.grade if person else None,
                "verified": person.verified if person else None,
            },
            "agent": {
                "title": "经办人" if person and person.kind == PartyKind.ORGANIZATION else "代办人",
                "name": agent.name,
                "document_number": agent.document_number,
            }
            if agent
            else None,
            "operation": "、".join(dict.fromkeys(self.operation(item) for item in self.items)),
            "reason": change.reason or None if change else None,
            "account": service.account or None if service else None,
            "bound_number": case.get("bound_number") or None,
            "product": self.products() or (service.title or None if service and change else None),
            "marketing_case": case.get("title"),
            "term": _term(self.offered.get(first.item_id, {}).get("term", "")),
            "appointment": self.appointment(year=True),
            "address": self.addresses.get(first.address_id) if first.address_id else None,
            "items": [self._item(item) for item in self.items],
            "fees": [_fee(row) for row in self.charges],
            "payment": "、".join(dict.fromkeys(methods)) or None,
            "attachments": self._attachments(entry.get("attachments", [])),
            "terms": [*entry.get("terms", []), *leaving.told(case.get("leaving") or {})],
            "clerk": clerk,
            "clerk_number": clerk_number,
            "signatures": {
                "customer": {"date": None},
                "clerk": {"date": f"{timezone.localtime(now()):%Y-%m-%d}"},
            },
        }

    def _item(self, item: OrderItem) -> dict[str, Any]:
        change = self.changes.get(item.pk)
        if change is not None:
            return self._change(item, change)
        if item.lead_id is not None:
            return self._part(item)
        price = self.offered.get(item.item_id, {})
        term = _term(price.get("term", ""))
        own = [c for c in price.get("charges", []) if not c.get("part")]
        monthly = [c["amount"] for c in own if c["when"] == "monthly"]
        detail = [price.get("description", ""), f"合约 {term}" if term else ""]
        return {
            "title": price.get("title") or self.specifications[item.specification],
            "action": str(ItemAction(item.action).label),
            "detail": "，".join(part for part in detail if part) or "—",
            "monthly": sum(monthly) if monthly else None,
        }

    def _part(self, item: OrderItem) -> dict[str, Any]:
        """A further service of a bundle: what it is reached by, and what it costs of its own."""
        service = self.service_of(item)
        lead: dict[str, Any] = next(
            (p for p in self.order.prices if item.item_id.startswith(f"{p['item']}.")), {}
        )
        charges = [c for c in lead.get("charges", []) if c.get("part") == item.payload.get("part")]
        monthly = [c["amount"] for c in charges if c["when"] == "monthly"]
        number = service.characteristics.get("number", "") if service else ""
        told = [f"号码 {number}" if number else "", f"随{lead['title']}" if lead else ""]
        return {
            "title": service.title if service else self.specifications[item.specification],
            "action": str(ItemAction(item.action).label),
            "detail": "，".join(text for text in told if text) or "—",
            "monthly": sum(monthly) if monthly and item.payload.get("part") else None,
        }

    def parts_of(self, item: OrderItem) -> list[ServiceView]:
        """The further services that come with an item's line."""
        found = [self.service_of(one) for one in self.items if one.lead_id == item.pk]
        return [one for one in found if one is not None]

    def _monthly(self, item: OrderItem) -> int | None:
        """What the line costs by the month after the change, where that changed."""
        charges = self.offered.get(item.item_id, {}).get("charges", [])
        return sum(c["amount"] for c in charges if c["when"] == "monthly") or None

    def _change(self, item: OrderItem, change: ServiceChange) -> dict[str, Any]:
        """What a change does: from what to what, and by which proof of the customer's."""
        lines = [_told(one) for one in change.told]
        if change.authentication is not None:
            kind = AuthenticationKind(change.authentication.kind)
            lines.append(f"鉴权：{kind.label}")
        return {
            "title": item.procedure.title if item.procedure else change.procedure,
            "action": str(ItemAction(item.action).label),
            "detail": "；".join(lines) or "—",
            "monthly": self._monthly(item),
        }

    def _attachments(self, wanted: list[list[str]]) -> list[dict[str, Any]]:
        """What a complete file holds, ticked where it is there."""
        if not wanted:
            return []
        owners = [self.order.id, self.order.party_id, self.order.agent_id]
        stored = documents.attachments(self.actor, [o for o in owners if o])
        kinds = {row.kind for rows in stored.values() for row in rows}
        return [{"title": title, "got": kind in kinds} for kind, title in wanted]

    def _work_order(self, item: OrderItem, entry: dict[str, Any]) -> dict[str, Any]:
        person, service, parts = self.customer, self.service_of(item), self.parts_of(item)
        assert service is not None
        return {
            "order": self.order.number,
            "state": str(ItemAction(item.action).label),
            "dispatched_at": _moment(now()),
            "appointment": self.appointment(year=False),
            "due": self.due(),
            "customer": {
                "name": person.name if person else None,
                "phone": person.phone if person else "",
            },
            "product": " + ".join([service.title, *bundles.named(parts)]) or None,
            "account": service.account or None,
            "address": self.addresses.get(item.address_id) if item.address_id else None,
            "note": self.order.description or None,
            "line": {**self._line(service), "terminals": bundles.pieces(parts)},
            "limits": entry.get("limits", ""),
            "steps": [{"title": title, "done": False} for title in entry.get("steps", [])],
            "photos": [{"title": title, "taken": False} for title in entry.get("photos", [])],
            "installer": None,
            "result": dict.fromkeys(RESULT),
        }

    def _line(self, service: ServiceView) -> dict[str, Any]:
        port = service.port
        assert port is not None
        box = inventory.resource(self.actor, port.box_id, line=False) if port.box_id else None
        olt = port.pon_text.removesuffix(port.pon_port).strip()
        node = port.access_node if port.access_node != olt else ""
        return {
            "logical_id": service.logical_id,
            "box": " ".join(box.path.split(">")[-2:]) if box else None,
            "port": f"{port.position:02d} 口" if port.position is not None else port.box_text,
            "olt": f"{olt}　{node}".strip("　") or None,
            "pon": port.pon_port or None,
            "box_place": (box.attributes.get("place") or box.note or None) if box else None,
            "drop": None,
            "terminals": None,
        }

    def _voucher(self, payment: Payment) -> dict[str, Any]:
        back = payment.kind == PaymentKind.REFUND
        person, first = self.customer, self.items[0]
        service = self.service_of(first)
        issued = documents.issued(self.order.id)
        receipts = {k for k, entry in self.papers.items() if entry["when"] == "accepted"}
        name, number = self.staff(payment.clerk_id)
        invoiced, number_of_invoice = charging.invoice_words(payment)
        product = self.products()
        return {
            "order": self.order.number,
            "receipt": next((p.number for key, p in issued.items() if key in receipts), None),
            "customer": f"{person.name}　{person.phone}".strip("　") if person else None,
            "document_number": person.document_number if person else "",
            "account": service.account or None if service else None,
            "operation": self.operation(first) + (f"（{product}）" if product else ""),
            "marketing_case": (self.offered.get(first.item_id, {}).get("case") or {}).get("title"),
            "paid_at": _moment(payment.paid_at),
            "fees": self._moved(payment, back),
            "payment": {
                "method": str(Method(payment.method).label),
                "reference": payment.reference or None,
            },
            "status": "已退" if back else "已并入账单" if payment.method == Method.BILL else "已收",
            "void": self._void(payment, issued) if back else None,
            "invoice": {"state": invoiced, "number": number_of_invoice},
            "cashier": f"{name}（{number}）" if name and number else name or self.actor.name,
        }

    def _void(self, refund: Payment, issued: dict[str, Any]) -> dict[str, Any] | None:
        """The voucher that a refund makes void, where it gives back all of its payment."""
        whole = {back.pk: payment for payment, back in self.given_back()}
        payment = whole.get(refund.pk)
        if payment is None:
            return None
        original = next((p for key, p in issued.items() if key.endswith(f":{payment.pk}")), None)
        return {
            "at": _moment(refund.paid_at),
            "reason": refund.reason,
            "original": original.number if original else None,
        }

    def _moved(self, payment: Payment, back: bool) -> list[dict[str, Any]]:
        """The charges that a payment covered. Of several refunds of one charge only the sum is
        kept with it: such a refund stands as one line."""
        if not back:
            return [_fee(row) for row in self.charges if row.payment_id == payment.pk]
        rows = [row for row in self.charges if row.refund_id == payment.pk]
        if sum(row.refunded_fen for row in rows) != payment.amount_fen:
            return [{"title": "退费", "note": payment.reason, "amount": -payment.amount_fen}]
        return [
            {"title": row.title, "note": payment.reason, "amount": -row.refunded_fen}
            for row in rows
        ]


# A receipt of its own: by which note of the order it is known, and what differs from the first.
NOTED = {"reappointed": "reappointed", "withdrawn": "withdrawal", "refunded": "refund-settled"}
TOLD = {
    "reappointed": Facts._reappointed,
    "withdrawn": Facts._withdrawn,
    "refunded": Facts._refunded,
}


# ---- words ---------------------------------------------------------------------------------------


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%Y-%m-%d} 周{WEEKDAYS_ZH[local.weekday()]} {local:%H:%M}"


def _length(budget: Any) -> str:
    found = parse_budget(budget)
    if found.kind is BudgetKind.WORKING_DAYS:
        return f"{found.amount} 个工作日"
    if found.kind is BudgetKind.WORKING_HOURS:
        return f"{found.amount} 个工作{UNITS_ZH[found.unit]}"
    return f"{found.amount} {UNITS_ZH[found.unit]}"


def _term(text: str) -> str | None:
    """A contract's length as the catalogue keeps it: `12 months`."""
    amount, _space, unit = text.partition(" ")
    return f"{amount} {UNITS_ZH[unit]}" if unit in UNITS_ZH else text or None


def _fee(row: Charge) -> dict[str, Any]:
    return {
        "title": row.title,
        "note": row.note or REFUNDS.get(row.refund_rule, row.refund_rule),
        "amount": row.amount_fen,
    }


def _origin() -> str:
    """The address people open Kaitong by, where the operator has named it."""
    return settings.CSRF_TRUSTED_ORIGINS[0].rstrip("/") if settings.CSRF_TRUSTED_ORIGINS else ""


def _told(one: Mapping[str, str]) -> str:
    """From what to what; a secret is dots before and after, so it only says that it changed."""
    title, before, after = one["title"], one["before"], one["after"]
    if before and before == after:
        return f"{title}：已更换"
    return f"{title}：{before} → {after}" if before else f"{title}：{after}"
