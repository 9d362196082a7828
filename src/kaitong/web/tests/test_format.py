"""Times, spans, sums and due chips as screens show them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from kaitong.web import format as fmt

NOW = datetime(2026, 10, 10, 6, 52, tzinfo=UTC)  # 14:52 on a Saturday in China


@pytest.mark.parametrize(
    ("span", "zh"),
    [
        (timedelta(milliseconds=41), "41毫秒"),
        (timedelta(seconds=3.2), "3.2秒"),
        (timedelta(seconds=59), "59秒"),
        (timedelta(minutes=26), "26分"),
        (timedelta(hours=2, minutes=5), "2时05分"),
        (timedelta(hours=3), "3时"),
        (timedelta(days=1, hours=4, minutes=59), "1天4时"),
        (timedelta(days=2, minutes=10), "2天"),
        (None, "—"),
    ],
)
def test_span_has_at_most_two_units(span, zh):
    with translation.override("zh-hans"):
        assert fmt.span(span) == zh


def test_when_writes_another_year_out():
    with translation.override("zh-hans"):
        assert fmt.when(datetime(2026, 10, 11, 9, 30, tzinfo=UTC), now=NOW) == "10-11 周日 17:30"
        assert fmt.when(datetime(2027, 1, 4, 9, 30, tzinfo=UTC), now=NOW).startswith("2027-01-04")


def test_yuan_is_exact():
    assert fmt.yuan(18445) == "¥184.45"
    assert fmt.yuan(-5) == "−¥0.05"
    assert fmt.yuan(123456700) == "¥1,234,567.00"


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"at": NOW - timedelta(minutes=1)}, "late"),
        ({"at": NOW + timedelta(hours=3), "start": NOW - timedelta(hours=20)}, "soon"),
        ({"at": NOW + timedelta(hours=3), "start": NOW - timedelta(minutes=1)}, "ok"),
        ({"at": NOW + timedelta(hours=3), "warn_at": NOW}, "soon"),
        ({"at": NOW - timedelta(hours=1), "held": True}, "wait"),
        ({"at": NOW, "ended_at": NOW - timedelta(hours=1)}, "ok"),
        ({"at": NOW - timedelta(hours=2), "ended_at": NOW - timedelta(hours=1)}, "late"),
        ({"at": None}, "none"),
    ],
)
def test_due_state(options, state):
    at = options.pop("at")
    assert fmt.due(at, now=NOW, **options).state == state
