"""Adding a part, killed at every instant that leaves a trace, and with the network away in the
middle: whoever comes next ends it, and everything stands as if nothing had happened.

`./run test --chaos` takes every instant; `./run test` one, another every day.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from kaitong.charging.models import Charge, Rent
from kaitong.core import clock
from kaitong.documents.models import Paper
from kaitong.inventory.models import PoolNumber, Service
from kaitong.messaging.models import Notice
from kaitong.ordering import sessions
from kaitong.ordering.models import Order, OrderItem, OrderNote
from kaitong.process import commands, worker
from kaitong.process.models import Command, Incident, Instance, Token
from tests.path import moves_kit
from tests.path.bundles_kit import MemoryAdapter
from tests.path.dying import Reaper, reaping
from tests.path.flows_kit import Time
from tests.path.moves_kit import fresh
from tests.path.test_bundles import network, services  # noqa: F401  a fixture
from tests.path.test_parts_alone import line_alone

pytestmark = [pytest.mark.django_db(transaction=True)]
IN_FULL = os.environ.get("KAITONG_CHAOS") == "full"
MOST = 80  # more than there are instants


@pytest.fixture
def plant_size() -> dict[str, int]:
    return {"ports": 128, "rooms": 128} if IN_FULL else {"ports": 8, "rooms": 8}


@pytest.fixture
def reaper(monkeypatch) -> Iterator[Reaper]:
    with reaping() as found:
        own = MemoryAdapter.bring

        def saying(self: Any, *given: Any, **named: Any) -> Any:
            found.instant("before bring")
            said = own(self, *given, **named)
            found.instant("after bring")
            return said

        monkeypatch.setattr(MemoryAdapter, "bring", saying)
        yield found


class Adding:
    """A telephone is added to a line of its own."""

    def __init__(self, office: Any, network: Any, reaper: Reaper, number: int) -> None:  # noqa: F811
        self.office, self.network, self.reaper = office, network, reaper
        self.time = Time()
        with self.time.on():
            self.line = services(line_alone(office, network, number))["access"]
        self.digits = f"0559755{8000 + number}"
        network.seen.add(self.digits)
        self.key = f"add-{number}"

    def all_of_it(self, rounds: int = 6) -> None:
        """From the counter to the end; done again, it goes on where it stood."""
        with self.time.on():
            if not Order.objects.filter(idempotency_key=self.key).exists():
                line = fresh(self.line.pk)
                moves_kit.prove(self.office, line, "add-part")
                moves_kit.ask(
                    self.office,
                    line,
                    "add-part",
                    proven=False,
                    key=self.key,
                    offering="home-300-voice",
                    telephone=self.digits,
                    reason="wanted",
                )
        for _round in range(rounds):
            with self.time.on(60):
                worker.drain_all()
                sessions.watch_terminals()

    def killed(self, strike: int) -> tuple[dict[str, Any], list[str]]:
        self.reaper.waits_for(strike)
        while not self.reaper.lives(self.all_of_it):
            self.reaper.at = 0
            self.time.on(commands.lease_seconds() + 1)
        return self.picture(), self.reaper.passed

    def picture(self) -> dict[str, Any]:
        order = Order.objects.get(idempotency_key=self.key)
        instances = list(Instance.objects.filter(business_id=order.id).values_list("id", flat=True))

        def counted(rows: Any, *fields: str) -> dict[Any, int]:
            return dict(Counter(rows.values_list(*fields)))

        return {
            "order": order.state,
            "items": counted(OrderItem.objects.filter(order=order), "item_id", "action", "state"),
            "parts": counted(Service.objects.filter(lead_id=self.line.pk), "state"),
            "rents": counted(
                Rent.objects.filter(service_id=self.line.pk, until=None), "offering", "amount_fen"
            ),
            "charges": counted(Charge.objects.filter(order_id=order.id), "code", "amount_fen"),
            "notes": counted(OrderNote.objects.filter(order=order), "kind"),
            "papers": counted(Paper.objects.filter(order_id=order.id), "kind", "state"),
            "notices": counted(Notice.objects.filter(order_id=order.id), "kind", "channel"),
            "number": PoolNumber.objects.get(value=self.digits).state,
            "network": self.network.standing("voice").get(self.digits),
            "left behind": [
                Incident.objects.filter(business_id=order.id).count(),
                Token.objects.filter(instance__in=instances).count(),
                Command.objects.filter(
                    business_id=order.id, state__in=["pending", "running", "waiting"]
                ).count(),
            ],
        }


def test_a_part_is_added_once_whoever_dies_and_whatever_is_away(office, network, reaper):  # noqa: F811
    undisturbed, passed = Adding(office, network, reaper, 1).killed(0)
    assert (undisturbed["order"], undisturbed["network"]) == ("completed", "open")
    assert undisturbed["left behind"] == [0, 0, 0]
    assert len(passed) < MOST
    day = os.environ.get("KAITONG_DEATHS") or clock.now().date().isoformat()
    one = random.Random(day).randint(1, len(passed))
    found = {}
    strikes = range(1, len(passed) + 1) if IN_FULL else [one]
    for number, strike in enumerate(strikes, 2):
        stands, _ = Adding(office, network, reaper, number).killed(strike)
        if stands != undisturbed:
            found[strike, passed[strike - 1]] = stands
    assert found == {}, f"KAITONG_DEATHS={day}"

    # the telephone platform away in the middle: nothing is claimed, and it goes on by itself
    late = Adding(office, network, reaper, len(strikes) + 2)
    network.down.add("voice")
    late.all_of_it(rounds=1)
    assert late.picture()["order"] == "inProgress"
    assert Service.objects.get(lead_id=late.line.pk).state != "active"
    network.down.clear()
    late.time.on(3600)
    late.all_of_it()
    assert late.picture() == undisturbed
