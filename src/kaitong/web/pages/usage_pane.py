"""会话与用量: the live session, recent sessions, and what was used by month and day (BB-07).

The AAA server is asked once, for one line. Away, the tab says so and the page stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone

from kaitong.activation import queries as activation
from kaitong.activation.errors import ActivationError
from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.web import format as fmt
from kaitong.web.pages.customer import LINES, Look
from kaitong.web.pages.parts import Choice

MONTHS = 6  # the month that runs, and those before it
RECENT = 20
_STEP = 1024
_UNITS = ("B", "KB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class SessionRow:
    started_at: datetime
    ended_at: datetime | None
    heard_at: datetime
    seconds: int
    down: str
    up: str
    address: str
    port: str
    ended_by: str


@dataclass(frozen=True, slots=True)
class UsedRow:
    text: str
    seconds: int
    down: str
    up: str
    url: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class BoxRow:
    """A set-top box that holds an address on the line."""

    mac: str
    address: str
    circuit: str
    heard_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A telephone that is registered with the number."""

    agent: str
    place: str
    since: datetime
    heard_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class UsagePane:
    account: str = ""
    lines: tuple[Choice, ...] = ()  # the customer's lines, where he has several
    live: tuple[SessionRow, ...] = ()
    recent: tuple[SessionRow, ...] = ()
    more: bool = False  # sessions before those shown
    months: tuple[UsedRow, ...] = ()
    days: tuple[UsedRow, ...] = ()
    month: str = ""
    whole: bool = True
    away: str = ""  # why the AAA server could not be asked
    boxes: tuple[BoxRow, ...] | None = None  # set-top boxes, of a line of television
    phones: tuple[PhoneRow, ...] | None = None  # telephones, of a number of fixed voice
    runs_until: datetime | None = None  # what its box was cut off from may be used so long yet
    silent: bool = False  # a service that keeps neither sessions nor leases
    template: str = "web/customer/usage.html"


def usage_pane(look: Look) -> UsagePane:
    services = _with_parts(look.service) if look.service else _lines(look)
    asked = look.query.get("line", "")
    service = next((one for one in services if str(one.id) == asked), None) or next(
        iter(services), None
    )
    if service is None:
        return UsagePane()
    lines = tuple(
        Choice(one.account or one.title, _url(line=one.id), one.id == service.id)
        for one in (services if len(services) > 1 else ())
    )
    if not activation.keeps_sessions(service):
        return _without_sessions(service, lines)
    today = fmt.local_time(now()).date()
    first = _months_before(today, MONTHS - 1)
    try:
        used = activation.usage(service, _midnight(first))
    except ActivationError as away:
        return UsagePane(service.account, lines, away=wording.read(str(away.what)))
    month = _month_asked(look.query.get("month", ""), today)
    line = service.id if lines else None
    rows = [
        SessionRow(
            started_at=one.started_at,
            ended_at=one.ended_at,
            heard_at=one.heard_at,
            seconds=one.seconds,
            down=octets(one.down),
            up=octets(one.up),
            address=one.address,
            port=one.nas_port_id,
            ended_by=one.ended_by,
        )
        for one in used.sessions
    ]
    ended = [row for row in rows if row.ended_at is not None]
    return UsagePane(
        account=service.account,
        lines=lines,
        live=tuple(row for row in rows if row.ended_at is None),
        recent=tuple(ended[:RECENT]),
        more=len(ended) > RECENT,
        months=tuple(
            UsedRow(
                text=f"{one.day:%Y-%m}",
                seconds=one.seconds,
                down=octets(one.down),
                up=octets(one.up),
                url=_url(line=line, month=f"{one.day:%Y-%m}"),
                current=one.day == month,
            )
            for one in reversed(used.months)
        ),
        days=tuple(
            UsedRow(f"{one.day:%m-%d}", one.seconds, octets(one.down), octets(one.up))
            for one in reversed(used.days)
            if one.day.replace(day=1) == month
        ),
        month=f"{month:%Y-%m}",
        whole=used.whole,
    )


def octets(count: int) -> str:
    """`3.42 GB`: units of 1024, as the tariffs of carriers count them."""
    size, unit = float(count), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:,.2f} {_UNITS[unit]}" if unit else f"{count} B"


# ---- inside --------------------------------------------------------------------------------------


def _without_sessions(service: ServiceView, lines: tuple[Choice, ...]) -> UsagePane:
    """A service that does not log in: the boxes on its line, the telephones of its number."""
    name = service.account or service.title
    try:
        phones = activation.registrations(service)
        found = activation.boxes(service) if phones is None else None
    except ActivationError as away:
        return UsagePane(name, lines, away=wording.read(str(away.what)))
    if phones is not None:
        return UsagePane(
            name,
            lines,
            phones=tuple(
                PhoneRow(p.user_agent, p.place, p.registered_at, p.heard_at, p.expires_at)
                for p in phones
            ),
        )
    if found is None:
        return UsagePane(name, lines, silent=True)
    rows = (BoxRow(one.mac, one.address, one.circuit, one.seen_at, one.expires_at) for one in found)
    return UsagePane(name, lines, boxes=tuple(rows), runs_until=activation.runs_until(service.id))


def _with_parts(service: ServiceView) -> list[ServiceView]:
    """The line, and what came with it in a bundle: telephone, television."""
    return [service, *inventory.parts_of([service.id]).get(service.id, [])]


def _lines(look: Look) -> list[ServiceView]:
    found, _total = inventory.services(look.actor, customer_id=look.party_id, offset=0, limit=LINES)
    return list(found)


def _url(*, line: UUID | None = None, month: str = "") -> str:
    parts = ["tab=usage"]
    parts += [f"line={line}"] if line else []
    parts += [f"month={month}"] if month else []
    return "?" + "&".join(parts)


def _months_before(day: date, count: int) -> date:
    months = day.year * 12 + day.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


def _month_asked(text: str, today: date) -> date:
    """The month whose days are shown; nonsense, or one that is not read, is this month."""
    months = {f"{m:%Y-%m}": m for m in (_months_before(today, n) for n in range(MONTHS))}
    return months.get(text, today.replace(day=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), timezone.get_current_timezone())
