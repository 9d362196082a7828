"""变更办理 under attack: who guesses, who may not, what is forged, and two at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kaitong.charging import services as charging
from kaitong.inventory import services as inventory
from kaitong.ordering import authenticating, bindings
from kaitong.ordering.models import Authentication, Order, OrderItem, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party import services as party
from kaitong.party.names import parse_phone
from kaitong.web.tests.test_changing import hidden, place, said
from kaitong.web.tests.world import resident_number

LIMITS = {"tries": 5, "within_minutes": 15, "locked_minutes": 30, "good_for_minutes": 15}
NUMBER = "13855900001"


@pytest.fixture
def line(world):
    """A line in use that owes nothing."""
    made = world.line()
    charging.void_due(actor=Actor.system(), order_id=made.order_id)
    return made


def proven(client, service, procedure: str, part, serial: int = 1) -> dict[str, str]:
    url = place(service, procedure) + "prove"
    answer = client.post(url, said(service, serial), headers=part)
    return hidden(answer.content.decode())


@pytest.mark.parametrize("who", ["installer", "monitor", "service"])
def test_who_may_not_ask_for_a_change_hears_nothing_of_the_proof(line, signed_in, part, who):
    """Neither whether an answer is right, nor can he lock the customer out."""
    client = signed_in(who)
    for number in (resident_number(1), resident_number(2)):
        for headers in ({}, part):
            answer = client.post(
                place(line) + "prove", said(line, document_number=number), headers=headers
            )
            assert answer.status_code == 403
    assert not Authentication.objects.exists()


def test_nobody_proves_himself_for_what_only_machines_ask(line, signed_in, part):
    clerk = signed_in("clerk")
    answer = clerk.post(place(line, "suspend-arrears") + "prove", said(line), headers=part)
    assert answer.status_code == 403
    assert not Authentication.objects.exists()


def test_a_right_answer_of_one_kind_does_not_forgive_wrong_ones_of_another(world, line):
    """Who has the bound number would otherwise guess at the document for ever."""
    clerk = world.actor("clerk")
    order = Order.objects.get(pk=line.order_id)
    bindings.bind(order, item_id="1", case="home-300-family", number=parse_phone(NUMBER))

    def tried(kind: str, **given: str) -> bool:
        try:
            authenticating.authenticate(
                actor=clerk,
                service_id=line.id,
                kind=kind,
                given=given,
                limits=LIMITS,
                procedure="suspend",
            )
        except authenticating.BadOrder:
            return False
        return True

    wrong = {"account": line.account, "document_number": resident_number(2)}
    for _try in range(4):
        assert not tried("account-document", **wrong)
    assert tried("bound-number", bound_number=NUMBER)
    assert not tried("account-document", **wrong)
    with pytest.raises(authenticating.OrderRefused, match="已锁定"):
        tried("account-document", **wrong)


def test_a_number_of_another_line_of_the_order_proves_nothing(world, line):
    order = Order.objects.get(pk=line.order_id)
    OrderItem.objects.create(
        order=order, branch_id=order.branch_id, item_id="2", action="add", position=2
    )
    bindings.bind(order, item_id="2", case="home-300-family", number=parse_phone(NUMBER))
    with pytest.raises(authenticating.BadOrder, match="没有绑定在这条宽带上"):
        authenticating.authenticate(
            actor=world.actor("clerk"),
            service_id=line.id,
            kind="bound-number",
            given={"bound_number": NUMBER},
            limits=LIMITS,
            procedure="suspend",
        )


@pytest.mark.parametrize(
    ("procedure", "guess"),
    [
        (
            "change-password",
            {
                "old_password": "guessed1",
                "password": "brand-new-1",
                "password_again": "brand-new-1",
            },
        ),
        (
            "bind-number",
            {"number": NUMBER, "document": resident_number(2), "case": "home-300-family"},
        ),
    ],
)
def test_guessing_in_the_form_of_a_proven_customer_counts_too(
    line, signed_in, part, procedure, guess
):
    clerk = signed_in("clerk")
    inventory.set_password(actor=Actor.system(), service_id=line.id, password="the-old-one")
    page = proven(clerk, line, procedure, part)
    for _try in range(5):
        refused = clerk.post(place(line, procedure), {**page, **guess}, headers=part)
        assert refused.status_code == 422
        assert "鉴权错误次数过多" not in refused.content.decode()
    right = {"old_password": "the-old-one", "document": resident_number(1)}
    locked = clerk.post(
        place(line, procedure),
        {**page, **guess, **{k: v for k, v in right.items() if k in guess}},
        headers=part,
    )
    assert "鉴权错误次数过多" in locked.content.decode()
    assert not ServiceChange.objects.exists()


def test_a_proof_of_the_old_owner_is_void_once_the_line_is_another_s(line):
    proof = Authentication.objects.create(
        branch_id=line.branch_id, service_id=line.id, kind="account-document", ok=True
    )
    authenticating.forget(line.id)
    proof.refresh_from_db()
    assert proof.used_at is not None


def test_a_key_of_other_business_is_no_answer(world, line, signed_in, part):
    clerk, other = signed_in("clerk"), world.line(2)
    page = proven(clerk, line, "suspend", part)
    assert clerk.post(place(line), {**page, "reason": "customer.away"}, headers=part).headers[
        "HX-Redirect"
    ]
    clerk.post(place(other) + "prove", said(other, 2), headers=part)
    answer = clerk.post(place(other), {"key": page["key"], "reason": "customer.away"}, headers=part)
    assert answer.status_code == 422
    assert "已用于另一笔业务" in answer.content.decode()
    assert ServiceChange.objects.count() == 1


@pytest.mark.parametrize("key", ["", "a", "x" * 5000, "编号", "1; drop"])
def test_a_key_that_is_none_is_told_and_the_page_has_a_new_one(line, signed_in, part, key):
    clerk = signed_in("clerk")
    proven(clerk, line, "bind-number", part)
    answer = clerk.post(place(line, "bind-number"), {"key": key}, headers=part)
    assert answer.status_code == 422
    assert re.fullmatch(r"[0-9a-f-]{36}", hidden(answer.content.decode())["key"])


@pytest.mark.django_db(transaction=True)
def test_two_clerks_with_different_flows_on_one_line_one_is_told(line, signed_in, part):
    """At the same instant: one change begins, the other hears of it and keeps its proof."""
    asked = []
    for who, procedure, answers in (
        ("clerk", "suspend", {"reason": "customer.away"}),
        ("supervisor", "change-data", {"phone": "13855912345"}),
    ):
        client = signed_in(who)
        page = proven(client, line, procedure, part)
        asked.append((client, place(line, procedure), {**page, **answers}))

    def post(one):
        client, url, given = one
        try:
            answer = client.post(url, given, headers=part)
            return answer.status_code, "HX-Redirect" in answer.headers
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(post, asked))
    begun = ServiceChange.objects.count()
    assert sum(went for _status, went in answers) == begun
    assert all(status in (200, 409, 422) for status, _went in answers)
    assert 1 <= begun <= 2  # the second may come when the first has ended
    assert Authentication.objects.filter(ok=True, used_at=None).count() == 2 - begun


@pytest.mark.parametrize("procedure", ["transfer", "cancel", "bind-number"])
def test_a_plan_agreed_for_next_month_does_not_outlive_its_customer(
    line, signed_in, part, procedure
):
    """It is withdrawn first: else the former owner pays on, it comes to a line that is gone, or
    what was pinned of today's plan and case undoes what was changed since."""
    clerk = signed_in("clerk")
    given = {
        **proven(clerk, line, "change-plan", part),
        "offering": "home-1000",
        "effective": "next-month",
        "reason": "customer.faster",
    }
    done = clerk.post(place(line, "change-plan"), given, headers=part)
    assert "HX-Redirect" in done.headers, done.content.decode()
    change = ServiceChange.objects.get()
    assert change.waits_until is not None
    html = clerk.get(place(line, procedure)).content.decode()
    assert f"约定了变更套餐，{change.agreed['since']} 生效" in html
    assert change.item.order.number in html
    asked = {"key": "01a21573-3bed-709c-913d-ec2d5fe03131", "reason": "other.other"}
    refused = clerk.post(place(line, procedure), asked, headers=part)
    assert refused.status_code == 422
    assert ServiceChange.objects.count() == 1
    assert "停机" in clerk.get(place(line)).content.decode()  # which may be done meanwhile


@pytest.mark.django_db(transaction=True)
def test_two_clerks_bind_two_numbers_at_once_and_one_is_bound(world, line, signed_in, part):
    """A binding ends within its request: the second must see it, not what was before."""
    party.add_phone(actor=world.actor("clerk"), party_id=line.customer_id, phone="13855907001")
    party.add_phone(actor=world.actor("clerk"), party_id=line.customer_id, phone="13855907002")
    asked = []
    for who, number in (("clerk", "13855907001"), ("supervisor", "13855907002")):
        client = signed_in(who)
        answers = {"number": number, "document": resident_number(1), "case": "home-300-family"}
        asked.append((client, {**proven(client, line, "bind-number", part), **answers}))

    def post(one):
        client, given = one
        try:
            return client.post(place(line, "bind-number"), given, headers=part).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(post, asked)) == [200, 422]
    assert len(bindings.living_of(line.id)) == 1
