"""Which element a service lives at, and that nothing of it goes to another.

Covers: the kind by the specification, apply, proofs and removal at that element only, a kind
without passwords or sessions, a kind nobody can speak to.
"""

from __future__ import annotations

import pytest

from kaitong.activation import actions, kinds, life, queries, services, wanting
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Outcome,
    Proof,
    ProofKind,
    ProofResult,
    Reading,
)
from kaitong.activation.errors import ElementProblem
from kaitong.activation.kinds import Kind
from kaitong.catalog import services as catalog
from kaitong.catalog.services import ServiceEntry
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


class Shelf(Adapter):
    """An element that is a dictionary."""

    def __init__(self, held: dict[str, AccountChange]) -> None:
        self.held = held

    def bring(self, account, desired, talk, *, dry_run=False):
        change = desired()
        if change.state is AccountState.ABSENT:
            self.held.pop(change.account, None)
        else:
            self.held[change.account] = change
        talk.sent(change.account)
        return Outcome(1)

    def read(self, account, talk):
        return Reading(AccountState.OPEN if account in self.held else AccountState.ABSENT)

    def prove(self, subject, kind, talk):
        there = subject.account in self.held
        good = there is not (kind is ProofKind.REMOVED)
        result = ProofResult.PROVEN if good else ProofResult.REFUSED
        return Proof(kind, result, {"account": subject.account})


class ShelfKind(Kind):
    key = "dhcp"
    has_password = False

    def __init__(self):
        self.held = {}

    def adapter(self, connection, secrets):
        return Shelf(self.held)

    def name(self, service):
        return str(wanting.mapped(service, self.key)["box"])

    def desired(self, service, element, *, password, barred_for, former):
        return AccountChange(account=self.name(service), password=password, former=former)

    def sentence(self, proof):
        return proof.result.value


@pytest.fixture
def shelf(monkeypatch, county):
    kind = ShelfKind()
    monkeypatch.setitem(kinds._KINDS, "dhcp", kind)
    services.register_element(
        key="shelf", kind="dhcp", title="架子", branch_id=county.id, connection={}, secret={}
    )
    return kind


def a_service(county, on, mapping):
    entry = ServiceEntry(
        key=f"spec-{on}", title="x", activates=[{"on": on, "map": mapping}], proven_by=["account"]
    )
    catalog.deploy(
        actor=SYSTEM, playbook_key=f"book-{on}", hash="h1", offerings=[], service_specs=[entry]
    )
    made = inventory_verbs.create_service(
        actor=SYSTEM,
        branch_id=county.id,
        specification=entry.key,
        playbook=f"book-{on}",
        version="h1",
        order_id=uuid7(),
        characteristics={"serial": "ST-1"},
        proven_by=["account"],
    )
    return inventory.service(SYSTEM, made.id)


def ctx_of(service):
    return ActionContext(
        instance_id=uuid7(),
        business_id=None,
        branch_id=service.branch_id,
        node="Activate",
        token_id=uuid7(),
        key="command-1",
        inputs={"service_id": str(service.id)},
        actor_id=None,
        now=now(),
        parameters={},
    )


def test_a_service_is_sent_proven_and_taken_out_at_the_kind_its_specification_names(county, shelf):
    service = a_service(county, "dhcp", {"box": "serial"})
    ctx = ctx_of(service)

    actions.apply_service(ctx)
    assert list(shelf.held) == ["ST-1"]
    assert inventory.service(SYSTEM, service.id).state == ServiceState.INACTIVE
    assert actions.prove_account(ctx) == {"account_proven": True}  # no password is asked for
    assert inventory.service(SYSTEM, service.id).latest["account"].ok
    assert life.disconnect(ctx) == {"disconnected": 0}
    actions.remove_service(ctx)
    assert shelf.held == {}
    assert actions.prove_removed(ctx) == {"removal_proven": True}
    told = queries.exchanges(SYSTEM, service_id=service.id)
    assert [(e.verb, e.element) for e in told] == [
        ("apply", "架子"),
        ("prove-account", "架子"),
        ("undo", "架子"),
        ("prove-removed", "架子"),
    ]


def test_a_service_without_a_specification_is_an_account_of_the_aaa_server(county, plant_free):
    assert wanting.kind_of(plant_free) == "aaa"


@pytest.fixture
def plant_free(county):
    made = inventory_verbs.create_service(
        actor=SYSTEM,
        branch_id=county.id,
        specification="gone",
        playbook="gone",
        version="h0",
        order_id=uuid7(),
    )
    return inventory.service(SYSTEM, made.id)


def test_nothing_is_sent_to_a_kind_nobody_speaks_to(county):
    element = services.register_element(
        key="o", kind="olt", title="OLT", branch_id=county.id, connection={}, secret={}
    )
    with pytest.raises(ElementProblem, match="olt"):
        services.adapter(element)
