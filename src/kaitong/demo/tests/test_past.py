"""Business time counted back: in hours people work, never ahead of now, never back again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kaitong.demo.past import Past
from kaitong.worktime.calendars import Calendar, weekly

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "08:30-12:00,14:00-17:30")
THURSDAY_NIGHT = datetime(2026, 11, 25, 17, 22, tzinfo=UTC)  # 01:22 on Thursday there


def past(end: datetime) -> Past:
    return Past(Calendar("cn", "", weekly(WEEK), ((510, 1050),)), end)


def local(moment: datetime) -> str:
    return (moment + timedelta(hours=8)).strftime("%a %H:%M")


@pytest.mark.parametrize(
    ("ago", "when"),
    [
        (0, "Wed 17:30"),
        (30, "Wed 17:00"),
        (210 + 60, "Wed 11:00"),
        (420 + 10, "Tue 17:20"),
        (5 * 420 - 60, "Thu 09:30"),
        (-15, "Thu 08:45"),
        (-(2 * 420 + 30), "Mon 09:00"),
    ],
)
def test_at_night_the_last_thing_happened_in_the_evening(ago, when):
    assert local(past(THURSDAY_NIGHT).at(ago)) == when


def test_the_later_now_is_the_later_was_then():
    for ago in (3, 200, 900, 2000):
        moments = [
            past(THURSDAY_NIGHT + timedelta(minutes=37 * step)).at(ago) for step in range(200)
        ]
        assert moments == sorted(moments)


def test_minutes_ago_are_counted_back_from_an_instant():
    night = past(THURSDAY_NIGHT)
    for ago in (0.5, 60, 700, 5000):
        assert night.ago(night.at(ago)) == pytest.approx(ago)
    assert night.ago(THURSDAY_NIGHT + timedelta(days=1)) == 0


def test_bills_are_written_on_the_first_of_the_month_after():
    night = past(THURSDAY_NIGHT)
    listed = list(night.months(17_000))
    assert [f"{month:%m-%d}" for month, _ago in listed] == ["09-01", "10-01"]
    assert [local(night.at(ago))[4:] for _month, ago in listed] == ["10:00", "08:30"]


def test_people_agree_on_half_hours():
    slot = past(datetime(2026, 11, 26, 2, 47, 31, tzinfo=UTC)).slot(0)
    assert local(slot) == "Thu 10:30"
