"""How times, spans and sums look on a screen. Pure apart from the active language and time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

WEEKDAYS = (
    gettext_lazy("周一"),
    gettext_lazy("周二"),
    gettext_lazy("周三"),
    gettext_lazy("周四"),
    gettext_lazy("周五"),
    gettext_lazy("周六"),
    gettext_lazy("周日"),
)
DASH = "—"


def local_time(value: datetime) -> datetime:
    """The operator's own time. There is one time zone, so nothing is looked up per thread."""
    return value.astimezone(timezone.get_default_timezone())


def in_chinese() -> bool:
    return (get_language() or "zh").startswith("zh")


def mark(sign: str) -> str:
    """A mark between parts: full-width in Chinese, with a space after it in English."""
    if in_chinese():
        return sign
    return {"，": ", ", "；": "; ", "：": ": ", "、": ", ", "。": ". ", "": " "}[sign]


def of_many(title: str, part: str) -> str:
    """A step's title, and which of many it is about where it is done several times at once."""
    return f"{title} · {part}" if part else title


def _with_weekday(text: str, weekday: int) -> str:
    """Chinese sets the weekday after the date, English before it."""
    return _pattern(get_language() or "zh", weekday) % text


@lru_cache(maxsize=32)
def _pattern(language: str, weekday: int) -> str:
    """Kept by language: a page of fifty rows sets a hundred and fifty dates."""
    name = str(WEEKDAYS[weekday])
    return f"%s {name}" if language.startswith("zh") else f"{name} %s"


def day(value: date | datetime | None, *, now: datetime | None = None) -> str:
    """`10-10 周六`; another year is written out."""
    if value is None:
        return DASH
    local = local_time(value).date() if isinstance(value, datetime) else value
    today = local_time(now or timezone.now()).date()
    text = local.strftime("%m-%d" if local.year == today.year else "%Y-%m-%d")
    return _with_weekday(text, local.weekday())


def when(value: datetime | None, *, now: datetime | None = None) -> str:
    """`10-10 周六 17:30`."""
    if value is None:
        return DASH
    return f"{day(value, now=now)} {local_time(value):%H:%M}"


def short(value: datetime | None, *, now: datetime | None = None) -> str:
    """`17:30` today, else `10-10 17:30`: for dense columns."""
    if value is None:
        return DASH
    local = local_time(value)
    today = local_time(now or timezone.now())
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d}"


def full(value: datetime | None) -> str:
    """`2026-10-10 周六 17:30:07`: for titles."""
    if value is None:
        return ""
    local = local_time(value)
    return f"{_with_weekday(f'{local:%Y-%m-%d}', local.weekday())} {local:%H:%M:%S}"


def span(value: timedelta | float | int | None) -> str:
    """At most two units: `1天4时`, `2时38分`, `41分`, `2秒`, `180毫秒`."""
    if value is None:
        return DASH
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    seconds = abs(seconds)
    if seconds < 1:
        return _("%(n)s毫秒") % {"n": round(seconds * 1000)}
    if seconds < 10 and seconds != int(seconds):
        return _("%(n)s秒") % {"n": f"{seconds:.1f}"}
    if seconds < 60:
        return _("%(n)s秒") % {"n": int(seconds)}
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        rest = hours - days * 24
        return _("%(d)s天%(h)s时") % {"d": days, "h": rest} if rest else _("%(d)s天") % {"d": days}
    if hours:
        rest = minutes - hours * 60
        if rest:
            return _("%(h)s时%(m)s分") % {"h": hours, "m": f"{rest:02d}"}
        return _("%(h)s时") % {"h": hours}
    return _("%(m)s分") % {"m": minutes}


def yuan(fen: int | None) -> str:
    """Integer fen as `¥1,234.50`."""
    if fen is None:
        return DASH
    sign = "−" if fen < 0 else ""
    return f"{sign}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


@dataclass(frozen=True, slots=True)
class Due:
    """What a due chip says: `state` is ok, soon, late, wait or none."""

    state: str
    word: str
    left: str
    at: datetime | None = None
    provisional: bool = False

    @property
    def icon(self) -> str:
        return {
            "ok": "circle-check",
            "soon": "hourglass-high",
            "late": "alert-triangle",
            "wait": "player-pause",
        }.get(self.state, "minus")


def due(
    at: datetime | None,
    *,
    now: datetime,
    start: datetime | None = None,
    warn_at: datetime | None = None,
    held: bool = False,
    held_until: datetime | None = None,
    ended_at: datetime | None = None,
    provisional: bool = False,
) -> Due:
    """The chip for a due time.

    Soon begins at `warn_at`; a step that names no warning warns in the last fifth of its time.
    A finished thing (`ended_at`) is judged at its end; a held one shows until when.
    """
    if held:
        day = f"{local_time(held_until):%m-%d}" if held_until else ""
        until = _("至 %(day)s") % {"day": day} if day else ""
        return Due("wait", _("已挂起"), until, at, provisional)
    if at is None:
        return Due("none", DASH, "", None)
    moment = ended_at or now
    if moment > at:
        return Due("late", _("超时"), span(moment - at), at, provisional)
    if ended_at:
        return Due("ok", _("按时"), "", at, provisional)
    if warn_at is None and start is not None and start < at:
        warn_at = at - (at - start) / 5
    if warn_at is not None and now >= warn_at:
        return Due("soon", _("临期"), span(at - now), at, provisional)
    local = local_time(at)
    if local.date() == local_time(now).date():
        return Due(
            "ok", _("按时"), _("今天 %(time)s") % {"time": f"{local:%H:%M}"}, at, provisional
        )
    return Due("ok", _("按时"), span(at - now), at, provisional)
