"""Every flow of a line in use, one line each, so that one bad day may be tried on all of them.

A flow has what comes before it, its beginning, and what people still do when the machines have done
theirs; `Case` carries it over a line of its own, under a clock that the test moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.utils import timezone

from kaitong.activation import queries as activation
from kaitong.activation import reconciling
from kaitong.activation.adapters.wire import RadiusClient
from kaitong.activation.models import Difference
from kaitong.charging import services as charging
from kaitong.charging.models import Bill, Charge
from kaitong.core import clock
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Terminal
from kaitong.inventory.results import ServiceView
from kaitong.ordering import barring
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order, OrderNote, ServiceChange
from kaitong.ordering.requests import CustomerData, DocumentData
from kaitong.places.models import Address
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.models import WorkItem
from kaitong.web.tests.world import resident_number
from tests.path import moves_kit
from tests.path.moves_kit import SYSTEM, fresh, text_of

# What a person of the network has to do when it does not do as it was told; he sends again.
TROUBLES = {
    "LoginAccepted", "NotBarred", "PasswordTrouble", "AccountTrouble", "PlanRefused",
    "AccountException", "AccountRefused",
}  # fmt: skip
NEW_OWNER = {
    "owner_is": "individual",
    "owner_name": "程小满",
    "owner_phone": "13955902222",
    "owner_kind": "passport",
    "owner_number": "E12345678",
    "valid_until": "2036-01-01",
    "reader": True,
}
PASSWORD = {"password": "Fresh-2026", "password_again": "Fresh-2026"}


@dataclass
class Time:
    """The clock of a test: it stands, and goes on when the machines have nothing left to do."""

    at: datetime = field(default_factory=clock.now)

    def on(self, seconds: float = 2) -> Any:
        self.at = max(self.at + timedelta(seconds=seconds), clock.now())
        return clock.frozen(self.at)


@dataclass
class Case:
    """One flow over one line of its own."""

    office: Any
    lab: Any
    modem: Any
    time: Time
    flow: str
    serial: int
    service_id: Any = None
    order: Any = None
    was: tuple[str, str] = ("", "")  # account and password before
    online: bool = True  # its session stands while the flow goes on, where the flow has one
    away: int = 20  # rooms from here to where it moves

    # ---- the line -------------------------------------------------------------------------------

    def customer(self) -> CustomerData:
        return CustomerData(
            name="王明远",
            phone=f"139055{self.serial:05d}",
            document=DocumentData(
                kind="resident-id",
                number=resident_number(self.serial),
                valid_until=(clock.now() + timedelta(days=1000)).date(),
                reader_used=True,
            ),
        )

    def submit(self) -> Order:
        return self.office.submit(
            customer=self.customer(),
            address=self.office.plant.rooms[self.serial],
            idempotency_key=f"open-{self.serial}",
        )

    def open(self, *, online: bool) -> None:
        made = moves_kit.opened(
            self.office,
            self.lab,
            self.modem,
            customer=self.customer(),
            address=self.office.plant.rooms[self.serial],
        )
        self.know(made.id)
        if not online:
            self.modem.stop(made.account)

    def know(self, service_id: Any) -> None:
        self.service_id = service_id
        self.was = (self.line.account, self.password())

    @property
    def line(self) -> ServiceView:
        return fresh(self.service_id)

    def password(self) -> str:
        return inventory_verbs.reveal_password(
            actor=SYSTEM, service_id=self.service_id, reason="test"
        )

    def ask(self, procedure: str, by: str = "clerk", **answers: Any) -> Order:
        """Asked again, as a page that is sent again, it is the same request."""
        key = f"{procedure}-{self.service_id}"
        if not Order.objects.filter(idempotency_key=key).exists():
            moves_kit.prove(
                self.office, self.line, procedure, by, document=resident_number(self.serial)
            )
        return moves_kit.ask(
            self.office, self.line, procedure, by=by, proven=False, key=key, **answers
        )

    def bill(self) -> None:
        """A month that is billed and long overdue."""
        today = timezone.localdate(clock.now())
        made = charging.bill_service(
            actor=SYSTEM, service_id=self.service_id, through=today + timedelta(days=1)
        )
        assert made
        owner = self.line.customer_id
        Bill.objects.filter(account__customer_id=owner).update(due_on=today - timedelta(days=60))

    def pay(self) -> None:
        owed = sum(
            b.total_fen - b.paid_fen for b in Bill.objects.filter(account__customer_id=self.owner())
        )
        if not owed:
            return  # he has paid before
        charging.receive(
            actor=self.office.people["clerk"], customer_id=self.owner(), amount_fen=owed,
            method="cash", key=f"pay-{self.serial}",
        )  # fmt: skip

    def owner(self) -> Any:
        return self.line.customer_id

    def know_order(self) -> None:
        """Its order by what the database holds: who asked for it may be gone."""
        if self.flow == "open":
            address = self.office.plant.rooms[self.serial]
            self.order = Order.objects.get(items__address_id=address)
        elif self.order is None or self.flow not in ("withdraw", "move"):
            self.order = self.order_of(self.flow)

    def order_of(self, procedure: str) -> Order:
        return Order.objects.get(items__procedure__key=procedure, items__service_id=self.service_id)

    # ---- time and machines ----------------------------------------------------------------------

    def state(self) -> str:
        return str(self.office.show(self.order)["state"])

    def incidents(self) -> list[Any]:
        return list(process.incidents(SYSTEM, business_id=self.order.id).rows)

    def until(self, there: Callable[[], bool], what: str, rounds: int = 12) -> None:
        for _round in range(rounds):
            if there():
                return
            with self.time.on():
                self.mend()
                self.office.work()
        raise AssertionError((self.flow, what, self.office.show(self.order)))

    def mend(self) -> None:
        """What people of the network do once it works again: retry, or decide in the flow."""
        for incident in self.incidents():
            process_verbs.retry_incident(
                actor=self.office.people["network"], incident_id=incident.id
            )
        for node in self.office.nodes(self.order) & TROUBLES:
            self.office.complete(self.order, node)

    def until_node(self, node: str) -> None:
        self.until(lambda: node in self.office.nodes(self.order), node)

    def until_state(self, state: str) -> None:
        self.until(lambda: self.state() == state, state)

    def did(self, node: str) -> bool:
        """Whether this work of people is done."""
        done = WorkItem.objects.filter(business_id=self.order.id, node=node)
        return done.filter(state="done").exists()

    def people(self, node: str, **answers: Any) -> None:
        """A person's work, once it is there; what is done already he leaves alone."""
        if self.did(node):
            return
        self.until_node(node)
        with self.time.on():
            self.office.complete(self.order, node, **answers)

    def dials_in(self) -> None:
        if self.modem.open_sessions(self.line.account):
            return
        assert self.modem.start(self.line.account, text_of(self.lab, self.line)).ok

    # ---- what must be true at the end -----------------------------------------------------------

    def lets_in(self, account: str, password: str) -> bool:
        settings = self.lab.settings()
        client = RadiusClient(settings.host, settings.auth_port, settings.secret)
        return bool(client.login(account, password).accepted)

    def end(self) -> dict[str, Any]:
        """How it ended, in the words of `FLOWS`; what was done twice is named."""
        line = self.line
        now = (line.account, self.password()) if str(line.state) != "terminated" else self.was
        notes = Counter(
            OrderNote.objects.filter(order_id=self.order.id).values_list("kind", flat=True)
        )
        charges = Counter(Charge.objects.filter(order_id=self.order.id).values_list("item", "code"))
        return {
            "order": self.state(),
            "line": str(line.state),
            "let in": self.lets_in(*now) if now[0] else False,
            "before": self.lets_in(*self.was),
            "changed": now != self.was,
            "open": ServiceChange.objects.filter(service_id=self.service_id, ended_at=None).count(),
            "twice": sorted(k for k, n in notes.items() if n > 1 and k in ONCE)
            + sorted(str(k) for k, n in charges.items() if n > 1),
        }


ONCE = {
    "accepted", "suspended", "resumed", "transferred", "ceased", "taken-down", "password-set",
    "account-renamed", "plan-set", "plan-scheduled", "line-switched", "port-assigned",
    "old-port-released", "changed", "completed", "withdrawn", "data-made", "given-back",
}  # fmt: skip


@dataclass(frozen=True)
class Flow:
    begin: Callable[[Case], Any]
    before: Callable[[Case], Any] = lambda case: case.open(online=False)
    after: Callable[[Case], Any] = lambda case: None  # what people still do
    order: str = "completed"
    line: str = "active"
    lets_in: bool = True  # whoever the account is his now
    changed: bool = False  # account or password are others than before

    def end(self) -> dict[str, Any]:
        return {
            "order": self.order,
            "line": self.line,
            "let in": self.lets_in,
            "before": self.lets_in and not self.changed,
            "changed": self.changed,
            "open": 0,
            "twice": [],
        }


def _online(case: Case) -> None:
    case.open(online=case.online)


def _suspended(case: Case) -> None:
    case.open(online=False)
    case.order = case.ask("suspend", reason="customer.away")
    case.until_state("completed")


def _owing(case: Case) -> None:
    case.open(online=case.online)
    case.bill()


def _barred(case: Case) -> None:
    case.open(online=False)
    case.bill()
    barring.suspend_due()
    case.order = case.order_of("suspend-arrears")
    case.until_state("completed")


def _suspend_due(case: Case) -> Order:
    barring.suspend_due()
    return case.order_of("suspend-arrears")


def _resume_paid(case: Case) -> Order:
    case.pay()
    barring.resume_paid()
    return case.order_of("resume-arrears")


def _begin_opening(case: Case) -> Order:
    return case.submit()


def _ordered(case: Case) -> None:
    case.order = case.submit()
    case.office.work()
    case.know(inventory.services_of_order(case.order.id)[0].id)


def _withdraw(case: Case) -> Order:
    clerk = case.office.people["clerk"]
    ordering.withdraw(actor=clerk, order_id=case.order.id, reason="customer.no-need", key="w")
    return case.order


def _install(case: Case) -> None:
    case.people("Appoint")
    case.until(lambda: case.office.show(case.order)["services"][0]["proof"] != [], "proof")
    case.know(inventory.services_of_order(case.order.id)[0].id)
    case.dials_in()
    case.people("Install")
    case.people("Accept")


def _to_move(case: Case) -> None:
    case.open(online=case.online)
    ask_to_move(case)


def ask_to_move(case: Case) -> None:
    room = case.office.plant.rooms[case.serial + case.away]
    text = Address.objects.get(pk=room).full_text
    case.order = case.ask("move", reason="customer.house", address=text)
    case.people("Appoint")


def _dismount(case: Case) -> Order:
    case.people("Dismount")
    return case.order


def _install_there(case: Case) -> None:
    if not case.did("Install"):
        case.until_node("Install")
        case.dials_in()
        case.people("Install")


def _dismantle(case: Case) -> None:
    if case.did("Dismantle"):
        return
    case.until_node("Dismantle")
    serial = Terminal.objects.get(service_id=case.service_id).serial
    case.people("Dismantle", outcome="recovered", recovered_serial=serial, remark="")


FLOWS: dict[str, Flow] = {
    "open": Flow(_begin_opening, before=lambda case: None, after=_install),
    "withdraw": Flow(
        _withdraw, before=_ordered, order="cancelled", line="terminated", lets_in=False
    ),
    "suspend": Flow(
        lambda case: case.ask("suspend", reason="customer.away"), before=_online,
        line="inactive", lets_in=False,
    ),
    "resume": Flow(lambda case: case.ask("resume", reason="customer.back"), before=_suspended),
    "transfer": Flow(
        lambda case: case.ask("transfer", reason="customer.family", **NEW_OWNER, **PASSWORD),
        before=_online, changed=True,
    ),
    "cancel": Flow(
        lambda case: case.ask("cancel", reason="moving.away"), before=_online, after=_dismantle,
        line="terminated", lets_in=False,
    ),
    "change-password": Flow(
        lambda case: case.ask("change-password", old_password=case.was[1], **PASSWORD),
        changed=True,
    ),
    "reset-password": Flow(lambda case: case.ask("reset-password", **PASSWORD), changed=True),
    "change-account": Flow(
        lambda case: case.ask("change-account", mobile=f"139559{case.serial:05d}"), changed=True
    ),
    "change-plan": Flow(
        lambda case: case.ask(
            "change-plan", reason="customer.faster", offering="home-1000", effective="now"
        ),
        before=_online,
    ),
    "move": Flow(_dismount, before=_to_move, after=_install_there),
    "resume-arrears": Flow(_resume_paid, before=_barred),
    "suspend-arrears": Flow(_suspend_due, before=_owing, line="inactive", lets_in=False),
}  # fmt: skip


def cases(office: Any, lab: Any, modem: Any, *, online: set[str] | None = None) -> list[Case]:
    """A line for each flow, as it stands before it; `online` are those with a session (all)."""
    time = Time()
    made = [
        Case(office, lab, modem, time, flow, serial) for serial, flow in enumerate(FLOWS, start=1)
    ]
    for case in made:
        case.online = online is None or case.flow in online
        FLOWS[case.flow].before(case)
    return made


def begin(case: Case) -> None:
    case.order = FLOWS[case.flow].begin(case)


def finish(case: Case) -> None:
    FLOWS[case.flow].after(case)
    case.until_state(FLOWS[case.flow].order)


def disagreements(made: list[Case]) -> list[tuple[str, str, list[str]]]:
    """Where AAA server and inventory differ about these lines, and rows that stand twice."""
    (element,) = activation.elements_in_service("aaa")
    reconciling.reconcile(element)
    names = {name: c.flow for c in made for name in (c.was[0], c.line.account) if name}
    rows = Difference.objects.filter(closed_at=None, account__in=names)
    found = [(names[row.account], row.kind, sorted(row.fields)) for row in rows]
    return found + [(names[name], "twice", [what]) for name, what in _twice(made[0].lab, names)]


def _twice(lab: Any, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    with psycopg.connect(lab.dsn(), autocommit=True) as database:
        for table, what in (
            ("radcheck", "attribute"), ("radreply", "attribute"), ("radusergroup", "groupname"),
        ):  # fmt: skip
            yield from database.execute(
                f"SELECT username, {what} FROM {table} WHERE username = ANY(%s)"
                f" GROUP BY username, {what} HAVING count(*) > 1",
                [list(names)],
            )


__all__ = ["FLOWS", "Case", "ask_to_move", "begin", "cases", "disagreements", "finish"]
