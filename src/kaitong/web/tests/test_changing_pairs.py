"""Every two flows on one line at one instant, and each with itself: one is taken in, the
other hears which is under way and what to do, and his customer's proof is not used up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations_with_replacement
from threading import Barrier

import pytest
from django.db import connections
from django.utils import timezone

from kaitong.charging import services as charging
from kaitong.charging.models import Bill
from kaitong.core.clock import now
from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid7
from kaitong.inventory import services as inventory
from kaitong.ordering import authenticating
from kaitong.ordering.models import Authentication, Order, Procedure, ServiceChange
from kaitong.org.actor import Actor
from kaitong.places.models import Address
from kaitong.playbooks import changing
from kaitong.web.tests import world as making
from kaitong.web.tests.world import resident_number

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()
LIMITS = {"tries": 5, "within_minutes": 15, "locked_minutes": 30, "good_for_minutes": 15}
PASSWORD = {"password": "Fresh-2026", "password_again": "Fresh-2026"}
# what each flow is asked with; those that end at once hold no line and stand elsewhere
ASKED: dict[str, tuple[str, dict[str, object]]] = {
    "suspend": ("customer.away", {}),
    "transfer": (
        "customer.family",
        {
            "owner_is": "individual", "owner_name": "程小满",
            "owner_phone": "13955902222", "owner_kind": "passport",
            "owner_number": "E12345678", "valid_until": "2036-01-01", "reader": True, **PASSWORD,
        },
    ),
    "cancel": ("moving.away", {}),
    "change-password": ("", {"old_password": "the-old-one", **PASSWORD}),
    "reset-password": ("", PASSWORD),
    "change-account": ("", {"mobile": "1395590{serial:04d}"}),
    "change-plan": ("customer.faster", {"offering": "home-1000", "effective": "now"}),
    "move": ("customer.house", {"address": "{room}"}),
    "suspend-arrears": ("", {}),
}  # fmt: skip
PAIRS = list(combinations_with_replacement(ASKED, 2))


@pytest.fixture
def county(db, nothing_kept):
    return making.build(rooms=len(PAIRS) + 10, boxes=16)


def owes(line) -> None:
    """A month of it is billed and long overdue."""
    today = timezone.localdate(now())
    charging.begin_rent(
        actor=SYSTEM, service_id=line.id, customer_id=line.customer_id,
        since=today - timedelta(days=40), rents=[charging.NewRent("rent", "月租", 9900)],
        playbook=line.playbook,
    )  # fmt: skip
    charging.bill_service(actor=SYSTEM, service_id=line.id, through=today)
    Bill.objects.filter(account__customer_id=line.customer_id).update(
        due_on=today - timedelta(days=60)
    )


def test_of_every_two_flows_at_once_one_is_taken_in_and_the_other_is_told(county):
    room = Address.objects.get(pk=county.addresses[-1]).full_text
    titles = dict(Procedure.objects.filter(retired_at=None).values_list("key", "title"))
    clerks = (county.actor("clerk"), county.actor("supervisor"))
    for serial, pair in enumerate(PAIRS, start=1):
        line = county.line(serial)
        charging.void_due(actor=SYSTEM, order_id=line.order_id)
        inventory.set_password(actor=SYSTEM, service_id=line.id, password="the-old-one")
        if "suspend-arrears" in pair:
            owes(line)
        askers = [
            SYSTEM if f == "suspend-arrears" else c for f, c in zip(pair, clerks, strict=True)
        ]
        for asker, flow in zip(askers, pair, strict=True):
            if asker.id is not None:
                authenticating.authenticate(
                    actor=asker, service_id=line.id, kind="account-document", limits=LIMITS,
                    procedure=flow,
                    given={
                        "account": line.account,
                        "document_number": resident_number(serial),
                    },
                )  # fmt: skip
        gate = Barrier(2)

        def ask(flow, asker, line=line, serial=serial, gate=gate):
            reason, answers = ASKED[flow]
            data = {
                name: value.format(serial=serial, room=room) if isinstance(value, str) else value
                for name, value in answers.items()
            }
            gate.wait(10)
            try:
                return changing.request_change(
                    actor=asker, service_id=line.id, procedure=flow, key=str(uuid7()), data=data,
                    reason=reason,
                )  # fmt: skip
            except KaitongError as refused:
                return refused
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, pair, askers))
        taken = [i for i, answer in enumerate(answers) if isinstance(answer, Order)]
        assert len(taken) == 1, (pair, answers)
        (winner,), loser = taken, answers[1 - taken[0]]
        said = f"{loser.what} {loser.remedy}"
        if "还欠" in said:  # who owes has less than these, whatever is under way
            assert pair[1 - winner] in ("transfer", "cancel", "change-plan", "move"), (pair, said)
            assert "请先收清欠费" in said, (pair, said)
        else:
            assert f"正在办理{titles[pair[winner]]}" in said, (pair, said)
            assert "请等那一单办完" in said, (pair, said)
        changes = ServiceChange.objects.filter(service_id=line.id)
        assert [c.procedure for c in changes] == [pair[winner]]
        if pair[winner] != "transfer":  # it voids every proof of its former owner
            used = Authentication.objects.filter(service_id=line.id, used_at__isnull=False)
            assert [a.clerk_id for a in used] == [i for i in (askers[winner].id,) if i is not None]
