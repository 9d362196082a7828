"""The real calendar of 2026 as a value, for tests with no database."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from kaitong.worktime.calendars import Calendar, Day, parse_hours

ZONE = ZoneInfo("Asia/Shanghai")
HOURS = parse_hours("08:30-12:00,14:00-17:30")
MAKE_UP = ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]
HOLIDAYS = {
    "元旦": ("01-01", "01-03"),
    "春节": ("02-15", "02-23"),
    "清明节": ("04-04", "04-06"),
    "劳动节": ("05-01", "05-05"),
    "端午节": ("06-19", "06-21"),
    "中秋节": ("09-25", "09-27"),
    "国庆节": ("10-01", "10-07"),
}


def days_of_2026() -> dict[date, Day]:
    days = {date.fromisoformat(f"2026-{text}"): Day(True, "") for text in MAKE_UP}
    for name, (first, last) in HOLIDAYS.items():
        day = date.fromisoformat(f"2026-{first}")
        while day <= date.fromisoformat(f"2026-{last}"):
            days[day] = Day(False, name)
            day += timedelta(days=1)
    return days


CALENDAR = Calendar(
    key="cn",
    name="法定工作日历",
    hours=(HOURS,) * 5 + ((), ()),
    makeup_hours=HOURS,
    days=days_of_2026(),
    years=frozenset({2026}),
)


def at(text: str) -> datetime:
    """A local time such as ``2026-09-25 16:40``."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)
