"""The one place that asks what time it is, so that tests can answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.utils import timezone

_frozen: ContextVar[datetime | None] = ContextVar("kaitong_frozen_clock", default=None)


def now() -> datetime:
    """The current instant, timezone-aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)


def read_local(text: str) -> datetime:
    """A time a person typed, such as ``2026-12-01T09:00``: where Kaitong stands, unless it names
    its zone. ValueError for anything else, and for what no calendar holds."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of the calendar") from None


@contextmanager
def frozen(moment: datetime) -> Iterator[datetime]:
    """Within the block `now()` is `moment` (tests and playbook scenarios)."""
    if moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    token = _frozen.set(moment.astimezone(UTC))
    try:
        yield moment
    finally:
        _frozen.reset(token)
