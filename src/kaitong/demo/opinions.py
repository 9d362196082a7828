"""What the demo's customers think (满意度): asked about what happened in its story and its hall, at
the hour it happened; most answer, by link or at the counter, a few are not content and were called.

Who is asked and how is the playbook's, by the verbs of the worker; only the answers are invented.
An event that was asked about is passed over, so telling again changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction

from kaitong.assurance import facts as assurance
from kaitong.core.clock import frozen, now
from kaitong.hall import facts as hall
from kaitong.ordering import facts as ordering
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.surveys import answering, asking
from kaitong.surveys.choices import Way
from kaitong.surveys.models import Invitation

ANSWERED = {Way.DEVICE: 0.7, Way.LINK: 0.6}
AFTER = {Way.DEVICE: timedelta(minutes=1), Way.LINK: timedelta(hours=2)}
SCORES = (5, 5, 5, 5, 5, 5, 4, 4, 4, 3, 2, 1)
WORDS = {
    5: ("师傅很准时，讲得也清楚", "很快就装好了", "", ""),
    4: ("总体不错", ""),
    3: ("等的时间有点长", ""),
    2: ("约的上午，下午才来", "网速没有说的快"),
    1: ("打了几次电话才有人来",),
}
_FRESH = timedelta(hours=20)  # a bad score of the last day still waits to be called about


def tell() -> int:
    """Ask, and answer; how many were asked now."""
    events = sorted(_events(), key=lambda one: (one.at, one.key))
    moment = now()
    asked = 0
    for event in events:
        if event.at + timedelta(minutes=1) >= moment:
            continue
        with frozen(event.at + timedelta(minutes=1)):
            if not asking.ask([event]):
                continue
        for row in Invitation.objects.filter(key__endswith=f":{event.key}"):
            asked += 1
            _answer(row, random.Random(event.key))  # noqa: S311 (a demo's dice)
    return asked


# ---- inside --------------------------------------------------------------------------------------


def _events() -> Iterator[asking.Event]:
    for identifiers in (ordering.identifiers, assurance.identifiers, hall.identifiers):
        after = None
        while page := identifiers(after, 500):
            yield from asking.events(page)
            after = page[-1]


def _answer(row: Invitation, dice: random.Random) -> None:
    way = Way(row.way)
    at = row.asked_at + dice.uniform(0.1, 1) * AFTER.get(way, timedelta())
    if at >= now() or dice.random() > ANSWERED.get(way, 0):
        return
    score = dice.choice(SCORES)
    given = {"overall": str(score), "words": dice.choice(WORDS[score])}
    for question in ("first_contact", "on_time", "once", "fixed"):
        given[question] = "no" if score < 3 and dice.random() < 0.6 else "yes"
    if score < 3:
        reasons = ("time.slow", "time.appointment", "manner.explain")
        given["reason"] = dice.choice(reasons)
    with frozen(at), transaction.atomic():
        held = answering.locked(Actor.system(), row.pk)
        answering.keep(held, given, way=way, by=None)
    if score < 3 and at < now() - _FRESH:
        with frozen(at + timedelta(hours=1)):
            _called(row)


def _called(row: Invitation) -> None:
    """刘芸 called, and explained."""
    for item in process.open_items_of(Actor.system(), [row.pk]).get(row.pk, []):
        playbooks.complete_work(
            actor=actor_of("service"),
            item_id=item.id,
            data={"reached": "yes", "outcome": "explained", "outcome_note": "已致歉，客户接受"},
        )
