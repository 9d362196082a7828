"""Queue numbers: one line, one number a counter, once ended, gone with the day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from kaitong.core.clock import frozen
from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid7
from kaitong.core.locks import lock_row
from kaitong.hall import queries
from kaitong.hall import services as hall
from kaitong.hall.choices import FormState, TicketState
from kaitong.hall.errors import BadHall, HallRefused, NoSuchTicket, NotAllowed, WrongTicketState
from kaitong.hall.models import Day, Event, Form, Link, Seat, Stint, Ticket
from kaitong.hall.rules import RulesEntry, kinds, required
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of

MORNING = datetime(2026, 3, 5, 1, tzinfo=UTC)  # nine o'clock in the hall
MINUTE = timedelta(minutes=1)
CONTENT = {
    "posts": {"take": ["greeter", "clerk"], "serve": ["clerk"]},
    "counters": "counters",
    "calls": "calls",
    "back-within": "back",
    "back-behind": "behind",
    "kinds": [
        {"key": "open", "title": "新装宽带", "prefix": "A", "minutes": 20, "wait": "wait",
         "form": True, "identity": True},
        {"key": "pay", "title": "缴费", "prefix": "B", "minutes": 5, "wait": "wait"},
    ],
    "english": {"缴费": "Payments"},
}  # fmt: skip
SPAN = {"kind": "elapsed", "amount": "15 minutes"}
PARAMETERS = {"counters": 4, "calls": 2, "behind": 2, "wait": SPAN, "back": SPAN}


def staff() -> None:
    for key in ("clerk", "greeter", "supervisor", "installer"):
        org.ensure_post(key=key, name=key)
    county = org.ensure_branch(code="XN", name="休宁分公司", kind="county")
    other = org.ensure_branch(code="SX", name="歙县分公司", kind="county")
    people = [(f"clerk{n}", county, "clerk") for n in range(1, 5)]
    people += [("greeter", county, "greeter"), ("installer", county, "installer")]
    people += [("boss", county, "supervisor"), ("foreigner", other, "clerk")]
    for name, branch, post in people:
        org.ensure_staff(username=name, name=name, branch=branch, password="x" * 12, posts=(post,))
    hall.deploy_hall(
        actor=Actor.system(), playbook="p", playbook_hash="1",
        entry=RulesEntry(content=CONTENT, parameters=PARAMETERS),
    )  # fmt: skip


@pytest.fixture
def people(db):
    staff()
    with frozen(MORNING):
        yield actor_of


@pytest.fixture
def committed(transactional_db):
    staff()
    return actor_of


def take(who, kind="open", key=""):
    return hall.take(actor=who, kind=kind, key=key or str(uuid7()))


def at_once(count, act):
    def one(n):
        try:
            return act(n)
        except KaitongError as refused:
            return refused
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_numbers_count_up_by_prefix_and_begin_anew_each_day(people):
    greeter = people("greeter")
    made = [take(greeter).number, take(greeter, "pay").number, take(greeter).number]
    assert made == ["A001", "B001", "A002"]
    with frozen(MORNING + timedelta(days=1)):
        assert take(greeter).number == "A001"
    first = take(greeter, key="page")
    again = hall.take(actor=greeter, kind="pay", key="page")
    assert again.pk == first.pk  # a double click
    shown = hall.take(actor=greeter, kind="pay", key="p", phone="13812345678")
    assert shown.phone == "138****5678"
    before = Ticket.objects.count()
    with pytest.raises(BadHall) as refused:
        hall.take(actor=greeter, kind="nothing", key="", phone="12")
    assert {fault.field for fault in refused.value.faults} == {"kind", "key", "phone"}
    with pytest.raises(NotAllowed):
        take(people("installer"))
    assert Ticket.objects.count() == before


def test_a_visit_from_the_number_to_its_end(people):
    greeter, clerk = people("greeter"), people("clerk1")
    ticket = take(greeter)
    with pytest.raises(HallRefused):
        hall.call_next(actor=clerk)  # at no counter
    hall.sit(actor=clerk, counter=2)
    with frozen(MORNING + 4 * MINUTE):
        assert hall.call_next(actor=clerk).pk == ticket.pk
        assert hall.call_next(actor=clerk).pk == ticket.pk  # a double click calls nobody else
    with frozen(MORNING + 6 * MINUTE):
        hall.begin(actor=clerk, ticket_id=ticket.pk)
        hall.begin(actor=clerk, ticket_id=ticket.pk)
        with pytest.raises(WrongTicketState):
            hall.call_next(actor=clerk)
        with pytest.raises(WrongTicketState):
            hall.leave(actor=clerk)
        order = uuid7()
        hall.link(actor=clerk, business_id=order)
        hall.link(actor=clerk, business_id=order)
    with frozen(MORNING + 20 * MINUTE):
        hall.end(actor=clerk, ticket_id=ticket.pk)
        hall.end(actor=clerk, ticket_id=ticket.pk)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.begun_at) == ("ended", MORNING + 6 * MINUTE)
    stint = Stint.objects.get()
    assert stint.ended_at - stint.begun_at == 14 * MINUTE
    assert [link.business_id for link in Link.objects.all()] == [order]
    assert queries.ticket_of(clerk, order) == ticket
    assert queries.ticket_of(people("foreigner"), order) is None
    acts = list(Event.objects.order_by("pk").values_list("act", "counter"))
    assert acts == [("taken", None), ("called", 2), ("begun", 2), ("linked", 2), ("ended", 2)]
    hall.leave(actor=clerk)
    hall.leave(actor=clerk)
    assert queries.seat_of(clerk) is None


def test_missed_and_back_in_the_line(people):
    greeter, clerk = people("greeter"), people("clerk1")
    numbers = []
    for n in range(4):
        with frozen(MORNING - (9 - n) * MINUTE):
            numbers.append(take(greeter, "pay"))
    late, *others = numbers
    hall.sit(actor=clerk, counter=1, kinds=["pay"])
    hall.call_next(actor=clerk)
    with pytest.raises(HallRefused, match="只叫过 1 次"):
        hall.miss(actor=clerk, ticket_id=late.pk)
    hall.call_again(actor=clerk, ticket_id=late.pk)
    hall.miss(actor=clerk, ticket_id=late.pk)
    hall.miss(actor=clerk, ticket_id=late.pk)
    hall.bring_back(actor=greeter, ticket_id=late.pk)
    called = []
    for _n in range(4):
        ticket = hall.call_next(actor=clerk)
        called.append(ticket.number)
        hall.begin(actor=clerk, ticket_id=ticket.pk)
        hall.end(actor=clerk, ticket_id=ticket.pk)
    assert called == [others[0].number, others[1].number, late.number, others[2].number]
    assert hall.call_next(actor=clerk) is None
    gone = take(greeter, "pay")
    hall.call_next(actor=clerk)
    hall.call_again(actor=clerk, ticket_id=gone.pk)
    hall.miss(actor=clerk, ticket_id=gone.pk)
    with frozen(MORNING + 16 * MINUTE), pytest.raises(HallRefused, match="过号太久"):
        hall.bring_back(actor=greeter, ticket_id=gone.pk)
    gone.refresh_from_db()
    assert gone.state == TicketState.MISSED


def test_a_counter_calls_its_kinds_and_what_was_handed_to_it_first(people):
    greeter, one, two = people("greeter"), people("clerk1"), people("clerk2")
    opening, paying, later = take(greeter), take(greeter, "pay"), take(greeter, "pay")
    hall.sit(actor=one, counter=1)
    hall.sit(actor=two, counter=2, kinds=["pay"])
    assert hall.call_next(actor=two).pk == paying.pk
    hall.begin(actor=two, ticket_id=paying.pk)
    hall.call_next(actor=one)
    hall.begin(actor=one, ticket_id=opening.pk)
    seat = queries.seat_of(two)
    hall.hand_over(actor=one, ticket_id=opening.pk, seat_id=seat.pk)
    hall.hand_over(actor=one, ticket_id=opening.pk, seat_id=seat.pk)
    assert Stint.objects.filter(ticket=opening, ended_at=None).count() == 0
    assert hall.call_next(actor=one).pk == later.pk  # not what waits for the other counter
    hall.end(actor=two, ticket_id=paying.pk)
    assert hall.call_next(actor=two).pk == opening.pk  # though it pays only
    with pytest.raises(HallRefused, match="你的窗口"):
        hall.hand_over(actor=two, ticket_id=opening.pk, seat_id=seat.pk)
    stranger = people("foreigner")
    hall.sit(actor=stranger, counter=1)
    with pytest.raises(NoSuchTicket):
        hall.hand_over(actor=stranger, ticket_id=opening.pk, seat_id=seat.pk)
    with pytest.raises(NoSuchTicket):
        hall.hand_over(actor=two, ticket_id=opening.pk, seat_id=queries.seat_of(stranger).pk)
    with pytest.raises(HallRefused, match="已经有人"):
        hall.sit(actor=people("clerk3"), counter=1)
    with pytest.raises(BadHall):
        hall.sit(actor=people("clerk3"), counter=9, kinds=["nothing"])
    with pytest.raises(NotAllowed):
        hall.sit(actor=greeter, counter=3)
    hall.sit(actor=two, counter=2, kinds=[])
    assert Seat.objects.filter(left_at=None, branch__code="XN").count() == 2


def test_what_waits_for_a_counter_that_is_left_waits_for_any(people):
    greeter, one, two = people("greeter"), people("clerk1"), people("clerk2")
    ticket = take(greeter)
    hall.sit(actor=one, counter=1)
    hall.sit(actor=two, counter=2)
    hall.call_next(actor=one)
    hall.hand_over(actor=one, ticket_id=ticket.pk, seat_id=queries.seat_of(two).pk)
    assert hall.call_next(actor=one) is None
    hall.leave(actor=two)
    assert hall.call_next(actor=one).pk == ticket.pk


def test_the_estimate_moves_with_what_visits_take(people):
    greeter, clerk = people("greeter"), people("clerk1")
    waiting = [take(greeter, "pay") for _n in range(3)]
    assert queries.hall(clerk).turns == {}  # nobody sits there
    hall.sit(actor=clerk, counter=1)
    seen = queries.hall(clerk)
    assert [seen.ahead(one) for one in waiting] == [0, 1, 2]
    assert [seen.turns[one.pk] for one in waiting] == [0, 300, 600]
    assert seen.next_turn("open") == 900
    with frozen(MORNING):
        first = hall.call_next(actor=clerk)
        hall.begin(actor=clerk, ticket_id=first.pk)
    with frozen(MORNING + 35 * MINUTE):
        hall.end(actor=clerk, ticket_id=first.pk)
        seen = queries.hall(clerk)
        assert seen.usual["pay"] > 300
        assert seen.waiting("pay") == 2
    with pytest.raises(NotAllowed):
        queries.hall(people("installer"))
    assert queries.hall(people("foreigner")).line == []


def test_the_day_is_closed_by_hand_and_by_the_machine(people):
    greeter, clerk, boss = people("greeter"), people("clerk1"), people("boss")
    serving, waiting = take(greeter), take(greeter)
    hall.sit(actor=clerk, counter=1)
    hall.call_next(actor=clerk)
    hall.begin(actor=clerk, ticket_id=serving.pk)
    assert hall.close_day(actor=boss) == 1
    assert hall.close_day(actor=boss) == 0
    waiting.refresh_from_db()
    assert (waiting.state, waiting.ended_at) == ("closed", MORNING)
    with pytest.raises(HallRefused, match="停止取号"):
        take(greeter)
    hall.reopen_day(actor=boss)
    more = take(greeter, "pay")
    assert hall.end_past_days() == 0  # nothing is of yesterday
    with frozen(MORNING + timedelta(days=1)):
        assert hall.end_past_days() == 2
        assert hall.end_past_days() == 0
        assert queries.seat_of(clerk) is None
    serving.refresh_from_db()
    more.refresh_from_db()
    assert (serving.state, more.state) == ("ended", "closed")
    assert Stint.objects.get().cut
    assert Day.objects.get().last == {"A": 2, "B": 1}


def test_closing_leaves_who_was_called_or_handed_on_to_the_counters(people):
    greeter, clerk, other = people("greeter"), people("clerk1"), people("clerk2")
    handed, called, waiting = take(greeter), take(greeter), take(greeter)
    hall.sit(actor=clerk, counter=1)
    seat = hall.sit(actor=other, counter=2)
    hall.call_next(actor=clerk)
    hall.hand_over(actor=clerk, ticket_id=handed.pk, seat_id=seat.pk)
    hall.call_next(actor=clerk)
    assert hall.close_day(actor=people("boss")) == 1
    states = {one.pk: one.state for one in Ticket.objects.all()}
    assert states == {handed.pk: "waiting", called.pk: "called", waiting.pk: "closed"}
    hall.begin(actor=clerk, ticket_id=called.pk)
    assert hall.end(actor=clerk, ticket_id=called.pk).state == "ended"
    assert hall.call_next(actor=other).pk == handed.pk


def test_a_form_is_kept_sealed_until_it_is_forgotten(people):
    greeter = people("greeter")
    ticket = take(greeter)
    with pytest.raises(BadHall) as refused:
        hall.fill_in(
            actor=greeter, ticket_id=ticket.pk,
            data={"phone": "1", "document_kind": "resident-id", "number": "34", "offering": "x"},
        )  # fmt: skip
    assert {f.field for f in refused.value.faults} == {"name", "phone", "number", "offering"}
    with pytest.raises(BadHall) as refused:
        hall.fill_in(actor=greeter, ticket_id=ticket.pk, data={"name": "王志刚", "kind": "x"})
    assert [f.field for f in refused.value.faults] == ["kind"]
    assert not Form.objects.exists()
    for name in ("王志伟", "王志刚"):
        hall.fill_in(actor=greeter, ticket_id=ticket.pk, data={"name": name, "q": "横江花园"})
    form = Form.objects.get()
    assert "王志刚" in form.sealed
    raw = Form.objects.values_list("sealed", flat=True)
    assert "王志刚".encode() not in bytes(raw.query.get_compiler("default").execute_sql()[0][0][0])
    with pytest.raises(NoSuchTicket):
        hall.fill_in(actor=people("foreigner"), ticket_id=ticket.pk, data={"name": "某"})
    assert hall.forget_old() == 0
    with frozen(MORNING + timedelta(days=1, minutes=1)):
        assert hall.forget_old() == 1
    form.refresh_from_db()
    assert (form.state, form.sealed) == (FormState.FORGOTTEN, "{}")


def test_kinds_are_the_playbooks(people):
    found = kinds(required())
    assert [(one.key, one.title_en, one.wait, one.form) for one in found] == [
        ("open", "", 900, True),
        ("pay", "Payments", 900, False),
    ]
    hall.deploy_hall(actor=Actor.system(), playbook="p", playbook_hash="2", entry=None)
    assert queries.hall(people("clerk1")) is None
    with pytest.raises(HallRefused, match="没有排队规则"):
        take(people("greeter"))


@pytest.mark.django_db(transaction=True)
def test_all_at_once(committed):
    """Numbers are given once, called once, ended once, whoever clicks when."""
    greeter = committed("greeter")
    made = at_once(8, lambda _n: take(greeter))
    assert sorted(one.number for one in made) == [f"A{n:03d}" for n in range(1, 9)]
    same = at_once(4, lambda _n: take(greeter, key="one page"))
    assert len({one.pk for one in same}) == 1
    clerks = [committed(f"clerk{n}") for n in range(1, 5)]
    seated = at_once(4, lambda n: hall.sit(actor=clerks[n], counter=1 + n % 2))
    assert sum(isinstance(one, HallRefused) for one in seated) == 2
    for n, one in enumerate(seated):
        if isinstance(one, HallRefused):
            hall.sit(actor=clerks[n], counter=3 + n % 2)
    called = at_once(4, lambda n: hall.call_next(actor=clerks[n]))
    assert len({one.pk for one in called}) == 4
    for clerk, ticket in zip(clerks, called, strict=True):
        hall.begin(actor=clerk, ticket_id=ticket.pk)
    ended = at_once(4, lambda _n: hall.end(actor=clerks[0], ticket_id=called[0].pk))
    assert {one.state for one in ended} == {TicketState.ENDED}
    assert Event.objects.filter(ticket=called[0], act="ended").count() == 1

    # handing one to another and ending it at once: one of the two
    seat = queries.seat_of(clerks[2])
    acts = (
        lambda: hall.hand_over(actor=clerks[1], ticket_id=called[1].pk, seat_id=seat.pk),
        lambda: hall.end(actor=clerks[1], ticket_id=called[1].pk),
    )
    both = at_once(2, lambda n: acts[n]())
    assert sum(isinstance(one, WrongTicketState) for one in both) == 1
    assert Stint.objects.filter(ticket=called[1], ended_at=None).count() == 0

    # what somebody has in hand is passed over by the clock, not waited for
    with frozen(datetime.now(UTC) + timedelta(days=1)), transaction.atomic():
        lock_row(Ticket.objects.all(), called[3].pk)
        (ended,) = at_once(1, lambda _n: _tomorrow())
        assert ended > 0
        assert Ticket.objects.get(pk=called[3].pk).state == TicketState.SERVING
    assert _tomorrow() == 1


def _tomorrow() -> int:
    with frozen(datetime.now(UTC) + timedelta(days=1)):
        return hall.end_past_days()


def test_a_verb_that_dies_leaves_nothing(people, monkeypatch):
    """Killed between its writes: the number waits as before."""
    greeter, clerk = people("greeter"), people("clerk1")
    ticket = take(greeter)
    hall.sit(actor=clerk, counter=1)
    from kaitong.hall import calling

    def dies(*_args, **_more):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(calling, "note", dies)
        for act in (
            lambda: hall.call_next(actor=clerk),
            lambda: hall.hand_over(actor=clerk, ticket_id=ticket.pk, seat_id=uuid7()),
        ):
            with pytest.raises((RuntimeError, KaitongError)), transaction.atomic():
                act()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.seat_id, ticket.calls) == ("waiting", None, 0)
    assert hall.call_next(actor=clerk).pk == ticket.pk
    with monkeypatch.context() as patch:
        patch.setattr(calling, "note", dies)
        with pytest.raises(RuntimeError), transaction.atomic():
            hall.begin(actor=clerk, ticket_id=ticket.pk)
    assert not Stint.objects.exists()
    hall.begin(actor=clerk, ticket_id=ticket.pk)
    assert Stint.objects.count() == 1
