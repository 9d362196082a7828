"""选号: found by the last digits, held for one, of two at once the first."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction

from kaitong.core import clock, db
from kaitong.core.ids import uuid7
from kaitong.inventory import choosing
from kaitong.inventory.errors import NumberGone, TooManyHeld
from kaitong.inventory.models import PoolNumber
from kaitong.inventory.services import (
    allocate_number,
    create_service,
    expire_reservations,
    release_numbers,
)
from kaitong.org.actor import Actor

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()
PATTERN = "0559755{seq:4}"


def hold(county, number: str, holder, minutes: int | None = 30) -> str:
    return choosing.hold_number(
        actor=SYSTEM,
        branch_id=county.id,
        pattern=PATTERN,
        number=number,
        holder=holder,
        hold_for=None if minutes is None else timedelta(minutes=minutes),
        quarantine_days=90,
    )


def free(county, ending: str = "", holder=None) -> list[str]:
    return choosing.free_numbers(branch_id=county.id, pattern=PATTERN, ending=ending, holder=holder)


def service(county, order_id=None, account: str = ""):
    made = create_service(
        actor=SYSTEM, branch_id=county.id, specification="voice", order_id=order_id
    )
    if account:
        type(made).objects.filter(pk=made.pk).update(account=account)
    return made


def test_numbers_are_found_by_their_last_digits_made_or_not(county):
    service(county, account="05597550088")  # brought in as it stood, of no pool
    allocate_number(actor=SYSTEM, service_id=service(county).pk, pattern=PATTERN)  # 0001
    assert free(county)[:2] == ["05597550002", "05597550003"]
    assert free(county, "88")[:3] == ["05597550188", "05597550288", "05597550388"]
    assert free(county, "8888") == ["05597558888"]
    assert free(county, "0001") == []
    assert free(county, "12345") == []


def test_a_number_held_is_nobody_elses_until_its_time_is_over(county):
    mine, other = uuid7(), uuid7()
    assert hold(county, "0559755 8888", mine) == "05597558888"
    assert choosing.held_number(mine) == "05597558888"
    assert free(county, "8888") == []
    assert free(county, "8888", mine) == ["05597558888"]
    with pytest.raises(NumberGone):
        hold(county, "05597558888", other)
    hold(county, "05597556666", mine)  # another is picked: the one before is free again
    assert free(county, "8888") == ["05597558888"]
    for wrong in ("05597560001", "8888", "05597550000", "0559755888x"):
        with pytest.raises(NumberGone, match="不是可选的号码"):
            hold(county, wrong, other)
    with clock.frozen(clock.now() + timedelta(minutes=31)):
        assert choosing.held_number(mine) == ""
        assert hold(county, "05597556666", other) == "05597556666"
        expire_reservations()
    assert PoolNumber.objects.filter(state="held").count() == 1
    assert release_numbers(holder=other) == 1
    assert not PoolNumber.objects.filter(state="held").exists()


def test_digits_are_the_same_however_they_are_typed(county):
    """Full width, as an input method writes them: else two telephones have one number."""
    mine = uuid7()
    assert hold(county, "０５５９－７５５８８８８", mine) == "05597558888"
    assert hold(county, "0559755１２３４", mine) == "05597551234"
    assert hold(county, "0559755²345", mine) == "05597552345"
    assert set(PoolNumber.objects.filter(state="held").values_list("value", flat=True)) == {
        "05597552345"
    }


def test_a_page_that_goes_by_an_orders_name_takes_nothing_from_it(county):
    """A key is typed by whoever asks, and an order's identifier stands in addresses of pages."""
    order = uuid7()
    hold(county, "05597558888", order, minutes=None)
    with pytest.raises(NumberGone):
        hold(county, "05597558888", order)  # as a page does: it would end with the page
    hold(county, "05597556666", order)
    row = PoolNumber.objects.get(value="05597558888")
    assert (row.state, row.held_for, row.held_until) == ("held", order, None)


def test_the_order_that_held_a_number_has_it_and_no_other(county):
    order, line = uuid7(), uuid7()
    hold(county, "05597558888", line)
    choosing.hold_number(
        actor=SYSTEM,
        branch_id=county.id,
        pattern=PATTERN,
        number="05597558888",
        holder=order,
        formerly=line,
        hold_for=None,
    )
    with clock.frozen(clock.now() + timedelta(days=9)):
        expire_reservations()  # an accepted order's hold has no end
        first, second = service(county, order), service(county, order)
        one = allocate_number(actor=SYSTEM, service_id=first.pk, pattern=PATTERN)
        two = allocate_number(actor=SYSTEM, service_id=second.pk, pattern=PATTERN)
    assert (one, two) == ("05597558888", "05597550001")
    row = PoolNumber.objects.get(value="05597558888")
    assert (row.state, row.service_id, row.held_for) == ("in-use", first.pk, None)


def test_of_two_clerks_and_one_number_one_has_it(county):
    ready = threading.Barrier(4)
    told: list[str] = []

    def pick() -> None:
        try:
            ready.wait(10)
            told.append(hold(county, "05597558888", uuid7()))
        except NumberGone:
            told.append("gone")
        finally:
            connection.close()

    clerks = [threading.Thread(target=pick) for _one in range(4)]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    assert sorted(told) == ["05597558888", "gone", "gone", "gone"]


def test_a_clerk_and_a_customer_hold_so_many_and_the_oldest_go_on_request(county):
    clerk, colleague = (replace(SYSTEM, id=uuid7()) for _who in range(2))
    customer, start = uuid7(), clock.now()

    def pick(number: str, minute: int = 0, **more) -> str:
        with clock.frozen(start + timedelta(minutes=minute)):
            return choosing.hold_number(
                actor=more.pop("actor", clerk),
                branch_id=county.id,
                pattern=PATTERN,
                number=f"0559755{number}",
                holder=more.pop("holder", uuid7()),
                hold_for=timedelta(minutes=30),
                most=choosing.Most(clerk=2, customer=1),
                **more,
            )

    page = uuid7()
    pick("1001", holder=page)
    pick("1002", 1, customer_id=customer)
    with pytest.raises(TooManyHeld, match="05597551001、05597551002"):
        pick("1003", 2)
    assert free(county, "1003") == ["05597551003"]  # refused, nothing is held
    pick("1004", 2, holder=page)  # another for the same page: still two
    with pytest.raises(TooManyHeld, match="为这位客户"):  # whoever serves him
        pick("1005", 3, actor=colleague, customer_id=customer, let_go=True)
    pick("1006", 4, let_go=True)  # the oldest of his own goes
    assert free(county, "1002") == ["05597551002"]
    pick("1007", 40)  # the time of the others is over
    assert PoolNumber.objects.get(value="05597551007").held_by == clerk.id


def test_an_orders_number_is_not_let_go_by_who_held_it_for_the_draft(county):
    """The order is accepted while the same clerk, on another page, lets his oldest number go."""
    clerk, draft, order = replace(SYSTEM, id=uuid7()), uuid7(), uuid7()
    half, accepted = timedelta(minutes=30), threading.Event()

    def pick(number: str, **more) -> str:
        return choosing.hold_number(
            actor=clerk,
            branch_id=county.id,
            pattern=PATTERN,
            number=f"0559755{number}",
            most=choosing.Most(clerk=1),
            **more,
        )

    def accept() -> None:
        with transaction.atomic():
            pick("1001", holder=order, formerly=draft, hold_for=None)
            accepted.set()
            for _look in range(200):  # until the other page waits for the number
                if db.rows("select 1 from pg_locks where not granted"):
                    break
                time.sleep(0.02)
        connection.close()

    pick("1001", holder=draft, hold_for=half)
    one = threading.Thread(target=accept)
    one.start()
    assert accepted.wait(10)
    pick("1002", holder=uuid7(), hold_for=half, let_go=True)
    one.join()
    row = PoolNumber.objects.get(value="05597551001")
    assert (row.state, row.held_for) == ("held", order)
