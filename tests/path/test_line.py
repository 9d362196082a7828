"""A real line, from the order to the modem's pppd and iperf3: what the customer has, measured.

A PPPoE access server runs in a user-mode kernel; the modem is a pppd of its own. Nothing stands in
for the network: logins are CHAP over PPP, the line is proven by the access server's accounting, the
rate by iperf3 through the session, suspension by a cut session and a refused dial. What is asked is
asked at the counter, with the customer's proof; the orders' own processes do the rest.
"""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from kaitong.activation import nasport
from kaitong.activation.queries import line_of_account
from kaitong.conftest import lacking
from kaitong.core.home import library
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Terminal
from kaitong.lab.line import LineLab, missing
from kaitong.ordering import services as ordering
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbook_verbs
from tests.path.moves_kit import ask

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

    def asks(self, procedure: str, *, until: str = "", **answers) -> object:
        """A change at the counter; its process brings it to its end, or to a person's step."""
        order = ask(self.office, self.service, procedure, **answers)
        if until:
            self.office.work_until(order, until, 60)
        else:
            self.office.work_until_state(order, "completed", 60)
        return order


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

    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="paid")
    (begun,) = line.status()["sessions"]

    # another plan reaches the session that stands
    customer.asks("change-plan", reason="customer.faster", offering="home-1000", effective="now")
    assert customer.is_online()
    assert list(line.status()["sessions"]) == [begun]  # the same one, never cut
    assert customer.measured() == pytest.approx(20, rel=0.25)

    # suspended: cut, and refused when it dials again
    customer.asks("suspend", reason="customer.away")
    assert customer.service.latest["suspended"].ok
    assert (str(customer.service.state), customer.is_online()) == ("inactive", False)
    assert customer.dial()["refused"] is True

    # resumed: accepted, with the plan it has now
    customer.asks("resume", reason="customer.back")
    assert customer.dial()["online"]
    assert str(customer.service.state) == "active"

    # cancelled: cut, nothing is left, nobody is let in; the terminal comes back
    account, password = customer.service.account, customer.password()
    port = nasport.pattern().format(line_of_account(account))
    serial = Terminal.objects.get(service_id=customer.service_id).serial
    ended = customer.asks("cancel", reason="moving.away", until="Dismantle")
    assert str(customer.service.state) == "terminated"
    assert account not in line.status()["modems"]
    assert line.dial(account, password, port)["refused"] is True
    office.complete(ended, "Dismantle", outcome="recovered", recovered_serial=serial, remark="")
    assert office.show(ended)["state"] == "completed"


def test_warm_it_comes_up_again_and_ends_only_its_own(line):
    first = line.settings()
    assert line.up() == first  # it runs already
    assert line.down()
    assert not line.down()
    assert line.radius.status().running  # the AAA server is not the line's to end
    assert line.up() == first
    assert line.status() == {"modems": {}, "sessions": {}}
