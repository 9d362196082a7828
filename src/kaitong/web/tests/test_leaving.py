"""Leaving a marketing case within its term (营销案违约): each way out told before, charged as told,
counted as arrears, let go only by who may; rules as they were signed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from kaitong.catalog import leaving as rules
from kaitong.charging import books
from kaitong.charging import queries as money
from kaitong.charging import services as charging
from kaitong.charging.models import BillLine, Charge
from kaitong.core import clock
from kaitong.core.audit import AuditEntry
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.ordering import fees, leaving, life_checks, life_plans, life_sums, rents, till
from kaitong.ordering.errors import BadOrder, OrderForbidden, PlanChanged
from kaitong.ordering.life_checks import Subject, term_of
from kaitong.ordering.models import Order, OrderNote, ServiceChange
from kaitong.org.actor import Actor
from kaitong.web.tests.test_cases_in_life import (  # noqa: F401  fixtures
    FAMILY,
    NUMBER,
    PREPAID,
    SYSTEM,
    counter,
    due,
    line,
    monthly,
    order_of,
)
from kaitong.web.tests.test_changing import place
from kaitong.web.tests.test_flows import NEW_OWNER

SHARE = {"share": 30, "most": 30000}


def sign(service, **ways) -> None:
    """The case says this of the ways out, as the line's order pinned it."""
    order = Order.objects.get(pk=service.order_id)
    order.prices[0]["case"]["leaving"] = ways
    order.save(update_fields=["prices"])


@pytest.mark.parametrize(
    ("rule", "less", "months", "fen"),
    [
        ("nothing", 2000, 12, 0),
        ({"fixed": 20000}, 0, 1, 20000),
        (SHARE, 2000, 24, 14400),
        (SHARE, 2005, 7, 4210),  # 4,210.5 fen: what is less than a fen is not asked for
        (SHARE, 900000, 24, 30000),
        (SHARE, -5, 24, 0),
    ],
)
def test_a_rule_is_counted_in_whole_fen(rule, less, months, fen):
    assert rules.fee_of(rule, less_fen=less, months=months) == fen


def test_unbinding_costs_what_was_told_and_a_supervisor_may_let_it_go(
    world,
    line,  # noqa: F811
    counter,  # noqa: F811
    signed_in,
    part,
):
    service = line(1, case=FAMILY, number=NUMBER)
    sign(service, unbind=SHARE)
    page = counter(service, "unbind-number")
    assert "营销案“300M 全家享”还有 24 个月，提前退出须付 ¥144.00" in page
    order = order_of(counter(service, "unbind-number", number=NUMBER))
    assert due(order) == {"营销案违约金": 14400}
    assert monthly(service) == [9900]
    assert "还欠 ¥144.00" in counter(service, "change-plan")  # arrears count it
    (told,) = fees.of_orders(SYSTEM, [order.id])[order.id]
    assert (told.title, told.amount_fen, told.state) == ("营销案违约金", 14400, "due")
    # let go: not by a clerk, not without a reason, once
    (charge,) = Charge.objects.filter(order_id=order.id)
    given = {"order_id": order.id, "charge_id": charge.id}
    with pytest.raises(OrderForbidden):
        fees.waive(actor=world.actor("clerk"), reason="客户投诉属实", **given)
    boss, url = signed_in("supervisor"), f"/orders/{order.id}/waive/{charge.id}"
    assert signed_in("clerk").get(url).status_code == 403
    assert "减免营销案违约金 ¥144.00" in boss.get(url, headers=part).content.decode()
    assert "减免营销案违约金 ¥144.00" in boss.get(url).content.decode()  # a page of its own, too
    assert "没有写减免原因" in boss.post(url, {"reason": " "}).content.decode()
    with pytest.raises(BadOrder):
        fees.waive(actor=world.actor("supervisor"), reason=" ", **given)
    assert Charge.objects.get(pk=charge.pk).state == "due"
    for _again in range(2):
        said = boss.post(url, {"reason": "客户投诉属实，同意减免"}, headers=part)
        assert "HX-Redirect" in said.headers
    assert due(order) == {}
    late = boss.get(url)  # a page that was open since before
    assert (late.status_code, "这项费用已经不是待收" in late.content.decode()) == (409, True)
    assert OrderNote.objects.get(order=order, kind="fee-waived").data["sum"] == "¥144.00"
    (entry,) = AuditEntry.objects.filter(kind="fee-waived")
    assert entry.data["reason"] == "客户投诉属实，同意减免"
    assert "还欠" not in counter(service, "change-plan")


def test_a_case_signed_without_rules_is_left_for_nothing(line, counter):  # noqa: F811
    service = line(1, case=FAMILY, number=NUMBER)
    assert "提前退出须付" not in counter(service, "unbind-number")
    assert due(order_of(counter(service, "unbind-number", number=NUMBER))) == {}


@pytest.mark.parametrize("way", ["along", "refuse", "paid"])
def test_given_to_another_the_case_goes_along_or_forbids_it_or_is_paid(line, counter, way):  # noqa: F811
    service = line(2, plan="home-1000", case=PREPAID)
    sign(service, transfer={"fixed": 20000} if way == "paid" else way)
    page = counter(service, "transfer", 2)
    owner = {**NEW_OWNER, "reason": "customer.family"}
    match way:
        case "refuse":
            assert 'id="refusal"' in page
            assert "期内不能退出" in page
            return
        case "along":
            assert "随业务转给新机主" in page
            order = order_of(counter(service, "transfer", 2, **owner))
            assert (due(order), monthly(service)) == ({}, [16900])
            assert term_of(inventory.service(SYSTEM, service.id)).case == PREPAID
        case "paid":
            assert "提前退出须付 ¥200.00" in page
            order = order_of(counter(service, "transfer", 2, **owner))
            # the former owner's order, and nothing of it is the new one's arrears
            assert (due(order), monthly(service)) == ({"营销案违约金": 20000}, [19900])
            now_is = inventory.service(SYSTEM, service.id)
            assert order.party_id != now_is.customer_id
            change = life_plans.procedure_of(now_is, "move")
            subject = Subject(SYSTEM, now_is, change, now())
            assert not list(life_checks.arrears(subject))
            former = replace(now_is, customer_id=order.party_id)
            assert list(life_checks.arrears(replace(subject, service=former)))


def test_a_lower_plan_or_the_end_asks_for_the_dearer_of_two_never_for_both(line, counter):  # noqa: F811
    service = line(2, plan="home-1000", case=PREPAID)
    sign(service, plan={"fixed": 500000}, cancel={"fixed": 900000})
    page = counter(service, "change-plan", 2)
    assert "原营销案还有 24 个月，提前退出须付 ¥5,000.00" in page
    assert "提前降档须付" not in page
    assert "提前销户须付违约金 ¥9,000.00" in counter(service, "cancel", 2)
    order = order_of(counter(service, "cancel", 2, reason="moving.away"))
    (told,) = fees.of_orders(SYSTEM, [order.id])[order.id]  # told though not charged yet
    assert (told.title, told.amount_fen, told.state) == ("营销案违约金", 900000, "")
    change = order.items.get().change
    assert change.told[-1]["after"] == "¥9,000.00（营销案剩余 24 个月）"
    # charged when the line ends, and let go before the order does: nothing is coming any more
    charge = charging.NewCharge(
        item="1", code="leave-case", title="营销案违约金", amount_fen=900000
    )
    charging.raise_charges(
        actor=SYSTEM, order_id=order.id, branch_id=order.branch_id, charges=[charge]
    )
    charging.void_due(actor=SYSTEM, order_id=order.id)
    assert fees.of_orders(SYSTEM, [order.id]) == {}
    assert books.check() == []


@pytest.mark.parametrize(
    ("procedure", "given", "was", "now_is"),
    [
        ("unbind-number", {"number": NUMBER}, "一次性 ¥144.00", "一次性 ¥300.00"),
        (
            "change-case",
            {"case": "none"},
            "每月 ¥99.00、一次性 ¥144.00",
            "每月 ¥99.00、一次性 ¥300.00",
        ),
    ],
)
def test_sums_that_changed_since_the_page_are_refused_with_both(
    line,  # noqa: F811
    counter,  # noqa: F811
    part,
    procedure,
    given,
    was,
    now_is,
):
    service = line(1, case=FAMILY, number=NUMBER)
    sign(service, unbind=SHARE, change=SHARE)
    page = counter(service, procedure)
    seen = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("key", "plan")}
    dearer = {"share": 100, "most": 30000}
    sign(service, unbind=dearer, change=dearer)
    act = {**seen, **given, "reason": "customer.offer"}
    said = counter.clerk.post(place(service, procedure), act, headers=part)
    assert said.status_code == 409
    assert f"刚才告知的是{was}，现在是{now_is}" in said.content.decode()
    assert not ServiceChange.objects.exists()
    order = order_of(counter(service, procedure, **given))  # told anew
    assert due(order) == {"营销案违约金": 30000}


def test_the_last_days_are_billed_and_paid_before_a_line_is_ended(line, counter):  # noqa: F811
    """结清: asked for, the running month is billed up to today, once, whatever becomes of it."""
    service = line(1)
    clerk, customer = Actor.system(), service.customer_id
    with clock.frozen(now() + timedelta(days=3)):
        page = counter(service, "cancel")
        assert "还没有出账，办理时出账结清" in page
        assert not BillLine.objects.exists()  # looking writes nothing
        refused = counter(service, "cancel", reason="moving.away")
        assert "还欠 ¥" in refused.content.decode()
        billed = BillLine.objects.count()
        rents.bill_now(actor=clerk, service_id=service.id)  # who was killed comes again
        assert BillLine.objects.count() == billed
        assert "还欠 ¥" in counter(service, "cancel")
        assert not ServiceChange.objects.exists()
        owed = money.arrears(customer_id=customer).owed_fen
        assert owed == sum(BillLine.objects.values_list("amount_fen", flat=True)) > 0
        till.receive(actor=clerk, customer_id=customer, method="cash", amount_fen=owed, key="k")
        order_of(counter(service, "cancel", reason="moving.away"))
        assert money.arrears(customer_id=customer).owed_fen == 0
    assert books.check() == []


def test_who_was_told_that_nothing_is_due_is_asked_for_nothing(monkeypatch):
    """A page that told no sum says so; one sent back with nonsense in it has told nothing."""
    now_due = life_sums.written({"": life_sums.Sums(once=10000)})
    monkeypatch.setattr(life_sums, "sums_of", lambda *_of: life_sums.read(now_due)[1])
    fingerprint, told = life_sums.read("f" + life_sums.written({}))
    assert (fingerprint, told) == ("f", {})
    with pytest.raises(PlanChanged, match=r"刚才告知的是不收费，现在是一次性 ¥100\.00"):
        life_sums.require(None, told, {})
    life_sums.require(None, life_sums.read("f" + now_due)[1], {})
    life_sums.require(None, life_sums.read("f")[1], {})  # no page has told anything
    for torn in ("f~=1.2", "f~a=1.2.-3.0", f"f~={'9' * 5000}.0.0.0", "f~=٣.٣.٣.٣", "f~~;;=.."):
        assert life_sums.read(torn) == ("f", {})


def test_the_rules_are_told_before_a_case_is_signed():
    assert leaving.told({"unbind": SHARE, "cancel": SHARE, "part": "nothing"}) == [
        "合约期内解绑号码、销户：须付剩余月数优惠额的 30%，最多 ¥300.00。"
    ]
