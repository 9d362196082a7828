"""Money: raised once, paid once whatever is clicked, given back the way it came, always balanced,
denied to other branches, and kept by the database itself."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction

from kaitong.charging import queries, services
from kaitong.charging.models import Charge, JournalEntry, JournalLine, Payment
from kaitong.charging.services import NewCharge
from kaitong.core.errors import Conflict, NotFound, Refused

pytestmark = pytest.mark.django_db
ORDER = uuid4()
CHARGES = [
    NewCharge("install", "安装费", 10000, refund_rule="full-until-installed"),
    NewCharge("monthly", "300M 家庭宽带 10 月", 7026, item="1", note="按天，22 / 31 天"),
    NewCharge("gift", "赠送", 0),
]


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def foreigner(other_county, staff_of):
    return staff_of(other_county, "foreign", "clerk")


def raise_charges(clerk, order=ORDER):
    return services.raise_charges(
        actor=clerk, branch_id=clerk.branch_id, order_id=order, charges=CHARGES
    )


def pay(clerk, key="k1", method="cash", **more):
    return services.pay(actor=clerk, order_id=ORDER, method=method, key=key, **more)


def test_charges_are_raised_once(clerk):
    first, again = raise_charges(clerk), raise_charges(clerk)
    assert [c.pk for c in first] == [c.pk for c in again]
    assert queries.money(clerk, ORDER).due_fen == 17026
    assert JournalEntry.objects.count() == 2
    assert queries.balances(clerk)["receivable"] == 17026


def test_charge_of_less_than_nothing_is_refused(clerk):
    with pytest.raises(Refused):
        services.raise_charges(
            actor=clerk,
            branch_id=clerk.branch_id,
            order_id=ORDER,
            charges=[NewCharge("x", "x", -1)],
        )
    assert not Charge.objects.exists()


def test_double_click_on_pay_changes_nothing(clerk):
    raise_charges(clerk)
    first, again = pay(clerk), pay(clerk)
    assert first.pk == again.pk
    assert first.amount_fen == 17026
    assert Payment.objects.count() == 1
    moved = {key: fen for key, fen in queries.balances(clerk).items() if fen}
    assert moved == {"cash": 17026, "revenue": -17026}


def test_paying_again_with_another_key_is_a_conflict(clerk):
    raise_charges(clerk)
    pay(clerk)
    with pytest.raises(Conflict, match="已收"):
        pay(clerk, key="k2")
    with pytest.raises(Conflict):
        pay(clerk, method="card")
    assert Payment.objects.count() == 1


def test_nothing_to_pay_is_refused(clerk):
    with pytest.raises(Refused, match="没有待收"):
        pay(clerk)
    assert not Payment.objects.exists()


def test_sum_that_changed_since_the_page_was_shown_is_a_conflict(clerk):
    raise_charges(clerk)
    with pytest.raises(Conflict, match="变动"):
        pay(clerk, expected_fen=10000)
    assert not Payment.objects.exists()
    assert pay(clerk, expected_fen=17026).amount_fen == 17026


def test_unknown_method_is_refused(clerk):
    raise_charges(clerk)
    with pytest.raises(Refused, match="收费方式"):
        pay(clerk, method="shells")


@pytest.mark.parametrize(
    ("method", "state", "account"),
    [("cash", "paid", "cash"), ("card", "paid", "card"), ("bill", "billed", "bill")],
)
def test_refund_goes_back_the_way_it_came(clerk, method, state, account):
    raise_charges(clerk)
    paid = pay(clerk, method=method)
    assert set(Charge.objects.values_list("state", flat=True)) == {state}

    first = services.refund(actor=clerk, order_id=ORDER, key="r1", reason="撤单")
    again = services.refund(actor=clerk, order_id=ORDER, key="r1", reason="撤单")

    assert [p.pk for p in first] == [p.pk for p in again]
    charge = Charge.objects.filter(order_id=ORDER, refund__isnull=False).first()
    with pytest.raises(Conflict):
        services.refund(
            actor=clerk, order_id=ORDER, key="r1", reason="撤单", amounts={charge.pk: 1}
        )
    assert Payment.objects.filter(order_id=ORDER, kind="refund").count() == len(first)
    assert (first[0].method, first[0].amount_fen, first[0].refund_of) == (method, 17026, paid)
    assert set(Charge.objects.values_list("state", flat=True)) == {"refunded"}
    assert queries.balances(clerk)[account] == 0
    assert set(queries.balances(clerk).values()) == {0}
    with pytest.raises(Refused, match="没有可退"):
        services.refund(actor=clerk, order_id=ORDER, key="r2", reason="撤单")


def test_part_of_a_charge_is_given_back_but_never_more_than_was_paid(clerk):
    install = raise_charges(clerk)[0]
    pay(clerk)
    services.refund(
        actor=clerk, order_id=ORDER, key="r1", reason="减免", amounts={install.pk: 4000}
    )
    install.refresh_from_db()
    assert (install.state, install.refunded_fen) == ("paid", 4000)
    with pytest.raises(Conflict):
        services.refund(
            actor=clerk, order_id=ORDER, key="r2", reason="减免", amounts={install.pk: 6001}
        )
    rest = services.refund(actor=clerk, order_id=ORDER, key="r3", reason="撤单")
    assert rest[0].amount_fen == 13026
    money = queries.money(clerk, ORDER)
    assert (money.collected_fen, money.refunded_fen, money.due_fen) == (17026, 17026, 0)


def test_refund_needs_a_reason(clerk):
    raise_charges(clerk)
    pay(clerk)
    with pytest.raises(Refused, match="原因"):
        services.refund(actor=clerk, order_id=ORDER, key="r", reason=" ")


def test_unpaid_charges_of_a_withdrawn_order_are_taken_back(clerk):
    raise_charges(clerk)
    assert len(services.void_due(actor=clerk, order_id=ORDER)) == 2
    assert services.void_due(actor=clerk, order_id=ORDER) == []
    assert services.void_due(actor=clerk, order_id=uuid4()) == []
    assert set(queries.balances(clerk).values()) == {0}
    with pytest.raises(Refused):
        pay(clerk)


def test_another_branch_neither_sees_nor_moves_money(clerk, foreigner):
    raise_charges(clerk)
    assert queries.charges(foreigner, ORDER) == []
    assert queries.money(foreigner, ORDER).total_fen == 0
    assert queries.timeline(foreigner, ORDER) == []
    assert queries.due_by_order(foreigner, [ORDER]) == {}
    assert set(queries.balances(foreigner).values()) == {0}
    with pytest.raises(NotFound):
        pay(foreigner)
    with pytest.raises(NotFound):
        services.refund(actor=foreigner, order_id=ORDER, key="r", reason="x")
    with pytest.raises(NotFound):
        services.raise_charges(
            actor=foreigner, branch_id=clerk.branch_id, order_id=ORDER, charges=CHARGES
        )
    services.void_due(actor=foreigner, order_id=ORDER)
    assert queries.money(clerk, ORDER).due_fen == 17026


def test_timeline_and_lists(clerk, django_assert_num_queries):
    raise_charges(clerk)
    assert queries.due_by_order(clerk, [ORDER, uuid4()]) == {ORDER: 17026}
    pay(clerk, method="card", reference="622848 / 094058")
    services.refund(actor=clerk, order_id=ORDER, key="r", reason="撤单")
    with django_assert_num_queries(4):
        entries = queries.timeline(clerk, ORDER)
    assert [(e["title"], e["text"]) for e in entries] == [
        ("计费", "安装费、300M 家庭宽带 10 月 · ¥170.26"),
        ("收费", "¥170.26 · 刷卡"),
        ("退费", "¥170.26 · 刷卡 · 撤单"),
    ]
    assert entries[1]["who"] == "clerk"
    with django_assert_num_queries(3):
        assert queries.money(clerk, ORDER).settled


@pytest.mark.parametrize("lines", [[], [100], [100, -99]])
@pytest.mark.django_db(transaction=True)
def test_database_refuses_an_entry_that_does_not_balance(county, lines):
    def post():
        with transaction.atomic():
            entry = JournalEntry.objects.create(
                branch=county, order_id=ORDER, kind="charge", key=f"bad {lines}"
            )
            JournalLine.objects.bulk_create(
                JournalLine(entry=entry, branch=county, account="cash", amount_fen=fen)
                for fen in lines
            )

    with pytest.raises(IntegrityError):
        post()
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE charging_journalline SET amount_fen = amount_fen * 2",
        "DELETE FROM charging_journalline",
        "UPDATE charging_journalentry SET kind = 'void'",
        "DELETE FROM charging_journalentry",
    ],
)
def test_database_keeps_the_journal(clerk, statement):
    raise_charges(clerk)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert queries.balances(clerk)["receivable"] == 17026


@pytest.mark.parametrize("keys", [["same"] * 6, [f"k{n}" for n in range(6)]], ids=["one", "six"])
@pytest.mark.django_db(transaction=True)
def test_six_clicks_at_once_pay_once(county, staff_of, keys):
    actor = staff_of(county, "clerk", "clerk")
    start, done, conflicts, errors = threading.Barrier(len(keys)), [], [], []

    def work(key):
        try:
            start.wait()
            raise_charges(actor)
            done.append(pay(actor, key=key).pk)
        except Conflict as error:
            conflicts.append(error)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Payment.objects.count() == 1
    assert len(set(done)) == 1
    assert len(done) + len(conflicts) == 6
    assert len(conflicts) == (0 if len(set(keys)) == 1 else 5)
    assert queries.balances(actor)["cash"] == 17026
    assert JournalEntry.objects.count() == 3
