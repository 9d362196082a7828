"""Stored calendars: seeding from published years, departments that follow, alarms."""

from datetime import UTC, date, datetime

import pytest

from kaitong.core import clock
from kaitong.worktime import queries, services
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import CalendarDay, CalendarYear
from kaitong.worktime.tests.calendar_2026 import MAKE_UP, at, days_of_2026

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh():
    queries.forget()
    yield
    queries.forget()


def test_seed_holds_the_published_days_of_2026():
    services.seed_calendar(years=[2026])
    stored = {d.date: d.working for d in CalendarDay.objects.all()}
    assert stored == {day: entry.working for day, entry in days_of_2026().items()}
    assert sorted(d.strftime("%m-%d") for d, working in stored.items() if working) == MAKE_UP
    assert queries.calendar().working(date(2026, 10, 8))


def test_seeding_again_keeps_corrections():
    services.seed_calendar(years=[2026])
    CalendarDay.objects.filter(date=date(2026, 10, 7)).update(working=True, name="改")
    services.seed_calendar(years=[2026])
    assert CalendarDay.objects.get(date=date(2026, 10, 7)).working
    assert CalendarYear.objects.count() == 1


def test_unpublished_year_is_refused_and_leaves_nothing():
    services.seed_calendar(years=[2026])
    with pytest.raises(CalendarError, match="2099"):
        services.seed_calendar(years=[2099])
    assert not CalendarDay.objects.filter(date__year=2099).exists()
    assert not CalendarYear.objects.filter(year=2099).exists()


def test_unknown_calendar_is_refused():
    with pytest.raises(CalendarError, match="nowhere"):
        queries.calendar("nowhere")


def test_missing_year_raises_an_alarm_three_months_ahead():
    services.seed_calendar(years=[2026])
    with clock.frozen(datetime(2026, 9, 30, tzinfo=UTC)):
        assert queries.missing_years() == []
    with clock.frozen(datetime(2026, 10, 1, tzinfo=UTC)):
        assert queries.missing_years() == [("cn", 2027)]


def test_department_follows_the_statutory_holidays_with_its_own_hours():
    services.seed_calendar(years=[2026])
    services.define_calendar(
        key="install", name="装维", hours=dict.fromkeys(("mon", "tue", "wed"), "09:00-18:00")
    )
    calendar = queries.calendar("install")
    assert not calendar.working(date(2026, 10, 5))
    due = queries.deadline("1 working day", at("2026-11-02 09:00"), calendar_key="install").due_at
    assert due == at("2026-11-03 18:00")
    with clock.frozen(datetime(2026, 11, 1, tzinfo=UTC)):
        assert queries.missing_years() == [("cn", 2027)]


def test_round_the_clock_desk_knows_no_holidays():
    services.seed_calendar(years=[2026])
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    services.define_calendar(
        key="noc", name="网管", hours=dict.fromkeys(week, "00:00-24:00"), observes_holidays=False
    )
    result = queries.deadline("8 working hours", at("2026-10-01 22:00"), calendar_key="noc")
    assert result.due_at == at("2026-10-02 06:00")
    later = queries.deadline("2 working days", at("2099-01-01 09:00"), calendar_key="noc")
    assert not later.provisional


def test_kept_calendar_is_dropped_when_days_change(django_capture_on_commit_callbacks):
    services.seed_calendar(years=[2026])
    assert not queries.calendar().working(date(2026, 10, 5))
    with django_capture_on_commit_callbacks(execute=True):
        services.set_year(key="cn", year=2026, days=[])
    assert queries.calendar().working(date(2026, 10, 5))


def test_year_takes_only_its_own_days():
    services.seed_calendar(years=[2026])
    with pytest.raises(CalendarError, match="2027-01-01"):
        services.set_year(
            key="cn", year=2026, days=[services.DayEntry(date(2027, 1, 1), False, "元旦")]
        )


def test_explained_speaks_both_languages():
    services.seed_calendar(years=[2026])
    start = at("2026-11-02 09:00")
    assert queries.explained("48 hours", start)[-1] == "2026-11-04 周三 09:00 到期"
    assert queries.explained("48 hours", start, language="en")[-1] == "due Wed 4 Nov 2026 09:00"
