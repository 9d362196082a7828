"""Days of the operator's time zone: where the money of a day begins."""

from __future__ import annotations

from datetime import date, datetime, time

from django.utils import timezone

from kaitong.core import clock


def start_of(day: date) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time(), timezone.get_default_timezone())


def today() -> date:
    return timezone.localdate(clock.now())
