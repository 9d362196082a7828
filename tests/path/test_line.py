"""A real line, from the order to the modem's pppd and iperf3: what the customer has, measured.

A PPPoE access server runs in a user-mode kernel; the modem is a pppd of its own. Nothing stands in
for the network: logins are CHAP over PPP, the line is proven by the access server's accounting, the
rate by iperf3 through the session, suspension by a cut session and a refused dial.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from datetime import timedelta

import pytest

from kaitong.activation import actions, life, nasport
from kaitong.activation.queries import line_of_account
from kaitong.conftest import lacking
from kaitong.core.clock import now
from kaitong.core.home import library
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.lab.line import LineLab, missing
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbook_verbs
from kaitong.process.actions import ActionContext, Wait

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]

SYSTEM = Actor.system()
# what the lab sells in the place of 300 and 1000 Mbit/s: a user-mode kernel shapes these exactly
LAB_PLANS = (
    ("{down_mbps: 300, up_mbps: 50}", "{down_mbps: 8, up_mbps: 2}"),
    ("{down_mbps: 1000, up_mbps: 100}", "{down_mbps: 20, up_mbps: 5}"),
)


@pytest.fixture
def line(running_lab):
    """The access server beside the AAA server of the tests."""
    if why := missing():
        lacking("a PPPoE line", why)
    lab = LineLab(running_lab.home)
    lab.up()
    yield lab
    lab.down()


@pytest.fixture
def lab_plans(office, tmp_path):
    """The shipped playbook with the lab's rates."""
    folder = tmp_path / "home-broadband"
    shutil.copytree(library() / "home-broadband", folder)
    book = folder / "playbook.yaml"
    text = book.read_text()
    for shipped, ours in LAB_PLANS:
        assert shipped in text
        text = text.replace(shipped, ours)
    book.write_text(text)
    playbook_verbs.deploy(actor=SYSTEM, folder=folder)


@dataclasses.dataclass
class Customer:
    """A customer with a modem on a line, and the machine's side of it."""

    office: object
    line: LineLab
    service_id: object

    @property
    def service(self):
        return inventory.service(SYSTEM, self.service_id)

    def password(self) -> str:
        return inventory_verbs.reveal_password(
            actor=SYSTEM, service_id=self.service_id, reason="test"
        )

    def dial(self, password: str = "") -> dict:
        port = nasport.pattern().format(line_of_account(self.service.account))
        return self.line.dial(self.service.account, password or self.password(), port)

    def is_online(self) -> bool:
        return self.service.account in self.line.status()["modems"]

    def measured(self, direction: str = "down") -> float:
        return self.line.measure(self.service.account, seconds=3, direction=direction)

    def act(self, action, **inputs):
        """As a worker carries it out: asked again while it waits."""
        context = ActionContext(
            instance_id=uuid7(),
            business_id=self.service.order_id,
            branch_id=self.service.branch_id,
            node="Life",
            token_id=uuid7(),
            key=str(uuid7()),
            inputs={"service_id": str(self.service_id), "patience": 30, **inputs},
            actor_id=None,
            now=now(),
            parameters={},
        )
        for _ in range(120):
            outcome = action(context)
            if not isinstance(outcome, Wait):
                return outcome
            time.sleep(min(outcome.seconds, 1))
            context = dataclasses.replace(
                context, memory=outcome.values, now=context.now + timedelta(seconds=1)
            )
        raise AssertionError(outcome.reason)


def test_what_the_customer_has_is_what_was_sold(office, radius, lab_plans, line):
    order = office.submit()
    office.work()
    shown = office.show(order)["services"][0]
    customer = Customer(office, line, inventory.service_by_account(SYSTEM, shown["account"]).id)
    assert customer.dial("not-his-password")["refused"] is True

    # the installer plugs the modem in; the line is proven by what the access server accounts
    office.complete(order, "Appoint")
    dialled = customer.dial()
    assert dialled["online"], dialled
    office.complete(order, "Install")
    office.work_until(order, "Accept")
    office.complete(order, "Accept")
    assert office.show(order)["state"] == "completed"
    seen = customer.service.latest["line"].data["seen"]
    expected = line_of_account(customer.service.account)
    assert seen["pon_port"] == expected.pon_port
    assert expected.logical_id in seen["nas_port_id"]
    assert seen["nas"] == line.settings().nas
    assert customer.measured() == pytest.approx(8, rel=0.25)
    assert customer.measured("up") == pytest.approx(2, rel=0.25)

    # another plan reaches the session that stands
    inventory_verbs.set_characteristics(
        actor=SYSTEM, service_id=customer.service_id, values={"down_mbps": 20, "up_mbps": 5}
    )
    assert customer.act(life.change_plan) == {"changed_live": 1}
    assert customer.act(life.prove_plan) == {"plan_proven": True}
    assert customer.is_online()
    assert customer.measured() == pytest.approx(20, rel=0.25)

    # suspended: cut, and refused when it dials again
    customer.act(life.suspend, reason="request")
    assert customer.act(life.disconnect) == {"disconnected": 1}
    assert customer.act(life.prove_suspended) == {"suspension_proven": True}
    assert not customer.is_online()
    assert customer.dial()["refused"] is True

    # resumed: accepted, with the plan it has now
    customer.act(life.resume, reason="request")
    assert customer.act(actions.prove_account) == {"account_proven": True}
    assert customer.dial()["online"]
    assert customer.service.state == "active"

    # cancelled: nothing is left, nobody is let in
    password = customer.password()
    customer.act(actions.remove_service)
    assert customer.act(life.disconnect) == {"disconnected": 1}
    assert customer.act(actions.prove_removed) == {"removal_proven": True}
    assert customer.dial(password)["refused"] is True


def test_warm_it_comes_up_again_and_ends_only_its_own(line):
    first = line.settings()
    assert line.up() == first  # it runs already
    assert line.down()
    assert not line.down()
    assert line.radius.status().running  # the AAA server is not the line's to end
    assert line.up() == first
    assert line.status() == {"modems": {}, "sessions": {}}
