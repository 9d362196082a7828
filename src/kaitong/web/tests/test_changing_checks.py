"""What is looked at before a line is given away, moved, ended (过户、移机、销户前的检查): arrears,
contract, other services at the address, real name; and the receipt each flow prints (F-26..F-28).
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from django.utils import timezone

from kaitong.charging import services as charging
from kaitong.charging.models import Charge
from kaitong.core import clock
from kaitong.core.home import library
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Procedure
from kaitong.org.actor import Actor
from kaitong.party.models import IdentityDocument

SYSTEM = Actor.system()
BOOK = yaml.safe_load((library() / "home-broadband" / "playbook.yaml").read_text())
# what each of the three does about a finding; who wants to leave is not held by our own records
ASKED = {
    "transfer": {"arrears": "refuse", "term": "warn", "other": "warn", "real-name": "refuse"},
    "move": {"arrears": "refuse", "term": "warn", "other": "warn", "real-name": "refuse"},
    "cancel": {"arrears": "refuse", "term": "warn", "other": "warn", "real-name": "warn"},
}
SAID = {
    "arrears": "还欠 ¥50.00",
    "term": {"cancel": "提前销户须付违约金"},
    "other": "同一地址还有：300M 家庭宽带",
    "real-name": "有效期",
}


def arrears(line, world) -> None:
    Charge.objects.create(
        branch_id=line.branch_id, order_id=line.order_id, code="repair", title="维修费",
        amount_fen=5000, state="due",
    )  # fmt: skip


def other(line, world) -> None:
    order = world.order(1, address=1)  # his second line, in the same room
    charging.void_due(actor=SYSTEM, order_id=order.id)


def expired(line, world) -> None:
    yesterday = timezone.localdate(clock.now()) - timedelta(days=1)
    IdentityDocument.objects.filter(party=line.customer_id).update(valid_until=yesterday)


MADE = {"arrears": arrears, "other": other, "real-name": expired}


@pytest.mark.parametrize("check", ["arrears", "term", "other", "real-name"])
def test_each_check_is_made_before_transfer_move_and_cancellation(world, check):
    line = world.line(1)
    charging.void_due(actor=SYSTEM, order_id=line.order_id)
    if check in MADE:
        MADE[check](line, world)
    for procedure, does in ASKED.items():
        plan = plan_of(world.actor("clerk"), line.id, procedure)
        told = plan.refusal if does[check] == "refuse" else str(plan.warnings)
        said = SAID[check]
        said = said.get(procedure, "的合约到") if isinstance(said, dict) else said
        assert said in told, (procedure, check, plan.refusal, plan.warnings)
        assert plan.possible == (does[check] == "warn"), (procedure, check, plan.refusal)


def test_what_is_owed_leads_to_where_it_is_paid(world, signed_in):
    line = world.line(1)
    charging.void_due(actor=SYSTEM, order_id=line.order_id)
    arrears(line, world)
    client = signed_in("clerk")
    html = client.get(f"/services/{line.id}/do/cancel/").content.decode()
    link = f'href="/money/{line.customer_id}/"'
    assert link in html
    assert client.get(f"/money/{line.customer_id}/").status_code == 200
    charging.void_due(actor=SYSTEM, order_id=line.order_id)
    assert link not in client.get(f"/services/{line.id}/do/cancel/").content.decode()


def test_every_flow_of_the_counter_prints_its_receipt(world):
    """Each procedure that a clerk asks for has one paper of the moment it is taken in."""
    for key, entry in BOOK["processes"].items():
        papers = Procedure.objects.get(key=key, retired_at=None).papers.values()
        accepted = sorted(p["form"] for p in papers if p["when"] == "accepted")
        machine = entry.get("counter", {}).get("machine")
        form = {"suspend": "F-28", "resume": "F-28", "cancel": "F-27"}.get(key, "F-26")
        assert accepted == ([] if machine else [form]), key
        withdrawn = [p["title"] for p in papers if p["when"] == "withdrawn"]
        assert withdrawn == (["撤单受理单"] if "cancel" in entry else []), key
