"""撤回变更: what the network refuses of a change is taken back: network, inventory, money, order.

Against the real AAA server with a fault put into its tables, as a hand or a broken copy may do it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from kaitong.charging import queries as charges
from kaitong.charging.models import Charge, Payment
from kaitong.inventory.models import PoolNumber, Suspension
from kaitong.ordering import bindings
from kaitong.ordering import services as ordering
from kaitong.ordering.models import NumberBinding, Order, OrderNote, ServiceChange
from kaitong.process import queries as process
from kaitong.process.models import WorkItem
from tests.path.flows_kit import NEW_OWNER, PASSWORD, Case, Time
from tests.path.moves_kit import SYSTEM

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]
SPOILT = "NEW.value := 'spoilt'; RETURN NEW;"
KEPT = "RETURN NULL;"  # what shall be deleted stays


def owner_of(lab: Any) -> str:
    return str(lab.cluster.dsn(lab.settings().database))


@pytest.fixture
def broken(lab):
    """Break a table of the AAA server: what happens to which rows. Again mends what was before."""
    owner = owner_of(lab)
    tables = set()

    def mend(database: Any) -> None:
        for table in tables:
            database.execute(f"DROP TRIGGER IF EXISTS fault ON {table}")

    def fault(table: str, when: str, what: str, which: str) -> Callable[[], None]:
        with psycopg.connect(owner, autocommit=True) as database:
            mend(database)
            tables.add(table)
            database.execute(
                "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {what} END $$"
            )
            database.execute(
                f"CREATE TRIGGER fault BEFORE {when} ON {table} FOR EACH ROW WHEN ({which})"
                " EXECUTE FUNCTION fault()"
            )

        def whole() -> None:
            with psycopg.connect(owner, autocommit=True) as database:
                mend(database)

        return whole

    yield fault
    with psycopg.connect(owner, autocommit=True) as database:
        mend(database)


@pytest.fixture
def case(office, radius, lab, modem):
    return Case(office, lab, modem, Time(), "", 1)


def taken_back(case: Case, node: str) -> None:
    """Work of the network department, no incident; it takes the change back."""
    case.until(lambda: node in case.office.nodes(case.order), node)
    assert case.office.item(case.order, node).post == "network"
    assert not process.incidents(SYSTEM, business_id=case.order.id).rows
    found = "认证系统不接受，改日再办"
    with case.time.on():
        case.office.complete(case.order, node, decision="undo", found=found)
    case.until_state("failed")
    assert Order.objects.get(pk=case.order.id).reason == found
    change = ServiceChange.objects.get(item__order=case.order.id)
    assert change.ended_at is not None
    assert change.sealed is None
    assert not WorkItem.objects.filter(business_id=case.order.id, completed_at=None).exists()


def paid_by(case: Case) -> tuple[Any, list[tuple[str, int]]]:
    """Who pays for the line by the month, and what."""
    found = charges.account_money(SYSTEM, case.line.customer_id).rents
    running = [rent for rent in found if rent.until is None]
    payers = charges.payers([case.service_id])
    return payers.get(case.service_id), sorted((r.code, r.amount_fen) for r in running)


def test_an_account_that_does_not_come_about_is_the_former_one_again(case, broken):
    case.open(online=False)
    broken("radcheck", "INSERT", SPOILT, "NEW.username LIKE '139%'")
    case.order = case.ask("change-account", mobile="13955900001")
    taken_back(case, "AccountTrouble")
    assert (case.line.account, case.password()) == case.was
    assert case.lets_in(*case.was)
    number = PoolNumber.objects.get(value=case.was[0])
    assert (number.state, number.service_id) == ("in-use", case.service_id)


def test_a_former_account_somebody_else_has_is_not_taken_from_him(case, broken):
    case.open(online=False)
    mend = broken("radcheck", "INSERT", SPOILT, "NEW.username LIKE '139%'")
    case.order = case.ask("change-account", mobile="13955900001")
    case.until_node("AccountTrouble")
    other = Case(case.office, case.lab, case.modem, case.time, "", 2)
    other.open(online=False)
    PoolNumber.objects.filter(value=case.was[0]).update(
        state="in-use", service_id=other.service_id, rests_until=None
    )
    case.office.complete(case.order, "AccountTrouble", decision="undo", found="改回原账号")
    assert case.office.nodes(case.order) == {"AccountTrouble"}, case.office.show(case.order)
    assert "不能恢复" in case.line.reason
    assert case.line.account.startswith("139")
    mend()
    case.office.complete(case.order, "AccountTrouble", decision="retry", found="已更正")
    case.until_state("completed")


def test_a_plan_that_does_not_come_about_is_the_former_one_again_with_its_price(case, broken):
    case.open(online=False)
    with psycopg.connect(owner_of(case.lab), autocommit=True) as database:
        database.execute("DELETE FROM radgroupreply WHERE groupname LIKE '%-1000-%'")
    broken(
        "radgroupreply", "INSERT", "NEW.value := '1'; RETURN NEW;", "NEW.groupname LIKE '%-1000-%'"
    )
    before = (case.line.title, case.line.characteristics, paid_by(case))
    opened = case.line.order_id
    bound = NumberBinding.objects.create(
        branch_id=case.line.branch_id, order_id=opened, item_id="1", case="home-300-family",
        number="+8613955912345", number_index=b"n" * 32, masked="139****2345",
    )  # fmt: skip
    case.order = case.ask(
        "change-plan", reason="customer.faster", offering="home-1000", effective="now"
    )
    case.until_node("PlanRefused")
    assert case.line.title != before[0]
    assert not bindings.living_of(case.service_id)
    Charge.objects.create(
        branch_id=case.line.branch_id, order_id=case.order.id, item="1", code="early-change",
        title="提前变更违约金", amount_fen=9900, refund_rule="full",
    )  # fmt: skip
    clerk = case.office.people["clerk"]
    ordering.pay(actor=clerk, order_id=case.order.id, method="cash", key="fee")
    taken_back(case, "PlanRefused")
    assert (case.line.title, case.line.characteristics, paid_by(case)) == before
    assert [row.pk for row in bindings.living_of(case.service_id)] == [bound.pk]
    money = Payment.objects.filter(order_id=case.order.id).values_list("kind", "amount_fen")
    assert sorted(money) == [("payment", 9900), ("refund", 9900)]
    note = OrderNote.objects.get(order_id=case.order.id, kind="plan-restored")
    assert note.data == {"plan": before[0], "lost": 0}


def test_a_transfer_that_does_not_come_about_leaves_the_line_with_its_owner(case, broken):
    case.open(online=False)
    before = (case.line.customer_id, paid_by(case))
    broken("radcheck", "INSERT OR UPDATE", SPOILT, "NEW.value = 'Fresh-2026'")
    case.order = case.ask("transfer", reason="customer.family", **NEW_OWNER, **PASSWORD)
    case.until_node("PasswordTrouble")
    assert case.line.customer_id != before[0]
    taken_back(case, "PasswordTrouble")
    assert (case.line.customer_id, paid_by(case)) == before
    assert case.password() == case.was[1]
    assert case.lets_in(*case.was)
    assert not case.lets_in(case.was[0], "spoilt")


def test_a_resumption_that_does_not_come_about_leaves_the_suspension_as_it_was(case, broken):
    case.open(online=False)
    case.order = case.ask("suspend", reason="customer.away")
    case.until_state("completed")
    before = Suspension.objects.get()
    broken("radusergroup", "DELETE", KEPT, f"OLD.username = '{case.was[0]}'")
    case.order = case.ask("resume", reason="customer.back")
    taken_back(case, "AccountRefused")
    after = Suspension.objects.get()
    assert (after.pk, after.since, after.ended_at) == (before.pk, before.since, None)
    assert case.line.state == "inactive"
    assert not case.lets_in(*case.was)


def test_a_cancellation_the_network_does_not_follow_leaves_the_line_in_use(case, broken):
    case.open(online=False)
    broken("radcheck", "DELETE", KEPT, f"OLD.username = '{case.was[0]}'")
    case.order = case.ask("cancel", reason="moving.away")
    taken_back(case, "LoginAccepted")
    assert case.line.state == "active"
    assert case.lets_in(*case.was)
    assert case.line.port is not None


@pytest.mark.parametrize("way", ["retry", "by-hand", "other-account", "refuse"])
def test_an_account_of_a_new_line_that_is_not_accepted_is_settled_by_people(case, broken, way):
    mend = broken("radcheck", "INSERT OR UPDATE", SPOILT, "NEW.attribute = 'Cleartext-Password'")
    case.order = case.submit()
    clerk = case.office.people["clerk"]
    ordering.pay(actor=clerk, order_id=case.order.id, method="cash", key="fee")
    case.until(lambda: "AccountTrouble" in case.office.nodes(case.order), "AccountTrouble")
    assert not case.incidents()
    case.know(case.office.show(case.order)["services"][0]["id"])
    first, password = case.was
    with case.time.on():
        case.office.complete(case.order, "Appoint")  # the visit goes on meanwhile
    if way in ("retry", "by-hand"):
        mend()
    if way == "by-hand":
        with psycopg.connect(owner_of(case.lab), autocommit=True) as database:
            database.execute(
                "UPDATE radcheck SET value = %s WHERE username = %s", [password, first]
            )
    if way == "other-account":
        broken("radcheck", "INSERT OR UPDATE", SPOILT, f"NEW.username = '{first}'")
    with case.time.on():
        case.office.complete(case.order, "AccountTrouble", decision=way, found="残留的旧数据")
    if way == "refuse":
        case.until_state("failed")
        assert not case.lets_in(first, "spoilt")
        assert case.office.nodes(case.order) == set()  # nobody goes there any more
        rows = Payment.objects.filter(order_id=case.order.id)
        assert set(rows.values_list("kind", flat=True)) <= {"payment", "refund"}
        assert Order.objects.get(pk=case.order.id).reason == "残留的旧数据"
        return
    shown = lambda: case.office.show(case.order)["services"][0]  # noqa: E731
    case.until(lambda: any(p["ok"] for p in shown()["proof"]), "proof")
    account = case.line.account
    assert (account == first) != (way == "other-account")
    assert case.lets_in(account, case.password())
    assert case.lets_in(first, "spoilt") is False
    assert "Install" in case.office.nodes(case.order)
