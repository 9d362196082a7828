"""The sheet adds up: laws on arbitrary holdings, against a count second by second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kaitong.process.shares import RANK, Holding, Kind, sheet

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
SPAN = 400  # seconds


def at(second: float) -> datetime:
    return FIRST + timedelta(seconds=second)


moments = st.floats(-50, SPAN + 50, allow_nan=False)
held = st.lists(
    st.builds(
        lambda n, kind, a, b: Holding(
            key=str(n), kind=kind, start=at(min(a, b)), end=at(max(a, b))
        ),
        st.integers(0, 10_000),
        st.sampled_from([k for k in Kind if k is not Kind.SYSTEM]),
        moments,
        moments,
    ),
    max_size=12,
    unique_by=lambda h: h.key,
)


@settings(max_examples=200, deadline=None)
@given(held, st.floats(0, 100), st.floats(100, SPAN))
def test_what_the_rows_answer_for_adds_up_to_the_whole_time(holdings, a, b):
    start, end = at(a), at(b)
    rows = sheet(holdings, start, end)
    whole = end.replace(microsecond=0) - start.replace(microsecond=0)
    assert sum((row.counted for row in rows), timedelta()) == whole
    assert all(timedelta() <= row.counted <= row.elapsed for row in rows)
    assert all(row.start.microsecond == row.end.microsecond == 0 for row in rows)


@settings(max_examples=100, deadline=None)
@given(held)
def test_each_second_is_answered_for_by_who_comes_first(holdings):
    """An independent count: second by second, who answers."""
    start, end = FIRST, at(SPAN)
    rows = sheet(holdings, start, end)
    slow: dict[str, int] = {}
    cut = [(h.start.replace(microsecond=0), h.end.replace(microsecond=0), h) for h in holdings]
    for second in range(SPAN):
        moment = at(second)
        there = [(RANK[h.kind], max(s, start), h.key) for s, e, h in cut if s <= moment < e]
        key = min(there)[2] if there else "gap"
        slow[key] = slow.get(key, 0) + 1
    fast: dict[str, int] = {}
    for row in rows:
        key = "gap" if row.kind is Kind.SYSTEM else row.key
        seconds = int(row.counted.total_seconds())
        if seconds:
            fast[key] = fast.get(key, 0) + seconds
    assert fast == slow


def test_who_could_act_answers_before_what_merely_stood():
    rows = sheet(
        [
            Holding(key="s", kind=Kind.SUSPENDED, start=at(0), end=at(100)),
            Holding(key="w", kind=Kind.WORK, start=at(40), end=at(60)),
            Holding(key="m", kind=Kind.MACHINE, start=at(90), end=at(130)),
        ],
        at(0),
        at(150),
    )
    counted = {row.kind: row.counted.total_seconds() for row in rows}
    assert counted == {
        Kind.SUSPENDED: 80,
        Kind.WORK: 20,
        Kind.MACHINE: 30,
        Kind.SYSTEM: 20,
    }
