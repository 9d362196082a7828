"""Notices of orders (客户通知): who is told what, when something happened.

A procedure says which notices there are, when each is sent and what it says; an order uses those of
the procedures it pinned. A text is worded here, in the reader's language, in the transaction of
what it tells, and put into the outbox; a worker sends it after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from string import Formatter
from typing import Any, Literal, get_args
from uuid import UUID

from django.utils import timezone
from django.utils.translation import override

from kaitong.catalog import queries as catalog
from kaitong.catalog.models import Offering
from kaitong.charging import queries as charging
from kaitong.charging.choices import PaymentKind
from kaitong.core import plain, wording
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.messaging import quiet
from kaitong.messaging import services as messaging
from kaitong.messaging.choices import To
from kaitong.messaging.services import NewNotice
from kaitong.ordering import kept
from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Order, OrderItem, OrderNote
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.party import queries as parties
from kaitong.places import queries as places
from kaitong.process import queries as process
from kaitong.process.listening import Event, StepFact, named
from kaitong.worktime.explain import WEEKDAYS_EN, WEEKDAYS_ZH

__all__ = ["MOMENTS", "PLACES", "STEPS", "appointment_changed", "heard", "taken_in", "tell"]

Moment = Literal[
    "accepted",
    "rejected",
    "available",
    "reappointed",
    "completed",
    "refused",
    "withdrawn",
]
MOMENTS: tuple[str, ...] = get_args(Moment)
STEPS: tuple[str, ...] = get_args(Event)  # of tasks that name the notice

ALWAYS = frozenset({"number", "product", "customer", "address", "branch", "ordered", "due"})
# What a text may name at each moment.
PLACES: dict[str, frozenset[str]] = {
    "accepted": ALWAYS,
    "rejected": ALWAYS | {"reason"},
    "available": ALWAYS | {"until"},
    "reappointed": ALWAYS | {"appointment"},
    "completed": ALWAYS | {"account"},
    "refused": ALWAYS | {"reason", "refund"},
    "withdrawn": ALWAYS | {"reason", "refund"},
    "entered": ALWAYS | {"step", "step_due", "appointment"},
    "given": ALWAYS | {"step", "step_due", "appointment", "who", "phone"},
    "done": ALWAYS | {"step", "appointment", "who"},
    "soon": ALWAYS | {"step", "step_due", "who"},
    "overdue": ALWAYS | {"step", "step_due", "who"},
}
DASH = "—"


def places_in(text: str) -> set[str]:
    """The named places of a text; ValueError where it cannot be read, or names none."""
    found = set()
    for _before, name, form, convert in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or form or convert:
            raise ValueError(f"{{{name}}} is no place: write {{name}}, without signs in it.")
        found.add(name)
    return found


def tell(
    *,
    actor: Actor,
    order: Order,
    when: Moment,
    once: str = "",
    values: Mapping[str, Any] | None = None,
    entries: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Queue the notices that are due by this moment, within the caller's transaction.

    Each exists once for an order, or once for each `once`; every verb may call this again.
    `values` fills places the moment has of its own, such as `reason`; `refund` is in fen.
    `entries` are the notices to send by where they are not those the order pinned. How many are
    new.
    """
    told = of_order(order) if entries is None else entries
    entries = {k: e for k, e in told.items() if e["when"] == when}
    if not entries:
        return 0
    facts = _Facts(order, dict(values or {}))
    queued = []
    for kind, entry in entries.items():
        key = ":".join(filter(None, (str(order.id), kind, once)))
        queued += list(_addressed(facts, kind, entry, key))
    return messaging.queue(actor=actor, notices=queued)


def appointment_changed(*, actor: Actor, order: Order) -> None:
    """改约: the customer is told a new time, never the first one (who comes tells that one).

    Back to a time told before is told again; the same one agreed twice in a row is not.
    """
    notes = OrderNote.objects.filter(order_id=order.id, kind="appointment").order_by("pk")
    agreed = [
        datetime.fromisoformat(data["start"]) for data in notes.values_list("data", flat=True)
    ]
    changes = sum(before != after for before, after in pairwise(agreed))
    if changes and order.appointment_start is not None:
        tell(
            actor=actor,
            order=order,
            when="reappointed",
            once=f"{order.appointment_start.astimezone():%Y-%m-%dT%H:%M}#{changes}",
        )


def heard(fact: StepFact) -> None:
    """A task that names notices was entered, given to somebody, completed, or runs late."""
    if fact.business_id is None:
        return
    order = plain.by_key(Order, fact.business_id)
    if order is not None and order.number:  # else it is being taken in: `taken_in` tells it
        _heard(order, fact)


def taken_in(*, actor: Actor, order: Order) -> None:
    """受理: accepted or not; and what happened to the order while it had no number yet."""
    if order.state == OrderState.REJECTED:
        tell(actor=actor, order=order, when="rejected")
        return
    items = kept.items_of(order.id)
    told = _of_items(items)
    tell(actor=actor, order=order, when="accepted", entries=told)
    states = [(item.item_id, item.state) for item in items]
    for state, when in ((OrderState.FAILED, "refused"), (OrderState.COMPLETED, "completed")):
        for item_id in (one for one, is_ in states if is_ == state):
            tell(actor=actor, order=order, when=when, once=item_id, entries=told)
    for fact in process.steps_with_notice(order.id):
        _heard(order, fact)


def of_order(order: Order) -> dict[str, dict[str, Any]]:
    """Notices of the order's procedures by key; the first item's come first."""
    return _of_items(kept.items_of(order.id))


def _of_items(items: Iterable[OrderItem]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        for key, entry in (item.procedure.notices if item.procedure else {}).items():
            found.setdefault(key, entry)
    return found


# ---- inside --------------------------------------------------------------------------------------


def _heard(order: Order, fact: StepFact) -> None:
    wanted = named(fact.node)
    entries = {k: e for k, e in of_order(order).items() if k in wanted and e["when"] == fact.event}
    if not entries:
        return
    # a new person is told about anew; the same one again is not
    person = f":{fact.person}" if fact.event == "given" else ""
    facts = _Facts(order, {}, fact)
    queued = []
    for kind, entry in entries.items():
        level = f":{fact.level}" if fact.level else ""
        key = f"{order.id}:{kind}:{fact.item_id}{person}{level}"
        queued += list(_addressed(facts, kind, entry, key))
    messaging.queue(actor=Actor.system(branch_id=order.branch_id), notices=queued)


@dataclass(frozen=True, slots=True)
class _Person:
    to: str
    party_id: UUID | None = None
    staff_id: UUID | None = None


def _addressed(facts: _Facts, kind: str, entry: Mapping[str, Any], key: str) -> Iterator[NewNotice]:
    """One notice for each person an entry is for; nobody there gives nothing."""
    order, hours = facts.order, facts.order.parameters.get(entry.get("quiet", ""), "")
    for person in _persons(facts, entry):
        language = facts.language(person)
        text = entry["text_en"] if language == "en" and entry.get("text_en") else entry["text"]
        staff = f":{person.staff_id}" if person.staff_id else ""
        yield NewNotice(
            key=f"{key}:{person.to}{staff}",
            kind=kind,
            title=entry["title"],
            title_en=entry.get("title_en", ""),
            to=person.to,
            by=entry["by"],
            text=text.format_map(facts.words(language)),
            branch_id=order.branch_id,
            order_id=order.id,
            item_id=facts.step.item_id if facts.step else None,
            party_id=person.party_id,
            staff_id=person.staff_id,
            language=language,
            not_before=quiet.earliest(now(), str(hours)),
            reach=facts.reach(person.party_id) if person.party_id else None,
        )


def _persons(facts: _Facts, entry: Mapping[str, Any]) -> list[_Person]:
    order, step = facts.order, facts.step
    match entry["to"]:
        case To.CUSTOMER:
            return [_Person(To.CUSTOMER, party_id=order.party_id)] if order.party_id else []
        case To.AGENT:
            return [_Person(To.AGENT, party_id=order.agent_id)] if order.agent_id else []
    if step is not None and step.tell and not entry.get("post"):  # the posts of a level
        found = {}
        for key in step.tell:
            if key == step.post and step.person:
                found[step.person] = _Person(To.STAFF, staff_id=step.person)
                continue
            for staff in org.holders(step.branch_id, key):
                found.setdefault(staff.pk, _Person(To.STAFF, staff_id=staff.pk))
        return list(found.values())
    # staff: who has the work in hand is warned; else everybody of the post
    if (
        step is not None
        and step.event in ("given", "soon")
        and step.person
        and not entry.get("post")
    ):
        return [_Person(To.STAFF, staff_id=step.person)]
    post = entry.get("post")
    if not post and step is not None:
        post = step.node.extension.get("escalate-to") if step.event == "overdue" else step.post
    branch_id = step.branch_id if step is not None else order.branch_id
    holders = [_Person(To.STAFF, staff_id=staff.pk) for staff in org.holders(branch_id, post or "")]
    if entry["when"] == "reappointed":  # who comes, where somebody has the visit in hand
        having = _having(order)
        return [one for one in holders if one.staff_id in having] or holders
    return holders


def _having(order: Order) -> set[UUID]:
    """Who has work of an order in hand, or was proposed for it."""
    rows = process.open_items_of(Actor.system(), [order.id]).get(order.id, [])
    return {who for row in rows for who in (row.claimed_by or row.candidate,) if who is not None}


class _Facts:
    """What the texts of one order may say, read when first asked for."""

    def __init__(self, order: Order, values: dict[str, Any], step: StepFact | None = None) -> None:
        self.order, self.values, self.step = order, values, step
        self._reached: dict[UUID | None, parties.Reach | None] = {}

    def language(self, person: _Person) -> str:
        if person.party_id is None:
            return "zh-hans"
        reach = self.reach(person.party_id)
        return (reach.language if reach else "") or "zh-hans"

    def reach(self, party_id: UUID | None) -> parties.Reach | None:
        """Where a customer is told something, read once."""
        if party_id not in self._reached:
            self._reached[party_id] = parties.reach(party_id)
        return self._reached[party_id]

    def words(self, language: str) -> _Words:
        return _Words(self, english=language == "en")

    @cached_property
    def items(self) -> list[OrderItem]:
        return kept.items_of(self.order.id)

    @cached_property
    def branch(self) -> Branch:
        return org.branch(self.order.branch_id)

    @cached_property
    def customer(self) -> str:
        reach = self.reach(self.order.party_id)
        return reach.name if reach else DASH

    @cached_property
    def address(self) -> str:
        spots = places.addresses(item.address_id for item in self.items)
        return "；".join(dict.fromkeys(spot.full_text for spot in spots.values())) or DASH

    @cached_property
    def accounts(self) -> str:
        services = inventory.services_of_order(self.order.id, proofs=False, line=False)
        found = [s.account for s in services if s.account]
        return "、".join(found) or DASH

    @cached_property
    def person(self) -> org.Reach | None:
        return org.reach(self.step.person) if self.step else None

    @cached_property
    def refund(self) -> int:
        rows = charging.payments(Actor.system(), self.order.id)
        return sum(row.amount_fen for row in rows if row.kind == PaymentKind.REFUND)

    @cached_property
    def offered(self) -> dict[str, Offering]:
        return catalog.offerings(price["offering"] for price in self.order.prices)

    def product(self, english: bool) -> str:
        titles = []
        for price in self.order.prices:
            offered = self.offered.get(price["offering"])
            titles.append((english and offered and offered.title_en) or price["title"])
        return (", " if english else "、").join(titles) or self.order.category or DASH


class _Words(dict[str, str]):
    """Fills places one by one, in a language. What is not known reads as a dash."""

    def __init__(self, facts: _Facts, *, english: bool) -> None:
        super().__init__()
        self.facts, self.english = facts, english

    def __missing__(self, place: str) -> str:
        facts, order, step = self.facts, self.facts.order, self.facts.step
        if place in facts.values and place != "refund":
            value = facts.values[place]
            return self._when(value) if isinstance(value, datetime) else self._read(str(value))
        match place:
            case "number":
                return order.number or DASH
            case "product":
                return facts.product(self.english)
            case "customer":
                return facts.customer
            case "address":
                return facts.address
            case "branch":
                return (self.english and facts.branch.name_en) or facts.branch.name
            case "ordered":
                return self._when(order.ordered_at)
            case "due":
                return self._when(order.due_at)
            case "appointment":
                return self._span(order.appointment_start, order.appointment_end)
            case "account":
                return facts.accounts
            case "reason":
                return self._read(order.reason)
            case "refund":
                fen = int(facts.values.get("refund", facts.refund))
                return f"¥{fen // 100}.{fen % 100:02d}"
            case "step":
                return step.node.name if step else DASH
            case "step_due":
                return self._when(step.due_at) if step else DASH
            case "who":
                return facts.person.name if facts.person else DASH
            case "phone":
                return (facts.person.phone if facts.person else "") or DASH
        return DASH

    def _read(self, text: str) -> str:
        with override("en" if self.english else wording.CHINESE):
            return wording.read(text) or DASH

    def _when(self, moment: datetime | None) -> str:
        if moment is None:
            return DASH
        local = timezone.localtime(moment)
        if self.english:
            return f"{WEEKDAYS_EN[local.weekday()]} {local:%Y-%m-%d %H:%M}"
        return f"{local.month}月{local.day}日 周{WEEKDAYS_ZH[local.weekday()]} {local:%H:%M}"

    def _span(self, start: datetime | None, end: datetime | None) -> str:
        if start is None or end is None:
            return self._when(start)
        until = timezone.localtime(end)
        same = until.date() == timezone.localtime(start).date()
        return f"{self._when(start)}–{f'{until:%H:%M}' if same else self._when(end)}"
