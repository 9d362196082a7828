"""The demo's faults play to where the story leaves them; a telling that goes on repeats nothing."""

from __future__ import annotations

import pytest

from kaitong.activation.adapters.base import Proof, ProofKind, ProofResult
from kaitong.assurance.models import CommonCause, Fault
from kaitong.core.clock import frozen, now
from kaitong.demo import troubles
from kaitong.demo.acts import Case, Stage
from kaitong.demo.past import Past
from kaitong.demo.spots import Spots
from kaitong.inventory import queries as inventory
from kaitong.inventory import samples
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Service
from kaitong.org.actor import Actor
from kaitong.playbooks import wiring
from kaitong.process import queries as process
from kaitong.worktime import queries as worktime

OPENED = {"ago": 2100.0, "visit": 1750.0, "called": 1640.0}


def opened_at_once(case, ago, visit, called):
    """A line in operation, without the days it takes."""
    yield ago
    case.submit()
    service = Service.objects.get(order_id=case.order.id)
    Service.objects.filter(pk=service.pk).update(state="active", started_at=now())
    inventory_verbs.install_terminal(
        actor=Actor.system(branch_id=service.branch_id),
        service_id=service.pk,
        serial=samples.any_terminal_in_stock(service.branch_id),
    )


def look(service, order_id, key):
    wanted = inventory.expected_line(service.id)
    seen = {"access_node": wanted.access_node, "pon_port": wanted.pon_port}
    return Proof(ProofKind.LINE, ProofResult.PROVEN, {"seen": seen, "expected": dict(seen)})


@pytest.fixture
def play(branch, monkeypatch):
    monkeypatch.setattr(troubles, "completed", opened_at_once)
    stage = Stage(Past(worktime.calendar("cn"), now()), None)
    spots = Spots.of("small", "XN")

    def tell(tale, serial, **more) -> Fault:
        tale = tale(Case(stage, serial, spots.take("free")), opened=OPENED, **more)
        ago = next(tale)
        with wiring.looking(look):
            while ago is not None:
                with frozen(stage.past.at(-ago)):
                    ago = next(tale, None)
                    stage.machines()
        return Fault.objects.order_by("-pk").first()

    return tell


def test_each_trouble_comes_to_its_place(play):
    assert play(troubles.guided, 3001, broke=400.0, words="").state == "closed"
    mended = play(troubles.mended, 3002, broke=900.0, until="", again=False)
    assert (mended.state, mended.routed_to) == ("closed", "10086")
    again = play(troubles.mended, 3003, broke=800.0, until="", again=True)
    assert (again.state, again.reopened) == ("inProgress", 1)
    cable = play(troubles.cable, 3004, broke=260.0)
    rows = process.open_items_of(Actor.system(), [cable.pk])[cable.pk]
    assert [row.node for row in rows] == ["CableRepair"]
    assert cable.urged == 1
    alarmed = play(troubles.alarmed, 3005, broke=25.0)
    assert alarmed.common_cause == CommonCause.objects.get(by_alarm=True)
