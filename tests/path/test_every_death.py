"""Each flow killed at every instant that leaves a trace, once each: as it begins to commit, before
and after each word to the network. Whoever comes next ends it, and everything stands as if nobody
had died: order, papers, notices, money, inventory, network, history.

`./run test --chaos` takes every instant; `./run test` one of each flow, another every day.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db.models import Sum

from kaitong.charging import queries as charges
from kaitong.charging.models import Charge, JournalLine, Payment
from kaitong.core import clock
from kaitong.documents.models import Paper
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Assignment, Proof, Suspension, Terminal
from kaitong.inventory.services import TerminalRow
from kaitong.messaging.models import Notice
from kaitong.ordering import services as ordering
from kaitong.ordering.models import OrderItem, OrderNote
from kaitong.process import commands, sweeper
from kaitong.process.choices import OPEN_WORK
from kaitong.process.models import Command, History, Incident, Instance, Token, WorkItem
from tests.chaos.verdict import histories
from tests.path.dying import Reaper, reaping
from tests.path.flows_kit import (
    FLOWS,
    Case,
    Time,
    ask_to_move,
    begin,
    disagreements,
    finish,
)

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]
IN_FULL = os.environ.get("KAITONG_CHAOS") == "full"
ROOMS = 120  # more than any flow has instants


@pytest.fixture
def plant_size() -> dict[str, int]:
    return {"ports": 128, "rooms": 2 * ROOMS} if IN_FULL else {"ports": 24, "rooms": 40}


@pytest.fixture
def reaper(office) -> Iterator[Reaper]:
    inventory_verbs.add_terminals(
        actor=office.plant.actor,
        branch_id=office.plant.branch_id,
        rows=[TerminalRow(f"ZTEGD{n:07d}", "F650") for n in range(ROOMS)],
    )
    with reaping() as found:
        yield found


# What one line goes through, one flow after the other. Each is killed once on the way.
LIVES: dict[str, tuple[str, ...]] = {
    "life": (
        "open", "suspend", "resume", "change-password", "reset-password", "change-plan",
        "suspend-arrears", "resume-arrears", "change-account", "move", "cancel",
    ),
    "given-away": ("open", "transfer"),
    "withdrawn": ("withdraw",),
}  # fmt: skip
Told = dict[str, tuple[dict[str, Any], list[str]]]


class Bureau:
    """Lines, one after the other."""

    def __init__(self, office: Any, lab: Any, modem: Any, reaper: Reaper) -> None:
        self.office, self.lab, self.modem, self.reaper = office, lab, modem, reaper
        self.time, self.made = Time(), []

    def live(self, life: str, strikes: dict[str, int]) -> Told:
        """All flows of a life over a line of its own, whoever does one killed at the instant that
        `strikes` says. How everything stands after each, and which instants it had."""
        case = Case(self.office, self.lab, self.modem, self.time, "", len(self.made) + 1)
        case.away = len(self.office.plant.rooms) // 2
        self.made.append(case)
        told: Told = {}
        for flow in LIVES[life]:
            case.flow = flow
            self._before(case)
            told[flow] = self._run(case, strikes.get(flow, 0))
        return told

    def _before(self, case: Case) -> None:
        """As each flow finds its line; those that come first find none."""
        if case.flow == "withdraw":
            FLOWS["withdraw"].before(case)
            return
        if case.service_id is None:
            return
        case.know(case.service_id)
        clerk, last, case.order = self.office.people["clerk"], case.order, None
        if charges.money(clerk, last.id).due_fen:
            ordering.pay(actor=clerk, order_id=last.id, method="cash", key=str(last.id))
        if case.flow in ("suspend", "transfer", "change-plan", "suspend-arrears", "cancel"):
            case.dials_in()
        if case.flow == "suspend-arrears":
            case.bill()
        if case.flow == "move":
            ask_to_move(case)

    def _run(self, case: Case, strike: int) -> tuple[dict[str, Any], list[str]]:
        begun = False

        def all_of_it() -> None:
            nonlocal begun
            if not begun:
                with case.time.on():
                    begin(case)
            begun = True
            finish(case)

        self.reaper.waits_for(strike)
        while not self.reaper.lives(all_of_it):
            self.reaper.at = 0
            case.time.on(commands.lease_seconds() + 1)
        return picture(case), self.reaper.passed

    def nobody_is_owed_anything(self) -> None:
        assert disagreements(self.made) == []
        assert sweeper.check() == []
        assert histories() == []


def picture(case: Case) -> dict[str, Any]:
    """How everything stands about a flow, without what is another each time."""
    order = case.order.id
    services = list(OrderItem.objects.filter(order_id=order).values_list("service_id", flat=True))
    instances = list(Instance.objects.filter(business_id=order).values_list("id", flat=True))
    entered = History.objects.filter(instance_id__in=instances, kind="entered")

    def counted(rows: Any, *fields: str) -> dict[Any, int]:
        return dict(Counter(rows.values_list(*fields)))

    return {
        **case.end(),
        "notes": counted(OrderNote.objects.filter(order_id=order), "kind"),
        "charges": counted(
            Charge.objects.filter(order_id=order), "code", "amount_fen", "state", "refunded_fen"
        ),
        "payments": counted(Payment.objects.filter(order_id=order), "kind", "method", "amount_fen"),
        "books": dict(
            JournalLine.objects.filter(entry__order_id=order)
            .values_list("account")
            .annotate(fen=Sum("amount_fen"))
        ),
        "papers": counted(Paper.objects.filter(order_id=order), "kind", "state"),
        "notices": counted(Notice.objects.filter(order_id=order), "kind", "to", "channel"),
        "processes": counted(
            Instance.objects.filter(business_id=order), "definition__key", "state"
        ),
        "steps": dict(Counter(entered.values_list("node", flat=True))),
        "ports": counted(Assignment.objects.filter(service__in=services), "role", "state"),
        "terminals": counted(Terminal.objects.filter(service__in=services), "state"),
        "stopped": dict(
            Counter(
                (row.kind, row.ended_at is None)
                for row in Suspension.objects.filter(service__in=services)
            )
        ),
        "proofs": sorted(set(Proof.objects.filter(service__in=services).values_list("kind", "ok"))),
        "network": sorted(_held(case)),
        "left behind": [
            Incident.objects.filter(business_id=order).count(),
            Token.objects.filter(instance__in=instances).count(),
            WorkItem.objects.filter(business_id=order, state__in=OPEN_WORK).count(),
            Command.objects.filter(
                business_id=order, state__in=["pending", "running", "waiting"]
            ).count(),
        ],
    }


def _held(case: Case) -> Iterator[tuple[str, ...]]:
    """What the AAA server holds of a line: its rows, and how many of its sessions stand."""
    now = case.line.account
    names = {name: what for name, what in ((case.was[0], "before"), (now, "now")) if name}
    with psycopg.connect(case.lab.dsn(), autocommit=True) as database:
        for table, columns in (
            ("radcheck", "attribute, op"), ("radreply", "attribute, op, value"),
            ("radusergroup", "groupname"),
        ):  # fmt: skip
            for row in database.execute(
                f"SELECT username, {columns} FROM {table} WHERE username = ANY(%s)", [list(names)]
            ):
                yield table, names[row[0]], *row[1:]
        sessions = "SELECT username FROM radacct WHERE username = ANY(%s) AND acctstoptime IS NULL"
        for row in database.execute(sessions, [list(names)]):
            yield "session", names[row[0]]


def others(after: Told, undisturbed: Told, strikes: dict[str, int]) -> list[str]:
    """What is otherwise than undisturbed, and after which death."""
    found = []
    for flow, (stands, _passed) in after.items():
        instants = undisturbed[flow][1]
        what = instants[strikes[flow] - 1] if flow in strikes else "nobody died"
        found += [
            f"{flow} {strikes.get(flow)} of {len(instants)} ({what}) {name}:"
            f" {value}, undisturbed {undisturbed[flow][0][name]}"
            for name, value in stands.items()
            if value != undisturbed[flow][0][name]
        ]
    return found


@pytest.mark.skipif(IN_FULL, reason="in full below")
def test_a_death_in_every_flow_leaves_nothing_behind(office, radius, lab, modem, reaper):
    day = os.environ.get("KAITONG_DEATHS") or clock.now().date().isoformat()
    print(f"KAITONG_DEATHS={day}")
    bureau, dice = Bureau(office, lab, modem, reaper), random.Random(day)
    for life, flows in LIVES.items():
        undisturbed = bureau.live(life, {})
        for flow in flows:
            assert undisturbed[flow][0]["left behind"] == [0, 0, 0, 0], flow
        strikes = {flow: dice.randint(1, len(undisturbed[flow][1])) for flow in flows}
        after = bureau.live(life, strikes)
        assert others(after, undisturbed, strikes) == [], f"KAITONG_DEATHS={day}"
    bureau.nobody_is_owed_anything()


@pytest.mark.timeout(1700)
@pytest.mark.skipif(not IN_FULL, reason="./run test --chaos")
@pytest.mark.parametrize("life", LIVES)
def test_every_death_leaves_nothing_behind(office, radius, lab, modem, reaper, life):
    bureau = Bureau(office, lab, modem, reaper)
    undisturbed = bureau.live(life, {})
    instants = {flow: len(told[1]) for flow, told in undisturbed.items()}
    found: list[str] = []
    for strike in range(1, max(instants.values()) + 1):
        strikes = {flow: strike for flow, number in instants.items() if strike <= number}
        try:
            found += others(bureau.live(life, strikes), undisturbed, strikes)
        except Exception as error:  # told with the others
            found.append(f"{strike}: {error!r}")
        print(life, strike, found[-1:], flush=True)
    print(f"{life}: {instants}, {sum(instants.values())} deaths")
    assert found == []
    bureau.nobody_is_owed_anything()
