"""Flows that end where they are asked for (资料修改, 绑定, 解绑, 营销案变更) and resumption, two at
one instant on one line: whatever is done is one after the other, the rest is told in words, and
nothing is left open. Those that stay under way are in test_changing_pairs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from django.db import connections

from kaitong.charging import services as charging
from kaitong.charging.models import Rent
from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid7
from kaitong.inventory import services as inventory
from kaitong.ordering import authenticating, bindings, rents
from kaitong.ordering.models import Order, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party.names import parse_phone
from kaitong.playbooks import changing
from kaitong.web.tests import world as making
from kaitong.web.tests.test_cases_in_life import FAMILY, priced
from kaitong.web.tests.test_changing_pairs import ASKED, LIMITS
from kaitong.web.tests.world import request, resident_number

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()
# his own numbers: bound by the one kind, the other registered with his document
BOUND, FREE = "1395598{serial:04d}", "138559{serial:05d}"
ANSWERS: dict[str, tuple[str, dict[str, object]]] = {
    "change-data": ("", {"phone": "1395590{serial:04d}"}),
    "bind-number": ("", {"number": FREE, "case": FAMILY, "document": "{document}"}),
    "unbind-number": ("", {"number": BOUND}),
    "change-case": ("customer.unused", {"case": "none"}),
    "resume": ("customer.back", {}),
    **ASKED,
}
# of a line with a case and its number; of one without; of one that is suspended
WITH_CASE = [
    ("unbind-number", "unbind-number"), ("change-case", "change-case"),
    ("unbind-number", "change-case"), ("unbind-number", "transfer"), ("change-case", "cancel"),
    ("change-data", "change-case"), ("change-data", "transfer"), ("change-data", "change-data"),
]  # fmt: skip
WITHOUT = [
    ("bind-number", "bind-number"),
    ("bind-number", "cancel"),
    ("bind-number", "change-data"),
]
STOPPED = [("resume", "resume"), ("resume", "cancel"), ("resume", "change-password")]
TRIED = [("case", p) for p in WITH_CASE] + [("none", p) for p in WITHOUT]
TRIED += [("stopped", p) for p in STOPPED]


@pytest.fixture
def county(db, nothing_kept):
    return making.build(rooms=len(TRIED) + 4, boxes=4)


def line_of(county, serial: int, kind: str):
    line = county.line(serial)
    charging.void_due(actor=SYSTEM, order_id=line.order_id)
    inventory.set_password(actor=SYSTEM, service_id=line.id, password="the-old-one")
    order = Order.objects.get(pk=line.order_id)
    if kind == "case":
        number = BOUND.format(serial=serial)
        asked = request(serial, line.address_id).items[0]
        order.prices = [priced(replace(asked, case=FAMILY, bound_number=number))]
        order.save(update_fields=["prices"])
        bindings.bind(order, item_id="1", case=FAMILY, number=parse_phone(number))
    rents.begin(actor=SYSTEM, order=order, item=order.items.get())
    if kind == "stopped":
        inventory.suspend(actor=SYSTEM, service_id=line.id, kind="request", reason="test")
    return line


def test_two_at_one_instant_are_one_after_the_other(county):
    clerks = (county.actor("clerk"), county.actor("supervisor"))
    for serial, (kind, pair) in enumerate(TRIED, start=1):
        line = line_of(county, serial, kind)
        holder = resident_number(serial)
        gate = Barrier(2)
        for flow, clerk in zip(pair, clerks, strict=True):
            authenticating.authenticate(
                actor=clerk, service_id=line.id, kind="account-document", limits=LIMITS,
                procedure=flow, given={"account": line.account, "document_number": holder},
            )  # fmt: skip

        def ask(flow, clerk, line=line, serial=serial, gate=gate, holder=holder):
            reason, answers = ANSWERS[flow]
            data = {
                name: value.format(serial=serial, document=holder)
                if isinstance(value, str)
                else value
                for name, value in answers.items()
            }
            gate.wait(10)
            try:
                return changing.request_change(
                    actor=clerk, service_id=line.id, procedure=flow, key=str(uuid7()),
                    data=data, reason=reason,
                )  # fmt: skip
            except KaitongError as refused:
                return refused
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, pair, clerks))
        told = [a for a in answers if isinstance(a, KaitongError)]
        assert len(told) < 2, (pair, answers)
        assert all(one.what for one in told), pair
        done = [f for f, a in zip(pair, answers, strict=True) if isinstance(a, Order)]
        changes = ServiceChange.objects.filter(service_id=line.id)
        assert sorted(c.procedure for c in changes) == sorted(done), pair
        assert changes.filter(ended_at=None).count() <= 1, pair
        # what two clicks of one would do twice was done once
        if pair[0] == pair[1] and pair[0] != "change-data":
            assert len(told) == 1, (pair, answers)
        assert len(bindings.living_of(line.id)) <= 1, pair
        assert Rent.objects.filter(service_id=line.id, until=None).count() <= 1, pair
