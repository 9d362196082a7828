"""改单 and the steps' own rules of withdrawing: what may be changed where, by whom, and why not."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Conflict, NotFound, Refused
from kaitong.core.home import library
from kaitong.ordering import amending, timeline
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order, OrderNote
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbooks
from kaitong.process import model
from kaitong.process import queries as process
from kaitong.web.tests import world as making
from kaitong.web.tests.conftest import nothing_kept

__all__ = ["nothing_kept"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, nothing_kept):
    return making.build(rooms=12, boxes=2)


def why(plan):
    return {rule.field: rule.why_not for rule in plan.fields}


def test_what_may_be_changed_where_it_stands_and_why_not(world):
    order = world.order(1)  # at the appointment
    plan = amending.amend_plan(world.actor("clerk"), order.id)
    assert why(plan) == {"appointment": "", "phone": "", "remark": ""}
    plan = amending.amend_plan(world.actor("installer"), order.id)
    assert why(plan)["remark"] == "这一步只有营业员可以改。"
    plan = amending.amend_plan(world.actor("network"), order.id)
    assert not plan.possible
    review = world.order(2, read=False)  # at the review of documents
    plan = amending.amend_plan(world.actor("clerk"), review.id)
    assert plan.steps == ("证件复核",)
    assert why(plan)["appointment"] == "订单在“证件复核”，这一步不能改。"
    with pytest.raises(NotFound):
        amending.amend_plan(world.actor("foreigner"), order.id)


def test_what_the_step_allows_is_changed_at_once_and_told(world):
    order, clerk = world.order(1), world.actor("clerk")
    start = (now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    plan = ordering.amend(
        actor=clerk,
        order_id=order.id,
        changes={
            "appointment": f"{start.isoformat()}/90",
            "phone": "13900001234",
            "remark": "门铃坏了",
        },
        reason="客户来电",
        expected=amending.amend_plan(clerk, order.id).at,
    )
    assert plan.possible
    found = Order.objects.get(pk=order.id)
    assert found.appointment_start == start
    assert found.appointment_end - start == timedelta(minutes=90)
    assert found.description == "门铃坏了"
    line = OrderNote.objects.get(order_id=order.id, kind="amended")
    assert line.data["fields"] == ["appointment", "phone", "remark"]
    assert "13900001234" not in str(line.data)  # never people's data in the timeline
    told = [e for e in timeline.timeline(clerk, found) if e.title == "改单"]
    assert "客户来电" in told[0].text


def test_every_fault_at_once_and_nothing_changed(world):
    order = world.order(1)
    with pytest.raises(BadInput) as caught:
        ordering.amend(
            actor=world.actor("installer"),
            order_id=order.id,
            changes={"phone": "13900001234", "remark": "x"},
            reason="y",
        )
    assert [f.field for f in caught.value.faults] == ["remark"]
    with pytest.raises(BadInput) as caught:
        ordering.amend(
            actor=world.actor("clerk"),
            order_id=order.id,
            changes={"remark": "x", "phone": "12"},
            reason="y",
        )
    assert caught.value.faults[0].field == "phone"
    with pytest.raises(BadInput):
        ordering.amend(
            actor=world.actor("clerk"), order_id=order.id, changes={"remark": "x"}, reason=" "
        )
    assert Order.objects.get(pk=order.id).description == ""
    assert not OrderNote.objects.filter(kind="amended").exists()


def test_who_saw_another_step_is_told(world):
    order = world.order(1)
    with pytest.raises(Conflict, match="别的环节"):
        ordering.amend(
            actor=world.actor("clerk"),
            order_id=order.id,
            changes={"remark": "x"},
            reason="y",
            expected="DocumentReview",
        )


def deployed(tmp_path, rule):
    """The shipped playbook with another rule at the appointment, as a version of its own."""
    folder = tmp_path / f"v{abs(hash(rule))}" / "home-broadband"
    shutil.copytree(library() / "home-broadband", folder)
    shutil.copytree(library() / "common", folder.parent / "common")
    path = folder / "processes" / "open.bpmn"
    text = path.read_text(encoding="utf-8")
    changed = text.replace('id="Appoint" name="预约派单"', f'id="Appoint" name="预约派单" {rule}')
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    playbooks.deploy(actor=Actor.system(), folder=folder)


def test_a_step_says_whether_and_by_whom_it_may_be_withdrawn(world, tmp_path):
    clerk = world.actor("clerk")
    deployed(tmp_path, 'kaitong:withdraw="no"')
    order = world.order(1)
    plan = orders.withdrawal_plan(clerk, order.id)
    assert plan.refusal == "订单在“预约派单”，这一步不能撤单。"
    with pytest.raises(Refused, match="不能撤单"):
        ordering.withdraw(actor=clerk, order_id=order.id, reason="customer.no-need", key="k")
    assert process.open_items_of(clerk, [order.id])  # nothing was taken back
    deployed(tmp_path, 'kaitong:withdraw="installer"')
    other = world.order(2)
    with pytest.raises(Refused, match="只有装维班组可以撤单"):
        ordering.withdraw(actor=clerk, order_id=other.id, reason="customer.no-need", key="k")
    made = ordering.withdraw(
        actor=world.actor("supervisor"), order_id=other.id, reason="customer.no-need", key="k"
    )
    assert made.reason_code == "customer.no-need"


def test_wrong_rules_are_refused_at_deployment():
    from kaitong.ordering import step_rules

    node = model.Node(
        id="A",
        name="A",
        kind=model.NodeKind.USER,
        extension={"amend": "colour:clerk phone:nobody", "withdraw": "no,clerk"},
    )
    found = [what for what, _remedy in step_rules.faults(node, ["clerk"])]
    assert found == [
        "No field 'colour' to amend.",
        "No post 'nobody'.",
        "'no' beside posts.",
    ]
