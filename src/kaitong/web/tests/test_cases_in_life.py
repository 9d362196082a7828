"""Marketing cases of lines in use (营销案, BB-15): joined, left, changed, also with another plan;
what does not go together; told before, paid and bound as told."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest
from django.db import connections, transaction
from django.utils import timezone

from kaitong.catalog import queries as catalog
from kaitong.catalog.pricing import priced as charges
from kaitong.charging import services as charging
from kaitong.charging.models import Charge, Rent
from kaitong.core import db
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory.models import Service
from kaitong.ordering import bindings, case_rules, life, rents
from kaitong.ordering import services as ordering
from kaitong.ordering.errors import BadOrder
from kaitong.ordering.life_checks import months_left, term_of
from kaitong.ordering.models import NumberBinding, Order, OrderItem, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party import services as party
from kaitong.party.names import parse_phone
from kaitong.web.tests.test_changing import place, said
from kaitong.web.tests.test_flows import NEW_OWNER
from kaitong.web.tests.world import request as asked
from kaitong.web.tests.world import resident_number

SYSTEM = Actor.system()
NUMBER = "13855900001"
FAMILY, PREPAID = "home-300-family", "home-1000-prepaid"


@pytest.fixture
def line(world):
    """`line(1, case=…)`: a line in use that owes nothing and pays by the month."""

    def make(serial: int, plan: str = "home-300", case: str = "", number: str = ""):
        made = world.line(serial)
        order = Order.objects.get(pk=made.order_id)
        price = order.prices[0]
        if plan != "home-300" or case:
            request = asked(serial, made.address_id)
            item = replace(request.items[0], offering=plan, case=case, bound_number=number)
            price = priced(item)
            order.prices = [price]
            order.save(update_fields=["prices"])
        if number:
            bindings.bind(order, item_id="1", case=case, number=parse_phone(number))
        charging.void_due(actor=SYSTEM, order_id=made.order_id)
        rents.begin(actor=SYSTEM, order=order, item=OrderItem.objects.get(order=order))
        return made

    return make


def priced(item):
    """The price an order of this plan and case pins."""
    plan = catalog.offering(item.offering)
    case = catalog.offerings([item.case])[item.case] if item.case else None
    return {
        "item": "1",
        "offering": plan.key,
        "title": plan.title,
        "term": (case.term if case else "") or plan.term,
        "charges": charges(plan.charges, case.prices if case else (), ()),
        "case": {"key": case.key, "title": case.title, "version": "", "bound_number": ""}
        if case
        else None,
    }


@pytest.fixture
def counter(signed_in, part):
    """`counter(line, "change-case")` is the page of the proven customer; with answers the act."""
    clerk = signed_in("clerk")

    def at(service, procedure: str, serial: int = 1, **given):
        url = place(service, procedure)
        page = clerk.post(f"{url}prove", said(service, serial), headers=part).content.decode()
        if not given:
            return page
        hidden = {
            name: re.search(rf'name="{name}" value="([^"]+)"', page).group(1)
            for name in ("key", "plan")
        }
        return clerk.post(url, {**hidden, "reason": "customer.offer", **given}, headers=part)

    at.clerk = clerk
    return at


def order_of(answer) -> Order:
    assert "HX-Redirect" in answer.headers, answer.content.decode()[:5000]
    return Order.objects.get(pk=answer.headers["HX-Redirect"].split("/")[2])


def monthly(service) -> list[int]:
    rows = Rent.objects.filter(service_id=service.id, until=None)
    return list(rows.values_list("amount_fen", flat=True))


def due(order: Order) -> dict[str, int]:
    rows = Charge.objects.filter(order_id=order.id, state="due")
    return dict(rows.values_list("title", "amount_fen"))


def test_a_case_is_left_with_its_fee_and_its_number(line, counter):
    service = line(1, case=FAMILY, number=NUMBER)
    page = counter(service, "change-case")
    assert "退出营销案" in page
    assert "今日起月费由 ¥79.00 变为 ¥99.00" in page
    # 2,000 fen a month less, 24 months left, 30 %
    assert "原营销案还有 24 个月，提前退出须付 ¥144.00" in page
    assert "绑定的号码 138****0001 随之解绑" in page
    wrong = counter(service, "change-case", case=PREPAID)  # of another plan
    assert "不能改成这个营销案" in wrong.content.decode()
    assert not ServiceChange.objects.exists()
    order = order_of(counter(service, "change-case", case="none"))
    assert monthly(service) == [9900]
    assert due(order) == {"营销案违约金": 14400}
    assert bindings.living_of(service.id) == []
    assert order.prices[0]["case"] is None
    # the plan's own contract stands in the case's place: leaving a case is no way out of both
    assert "套餐的合约仍到 " in page
    bound = term_of(inventory.service(SYSTEM, service.id))
    assert (bound.title, bound.case) == ("300M 家庭宽带", "")
    assert months_left(bound, timezone.localdate()) == 12
    (told,) = ServiceChange.objects.get().told
    assert told["before"] == "300M 全家享，月租 ¥79.00"
    assert told["after"] == "退出营销案"


def test_a_case_is_joined_from_today_with_what_it_adds(line, counter):
    service = line(1, plan="home-1000")
    page = counter(service, "change-case")
    assert "今日起月费由 ¥199.00 变为 ¥169.00" in page
    assert "另收预存话费 ¥240.00" in page
    counter.clerk.cookies["django_language"] = "en"
    assert "Also due: Prepayment ¥240.00" in counter(service, "change-case")
    counter.clerk.cookies["django_language"] = "zh-hans"
    order = order_of(counter(service, "change-case", case=PREPAID))
    assert monthly(service) == [16900]
    assert due(order) == {"预存话费": 24000}
    assert order.prices[0]["case"]["key"] == PREPAID
    assert order.prices[0]["term"] == "24 months"


def test_a_plan_without_any_case_says_so(line, counter):
    assert "这个套餐没有可办的营销案" in counter(line(1), "change-case")


def test_cases_that_do_not_go_together_are_refused_wherever_they_are_asked_for(
    world, line, counter
):
    """One customer, two lines: what he has on one is not to be had with it on the other."""
    has = line(1, case=FAMILY, number=NUMBER)
    other = line(2, plan="home-1000")
    Service.objects.filter(pk=other.id).update(customer_id=has.customer_id)
    page = counter(other, "change-case")
    assert "不能与“300M 全家享”同享" in page
    refused = counter(other, "change-case", case=PREPAID)
    assert "不能与“300M 全家享”同享" in refused.content.decode()
    assert not ServiceChange.objects.exists()
    assert monthly(other) == [19900]
    # nor is a line with it given to him
    theirs = line(4, plan="home-1000", case=PREPAID)
    given = {**NEW_OWNER, "owner_name": "李志伟", "owner_number": resident_number(1)}
    refused = counter(theirs, "transfer", 4, **given)
    assert "不能与“300M 全家享”同享" in refused.content.decode()
    # nor with a plan, nor with a new line
    plan = line(3)
    Service.objects.filter(pk=plan.id).update(customer_id=has.customer_id)
    given = {"offering": f"home-1000@{PREPAID}", "effective": "now"}
    refused = counter(plan, "change-plan", **given)
    assert "不能与“300M 全家享”同享" in refused.content.decode()
    new = asked(1, world.addresses[5])
    new = replace(new, items=(replace(new.items[0], offering="home-1000", case=PREPAID),))
    with pytest.raises(BadOrder, match="不能与“300M 全家享”同享"):
        ordering.submit(actor=world.actor("clerk"), request=new)
    # nor with another line of the same order
    both = asked(7, world.addresses[5])
    family, prepaid = (
        replace(both.items[0], item_id=item, offering=plan, case=case, bound_number=number)
        for item, plan, case, number in (
            ("1", "home-300", FAMILY, "13855900009"),
            ("2", "home-1000", PREPAID, ""),
        )
    )
    with pytest.raises(BadOrder, match="不能与“1000M 存费优惠”同享"):
        ordering.submit(actor=world.actor("clerk"), request=replace(both, items=(family, prepaid)))
    assert Order.objects.filter(items__action="add").count() == 4


def test_a_case_agreed_for_next_month_keeps_what_it_excludes_away_until_then(line, counter):
    """Else both stand when its day comes: neither line had a case when it was asked."""
    waiting, other = line(1), line(2)
    Service.objects.filter(pk=other.id).update(customer_id=waiting.customer_id)
    given = {"effective": "next-month", "reason": "customer.faster"}
    order = order_of(counter(waiting, "change-plan", offering=f"home-1000@{PREPAID}", **given))
    family = {"number": NUMBER, "document": resident_number(1), "case": FAMILY}
    refused = counter(other, "bind-number", **family).content.decode()
    assert "不能与“1000M 存费优惠”同享" in refused
    assert monthly(other) == [9900]
    ServiceChange.objects.filter(item__order=order).update(ended_at=order.ordered_at)  # withdrawn
    refused = counter(other, "bind-number", **family).content.decode()
    assert "同享" not in refused


def test_a_plan_is_changed_with_a_case_and_the_number_of_the_old_one_is_free(line, counter):
    service = line(1, case=FAMILY, number=NUMBER)
    page = counter(service, "change-plan")
    assert "1000M 家庭宽带 + 1000M 存费优惠" in page
    assert "参加营销案“1000M 存费优惠”。" in page
    assert "原营销案“300M 全家享”失效" in page
    given = {"offering": f"home-1000@{PREPAID}", "effective": "now", "reason": "customer.faster"}
    order = order_of(counter(service, "change-plan", **given))
    order.refresh_from_db()
    assert order.prices[0]["offering"] == "home-1000"
    assert order.prices[0]["case"]["key"] == PREPAID
    assert monthly(service) == [16900]
    assert due(order) == {"预存话费": 24000}
    assert not NumberBinding.objects.filter(ended_at=None).exists()
    told = {one["title"]: one["after"] for one in ServiceChange.objects.get().told}
    assert told["套餐"] == "1000M 家庭宽带 + 1000M 存费优惠"


@pytest.mark.django_db(transaction=True)
def test_a_binding_and_an_order_of_one_customer_wait_for_each_other_in_one_order(world, line):
    """The order has the customer's row and asks for his turn; the binding, by an agent, needs both:
    with the turn first, neither would ever go on."""
    service = line(1)
    party.add_phone(actor=SYSTEM, party_id=service.customer_id, phone=NUMBER)
    bound: list[Order] = []

    def bind() -> None:
        who = {"name": "王建国", "phone": "13855900099", "document_kind": "resident-id"}
        who |= {"document_number": resident_number(9), "long_term": True, "reader": True}
        answers = {
            "change.bind_number": NUMBER,
            "change.bind_document": resident_number(1),
            "change.case": FAMILY,
            "change.acting_by": "agent",
            "change.holder_original": True,
            **{f"change.agent_{name}": value for name, value in who.items()},
        }
        request = life.ChangeRequest(
            service_id=service.id,
            procedure="bind-number",
            key=str(uuid7()),
            answers=answers,
            vouched=True,
        )
        try:
            bound.append(life.request_change(actor=world.actor("clerk"), request=request))
        finally:
            connections.close_all()

    clerk = threading.Thread(target=bind)
    with transaction.atomic():
        party.add_phone(actor=SYSTEM, party_id=service.customer_id, phone="13855900098")
        clerk.start()
        for _look in range(200):  # until it waits for the customer's row
            if db.rows("select 1 from pg_locks where not granted"):
                break
            time.sleep(0.05)
        case_rules.take_turns(service.customer_id)
    clerk.join(30)
    assert [order.state for order in bound] == ["completed"]
