"""A few days of the county: orders in every stage, and every kind of trouble.

All tales are told together, oldest act first, so that numbers, ports and people's loads are those
of such days. A telling that was killed goes on: an act that was done is passed over.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from datetime import timedelta

from django.utils import timezone

from kaitong.charging import closing
from kaitong.charging.days import start_of
from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.demo import invented, people, plant, tales, troubles
from kaitong.demo.acts import SYSTEM, Case, Stage
from kaitong.demo.invented import request
from kaitong.demo.past import Past
from kaitong.demo.platforms import Platforms
from kaitong.demo.spots import Spots
from kaitong.demo.tales import Tale
from kaitong.lab.session import AccessServer
from kaitong.ordering import drafts
from kaitong.ordering import queries as orders
from kaitong.ordering.requests import OrderFilter
from kaitong.places.choices import CoverageStatus
from kaitong.process import partitions
from kaitong.worktime import queries as worktime

__all__ = ["request", "tell", "told"]

BUNDLED = 1981  # serial of the first bundle
MOVING = 1961  # serial of the first line that moves
LAST = 1999  # serial of the order whose taking in ends the story
_OLDEST = 26_000  # business minutes ago: before anything happened
_AT_THE_COUNTER = 6  # minutes a draft is old
_NIGHT_STEP = timedelta(minutes=30)

Times = Callable[[int], Mapping[str, object]]

# ---- the cast ------------------------------------------------------------------------------------


def cast(stage: Stage, spots: Spots, *, few: bool = False) -> list[Tale]:
    """Who is in the story. `few`: one of each kind, for tests and where there is no network."""
    dice = random.Random(341022)  # noqa: S311 (a demo's dice)
    listed: list[Tale] = []

    def add(count: int, kind: str, tale: Callable[..., Tale], times: Times) -> None:
        for number in range(min(count, 1) if few else count):
            serial = 1001 + len(listed)
            case = Case(stage, serial, spots.take(kind))
            listed.append(tale(case, **times(number)))

    def whole(number: int) -> Mapping[str, object]:
        ago = 2050 - number * 31 - dice.randint(0, 26)
        visit = max(ago - dice.randint(150, 640), 160)
        return {"ago": ago, "visit": visit, "called": visit - dice.randint(75, 150)}

    def within(since: tuple[int, int], visit: tuple[int, int]) -> Times:
        return lambda _n: {"ago": dice.randint(*since), "visit": dice.randint(*visit)}

    def since(least: int, most: int, **more: object) -> Times:
        return lambda _n: {"ago": dice.randint(least, most), **more}

    def months_ago(number: int) -> Mapping[str, object]:
        ago = (45 - number * 3) * 530 + dice.randint(0, 200)
        visit = ago - dice.randint(500, 640)
        called = visit - dice.randint(75, 150)
        return {"ago": ago, "visit": visit, "called": called, "late": number % 5 == 4}

    add(34, "free", tales.completed, whole)
    add(6, "onu", tales.completed, whole)
    add(3, "firm", tales.completed, whole)
    add(1, "free", tales.away_for_long, whole)
    add(1, "free", tales.away_for_long, lambda n: {**whole(n), "back": 30})
    add(1, "free", tales.forgot_password, whole)
    add(1, "free", tales.left, whole)
    add(2, "free", tales.came_back, within((1500, 1900), (1000, 1200)))
    add(9, "free", tales.installed, within((420, 900), (90, 330)))
    add(7, "free", tales.visiting, within((300, 700), (8, 75)))
    add(9, "free", tales.appointed, within((70, 500), (-700, -20)))
    add(3, "free", tales.dispatched, lambda n: {
        "ago": dice.randint(150, 400), "visit": -dice.randint(20, 200),
        "to": ("partner", "installer3", "partner")[n],
    })  # fmt: skip
    add(4, "free", tales.missed, within((1350, 1700), (400, 700)))
    add(2, "free", tales.put_off, lambda n: {
        "ago": dice.randint(400, 600), "visit": -30 - n, "later": -dice.randint(600, 1100),
    })  # fmt: skip
    add(1, "free", tales.sent_back, within((500, 600), (100, 130)))
    add(2, "free", tales.away, lambda n: {
        "ago": dice.randint(800, 1200), "visit": dice.randint(300, 420), "reason": "customer-away",
        "note": ("客户出差，下周回来", "老人住院，家中无人")[n], "back": -dice.randint(1200, 2500),
    })  # fmt: skip
    add(1, "free", tales.away, since(
        900, 1000, visit=350, reason="resource", note="皮线管道不通，等建设疏通", back=-1600
    ))  # fmt: skip
    add(1, "free", tales.away, since(
        700, 800, visit=250, reason="property", note="物业要求周末施工", back=-900
    ))  # fmt: skip
    add(10, "free", tales.new, lambda n: {"ago": 4 + n * 9 + dice.randint(0, 6)})
    add(2, "free", tales.slow_contact, since(210, 380))
    add(2, "free", tales.no_answer, since(60, 110))
    add(2, "free", tales.wrong_port, within((500, 800), (120, 260)))
    add(1, "onu", tales.wrong_port, within((500, 800), (120, 260)))
    add(
        2,
        "free",
        tales.changed_port,
        lambda n: {"ago": (700, 400)[n], "visit": (260, 40)[n], "done": not n},
    )
    add(2, "free", tales.not_seen, within((500, 800), (100, 240)))
    add(1, "free", tales.came_by_itself, within((900, 1000), (420, 500)))
    add(1, "free", tales.reworked, lambda _n: {"ago": 800, "visit": 380, "done": None})
    add(1, "free", tales.reworked, lambda _n: {"ago": 1500, "visit": 1100, "done": 700})
    add(1, "free", tales.given_up, within((1200, 1300), (700, 800)))
    add(
        3,
        "free",
        tales.withdrawn,
        lambda n: {
            "ago": (1600, 700, 420)[n],
            "visit": (900, 60, -200)[n],
            "since": (1300, 380, 36)[n],
            "reason": ("customer.no-need", "operator.too-slow", "customer.other-operator")[n],
        },
    )
    add(1, "free", tales.taken_twice, since(900, 1000))
    add(3, "free", tales.unread, since(30, 200))
    add(2, "free", tales.unread, since(600, 900, decision="corrected"))
    add(1, "free", tales.unread, since(900, 1100, decision="refuse"))
    add(2, "full", tales.full_box, since(40, 160))
    add(1, "full", tales.full_box, since(180, 260, decision="claim"))
    add(1, "full", tales.full_box, since(700, 900, decision="refuse"))
    add(2, "free", tales.network_down, lambda n: {"ago": 131 - n * 3, "again": None})
    add(1, "free", tales.network_down, lambda _n: {"ago": 137, "again": 96})
    add(2, CoverageStatus.PLANNED, tales.new, since(200, 1600))
    add(2, CoverageStatus.NO_ENTRY, tales.new, since(200, 1600))
    add(2, CoverageStatus.NONE, tales.new, since(200, 1600))
    add(10, "free", tales.regular, months_ago)
    if not few:  # without a network no line comes to work, and none can break
        _troubles(add)
        listed += bundles(stage, spots) + movers(stage, spots)
    listed.append(tales.new(Case(stage, LAST, spots.take("free")), 2.2))
    return listed


def bundles(stage: Stage, spots: Spots) -> list[Tale]:
    """融合套餐: two that work, one that is being installed, one to be visited. None where
    telephones and set-top boxes have no platform."""
    if stage.platforms is None:
        return []

    def sold(number: int, offering: str = "home-300-bundle") -> Case:
        return Case(stage, BUNDLED + number, spots.take("free"), offering=offering)

    return [
        tales.completed(sold(0), 1300.0, 800.0, 600.0),
        tales.completed(sold(1, "home-1000-bundle"), 1210.0, 740.0, 540.0),
        tales.visiting(sold(2), 420.0, 30.0),
        tales.appointed(sold(3), 420.0, -90.0),
    ]


def movers(stage: Stage, spots: Spots) -> list[Tale]:
    """移机 under way: one line to be taken down, one being installed where it goes."""
    return [
        tales.moved(
            Case(stage, MOVING + number, spots.take("free")),
            1900.0 - 40 * number,
            1400.0,
            1290.0,
            there=spots.take("free"),
            done=bool(number),
        )
        for number in range(2)
    ]


def _troubles(add: Callable[[int, str, Callable[..., Tale], Times], None]) -> None:
    """Faults of lines that were opened two days ago."""
    opened = {"ago": 2100.0, "visit": 1750.0, "called": 1640.0}

    def broke(*minutes: float, **more: object) -> Times:
        return lambda n: {"opened": opened, "broke": minutes[n % len(minutes)], **more}

    add(2, "free", troubles.guided, broke(420, 95, words="晚上看视频卡"))
    add(3, "free", troubles.mended, broke(1200, 1050, 900, until="", again=False))
    add(1, "free", troubles.mended, broke(800, until="", again=True))
    add(2, "free", troubles.mended, broke(40, 18, until="Locate", again=False))
    add(2, "free", troubles.mended, broke(210, 160, until="Visit", again=False))
    add(1, "free", troubles.mended, broke(330, until="CallBack", again=False))
    add(1, "free", troubles.cable, broke(260))
    add(1, "free", troubles.alarmed, broke(25))


def neighbours(stage: Stage, spots: Spots) -> list[Tale]:
    """Orders of the other county, which nobody of this one sees."""
    cases = [Case(stage, 1801 + n, spots.take("free"), people.NEIGHBOUR) for n in range(3)]
    return [
        tales.new(cases[0], 45),
        tales.new(cases[1], 130),
        tales.appointed(cases[2], 300, -60),
    ]


# ---- the telling ---------------------------------------------------------------------------------


def told() -> bool:
    """Whether the story's last order is there: then all of it is."""
    key = OrderFilter(field="idempotency_key", op="eq", value=f"demo-{LAST}")
    return bool(orders.orders(SYSTEM, (key,), limit=1)[1])


def tell(
    modems: AccessServer | None,
    *,
    platforms: Platforms | None = None,
    scale: str = plant.COUNTY.name,
    few: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Tell it; how many orders it is about. No worker may run meanwhile: it would hurry ahead."""
    stage = Stage(Past(worktime.calendar("cn"), now()), modems, platforms)
    for ago in (_OLDEST, 2200):
        with frozen(stage.past.at(ago)):
            partitions.ensure()
    listed = cast(stage, Spots.of(scale, people.COUNTY), few=few)
    if not few:
        listed += neighbours(stage, Spots.of(plant.NEIGHBOUR.name, people.NEIGHBOUR))
    play(stage, listed, progress)
    # The night between the last act and now: reminders fall due, messages wait for the morning.
    moment = stage.past.at(0) + _NIGHT_STEP
    while moment < stage.past.end:
        with frozen(moment):
            stage.machines()
        moment += _NIGHT_STEP
    _close_days(stage)
    _at_the_counter(stage, Spots.of(scale, people.COUNTY))
    return len(listed)


def play(
    stage: Stage,
    listed: list[Tale],
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """All tales, the oldest act first, each under a clock that stands at it."""
    due = [(-next(tale), number, tale) for number, tale in enumerate(listed)]
    heapq.heapify(due)
    ended = 0
    while due:
        ago, number, tale = heapq.heappop(due)
        # Not everybody acts on the minute.
        moment = stage.past.at(-ago) - timedelta(seconds=number * 7 % 53)
        with frozen(moment):
            following = next(tale, None)
            stage.machines()
        if following is None:
            ended += 1
            progress(ended, len(listed))
        else:
            heapq.heappush(due, (max(-following, ago), number, tale))


def _close_days(stage: Stage) -> None:
    """日结: the clerks closed their days, the shift leader has confirmed them; but for the last."""
    clerks = {clerk.id: clerk for clerk in stage.hands[f"{people.COUNTY}.clerk"]}
    today = timezone.localdate(now())
    days = [one for one in closing.unclosed(stage.boss, before=today) if one[0] in clerks]
    last = max((day for _clerk, day, _count in days), default=today)
    for clerk_id, day, _count in days:
        if day == last:
            continue
        clerk = clerks[clerk_id]
        with frozen(start_of(day) + timedelta(hours=17, minutes=40)):
            stood = closing.day_of(clerk, clerk_id, day)
            row = closing.close_day(actor=clerk, day=day, counted_fen=stood.cash_fen)
            closing.confirm_day(actor=stage.boss, closing_id=row.pk)


def _at_the_counter(stage: Stage, spots: Spots) -> None:
    """Two drafts: one whose port is held while the customer looks for his card, one that lapsed."""
    clerk = stage.hands[f"{people.COUNTY}.clerk"][0]
    if drafts.drafts_of(clerk):
        return
    for serial, minutes in ((1990, 95), (1991, _AT_THE_COUNTER)):
        # From the other end of the list: those of the story are at this one.
        spots.codes["free"].reverse()
        with frozen(now() - timedelta(minutes=minutes)):
            draft = uuid7()
            entered = {
                "kind": "individual",
                "offering": "home-1000",
                "name": invented.person(serial),
                "phone": invented.phone(serial),
                "method": "card",
            }
            drafts.open_draft(actor=clerk, draft_id=draft, data=entered)
            drafts.choose(
                actor=clerk,
                draft_id=draft,
                address_id=spots.take("free"),
                hold_for=timedelta(minutes=30),
            )
