"""The workbench (工作台): rows of the list. The drawer stands in `drawer`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.ordering import queries as ordering
from kaitong.org import lists
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.process import queries as process
from kaitong.process.choices import WorkState
from kaitong.web import format as fmt
from kaitong.web.pages import saved
from kaitong.web.pages.facts import OrderFacts, facts_of
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Empty, Filter, Pager, Tab, choose, page_number

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Stat:
    url: str
    label: str
    count: int
    tone: str
    current: bool


@dataclass(frozen=True, slots=True)
class WorkRow:
    id: UUID
    order_number: str
    product: str
    step: str
    customer: str
    address: str
    address_full: str
    appointment: str
    due: fmt.Due
    customer_due: datetime | None
    who: str
    mine: bool
    since: datetime | None
    urged: int
    escalated: bool  # 督办: late, and who is told of that has been told
    claimable: bool


@dataclass(frozen=True, slots=True)
class WorkPage:
    tabs: tuple[Tab, ...]
    stats: tuple[Stat, ...]
    filters: tuple[Filter, ...]
    rows: tuple[WorkRow, ...]
    total: int
    pager: Pager
    empty: Empty
    claimable: bool
    bulk: bool  # rows can be picked
    teams: tuple[tuple[str, str], ...]  # to whom picked items may be transferred
    since_label: str
    at: datetime
    waiting: int  # how many wait to be claimed, for the rail
    saved: saved.Saved
    people: tuple[tuple[str, str], ...]  # to whom picked items may be given


def tab_labels() -> dict[str, str]:
    return {
        "todo": _("待接单"),
        "mine": _("处理中"),
        "helping": _("协办"),
        "suspended": _("已挂起"),
        "done": _("今日已办"),
        "open": _("全部在办"),
    }


# Tabs of work whose clock runs: what is due today, soon, or late is asked there.
TIMED = ("todo", "mine", "helping", "open")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows the workbench's address asks for; unknown values of filters are no filters."""

    tab: str
    post: str | None
    step: str | None  # the title that work items bear
    product: str | None  # an offering's key
    due: str
    everyone: bool

    @property
    def narrowed(self) -> bool:
        return bool(self.post or self.step or self.product or self.due)

    def found(self) -> dict[str, Any]:
        """As the runtime's lists are asked."""
        return {
            "tab": self.tab,
            "post": self.post,
            "title": self.step,
            "business": ordering.sold(self.product) if self.product else None,
            "due": self.due,
            "everyone": self.everyone,
        }


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: steps of the actor's posts, and products on sale."""

    steps: list[tuple[str, str]]
    products: list[tuple[str, str]]


def options_of(actor: Actor) -> Options:
    english = wording.english()
    plans = catalog.current_offerings(actor)
    return Options(
        playbooks.steps(actor),
        [(row.key, row.title_en if english and row.title_en else row.title) for row in plans],
    )


def asked_of(actor: Actor, query: QueryDict, options: Options | None = None) -> Asked:
    tab = query.get("tab", "todo")
    post = query.get("post") or None
    if post is not None and not (actor.is_supervisor or post in actor.posts):
        post = None
    step, product, due = (query.get(key) or None for key in ("step", "product", "due"))
    if step or product:
        options = options or options_of(actor)
        step = step if step in dict(options.steps) else None
        product = product if product in dict(options.products) else None
    tab = tab if tab in tab_labels() else "todo"
    return Asked(
        tab=tab,
        post=post,
        step=step,
        product=product,
        due=due if due in process.DUES and tab in TIMED else "",
        everyone=query.get("who") == "team" and actor.is_supervisor,
    )


def work_page(actor: Actor, query: QueryDict) -> WorkPage:
    """The list as the address asks for it; unknown values of filters are no filters."""
    labels = tab_labels()
    options = options_of(actor)
    asked = asked_of(actor, query, options)
    tab = asked.tab
    counts = process.counts(actor, everyone=asked.everyone)
    number = page_number(query)
    found = process.work_items(
        actor,
        **asked.found(),
        offset=(number - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
        counted=None if asked.narrowed else counts[tab],
    )
    facts = facts_of(actor, [row.business_id for row in found.rows])
    moment = clock_now()
    return WorkPage(
        tabs=tuple(
            Tab(key, label, counts[key], key == tab)
            for key, label in labels.items()
            # most people help nobody today; all that is open is where the numbers lead
            if key == tab or not (key == "open" or (key == "helping" and not counts[key]))
        ),
        stats=_stats(asked, counts),
        filters=_filters(actor, query, tab, options),
        rows=tuple(
            _row(actor, row, facts.get(row.business_id) if row.business_id else None, moment)
            for row in found.rows
        ),
        total=found.total,
        pager=Pager(number, PAGE_SIZE, found.total),
        empty=_empty(tab, counts, filtered=asked.narrowed),
        claimable=tab == "todo",
        bulk=tab in ("todo", "mine"),
        teams=tuple(sorted(post_names().items(), key=lambda pair: pair[1]))
        if actor.is_supervisor or tab == "mine"
        else (),
        since_label=_("办结时间") if tab == "done" else _("到岗时间"),
        at=moment,
        waiting=counts["todo"],
        saved=saved.saved(actor, query, lists.choice(actor, saved.PLACE)),
        people=tuple((str(p.pk), p.name) for p in org.colleagues(actor.branch_id))
        if actor.is_supervisor and actor.branch_id and tab in ("todo", "mine")
        else (),
    )


def chip_counts(actor: Actor) -> list[tuple[UUID, int]]:
    """How many rows each saved filter leads to; one statement counts them all."""
    options = options_of(actor)
    views = lists.views(actor, saved.PLACE)
    wanted = [asked_of(actor, QueryDict(row.query), options).found() for row in views]
    found = process.totals(actor, wanted)
    return [(row.pk, n) for row, n in zip(views, found, strict=True)]


def due_labels() -> dict[str, str]:
    return {"today": _("今日到期"), "soon": _("临期"), "late": _("超时")}


def _stats(asked: Asked, counts: dict[str, int]) -> tuple[Stat, ...]:
    """The numbers at the top, of all open work of the actor's posts: each leads to just those."""
    home, tones = reverse("web:workbench"), {"soon": "is-soon", "late": "is-late"}
    found = []
    for key, label in due_labels().items():
        current = asked.tab == "open" and asked.due == key
        url = f"{home}?tab=open" if current else f"{home}?tab=open&due={key}"
        found.append(Stat(url, label, counts[key], tones.get(key, ""), current))
    return tuple(found)


def tab_of(actor: Actor, item_id: UUID) -> str:
    """The tab where an item stands."""
    state = process.work_item(actor, item_id).state
    return {
        WorkState.CLAIMED: "mine",
        WorkState.SUSPENDED: "suspended",
        WorkState.DONE: "done",
    }.get(WorkState(state), "todo")


def appointment_text(start: datetime | None, end: datetime | None) -> str:
    if start is None:
        return ""
    if end is None:
        return fmt.short(start)
    return f"{fmt.short(start)}–{timezone.localtime(end):%H:%M}"


def work_due(row: process.WorkRow, moment: datetime) -> fmt.Due:
    """The chip of a work item. Its time runs from when it came to the post."""
    return fmt.due(
        row.due_at,
        now=moment,
        start=row.created_at,
        warn_at=row.warn_at,
        held=row.state == WorkState.SUSPENDED,
        held_until=row.suspended_until,
        ended_at=row.completed_at,
        provisional=row.provisional,
    )


def _row(actor: Actor, row: process.WorkRow, facts: OrderFacts | None, moment: datetime) -> WorkRow:
    owner = row.completed_by or row.claimed_by or (row.candidate if row.assigned_by else None)
    name = row.completed_name or row.claimed_name
    if not name and row.assigned_by:
        name = row.candidate_name
    bound = (
        row.assigned_by is not None
        and row.candidate is not None
        and not actor.is_hand(row.post, row.candidate)
    )
    return WorkRow(
        id=row.id,
        order_number=facts.number if facts else "",
        product=facts.product if facts else "",
        step=fmt.of_many(facts.say(row.title) if facts else row.title, row.part),
        customer=facts.customer_name if facts else "",
        address=facts.address if facts else "",
        address_full=facts.address_full if facts else "",
        appointment=appointment_text(facts.appointment_start, facts.appointment_end)
        if facts
        else "",
        due=work_due(row, moment),
        customer_due=facts.due_at if facts else None,
        who=name,
        mine=owner is not None and owner == actor.id,
        since=row.completed_at or row.created_at,
        urged=row.urged,
        escalated=row.escalated_at is not None and row.completed_at is None,
        claimable=row.state == WorkState.TODO and (not bound or actor.is_supervisor),
    )


def _filters(actor: Actor, query: QueryDict, tab: str, options: Options) -> tuple[Filter, ...]:
    names = post_names()
    held = sorted(names) if actor.is_supervisor else sorted(actor.posts)
    posts = [(key, names[key]) for key in held if key in names]
    filters = []
    if actor.is_supervisor and tab not in ("todo", "open"):
        filters.append(choose(query, "who", _("经办"), [("team", _("全班"))], everything=_("我的")))
    if len(posts) > 1:
        filters.append(choose(query, "post", _("岗位"), posts, everything=_("全部")))
    everything = _("全部")
    filters.append(choose(query, "step", _("环节"), options.steps, everything=everything))
    filters.append(choose(query, "product", _("产品"), options.products, everything=everything))
    if tab in TIMED:
        dues = list(due_labels().items())
        filters.append(choose(query, "due", _("时限"), dues, everything=everything))
    return tuple(filters)


def _empty(tab: str, counts: dict[str, int], *, filtered: bool) -> Empty:
    home = reverse("web:workbench")
    if filtered:
        return Empty(
            "filter-off",
            _("没有符合的工单"),
            _("筛选条件挡住了其余的工单。"),
            f"{home}?tab={tab}",
            _("清除全部条件"),
        )
    if tab == "todo":
        text = _("本岗没有等人接的工单，新单到了会自动出现。")
        if counts["mine"]:
            return Empty("inbox", _("没有待接单"), text, f"{home}?tab=mine", _("看处理中"))
        return Empty("inbox", _("没有待接单"), text)
    titles = {
        "mine": (_("没有处理中的工单"), _("接了单就在这里办。")),
        "helping": (_("没有协办的工单"), _("同事请你协办的工单会列在这里。")),
        "suspended": (_("没有挂起的工单"), _("等客户或等资源的工单挂起后在这里，到时会提醒。")),
        "done": (_("今天还没有办结"), _("今天办结的工单会列在这里。")),
        "open": (_("没有在办的工单"), _("本岗的工单都办结了。")),
    }
    title, text = titles[tab]
    if counts["todo"]:
        return Empty("inbox", title, text, f"{home}?tab=todo", _("看待接单"))
    return Empty("inbox", title, text)
