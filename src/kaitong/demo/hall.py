"""The demo's business hall: queue numbers of past weeks for the figures, and a queue of now, taken
at the tablet by the door.

Visits are played out by the hall's own verbs, oldest act first, under a clock that stands at each.
A day that has begun is passed over, so telling again changes nothing; each start of the demo tells
its own day.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from uuid import uuid5

from django.utils import timezone

from kaitong.core.clock import frozen, now
from kaitong.demo import invented
from kaitong.demo.people import COUNTY
from kaitong.hall import queries
from kaitong.hall import services as hall
from kaitong.hall.models import Ticket
from kaitong.org import queries as org
from kaitong.org.actor import Actor, actor_for
from kaitong.org.devices import renew
from kaitong.org.queries import actor_of
from kaitong.worktime import queries as worktime

DEVICES = ("入口平板", "叫号屏")
DAYS, VISITS = 8, 24  # past working days, and who came on each
OPENING = time(9, 0)
MINUTES = {"open": 17, "change": 12, "pay": 5, "consult": 8}
KINDS = ("open", "change", "pay", "pay", "consult")
GONE = 0.07  # called, and not there
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class _Day:
    """One day of the hall, played act by act until an instant."""

    tablet: Actor
    clerks: list[Actor]
    dice: random.Random
    until: datetime
    acts: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    serial: count[int] = field(default_factory=count)
    idle: list[Actor] = field(default_factory=list)

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self.acts, (moment, next(self.serial), act))

    def play(self) -> None:
        while self.acts and self.acts[0][0] <= self.until:
            moment, _n, act = heapq.heappop(self.acts)
            with frozen(moment):
                act()

    def sit(self, clerk: Actor, counter: int) -> None:
        hall.sit(actor=clerk, counter=counter)
        self.idle.append(clerk)

    def come(self, kind: str, key: str, phone: str) -> None:
        hall.take(actor=self.tablet, kind=kind, key=key, phone=phone)
        if self.idle:
            self.call(self.idle.pop(0))

    def call(self, clerk: Actor) -> None:
        ticket = hall.call_next(actor=clerk)
        if ticket is None:
            self.idle.append(clerk)
        elif self.dice.random() < GONE:
            self.at(now() + _MINUTE, lambda: self.again(clerk, ticket))
        else:
            self.at(now() + _MINUTE, lambda: self.begin(clerk, ticket))

    def again(self, clerk: Actor, ticket: Ticket) -> None:
        hall.call_again(actor=clerk, ticket_id=ticket.pk)
        self.at(now() + _MINUTE, lambda: self.miss(clerk, ticket))

    def miss(self, clerk: Actor, ticket: Ticket) -> None:
        hall.miss(actor=clerk, ticket_id=ticket.pk)
        self.call(clerk)

    def begin(self, clerk: Actor, ticket: Ticket) -> None:
        hall.begin(actor=clerk, ticket_id=ticket.pk)
        usual = MINUTES.get(ticket.kind, 8)
        took = max(self.dice.gauss(usual, usual / 3), 1.5)
        self.at(now() + took * _MINUTE, lambda: self.end(clerk, ticket))

    def end(self, clerk: Actor, ticket: Ticket) -> None:
        hall.end(actor=clerk, ticket_id=ticket.pk)
        self.at(now() + 0.4 * _MINUTE, lambda: self.call(clerk))


def tell() -> int:
    """Past weeks, once, and today's queue; how many numbers were taken now."""
    moment = now()
    greeter = actor_of("greeter")
    clerks = [actor_of(name) for name in ("clerk", "clerk2", "clerk3")]
    taken = 0
    if queries.hall(greeter) is None:  # no playbook with a hall
        return 0
    tablet = devices()[0]
    calendar, day = worktime.calendar("cn"), timezone.localdate(moment)
    past: list[date] = []
    while len(past) < DAYS:
        day -= timedelta(days=1)
        if calendar.spans(day):
            past.append(day)
    for one in reversed(past):
        if not _begun(greeter, one):
            taken += _past(tablet, clerks[:2], one)
    with frozen(moment):
        hall.end_past_days()
    if not _begun(greeter, timezone.localdate(moment)):
        taken += _now(tablet, clerks, moment)
    return taken


def devices() -> list[Actor]:
    """The tablet at the entrance and the board on the wall, made once; not paired with a browser
    yet."""
    branch = org.branch_by_code(COUNTY)
    made = [
        hall.add_device(
            actor=Actor.system(),
            title=title,
            branch_id=branch.pk,
            device_id=uuid5(branch.pk, title),
        )[0]
        for title in DEVICES
    ]
    return [actor_for(one.staff) for one in made]


def codes() -> list[tuple[str, str]]:
    """A fresh code for each of them, to try it."""
    branch = org.branch_by_code(COUNTY)
    return [
        (title, renew(actor=Actor.system(), device_id=uuid5(branch.pk, title))) for title in DEVICES
    ]


def _past(tablet: Actor, clerks: list[Actor], day: date) -> int:
    dice = random.Random(day.toordinal())  # noqa: S311 (a demo's dice)
    opening = timezone.make_aware(datetime.combine(day, OPENING))
    story = _Day(tablet, clerks, dice, until=opening + timedelta(hours=9))
    for n, clerk in enumerate(clerks):
        story.at(opening, lambda clerk=clerk, n=n: story.sit(clerk, n + 1))  # type: ignore[misc]
    _arrivals(story, day, opening, VISITS + dice.randint(-4, 4), spread=150)
    story.play()
    with frozen(story.until):
        for clerk in clerks:
            hall.leave(actor=clerk)
    return VISITS


def _now(tablet: Actor, clerks: list[Actor], moment: datetime) -> int:
    """Some hours until now, whatever time it is: a queue to look at, at any hour of the day."""
    day = timezone.localdate(moment)
    midnight = timezone.make_aware(datetime.combine(day, time(0, 1)))
    opening = max(moment - timedelta(minutes=140), midnight)
    dice = random.Random(day.toordinal())  # noqa: S311 (a demo's dice)
    story = _Day(tablet, clerks, dice, until=moment)
    for n, clerk in enumerate(clerks):
        story.at(opening, lambda clerk=clerk, n=n: story.sit(clerk, n + 1))  # type: ignore[misc]
    minutes = (moment - opening).total_seconds() / 60
    _arrivals(story, day, opening, round(minutes / 3.7), spread=max(minutes - 12, 1))
    _arrivals(story, day, moment - min(minutes, 11) * _MINUTE, 8, spread=min(minutes, 10), tag="n")
    story.play()
    found = queries.hall(tablet)
    forms = [one for one in found.line if one.kind == "open"] if found is not None else []
    for serial, ticket in enumerate(forms[:2], start=1994):
        data = {
            "kind": "individual",
            "name": invented.person(serial),
            "phone": invented.phone(serial),
            "offering": "home-300",
        }
        hall.fill_in(actor=tablet, ticket_id=ticket.pk, data=data)
    return queries.taken_on(tablet, day)


def _arrivals(
    story: _Day, day: date, since: datetime, number: int, *, spread: float, tag: str = ""
) -> None:
    for n in range(number):
        moment = since + story.dice.uniform(0, spread) * _MINUTE
        kind = story.dice.choice(KINDS)
        phone = invented.phone(1000 + n) if story.dice.random() < 0.4 else ""
        key = f"demo-hall-{day}-{tag}{n}"
        story.at(moment, lambda k=kind, y=key, p=phone: story.come(k, y, p))  # type: ignore[misc]


def _begun(actor: Actor, day: date) -> bool:
    return queries.taken_on(actor, day) > 0
