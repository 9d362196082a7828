"""What withdrawing an order (撤单) would undo, cost and give back: told before anybody decides.

The playbook says until which steps it is possible, for which reasons, at what fee, and above which
refund a second person must agree. Sums come from the charges' own refund rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.charging import queries as charging
from kaitong.charging.choices import ChargeState, Method
from kaitong.charging.models import Charge
from kaitong.core import wording
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import TerminalState
from kaitong.inventory.models import Terminal
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.models import Order, OrderItem
from kaitong.ordering.step_rules import withdrawal_refusal
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.definitions import model_of

CLERK = "clerk"
UNTIL_INSTALLED = "full-until-installed"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of the second level; `code` is GROUP.REASON."""

    code: str
    title: str
    full: str  # both titles, in Chinese: what is kept


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    key: str
    title: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Work that ends with the order."""

    title: str
    post: str
    person: str


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """What becomes of a charge. `outcome`: refund (or part of it, the rest being the fee), fee (all
    of it), refunded before, keep (not returned), void (never collected), owed (still due)."""

    charge_id: UUID
    item: str
    title: str
    amount_fen: int
    back_fen: int
    method: str  # how it was collected; empty when it was not
    outcome: str
    why: str
    fee_fen: int = 0  # kept back of what would be returned


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """What a service gives back."""

    service_id: UUID
    title: str
    port: str
    account: str
    logical_id: str
    network: bool  # data of it stand in the network, or may
    terminals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WithdrawalPlan:
    """`refusal` says why it is not possible, `remedy` what to do instead; empty when it is."""

    order_id: UUID
    number: str
    playbook: tuple[str, str]  # its key and the version the order pinned
    refusal: str
    remedy: str
    conflict: bool  # somebody was faster, rather than a rule
    reasons: tuple[ReasonGroup, ...]
    services: tuple[ServiceLine, ...]
    work: tuple[OpenWork, ...]
    appointment: tuple[datetime, datetime | None] | None
    money: tuple[MoneyLine, ...]
    fee_fen: int
    approve_above_fen: int | None

    @property
    def possible(self) -> bool:
        return not self.refusal

    @property
    def refund_fen(self) -> int:
        return sum(line.back_fen for line in self.money)

    @property
    def needs_approval(self) -> bool:
        return self.approve_above_fen is not None and self.refund_fen > self.approve_above_fen

    @property
    def by_method(self) -> dict[str, int]:
        """Fen given back by method of collection (cash, card, bill)."""
        sums: dict[str, int] = {}
        for line in self.money:
            if line.back_fen:
                sums[line.method] = sums.get(line.method, 0) + line.back_fen
        return sums

    @property
    def fingerprint(self) -> str:
        """Changes when what the customer was told would no longer be true."""
        told = [
            self.refusal,
            [(s.port, s.account, s.terminals) for s in self.services],
            [(str(line.charge_id), line.back_fen, line.outcome) for line in self.money],
        ]
        return hashlib.blake2s(repr(told).encode(), digest_size=10).hexdigest()

    def reason(self, code: str) -> Reason | None:
        """A reason by its code, or by its second part where only one has that."""
        return reason_by_code(self.reasons, code)


def plan_of(actor: Actor, order: Order) -> WithdrawalPlan:
    """The plan of an order the actor may see, in constant queries."""
    rows = OrderItem.objects.filter(order_id=order.pk).select_related("procedure")
    items = list(rows.order_by("position", "item_id"))
    going = [i for i in items if i.state not in FINAL]
    passed = {i.pk: process.passed(i.instance_id) for i in going if i.instance_id}
    refusal, remedy, conflict = _refusal(order, going, passed)
    if not refusal:
        nodes = process.standing_at([i.instance_id for i in going if i.instance_id])
        refusal, remedy = withdrawal_refusal(actor, nodes)
    cancels = [i.procedure.cancel for i in going if i.procedure and i.procedure.cancel]
    first: dict[str, Any] = cancels[0] if cancels else {}
    fee = max((c.get("fee_fen", 0) for c in cancels), default=0)
    found = charging.money(actor, order.pk)
    methods = {p.pk: p.method for p in found.payments}
    services = inventory.services_of_order(order.pk)
    boxes = inventory.terminals_of([s.id for s in services])
    installed = {i.item_id for i in going if _installed(i, passed, boxes)}
    ended = {i.item_id for i in items if i.state in FINAL}
    money = money_lines(found.charges, methods, installed, fee, ended)
    work = process.open_items_of(actor, [order.pk]).get(order.pk, [])
    return WithdrawalPlan(
        order_id=order.pk,
        number=order.number or str(order.pk)[:8],
        playbook=(order.playbook, order.playbook_hash),
        refusal=refusal,
        remedy=remedy,
        conflict=conflict,
        reasons=reasons_of(first),
        services=tuple(
            ServiceLine(
                service_id=s.id,
                title=s.title,
                port=s.port_text,
                account=s.account,
                logical_id=s.logical_id,
                network=s.has_password,
                terminals=tuple(
                    t.serial for t in boxes.get(s.id, ()) if t.state == TerminalState.INSTALLED
                ),
            )
            for s in services
            if s.withdrawn_at is None
        ),
        work=tuple(
            OpenWork(row.title, row.post, row.claimed_name or row.candidate_name) for row in work
        ),
        appointment=(order.appointment_start, order.appointment_end)
        if order.appointment_start
        else None,
        money=money,
        fee_fen=sum(line.fee_fen for line in money),
        approve_above_fen=first.get("approve_above_fen"),
    )


def may_withdraw(actor: Actor) -> bool:
    """Clerks and supervisors take orders back."""
    return actor.has_post(CLERK) or actor.is_supervisor


def money_lines(
    charges: Iterable[Charge],
    methods: dict[UUID, str],
    installed: set[str],
    fee_fen: int,
    ended: Collection[str] = (),
) -> tuple[MoneyLine, ...]:
    """What becomes of each charge; a fee is kept back from what would be returned, never more.

    Charges of items that had `ended` before stay as they are: the withdrawal is not theirs.
    """
    lines = []
    for charge in charges:
        if charge.state == ChargeState.VOID:
            continue
        rule = charge.refund_rule or "full"
        late = rule == UNTIL_INSTALLED and charge.item in installed
        over = charge.item in ended
        keeps = rule == "none" or late or over
        why = _("已装机，不再退") if late else _("约定不退") if rule == "none" else ""
        why = _("这一项已办结") if over else why
        method, back, held = "", 0, 0
        if charge.state == ChargeState.DUE:
            outcome = "owed" if keeps else "void"
        else:
            method = methods.get(charge.payment_id, "") if charge.payment_id else ""
            back = 0 if keeps else charge.amount_fen - charge.refunded_fen
            given = charge.refunded_fen == charge.amount_fen
            outcome = "refunded" if given else "keep" if keeps else "refund"
        if back and fee_fen:
            held = min(fee_fen, back)
            fee_fen -= held
            back -= held
            outcome = "part" if back else "fee"
            why = _("扣撤单手续费 %(sum)s") % {"sum": charging.yuan(held)}
        lines.append(
            MoneyLine(
                charge_id=charge.pk,
                item=charge.item,
                title=charge.title,
                amount_fen=charge.amount_fen,
                back_fen=back,
                method=method,
                outcome=outcome,
                why=why,
                fee_fen=held,
            )
        )
    return tuple(lines)


def method_back(method: str) -> str:
    """How money goes back, in words."""
    match method:
        case Method.CASH:
            return _("退现金")
        case Method.CARD:
            return _("原卡退回")
        case Method.BILL:
            return _("从账单冲减")
    return ""


def reason_by_code(groups: Iterable[ReasonGroup], code: str) -> Reason | None:
    """A reason by its code, or by its second part where only one has that."""
    every = [r for group in groups for r in group.reasons]
    exact = [r for r in every if r.code == code]
    short = [r for r in every if r.code.rpartition(".")[2] == code]
    return exact[0] if exact else short[0] if len(short) == 1 else None


def reasons_of(rules: dict[str, Any]) -> tuple[ReasonGroup, ...]:
    """The two levels of `reasons:` of a playbook's rule, in the reader's language."""
    english = wording.english()

    def said(entry: dict[str, Any]) -> str:
        return str(entry["title_en"] if english and entry.get("title_en") else entry["title"])

    return tuple(
        ReasonGroup(
            group["key"],
            said(group),
            tuple(
                Reason(
                    f"{group['key']}.{entry['key']}",
                    said(entry),
                    f"{group['title']}：{entry['title']}",
                )
                for entry in group["reasons"]
            ),
        )
        for group in rules.get("reasons", [])
    )


# ---- inside --------------------------------------------------------------------------------------


def _refusal(
    order: Order, going: Sequence[OrderItem], passed: dict[UUID, set[str]]
) -> tuple[str, str, bool]:
    state = OrderState(order.state)
    match state:
        case OrderState.COMPLETED | OrderState.PARTIAL:
            return _("订单已竣工，不能撤单。"), _("请为客户办理拆机。"), True
        case OrderState.CANCELLED:
            return _("订单已经撤单。"), _("退费记录见订单的费用页。"), True
        case OrderState.PENDING_CANCELLATION:
            return _("订单正在撤单。"), _("进度见订单的流程图。"), True
        case OrderState.REJECTED | OrderState.FAILED:
            said = _("订单%(state)s，没有可撤的。") % {"state": state.label}
            return said, _("需要时重新受理。"), True
    for item in going:
        cancel = item.procedure.cancel if item.procedure else {}
        if not cancel:
            return _("这种业务的流程没有规定撤单。"), _("请由装维退单，或竣工后拆机。"), False
        done = sorted(passed.get(item.pk, set()) & set(cancel["until"]))
        if done and item.procedure:
            return (
                _("已过撤单的最后环节：%(step)s已完成。") % {"step": _title(item, done[0])},
                _("请竣工后为客户办理拆机。"),
                False,
            )
    if not going:
        return _("订单没有在途的订单项。"), "", True
    return "", "", False


def _title(item: OrderItem, node: str) -> str:
    assert item.procedure is not None
    found = model_of(item.procedure.definition_id).nodes.get(node)
    return found.name if found else node


def _installed(
    item: OrderItem, passed: dict[UUID, set[str]], boxes: dict[UUID, list[Terminal]]
) -> bool:
    """Whether the step of the installation is done, and was not given up (退单)."""
    cancel = item.procedure.cancel if item.procedure else {}
    if not passed.get(item.pk, set()) & set(cancel.get("installed", ())):
        return False
    if not cancel.get("installed_by_terminal") or item.service_id is None:
        return True
    return any(box.state == TerminalState.INSTALLED for box in boxes.get(item.service_id, ()))
