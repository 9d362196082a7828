"""Which registrations speak of the line as it is, when the registrar tells whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kaitong.activation.adapters.registrations import registration_of

MOVED = datetime(2026, 11, 26, 12, 7, 12, 900_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("registered", "heard", "counts"),
    [
        (-timedelta(hours=1), -timedelta(seconds=2), False),
        (-timedelta(milliseconds=400), timedelta(0), False),  # before, within the same second
        (timedelta(milliseconds=50), timedelta(0), True),  # after, within the same second
        (timedelta(hours=1), -timedelta(hours=2), False),  # its database's clock is ahead
        (-timedelta(hours=1), timedelta(seconds=1), True),  # bound before, refreshed after
    ],
)
def test_a_telephone_of_the_same_second_counts_only_when_it_registered_after(
    registered, heard, counts
):
    whole = (MOVED + heard).replace(microsecond=0)
    row = ("05597568888", "sip:x@h:1", "T", "", MOVED + registered, whole, whole)
    assert registration_of(row).is_since(MOVED) is counts
