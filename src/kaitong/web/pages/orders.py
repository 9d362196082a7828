"""The list of orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import FINAL, OrderState
from kaitong.ordering.requests import OrderFilter
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.web import format as fmt
from kaitong.web.pages import clocks
from kaitong.web.pages.facts import OrderFacts, of_orders
from kaitong.web.pages.names import post_names
from kaitong.web.pages.order import TONES
from kaitong.web.pages.parts import Empty, Filter, Pager, Tab, choose, page_number

PAGE_SIZE = 50
OPEN_STATES = tuple(state for state in OrderState if state not in FINAL)


@dataclass(frozen=True, slots=True)
class OrderRow:
    id: UUID
    number: str
    product: str
    action: str
    state_text: str
    tone: str
    customer: str
    address: str
    address_full: str
    waiting: str
    due: fmt.Due
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class OrdersPage:
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[OrderRow, ...]
    total: int
    pager: Pager
    empty: Empty
    at: datetime


def conditions_of(query: QueryDict) -> list[OrderFilter]:
    """What the list's address asks for, as conditions on orders."""
    return _asked(query)[-1]


def _asked(query: QueryDict) -> tuple[str, list[OrderState], str, list[OrderFilter]]:
    """The tab, its states, the state chosen among them, and the conditions of both."""
    of_tab = {
        "open": list(OPEN_STATES),
        "ended": [state for state in OrderState if state in FINAL],
        "all": list(OrderState),
    }
    tab = query.get("tab", "open")
    tab = tab if tab in of_tab else "open"
    states, state = of_tab[tab], query.get("state", "")
    if state in states:
        return tab, states, state, [OrderFilter(field="state", op="eq", value=state)]
    if tab == "all":
        return tab, states, state, []
    among = OrderFilter(field="state", op="in", value=[str(s) for s in states])
    return tab, states, state, [among]


def orders_page(actor: Actor, query: QueryDict) -> OrdersPage:
    """在途 (open), 已结束 (ended) or all, newest first."""
    labels = {"open": _("在途"), "ended": _("已结束"), "all": _("全部")}
    tab, states, state, conditions = _asked(query)
    number = page_number(query)
    rows, total = ordering.orders(
        actor,
        conditions,
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
        without=ordering.UNLISTED,
    )
    facts = of_orders(rows)
    work = process.open_items_of(actor, [row.id for row in rows])
    posts = post_names()
    moment = clock_now()
    options = [(str(s), str(s.label)) for s in states]
    return OrdersPage(
        tabs=tuple(
            Tab(key, label, total if key == tab and not state else None, key == tab)
            for key, label in labels.items()
        ),
        filters=(choose(query, "state", _("状态"), options, everything=_("全部")),),
        rows=tuple(
            OrderRow(
                id=row.id,
                number=facts[row.id].number,
                product=facts[row.id].product,
                action=facts[row.id].action,
                state_text=str(OrderState(row.state).label),
                tone=TONES[OrderState(row.state)],
                customer=facts[row.id].customer_name,
                address=facts[row.id].address,
                address_full=facts[row.id].address_full,
                waiting=_waiting(work.get(row.id, []), facts[row.id], posts),
                due=clocks.customer_due(facts[row.id], moment),
                ordered_at=row.ordered_at,
            )
            for row in rows
        ),
        total=total,
        pager=Pager(number, PAGE_SIZE, total),
        empty=_empty(tab, bool(state)),
        at=moment,
    )


def _waiting(work: list[process.WorkRow], facts: OrderFacts, posts: dict[str, str]) -> str:
    told = [
        f"{row.claimed_name or posts.get(row.post, row.post)} {facts.say(row.title)}"
        for row in work
    ]
    return fmt.mark("，").join(told)


def _empty(tab: str, filtered: bool) -> Empty:
    home = reverse("web:orders")
    if filtered:
        return Empty(
            "filter-off",
            _("没有符合的订单"),
            _("筛选条件挡住了其余的订单。"),
            f"{home}?tab={tab}",
            _("清除全部条件"),
        )
    if tab == "open":
        return Empty(
            "clipboard-list",
            _("没有在途的订单"),
            _("受理的订单在竣工、撤单或退单之前列在这里。"),
            f"{home}?tab=all",
            _("看全部订单"),
        )
    return Empty("clipboard-list", _("没有订单"), _("受理后的订单会列在这里。"))
