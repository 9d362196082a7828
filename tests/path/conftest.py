"""A county branch with a small plant, staff at every post, the playbook, a real AAA server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from kaitong.activation import services as activation
from kaitong.core.clock import now
from kaitong.core.home import library
from kaitong.core.tests.kept import kept
from kaitong.inventory import services as inventory
from kaitong.inventory.services import TerminalRow
from kaitong.inventory.tests.conftest import Plant, build
from kaitong.lab.tests.conftest import (
    boxes,
    kea,
    lab,
    modem,
    phone,
    running_kea,
    running_lab,
    running_voice,
    silent,
    voice,
)
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    SubmitItem,
    SubmitOrder,
)
from kaitong.org.actor import Actor
from kaitong.playbooks import photos
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import definitions, worker
from kaitong.process import queries as process
from kaitong.worktime import queries as worktime
from kaitong.worktime import services as worktime_verbs

__all__ = [
    "boxes",
    "kea",
    "lab",
    "modem",
    "phone",
    "running_kea",
    "running_lab",
    "running_voice",
    "silent",
    "voice",
]

HERE = Path(__file__).parent
SYSTEM = Actor.system()
POSTS = ("clerk", "resource", "network", "monitor", "installer", "service", "supervisor")


def pytest_collection_modifyitems(items) -> None:
    """All of this folder is `path`: CI passes it on the newest PostgreSQL, and of it on the oldest
    only what is marked `server`."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("path")


@dataclass
class Office:
    """The branch at work, as a test speaks to it."""

    plant: Plant
    people: dict[str, Actor]

    def request(self, **changes: object) -> SubmitOrder:
        document = DocumentData(
            kind="resident-id",
            number="341022197001151214",
            valid_until=(now() + timedelta(days=1000)).date(),
            reader_used=bool(changes.pop("read", True)),
        )
        address = changes.pop("address", self.plant.rooms[0])
        given: dict = {
            "customer": CustomerData(name="王明远", phone="13905590123", document=document),
            "items": (
                SubmitItem(
                    item_id="1",
                    action="add",
                    specification="home-broadband.access",
                    offering="home-300",
                    address=AddressRef(address_id=address),
                ),
            ),
        }
        return SubmitOrder(**{**given, **changes})

    def submit(self, **changes: object):
        return ordering.submit(actor=self.people["clerk"], request=self.request(**changes))

    def show(self, order) -> dict:
        return orders.described(SYSTEM, orders.order(SYSTEM, order.id))

    def nodes(self, order) -> set[str]:
        return {item["node"] for item in self.show(order)["work_items"]}

    def item(self, order, node: str):
        """The open work of a step."""
        rows = process.open_items_of(SYSTEM, [order.id]).get(order.id, [])
        row = next(row for row in rows if row.node == node)
        return process.work_item(SYSTEM, row.id)

    def complete(self, order, node: str, *, by: str = "", key: str = "", **answers: object):
        """Complete the open work of a step as somebody who holds its post, or `by` another; a
        supervisor lets a failed live check pass, with evidence."""
        item = self.item(order, node)
        pinned = item.parameters["playbook"]
        data = playbooks.example_for(
            playbook=pinned["key"],
            version=pinned["hash"],
            file=item.definition.form,
            branch_id=item.branch_id,
            photo=photos.camera(actor=self.people[by or item.post], item_id=item.id),
            override=by == "supervisor",
            variables=item.variables,
        )
        return playbook_verbs.complete_work(
            actor=self.people[by or item.post], item_id=item.id, data={**data, **answers}, key=key
        )

    def work_until(self, order, node: str, seconds: float = 15) -> None:
        """Let the machines work until a step waits for people."""
        deadline = time.monotonic() + seconds
        while node not in self.nodes(order):
            assert time.monotonic() < deadline, self.show(order)
            self.work()
            time.sleep(0.1)

    def work_until_state(self, order, state: str, seconds: float = 15) -> None:
        """Let the machines work until the order is in a state."""
        deadline = time.monotonic() + seconds
        while self.show(order)["state"] != state:
            assert time.monotonic() < deadline, self.show(order)
            self.work()
            time.sleep(0.1)

    def work(self) -> None:
        """Let the machines do what is due."""
        worker.drain_all()


@pytest.fixture
def plant_size() -> dict[str, int]:
    """How many ports and rooms the branch has; a module that needs more says so."""
    return {"ports": 8, "rooms": 6}


@pytest.fixture
def office(county, staff_of, plant_size) -> Office:
    def opened() -> Office:
        worktime_verbs.seed_calendar(key="cn", years=range(2025, 2027))
        playbook_verbs.deploy(actor=SYSTEM, folder=library() / "home-broadband")
        plant = build(county, **plant_size)
        inventory.add_terminals(
            actor=plant.actor,
            branch_id=county.id,
            rows=[TerminalRow(f"ZTEGC{n:07d}", "F650") for n in range(40)],
        )
        return Office(plant, {post: staff_of(county, post, post) for post in POSTS})

    keepers = (playbooks, definitions, worktime)
    for keeper in keepers:
        keeper.forget()
    yield kept(("office", county.pk, *plant_size.items()), opened)
    for keeper in keepers:
        keeper.forget()


@pytest.fixture
def radius(office, lab, silent, county):
    """The AAA server, registered for the province."""
    settings = lab.settings()
    return activation.register_element(
        key="radius",
        kind="aaa",
        title="认证系统",
        branch_id=county.id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )
