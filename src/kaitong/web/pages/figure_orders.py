"""The orders behind a figure: those that made it worse, or that it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from kaitong.ordering.choices import DemandReason
from kaitong.org.actor import Actor
from kaitong.reporting import queries as reporting
from kaitong.reporting.choices import Outcome
from kaitong.reporting.definitions import BY_KEY
from kaitong.reporting.models import OrderFact
from kaitong.web import format as fmt
from kaitong.web.pages.figure_tables import any_words, period_title, read, scope_title
from kaitong.web.pages.figures import MAIN
from kaitong.web.pages.parts import Pager, page_number

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class BehindRow:
    id: UUID
    number: str
    plan: str
    received: datetime
    ended: datetime | None
    outcome: str
    tone: str
    gross: str
    net: str
    notes: str


@dataclass(frozen=True, slots=True)
class BehindPage:
    title: str
    scope: str
    figure: str
    words: str
    rows: tuple[BehindRow, ...]
    total: int
    pager: Pager
    back: str


_TONES = {
    Outcome.COMPLETED: "ok",
    Outcome.FAILED: "late",
    Outcome.WITHDRAWN: "wait",
    Outcome.REJECTED: "wait",
}


def behind_page(actor: Actor, query: QueryDict) -> BehindPage:
    """The orders that a figure is made worse by, or counts."""
    choice = read(actor, query)
    one = BY_KEY.get(query.get("figure", ""), BY_KEY[MAIN])
    number = page_number(query)
    found, total = reporting.orders(
        actor, choice.asked, one, offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
    )
    say = any_words()
    demand = {str(value): str(label) for value, label in DemandReason.choices}
    back = query.copy()
    back.pop("page", None)
    return BehindPage(
        title=period_title(choice.asked),
        scope=scope_title(choice),
        figure=str(one.title),
        words=str(one.words),
        rows=tuple(
            BehindRow(
                id=row.order_id,
                number=row.number or str(row.order_id)[:8],
                plan=choice.plans.get(row.offering, row.offering),
                received=row.received_at,
                ended=row.ended_at,
                outcome=str(Outcome(row.outcome).label) if row.outcome else _("在途"),
                tone=_TONES[Outcome(row.outcome)] if row.outcome else "you",
                gross=fmt.span(row.gross) if row.gross is not None else "",
                net=fmt.span(row.net) if row.net is not None else "",
                notes=fmt.mark("，").join(_noted(row, say, demand)),
            )
            for row in found
        ),
        total=total,
        pager=Pager(number, PAGE_SIZE, total),
        back="?" + back.urlencode(),
    )


def _noted(row: OrderFact, say: Callable[[str], str], demand: Mapping[str, str]) -> list[str]:
    """What was out of the ordinary with an order, in words."""
    found = []
    if row.cause:
        cause = demand.get(row.cause) or say(row.cause)
        found.append(f"{say(row.cause_group)} / {cause}" if row.cause_group else cause)
    told = (
        (row.on_time is False, _("超过客户时限")),
        (row.kept is False, _("没有按约到场")),
        (row.contact_on_time is False, _("首次联系超时")),
        (row.visits > 1, _("上门 %(n)s 次") % {"n": row.visits}),
        (row.suspended, _("挂起过")),
        (row.delayed, _("延期过")),
        (row.sent_back, _("退回过")),
        (row.right_first is False, _("不是一次成功")),
    )
    return [*found, *(text for is_so, text in told if is_so)]
