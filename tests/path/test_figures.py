"""Figures of real orders: what an order's life says of them, and that later changes move them."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction

from kaitong.activation.queries import line_of_account
from kaitong.cli import figures as command
from kaitong.cli.__main__ import parser
from kaitong.core import horizon
from kaitong.core.clock import frozen
from kaitong.core.errors import BadInput, Forbidden, NotFound
from kaitong.inventory import services as inventory
from kaitong.org.actor import Actor
from kaitong.process import services as process_verbs
from kaitong.process.models import Suspension
from kaitong.reporting import folding, queries
from kaitong.reporting import services as reporting
from kaitong.reporting.definitions import BY_KEY
from kaitong.reporting.models import OrderFact, OrderFigure, Touched, WorkFact
from kaitong.reporting.queries import Asked
from kaitong.reporting.tests.test_summaries import summaries
from kaitong.web.tests.test_figures import printed, rows_of
from tests.path.test_flows import ask, working
from tests.path.test_path import line_text

__all__ = ["ask", "working"]

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
HOUR = timedelta(hours=1)
WEEK = Asked(grain="w", start=date(2026, 3, 2), action="open")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """What was just written is folded at once: in a test nobody else is about to write."""
    monkeypatch.setattr(horizon, "SLACK", timedelta())


def fact(order) -> OrderFact:
    return OrderFact.objects.get(pk=order.id)


def figure(key: str, asked: Asked = WEEK, actor: Actor = SYSTEM):
    return queries.buckets(actor, asked)[None].value(BY_KEY[key])


def suspend(office, order, code, hours, node="Install"):
    from kaitong.core.clock import now

    item = office.item(order, node)
    process_verbs.suspend(
        actor=office.people["installer"],
        item_id=item.id,
        reason_code=code,
        note="说明",
        until=now() + hours * HOUR,
    )
    return item.id


@pytest.mark.radius
def test_an_order_done_in_time_says_so_in_every_figure(office, radius, lab, modem):
    """QA-02, QA-06: opening time, on time, first contact, appointment kept, one visit, right at
    once; and who did the work."""
    with frozen(MONDAY):
        order = office.submit()
    office.work()
    with frozen(MONDAY + HOUR):
        start = (MONDAY + 5 * HOUR).isoformat()
        office.complete(order, "Appoint", appointment_start=start)
    account = office.show(order)["services"][0]["account"]
    with frozen(MONDAY + 6 * HOUR):
        assert modem.start(account, line_text(lab, line_of_account(account))).ok
        office.complete(order, "Install")
        office.work_until(order, "Accept")
    assert reporting.fold() == 1
    under_way = fact(order)
    assert (under_way.ended_at, under_way.outcome, under_way.action) == (None, "", "open")
    assert queries.under_way(SYSTEM, WEEK) == queries.Open(1, 1)  # 48 hours are long over
    with frozen(MONDAY + 8 * HOUR):
        office.complete(order, "Accept")
    assert reporting.fold() == 1
    row = fact(order)
    assert (row.received_day, row.ended_day) == (date(2026, 3, 2), date(2026, 3, 2))
    assert (row.outcome, row.gross, row.net) == ("completed", 8 * 3600, 8 * 3600)
    assert (row.on_time, row.contact, row.contact_on_time) == (True, 3600, True)
    assert (row.kept, row.visits, row.right_first) == (True, 1, True)
    assert (row.suspended, row.sent_back) == (False, False)
    assert figure("on_time") == figure("kept") == figure("one_visit") == figure("right_first") == 1
    assert figure("time_median") == pytest.approx(8 * 3600, rel=0.08)
    assert figure("completed") == figure("received") == 1
    assert queries.under_way(SYSTEM, WEEK) == queries.Open(0, 0)
    done = {one.post: one for one in queries.work(SYSTEM, WEEK) if one.person}
    assert done["installer"].done == 2  # the appointment and the visit
    assert done["installer"].name == "installer"
    assert done["service"].waited == 2 * 3600  # opened at 15:00, taken and done at 17:00
    assert WorkFact.objects.filter(business_id=order.id).count() == 3


@pytest.mark.radius
def test_suspended_put_right_and_late(office, radius, lab, modem):
    """A visit in vain, a suspension, its correction afterwards: figures follow each of them."""
    with frozen(MONDAY):
        order = office.submit()
    office.work()
    with frozen(MONDAY + HOUR):
        office.complete(order, "Appoint", appointment_start=(MONDAY + 4 * HOUR).isoformat())
    with frozen(MONDAY + 5 * HOUR):
        suspend(office, order, "customer-away", 24)
    with frozen(MONDAY + 25 * HOUR):
        item = office.item(order, "Install").id
        process_verbs.resume(actor=office.people["installer"], item_id=item)
    account = office.show(order)["services"][0]["account"]
    with frozen(MONDAY + 60 * HOUR):
        assert modem.start(account, line_text(lab, line_of_account(account))).ok
        office.complete(order, "Install")
        office.work_until(order, "Accept")
        office.complete(order, "Accept")
    reporting.fold()
    row = fact(order)
    assert (row.gross, row.net) == (60 * 3600, 40 * 3600)
    assert row.on_time is True  # 48 hours and the customer's 20
    assert (row.suspended, row.delayed, row.visits) == (True, True, 2)
    assert figure("one_visit") == 0
    before = summaries()
    # It was not the customer: the supervisor puts the line right, long after the order ended.
    line = Suspension.objects.get(workitem_id=item)
    with frozen(MONDAY + 61 * HOUR):
        process_verbs.correct_suspension(
            actor=office.people["supervisor"],
            suspension_id=line.pk,
            reason_code="weather",
            why="当天大雨",
        )
    assert reporting.fold() == 1
    row = fact(order)
    assert (row.net, row.visits) == (60 * 3600, 1)
    assert figure("one_visit") == 1
    assert summaries() != before
    added = summaries()
    reporting.recount()
    assert summaries() == added


def test_what_was_not_done_says_why(office):
    """退单 with its cause of two levels, 不予受理 with its verdict."""
    with frozen(MONDAY):
        for port in range(1, 9):
            inventory.keep(
                actor=office.plant.actor, resource_id=office.plant.port(port), reason="test"
            )
        order = office.submit()
        office.complete(order, "PortException", decision="refuse", decision_reason="无扩容计划")
    reporting.fold()
    row = fact(order)
    # a reason somebody wrote: its group is the step where it was decided
    assert (row.outcome, row.cause_group, row.cause) == ("failed", "端口分配异常", "无扩容计划")
    assert (row.gross, row.on_time) == (None, None)  # no opening time of what was not opened
    assert figure("failed") == 1
    found = queries.causes(SYSTEM, WEEK)
    assert [(one.outcome, one.cause, one.count) for one in found] == [("failed", "无扩容计划", 1)]
    listed, total = queries.orders(SYSTEM, WEEK, BY_KEY["failed"])
    assert ([one.order_id for one in listed], total) == ([order.id], 1)


@pytest.mark.radius
def test_a_change_of_a_line_counts_under_its_business_and_plan(office, working, ask):
    """QA-03: a counter flow is an order of its own business; the plan is the line's."""
    order = ask(working, "reset-password", password="Fresh-2026", password_again="Fresh-2026")
    office.work_until_state(order, "completed")
    reporting.fold()
    row = fact(order)
    assert (row.action, row.offering, row.outcome) == ("reset-password", "home-300", "completed")
    this = Asked(grain="m", start=queries.this_start("m"), action="reset-password")
    assert figure("completed", this) == 1
    both = queries.buckets(SYSTEM, replace(this, action=""), group="action")
    assert {key: bucket.sums["completed"] for key, bucket in both.items()} == {
        "open": 1,
        "reset-password": 1,
    }


def test_nothing_is_passed_over_that_commits_late(office):
    """A transaction that began before the fold and commits after it: the watermark waits for it."""
    reporting.fold()
    item_id = []
    written, go_on = threading.Event(), threading.Event()

    def slow():
        try:
            with transaction.atomic():
                item_id.append(office.submit().id)
                written.set()
                go_on.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(20)
    mark = folding.as_of()
    assert reporting.fold() == 0
    assert folding.as_of() > mark
    go_on.set()
    thread.join()
    assert reporting.fold() == 1
    assert OrderFact.objects.filter(pk=item_id[0]).exists()
    assert reporting.fold() == 0


def test_killed_anywhere_it_is_done_again_once(office, monkeypatch):
    with frozen(MONDAY):
        order = office.submit()

    class Killed(BaseException):
        pass

    def die(*args):
        raise Killed

    for name in ("read", "apply"):
        with monkeypatch.context() as patched:
            patched.setattr(folding, name, die)
            with pytest.raises(Killed):
                reporting.fold()
        assert Touched.objects.count() == 1
        assert not OrderFact.objects.exists()
        assert not OrderFigure.objects.exists()
    assert reporting.fold() == 1
    assert figure("received") == 1
    assert reporting.fold() == 0
    assert fact(order).number == order.number


def test_what_cannot_be_read_holds_up_nothing_else(office, monkeypatch, caplog):
    """One order at fault is logged and left aside; the others are folded; mended, it follows."""
    with frozen(MONDAY):
        made = [office.submit(address=room) for room in office.plant.rooms[:4]]
    bad = made[1].id
    real = folding.order_fact

    def read(row, **given):
        if row.id == bad:
            raise ValueError("what nobody thought of")
        return real(row, **given)

    with monkeypatch.context() as patched:
        patched.setattr(folding, "order_fact", read)
        reporting.fold()
        assert figure("received") == 3
        assert f"figures of {bad} cannot be read" in caplog.text
        assert (folding.behind(), reporting.fold()) == (1, 0)  # left aside: no endless work
    assert reporting.fold() == 0
    with frozen(MONDAY + HOUR):
        office.complete(made[1], "Appoint")  # something is written about it: it is tried again
    assert reporting.fold() == 1
    assert figure("received") == 4
    assert folding.behind() == 0
    added = summaries()
    reporting.recount()
    assert summaries() == added


def test_several_fold_at_once(office):
    with frozen(MONDAY):
        for room in range(5):
            office.submit(address=office.plant.rooms[room])
    reporting.gather()
    faults = []

    def work():
        try:
            while reporting.drain(1):
                pass
        except Exception as fault:  # told below
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert figure("received") == 5
    added = summaries()
    reporting.recount()
    assert summaries() == added


def test_rebuilding_from_nothing_gives_the_same(office, capsys):
    with frozen(MONDAY):
        order = office.submit()
        office.complete(order, "Appoint")
    reporting.fold()
    right = summaries()
    assert any(right.values())
    reporting.forget()
    assert not any(summaries().values())
    asked = parser().parse_args(["figures", "rebuild"])
    command.rebuild(asked)
    assert capsys.readouterr().out.strip().endswith("1")
    assert summaries() == right


def test_figures_are_for_who_leads_the_branch(office, county, other_county, staff_of):
    """The supervisor of the branch and of those above; nobody else, and no foreign branch."""
    with frozen(MONDAY):
        office.submit()
    reporting.fold()
    assert figure("received", actor=office.people["supervisor"]) == 1
    above = staff_of(county.parent, "city-lead", "supervisor")
    assert figure("received", actor=above) == 1
    own = Asked(grain="w", start=date(2026, 3, 2), branch_id=county.id)
    assert queries.buckets(above, own)[None].sums["received"] == 1
    for post in ("clerk", "installer", "service"):
        with pytest.raises(Forbidden):
            queries.buckets(office.people[post], WEEK)
        with pytest.raises(Forbidden):
            queries.work(office.people[post], WEEK)
    stranger = staff_of(other_county, "stranger", "supervisor")
    assert queries.buckets(stranger, WEEK) == {}
    for read in (queries.buckets, queries.causes, queries.work, queries.under_way):
        with pytest.raises(NotFound):
            read(stranger, own)
    assert queries.orders(stranger, WEEK, BY_KEY["received"]) == ([], 0)


def test_the_command_makes_the_report(office, other_county, tmp_path, capsys):
    with frozen(MONDAY):
        office.submit()
    reporting.fold()

    def run(*words: str) -> None:
        command.report(parser().parse_args(["figures", "report", *words]))

    sheet = tmp_path / "a.pdf"
    run(str(sheet), "--as", "supervisor", "--month", "2026-03", "--branch", "XN")
    assert "受理量1" in "".join(printed(sheet.read_bytes()).split())
    book = tmp_path / "a.xlsx"
    run(str(book), "--as", "supervisor", "--week", "2026-03-05")
    assert any(row[3:5] == ["受理量", 1] for row in rows_of(str(book)))
    wrong = (
        (("b.pdf", "--as", "clerk"), Forbidden),
        (("b.txt", "--as", "supervisor"), BadInput),
        (("b.pdf", "--as", "supervisor", "--month", "2026-13"), BadInput),
        (("b.pdf", "--as", "supervisor", "--plan", "no-such"), BadInput),
        (("b.pdf", "--as", "supervisor", "--branch", other_county.code), NotFound),
    )
    for (name, *words), error in wrong:
        with pytest.raises(error):
            run(str(tmp_path / name), *words)
        assert not (tmp_path / name).exists()
