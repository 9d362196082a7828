"""Money on the command line: what the parser takes, done, and refused with what to do."""

from __future__ import annotations

import json
from datetime import date, timedelta
from uuid import uuid4

import pytest

from kaitong.charging import services as charging
from kaitong.charging.days import start_of
from kaitong.charging.models import CashClosing, Payment, RechargeCard
from kaitong.charging.services import NewRent
from kaitong.cli import money
from kaitong.cli.__main__ import parser
from kaitong.core import clock
from kaitong.core.errors import BadInput, Forbidden, NotFound
from kaitong.party import services as party

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(county, staff_of):
    clerk = staff_of(county, "clerk", "clerk")
    staff_of(county, "boss", "supervisor")
    found = party.register(actor=clerk, name="王明远", phone="13855900001")
    charging.begin_rent(
        actor=clerk,
        service_id=uuid4(),
        customer_id=found.id,
        since=date(2026, 11, 1),
        rents=[NewRent("home-300.1", "月租费", 9900, "daily")],
    )
    with clock.frozen(start_of(date(2026, 12, 2)) + timedelta(hours=9)):
        yield found


def run(words: str):
    asked = parser().parse_args(words.split())
    return getattr(money, asked.handler.rpartition(".")[2])(asked)


def test_a_month_is_billed_paid_and_closed(customer, capsys):
    run("billing run --month 2026-11 --as boss --json")
    assert json.loads(capsys.readouterr().out)["billed"]["total_fen"] == 9900
    run("billing run --as boss")  # the month that ended last
    assert "lines 0" in capsys.readouterr().out
    for _again in range(2):
        run("money pay 13855900001 100.00 --as clerk --key k")
    assert Payment.objects.get().amount_fen == 10000
    capsys.readouterr()
    run(f"money account {customer.number} --as clerk --json")
    told = json.loads(capsys.readouterr().out)
    assert (told["balance_fen"], told["open_fen"], told["bills"][0]["month"]) == (100, 0, "2026-11")
    run("billing arrears --as boss")
    assert "0 customers; 0 services" in capsys.readouterr().out
    run("money close --as clerk")
    assert "未日结" in capsys.readouterr().out
    run("money close --as clerk --counted 100")
    assert "待确认" in capsys.readouterr().out
    assert CashClosing.objects.get().expected_fen == 10000
    assert run("money check") == 0
    assert "0 problems" in capsys.readouterr().out


def test_cards_come_from_a_file_and_are_looked_after(customer, tmp_path, capsys):
    file = tmp_path / "cards.csv"
    file.write_text("serial,secret,yuan,expires\nKT2026000001,482913771204,50,2027-12-31\n")
    with pytest.raises(Forbidden):
        run(f"money cards {file} --batch b --as clerk")
    for _again in range(2):
        run(f"money cards {file} --batch b --as boss")
    assert "0 cards brought in, 1 were there" in capsys.readouterr().out
    run("money card KT2026000001 --void 丢失 --as boss")
    assert "已作废" in capsys.readouterr().out
    file.write_text("serial,secret,yuan,expires\nKT2026000002,482913771204,50\n")
    with pytest.raises(BadInput, match="line 2"):
        run(f"money cards {file} --batch b --as boss")
    assert RechargeCard.objects.count() == 1


def test_what_cannot_be_read_or_found_is_refused(customer, foreign):
    for words in (
        "billing run --month november --as boss",
        "money close --as clerk --day yesterday",
        "money pay 13855900001 9.999 --as clerk",
    ):
        with pytest.raises(BadInput):
            run(words)
    for words in ("money account 13855900009 --as clerk", "money account 13855900001 --as foreign"):
        with pytest.raises(NotFound):
            run(words)
    assert not Payment.objects.exists()


@pytest.fixture
def foreign(other_county, staff_of):
    return staff_of(other_county, "foreign", "clerk")
