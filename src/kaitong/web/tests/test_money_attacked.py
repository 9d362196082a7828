"""Money's pages under attack: days without a calendar's end, sums longer than numbers go."""

from __future__ import annotations

import pytest

LONG = "9" * 5000


@pytest.mark.parametrize(
    "day", ["0001-01-01", "1999-12-31", "9999-12-31", "２０２６-０１-０１", "a\0b"]
)
def test_a_day_that_is_none_shows_today(world, signed_in, day):
    clerk = signed_in("clerk")
    shown = clerk.get("/money/closing/", {"day": day})
    assert shown.status_code == 200
    today = clerk.get("/money/closing/")
    assert shown.context["page"].day == today.context["page"].day


def test_numbers_without_end_are_refused_not_read(world, signed_in):
    clerk, customer = signed_in("clerk"), world.line().customer_id
    answer = clerk.post("/money/closing/", {"counted": LONG, "expected": LONG})
    assert answer.status_code == 422
    for url in ("/refunds/", f"/customers/{customer}/"):
        assert clerk.get(url, {"page": LONG}).status_code == 200
