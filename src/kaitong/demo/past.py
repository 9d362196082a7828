"""When things happened: business time counted back from now. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kaitong.worktime.calendars import Calendar

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """Business minutes of a calendar around an instant.

    Minute 0 is the last business instant before it, so that at night the last thing happened in the
    evening. The later the instant, the later every minute: a story told again never goes back.
    """

    calendar: Calendar
    end: datetime

    def at(self, ago: float) -> datetime:
        """The instant so many business minutes ago; ahead when negative."""
        left = timedelta(minutes=abs(ago))
        spans = self._back() if ago >= 0 else self._on()
        for opening, closing in spans:
            if closing - opening > left or (ago >= 0 and closing - opening == left):
                return closing - left if ago >= 0 else opening + left
            left -= closing - opening
        raise AssertionError("a calendar without end")

    def slot(self, ago: float) -> datetime:
        """The full or half hour before that: people agree on such."""
        moment = self.at(ago)
        within = timedelta(minutes=moment.minute % 30, seconds=moment.second)
        return moment - within - timedelta(microseconds=moment.microsecond)

    def ago(self, moment: datetime) -> float:
        """How many business minutes ago that was; what is still to come is none ago."""
        minutes = 0.0
        for opening, closing in self._back():
            if closing <= moment:
                break
            minutes += (closing - max(opening, moment)).total_seconds() / 60
        return minutes

    def months(self, ago: float) -> Iterator[tuple[date, float]]:
        """The months that have ended since that, the one of it first, and how long ago the bills of
        each were written: at ten on the first day after."""
        day = self.calendar.local(self.at(ago)).date().replace(day=1)
        while True:
            after = (day + timedelta(days=32)).replace(day=1)
            written = datetime(after.year, after.month, 1, 10, tzinfo=self.calendar.zone)
            if written > self.end:
                return
            yield day, self.ago(written)
            day = after

    def _back(self) -> Iterator[tuple[datetime, datetime]]:
        day = self.calendar.local(self.end).date()
        while True:
            for opening, closing in reversed(self.calendar.spans(day)):
                if opening < self.end:
                    yield opening, min(closing, self.end)
            day -= _DAY

    def _on(self) -> Iterator[tuple[datetime, datetime]]:
        day: date = self.calendar.local(self.end).date()
        while True:
            for opening, closing in self.calendar.spans(day):
                if closing > self.end:
                    yield max(opening, self.end), closing
            day += _DAY
