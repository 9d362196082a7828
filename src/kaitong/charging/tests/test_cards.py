"""Recharge cards: once, to one account, locked after wrong tries, never kept in clear."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import connections

from kaitong.charging import arrears, books, cards
from kaitong.charging.cards import CardRow
from kaitong.charging.days import today
from kaitong.charging.models import CardTry, Payment, RechargeCard
from kaitong.core import db
from kaitong.core.errors import BadInput, Conflict, Forbidden, NotFound, Refused
from kaitong.party import services as party

GOOD, SECRET = "KT2026000001", "482913771204"


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def boss(county, staff_of):
    return staff_of(county, "boss", "supervisor")


@pytest.fixture
def customer(clerk):
    return party.register(actor=clerk, name="王明远", phone="13855900001").id


def row(serial=GOOD, secret=SECRET, fen=5000, until=None):
    return CardRow(serial, secret, fen, until or today() + timedelta(days=365))


@pytest.fixture
def stock(boss):
    cards.import_cards(actor=boss, batch="2026-11", rows=[row()])


def redeem(clerk, customer, secret=SECRET, serial=GOOD, key="k"):
    return cards.redeem(actor=clerk, customer_id=customer, serial=serial, secret=secret, key=key)


@pytest.mark.django_db
def test_a_card_is_good_once(clerk, customer, stock):
    first, again = redeem(clerk, customer), redeem(clerk, customer, secret="4829 1377 1204")
    assert first.pk == again.pk
    assert (first.amount_fen, first.method, first.reference) == (5000, "recharge", GOOD)
    other = party.register(actor=clerk, name="李四海", phone="13855900002").id
    for who, key in ((customer, "k2"), (other, "k3")):
        with pytest.raises(Conflict, match="已充值过"):
            redeem(clerk, who, key=key)
    assert arrears.arrears(customer_id=customer).balance_fen == 5000
    assert Payment.objects.count() == 1
    assert books.check() == []


@pytest.mark.django_db
def test_wrong_tries_lock_the_card_and_say_nothing_of_it(clerk, boss, customer, stock):
    said = set()
    for n in range(5):
        with pytest.raises(Refused) as refused:
            redeem(clerk, customer, secret=f"00000000{n:04}", key=f"w{n}")
        said.add(str(refused.value))
    assert RechargeCard.objects.get().state == "locked"
    assert CardTry.objects.count() == 5
    with pytest.raises(Refused, match="次数过多"):
        redeem(clerk, customer)  # the account waits, even with the right secret
    CardTry.objects.all().delete()
    with pytest.raises(Refused, match="已锁定"):
        redeem(clerk, customer)
    with pytest.raises(Refused) as refused:
        redeem(clerk, customer, serial="KT9999999999")
    assert said == {str(refused.value)}  # as if the serial did not exist
    with pytest.raises(Forbidden):
        cards.unlock_card(actor=clerk, serial=GOOD)
    cards.unlock_card(actor=boss, serial=GOOD)
    assert redeem(clerk, customer).amount_fen == 5000


@pytest.mark.django_db
@pytest.mark.parametrize(("change", "said"), [("void", "已作废"), ("late", "有效期")])
def test_what_is_out_of_use_is_refused_to_who_has_the_secret(
    clerk, boss, customer, stock, change, said
):
    if change == "void":
        cards.void_card(actor=boss, serial=GOOD, reason="丢失")
    else:
        RechargeCard.objects.update(expires_on=date(2020, 1, 1))
    with pytest.raises(Refused, match="不对"):
        redeem(clerk, customer, secret="000000000000")
    with pytest.raises(Refused, match=said):
        redeem(clerk, customer)
    assert not Payment.objects.exists()


@pytest.mark.django_db
def test_cards_come_by_batch_all_or_none_and_their_secrets_are_not_kept(boss, clerk, stock):
    again = cards.import_cards(actor=boss, batch="2026-11", rows=[row()])
    assert (again.added, again.same) == (0, 1)
    bad = [row("KT1"), row("KT2026000002", "short"), row("KT2026000003", fen=0), row(fen=9900)]
    with pytest.raises(BadInput) as refused:
        cards.import_cards(actor=boss, batch="b", rows=[*bad, row("KT2026000004")])
    assert len(refused.value.faults) == 4
    with pytest.raises(Forbidden):
        cards.import_cards(actor=clerk, batch="b", rows=[row("KT2026000005")])
    assert RechargeCard.objects.count() == 1
    kept = db.rows("SELECT to_jsonb(c)::text AS row FROM charging_rechargecard c")
    assert SECRET not in kept[0]["row"]


@pytest.mark.django_db
def test_cards_and_customers_of_other_branches_are_not_found(
    clerk, customer, stock, other_county, staff_of
):
    foreigner = staff_of(other_county, "f", "clerk", "supervisor")
    with pytest.raises(NotFound):
        redeem(foreigner, customer)
    with pytest.raises(NotFound):
        cards.void_card(actor=foreigner, serial=GOOD, reason="x")
    stranger = party.register(actor=foreigner, name="洪芳", phone="13855900009").id
    with pytest.raises(Refused, match="不对"):
        redeem(foreigner, stranger)
    assert RechargeCard.objects.get().state == "in-stock"


@pytest.mark.django_db(transaction=True)
def test_one_card_at_two_counters_at_once_is_used_once(county, staff_of):
    boss = staff_of(county, "b", "supervisor")
    clerks = [staff_of(county, f"c{n}", "clerk") for n in range(4)]
    cards.import_cards(actor=boss, batch="b", rows=[row()])
    people = [
        party.register(actor=boss, name="王明" + "甲乙丙丁"[n], phone=f"1385590000{n}").id
        for n in range(4)
    ]
    gate, said = threading.Barrier(4), []

    def at_counter(n):
        gate.wait(10)
        try:
            said.append(redeem(clerks[n], people[n], key=f"k{n}").amount_fen)
        except Conflict as refused:
            said.append(str(refused)[:8])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=at_counter, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, said)) == ["5000", *["这张卡已充值过。"] * 3]
    assert Payment.objects.count() == 1
    assert books.check() == []
