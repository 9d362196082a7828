"""变更套餐 against the real AAA server: told before, changed live, paid from its day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from kaitong.charging import queries as money
from kaitong.charging.models import Charge, Rent
from kaitong.core.clock import frozen, now
from kaitong.core.errors import BadInput, KaitongError
from kaitong.lab.nas import ReportedSessions
from kaitong.messaging.models import Notice
from kaitong.ordering import services as ordering
from kaitong.ordering.errors import OrderRefused, WrongOrderState
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Order, ServiceChange
from kaitong.ordering.plan_change import Subject, explained, offers_of
from kaitong.playbooks import changing
from tests.path.moves_kit import SYSTEM, ask, fresh, opened, prove

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]
LATER = {"reason": "customer.faster", "offering": "home-1000", "effective": "next-month"}
NOW = {**LATER, "effective": "now"}


@pytest.fixture
def line(office, radius, lab, modem):
    return opened(office, lab, modem)


def test_the_live_session_gets_the_new_speed_and_the_rent_changes_today(line, office, lab, modem):
    order = ask(office, line, "change-plan", **NOW)
    office.work_until_state(order, "completed")
    service = fresh(line.id)
    assert (service.title, service.state) == ("1000M 家庭宽带", "active")
    assert service.characteristics["down_mbps"] == 1000
    (session,) = modem.open_sessions(service.account)  # it was never cut
    given = ReportedSessions(lab.home, lab.nas_folder / "changes.json").changed()[session]
    assert given["WISPr-Bandwidth-Max-Down"] == "1000000000"
    today = timezone.localdate(now())
    rents = {r.offering: (r.amount_fen, r.since, r.until) for r in Rent.objects.all()}
    assert rents["home-1000"] == (19900, today, None)
    assert rents["home-300"][2] == today
    (told,) = Notice.objects.filter(order_id=order.id, kind="plan-changed")
    assert "1000M 家庭宽带" in told.text
    assert not ServiceChange.objects.filter(ended_at=None).exists()


def test_next_month_waits_and_leaves_the_line_to_others(line, office, lab, modem):
    order = ask(office, line, "change-plan", **LATER)
    office.work()
    assert fresh(line.id).title == "300M 家庭宽带"
    with pytest.raises(KaitongError, match="正在办理变更套餐"):
        ask(office, line, "change-plan", **NOW)  # one at a time of its own kind
    assert plan_of(office.people["clerk"], line.id, "change-plan").refusal
    change = ServiceChange.objects.get()
    first = timezone.localtime(change.waits_until)
    assert (first.day, first.hour, first.minute) == (1, 0, 0)
    with frozen(change.waits_until + timedelta(minutes=1)):
        office.work_until_state(order, "completed", seconds=30)
    assert fresh(line.id).title == "1000M 家庭宽带"
    assert Rent.objects.get(offering="home-1000").since == first.date()
    assert Rent.objects.get(offering="home-300").until == first.date()


def test_before_its_day_it_may_be_withdrawn_and_nothing_has_changed(line, office):
    order = ask(office, line, "change-plan", **LATER)
    ordering.withdraw(
        actor=office.people["clerk"], order_id=order.id, reason="customer.no-need", key="w"
    )
    office.work_until_state(order, "cancelled")
    service = fresh(line.id)
    assert (service.title, service.state, service.account) == (
        "300M 家庭宽带",
        "active",
        line.account,
    )
    assert not ServiceChange.objects.filter(ended_at=None).exists()
    ask(office, line, "change-plan", **LATER)  # free again


def test_leaving_the_contract_early_is_told_and_charged_once(line, office):
    up = ask(office, line, "change-plan", **NOW)
    office.work_until_state(up, "completed")
    subject = Subject(
        office.people["clerk"],
        fresh(line.id),
        plan_of(office.people["clerk"], line.id, "change-plan").procedure,
        now(),
    )
    (offer,) = offers_of(subject)
    # 24 months of 100 yuan less, 30 percent of it, at most 300 yuan
    assert (offer.months_left, offer.fee_fen) == (24, 30000)
    assert any("¥300.00" in sentence for sentence in explained(subject, offer))
    warned = [f.what for f in plan_of(office.people["clerk"], line.id, "change-plan").warnings]
    assert any("合约到" in what for what in warned)
    down = ask(
        office,
        fresh(line.id),
        "change-plan",
        reason="customer.cheaper",
        offering="home-300",
        effective="now",
    )
    office.work_until_state(down, "completed")
    assert [(c.title, c.amount_fen) for c in Charge.objects.filter(order_id=down.id)] == [
        ("提前变更违约金", 30000)
    ]
    # whoever owes changes nothing more
    with pytest.raises(OrderRefused, match="还欠"):
        ask(office, fresh(line.id), "change-plan", **NOW)
    assert money.due_by_order(SYSTEM, [down.id]) == {down.id: 30000}


def test_what_cannot_be_is_refused_with_what_can(line, office):
    with pytest.raises(BadInput, match="可以改成") as same:
        ask(office, line, "change-plan", reason="customer.faster", offering="home-300",
            effective="now")  # fmt: skip
    assert same.value.faults[0].field == "offering"
    with pytest.raises(BadInput):
        ask(office, line, "change-plan", reason="customer.faster", offering="home-1000",
            effective="yesterday")  # fmt: skip
    assert not ServiceChange.objects.filter(ended_at=None).exists()


def test_a_colleagues_proof_is_none(line, office):
    prove(office, line, "change-plan", by="supervisor")
    with pytest.raises(OrderRefused, match="还没有鉴权"):
        changing.request_change(
            actor=office.people["clerk"], service_id=line.id, procedure="change-plan", key="k",
            data={"offering": "home-1000", "effective": "now"}, reason="customer.faster",
        )  # fmt: skip
    with pytest.raises(BadInput, match="证件号码与开户登记的不符"):
        prove(office, line, "change-plan", document="341022198001011234")


def test_asked_twice_at_once_is_changed_once(line, office):
    prove(office, line, "change-plan")

    def go(key):
        try:
            return changing.request_change(
                actor=office.people["clerk"], service_id=line.id, procedure="change-plan",
                key=key, data={"offering": "home-1000", "effective": "now"},
                reason="customer.faster",
            )  # fmt: skip
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(go, ["same", "same", "other", "third"]))
    made = {a.pk for a in answers if isinstance(a, Order)}
    assert len(made) == 1
    assert all(isinstance(a, (Order, OrderRefused, WrongOrderState)) for a in answers)
    assert ServiceChange.objects.count() == 1


def test_the_aaa_server_away_in_the_middle_only_delays(line, office, lab):
    lab.stop_server()
    order = ask(office, line, "change-plan", **NOW)
    office.work()
    assert office.show(order)["state"] == "inProgress"
    assert fresh(line.id).title == "1000M 家庭宽带"  # recorded, and waiting to be sent
    lab.up()
    with frozen(now() + timedelta(minutes=2)):  # the command's own time to try again
        office.work_until_state(order, "completed", seconds=60)
    assert fresh(line.id).title == "1000M 家庭宽带"
