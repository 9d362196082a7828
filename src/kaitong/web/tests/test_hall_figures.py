"""QA-06: what the hall's queue tells of waiting and serving, on the page, the sheet, the book."""

from __future__ import annotations

import io
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from python_calamine import CalamineWorkbook

from kaitong.core.clock import frozen
from kaitong.core.ids import uuid7
from kaitong.hall import services as hall
from kaitong.reporting import services as reporting
from kaitong.reporting import visits
from kaitong.reporting.checking import check
from kaitong.reporting.models import VisitFact
from kaitong.reporting.queries import Asked

pytestmark = pytest.mark.django_db

THURSDAY = datetime(2026, 3, 5, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def busy(world):
    """Four came: two were served after 4 and 20 minutes, one was missed, one waited in vain."""
    clerk = world.actor("clerk")

    def at(minute: int):
        return frozen(THURSDAY + minute * MINUTE)

    with at(0):
        hall.sit(actor=clerk, counter=1)
        made = [hall.take(actor=clerk, kind=k, key=str(uuid7()))
                for k in ("open", "open", "pay", "pay")]  # fmt: skip
    for number, begun, ended in ((0, 4, 14), (1, 20, 50)):
        with at(begun):
            assert hall.call_next(actor=clerk) == made[number]
            hall.begin(actor=clerk, ticket_id=made[number].pk)
        with at(ended):
            hall.end(actor=clerk, ticket_id=made[number].pk)
    with at(60):
        ticket = hall.call_next(actor=clerk)
        hall.call_again(actor=clerk, ticket_id=ticket.pk)
        hall.miss(actor=clerk, ticket_id=ticket.pk)
        hall.close_day(actor=world.actor("supervisor"))
    reporting.fold()
    return made


def test_waiting_serving_missed_and_left_over(world, busy, signed_in):
    boss = world.actor("supervisor")
    week = Asked(grain="w", start=THURSDAY.date() - timedelta(days=3))
    (bucket,) = visits.buckets(boss, week, group="start").values()
    assert {k: bucket.sums[k] for k in ("n", "served", "missed", "closed")} == {
        "n": 4, "served": 2, "missed": 1, "closed": 1,
    }  # fmt: skip
    assert (bucket.sums["timed"], bucket.sums["on_time"]) == (2, 1)  # the playbook says 15 minutes
    assert bucket.sums["waited"] == 24 * 60
    assert bucket.sums["handled"] == 40 * 60
    kinds = visits.buckets(boss, week, group="kind")
    assert (kinds["open"].sums["served"], kinds["pay"].sums["served"]) == (2, 0)
    people, hours = visits.served(boss, week)
    assert [(one.name, one.count, one.mean, one.an_hour) for one in people] == [
        ("胡雅琴", 2, 1200, 3.0)
    ]
    assert [(one.hour, one.count) for one in hours] == [(9, 2)]
    assert check() == []

    client = signed_in("supervisor")
    html = client.get("/figures/?at=2026-03-05").content.decode()
    part = html[html.index('id="t-hall"') :]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))
    for line in ("取号量 4", "办结量 2", "等候及时率 50.0%", "过号率 25.0%", "未办收号率 25.0%",
                 "胡雅琴 2 20分 3.0", "09:00–10:00 2"):  # fmt: skip
        assert line in text, line
    assert "办到的排队号中" in html  # what it means
    sheet = client.get("/figures/report.pdf?at=2026-03-05").content
    words = subprocess.run(["pdftotext", "-layout", "-", "-"], input=sheet, capture_output=True,
                           check=True).stdout.decode().replace(" ", "")  # fmt: skip
    assert "营业厅排队" in words
    assert "等候及时率50.0%" in words
    answer = client.get("/figures/report.xlsx?at=2026-03-05")
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(answer.streaming_content)))
    rows = book.get_sheet_by_index(0).to_python()
    told = {(row[0], row[3]): row[4] for row in rows}
    assert told["营业厅排队，按期", "等候及时率"] == 50
    assert told["营业厅排队，按期", "取号量"] == 4


def test_who_comes_back_is_no_longer_missed(world, busy):
    clerk = world.actor("clerk")
    with frozen(THURSDAY + 65 * MINUTE):
        hall.bring_back(actor=clerk, ticket_id=busy[2].pk)
        hall.call_next(actor=clerk)
        hall.begin(actor=clerk, ticket_id=busy[2].pk)
    with frozen(THURSDAY + 70 * MINUTE):
        hall.end(actor=clerk, ticket_id=busy[2].pk)
    reporting.touch([busy[2].pk])  # gathering waits for the transaction, which is the test's own
    reporting.drain()
    assert VisitFact.objects.get(pk=busy[2].pk).outcome == "served"
    before = reporting.recount()
    assert check() == []
    assert reporting.rebuild() >= 4
    assert reporting.recount() == before


def test_only_for_who_leads_and_only_their_branch(world, busy, signed_in):
    assert signed_in("clerk").get("/figures/").status_code == 403
    html = signed_in("foreigner").get("/figures/?at=2026-03-05").content.decode()
    assert 'id="t-hall"' not in html
