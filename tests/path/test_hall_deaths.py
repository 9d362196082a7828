"""The hall's verbs killed as they begin to commit: what was not written never was, and asked again
each ends as if nobody had died."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from kaitong.core import clock
from kaitong.hall import services as hall
from kaitong.hall.models import Event, Seat, Stint, Ticket
from kaitong.hall.tests.test_verbs import MORNING, staff
from kaitong.org.queries import actor_of
from tests.path.dying import Reaper, reaping

pytestmark = pytest.mark.django_db(transaction=True)


def ticket(key: str) -> Any:
    return Ticket.objects.get(key=key)


def day(mark: str) -> Iterator[Callable[[], object]]:
    """What is done on a day, each as a click that may be sent again."""
    boss, greeter, one, two = map(actor_of, ("boss", "greeter", "clerk1", "clerk2"))
    a, b, c, d = (f"{mark}-{letter}" for letter in "abcd")
    yield lambda: hall.sit(actor=one, counter=1)
    yield lambda: hall.sit(actor=two, counter=2)
    for key in (a, b, c, d):
        yield lambda key=key: hall.take(actor=greeter, kind="open", key=key)
    yield lambda: hall.call_next(actor=one)
    yield lambda: hall.begin(actor=one, ticket_id=ticket(a).pk)
    other = Seat.objects.get(clerk_id=two.id, left_at=None).pk
    yield lambda: hall.hand_over(actor=one, ticket_id=ticket(a).pk, seat_id=other)
    yield lambda: hall.call_next(actor=two)
    yield lambda: hall.begin(actor=two, ticket_id=ticket(a).pk)
    yield lambda: hall.end(actor=two, ticket_id=ticket(a).pk)
    yield lambda: hall.call_next(actor=one)
    yield lambda: ticket(b).calls == 2 or hall.call_again(actor=one, ticket_id=ticket(b).pk)
    yield lambda: hall.miss(actor=one, ticket_id=ticket(b).pk)
    yield lambda: hall.bring_back(actor=greeter, ticket_id=ticket(b).pk)
    yield lambda: hall.call_next(actor=one)
    yield lambda: hall.close_day(actor=boss)
    yield lambda: hall.begin(actor=one, ticket_id=ticket(c).pk)
    yield lambda: hall.end(actor=one, ticket_id=ticket(c).pk)
    yield lambda: hall.leave(actor=one)
    yield lambda: hall.leave(actor=two)


def stands(mark: str) -> list[Any]:
    rows = Ticket.objects.filter(key__startswith=mark).order_by("number")
    return [
        (
            row.number,
            row.state,
            row.calls,
            list(Event.objects.filter(ticket=row).order_by("pk").values_list("act", "counter")),
            [(one.ended_at is None, one.cut) for one in Stint.objects.filter(ticket=row)],
        )
        for row in rows
    ]


def killed_on_the_way(reaper: Reaper, act: Callable[[], object]) -> int:
    """Do it, killed at each of its instants once; how often."""
    deaths = 0
    while True:
        reaper.waits_for(deaths + 1)
        if reaper.lives(act):
            return deaths
        deaths += 1


def test_a_day_of_the_hall_survives_a_death_in_each_click(db):
    staff()
    with clock.frozen(MORNING):
        for act in day("quiet"):
            act()
    with reaping() as reaper, clock.frozen(MORNING + timedelta(days=1)):
        deaths = [killed_on_the_way(reaper, act) for act in day("deadly")]
    assert min(deaths) >= 1
    assert stands("deadly") == stands("quiet")
    assert not Seat.objects.filter(left_at=None).exists()
