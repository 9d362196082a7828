"""`./run demo --live`: people of the branch go on working, a little, while one looks on.

Every half minute or so somebody takes in an order, or carries one of these orders a step further:
calls, visits, dials, asks the customer. What machines do is the workers'. Only orders of its own
are touched, and few are under way at a time.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field

from django.db import OperationalError, connection

from kaitong.core.clock import now
from kaitong.core.errors import KaitongError
from kaitong.demo.acts import SYSTEM, Case, Stage
from kaitong.demo.past import Past
from kaitong.lab.session import AccessServer
from kaitong.ordering import queries as orders
from kaitong.ordering.choices import FINAL
from kaitong.worktime import queries as worktime

log = logging.getLogger(__name__)

PAUSE = (15.0, 45.0)  # seconds between two acts
MOST = 6  # orders under way at a time
STEPS = ("Appoint", "Install", "Accept")


@dataclass(slots=True)
class Life:
    """The orders of its own that are under way."""

    stage: Stage
    chance: random.Random = field(default_factory=random.Random)
    cases: list[Case] = field(default_factory=list)
    serial: int = 0

    def act(self) -> str:
        """One act of somebody; what it was."""
        self.cases = [case for case in self.cases if not _over(case)]
        if not self.cases or (len(self.cases) < MOST and self.chance.random() < 0.3):
            # From a number of chance on, so that two demos after one another share none.
            self.serial = (self.serial or self.chance.randint(2 * 10**6, 9 * 10**6)) + 1
            case = Case(self.stage, self.serial, None)
            case.submit()
            self.cases.append(case)
            return "submit"
        return _further(self.chance.choice(self.cases))


def _over(case: Case) -> bool:
    assert case.order is not None
    found = orders.by_ids(SYSTEM, [case.order.id])
    return not found or found[0].state in FINAL


def _further(case: Case) -> str:
    """The next step of an order: first somebody takes it, the next time he does it."""
    for node in STEPS:
        item = case.item(node)
        if item is None:
            continue
        if item.claimed_by is None:
            case.claim(node)
            return f"claim {node}"
        if node == "Install":
            case.dial()
        case.complete(node)
        return f"complete {node}"
    return "nothing"


def live(stopping: threading.Event, modems: AccessServer | None) -> None:
    """Act until told to stop; what is refused is somebody's bad luck."""
    life = Life(Stage(Past(worktime.calendar("cn"), now()), modems))
    while not stopping.wait(life.chance.uniform(*PAUSE)):
        try:
            life.act()
        except (KaitongError, OperationalError) as error:
            log.info("refused: %s", error)
        finally:
            connection.close()
