"""运营指标: figures by branch, week or month, business and plan, each with its meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.ordering import facts as ordering
from kaitong.ordering.choices import DemandReason
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.reporting import queries as reporting
from kaitong.reporting.adding import start_of
from kaitong.reporting.choices import Cut, Grain, Outcome
from kaitong.reporting.definitions import BY_KEY, DEFINITIONS, Definition, Unit
from kaitong.reporting.models import OrderFact
from kaitong.reporting.queries import Asked, Bucket
from kaitong.web import charts, trends
from kaitong.web import format as fmt
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import (
    Filter,
    Pager,
    branch_asked,
    choose,
    of_branch,
    page_number,
)
from kaitong.web.pages.processes import words

EARLIEST = date(2000, 1, 1)
BACK = 12  # so many weeks or months before the one asked about stand in the charts
GRAINS = {"week": Grain.WEEK, "month": Grain.MONTH}
MAIN = "on_time"
# Columns of the tables by plan, branch, business, grid.
SHOWN = (
    "received", "completed", "time_median", "time_p90", "on_time", "contact_on_time", "kept",
    "one_visit", "right_first", "suspended", "sent_back", "failed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tile:
    key: str
    title: str
    value: str
    unit: str
    tone: str
    note: str
    spark: SafeString
    url: str
    current: bool
    words: str


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: str = ""
    label: str = ""
    words: bool = False  # a text, not a figure


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    key: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Headings, and whether what stands below is a text."""
        words = [True, *(cell.words for cell in self.rows[0].cells)] if self.rows else []
        return list(zip(self.heads, words, strict=False))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The figure that the chart shows: what it means, and the numbers behind the chart."""

    title: str
    words: str
    target: str
    chart: SafeString
    rows: tuple[tuple[str, str, str], ...]  # time, value, out of how many
    drill: str


@dataclass(frozen=True, slots=True)
class FiguresPage:
    title: str
    scope: str
    filters: tuple[Filter, ...]
    earlier: str
    later: str
    running: bool
    tiles: tuple[Tile, ...]
    chosen: Chosen
    volume: SafeString
    open: tuple[str, str]  # under way, late
    tables: tuple[Table, ...]
    definitions: tuple[tuple[str, str, str, str], ...]  # title, words, target, requirement
    as_of: datetime | None
    empty: bool
    query: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader asked for, with the names he may choose from."""

    asked: Asked
    branches: Mapping[UUID, str]
    actions: Mapping[str, str]
    plans: Mapping[str, str]


def read(actor: Actor, query: QueryDict) -> Choice:
    """The choice an address tells; nonsense is the usual: this week, new installations."""
    names = org.branch_names(actor)
    grain = GRAINS.get(query.get("period", ""), Grain.WEEK)
    start = reporting.this_start(grain)
    with suppress(ValueError):
        start = min(start, start_of(grain, max(date.fromisoformat(query.get("at", "")), EARLIEST)))
    actions = action_titles()
    plans = plan_titles()
    action = query.get("action", "")
    offering = query.get("plan", "")
    usual = "open" if "open" in actions else ""
    asked = Asked(
        grain=grain,
        start=start,
        branch_id=branch_asked(query, names),
        action="" if action == "all" else action if action in actions else usual,
        offering=offering if offering in plans else "",
    )
    return Choice(asked, names, actions, plans)


def figures_page(actor: Actor, query: QueryDict) -> FiguresPage:
    choice = read(actor, query)
    asked = choice.asked
    goals = reporting.targets()
    first = reporting.previous_start(asked.grain, asked.start, BACK)
    series = reporting.buckets(actor, asked, group="start", since=first)
    starts = _starts(asked.grain, first, asked.start)
    now = series.get(asked.start, Bucket())
    before = series.get(starts[-2], Bucket())
    chosen = BY_KEY.get(query.get("figure", ""), BY_KEY[MAIN])
    under_way = reporting.under_way(actor, asked)
    return FiguresPage(
        title=period_title(asked),
        scope=scope_title(choice),
        filters=tuple(_filters(query, choice)),
        earlier=_to(query, at=starts[-2].isoformat()),
        later=_to(query, at=asked.end.isoformat())
        if asked.end <= reporting.this_start(asked.grain)
        else "",
        running=asked.start == reporting.this_start(asked.grain),
        tiles=tuple(
            _tile(one, now, before, [series.get(s) for s in starts], goals, query, one is chosen)
            for one in DEFINITIONS
        ),
        chosen=_chosen(chosen, series, starts, goals.get(chosen.key), asked, query),
        volume=_volume(series, starts, asked.grain),
        open=(str(under_way.total), str(under_way.late)),
        tables=tuple(tables(actor, choice, goals, query)),
        definitions=tuple(definitions(goals)),
        as_of=reporting.as_of(),
        empty=not any(bucket.sums.get("n") for bucket in series.values()),
        query=query.urlencode(),
    )


# ---- words, shared with the sheets ---------------------------------------------------------------


def period_title(asked: Asked) -> str:
    if asked.grain == Grain.MONTH:
        return _("%(year)s 年 %(month)s 月") % {
            "year": asked.start.year,
            "month": asked.start.month,
        }
    year, week, _day = asked.start.isocalendar()
    return _("%(year)s 年第 %(week)s 周（%(day)s 起）") % {
        "year": year,
        "week": week,
        "day": f"{asked.start:%m-%d}",
    }


def scope_title(choice: Choice) -> str:
    asked = choice.asked
    parts = [
        choice.branches.get(asked.branch_id, "")
        if asked.branch_id
        else _("全部分公司")
        if len(choice.branches) > 1
        else next(iter(choice.branches.values()), ""),
        choice.actions.get(asked.action, "") or _("全部业务"),
        choice.plans.get(asked.offering, ""),
    ]
    return " · ".join(part for part in parts if part)


def action_titles() -> dict[str, str]:
    """Procedures by key, in the reader's language."""
    return {
        key: (title_en or title) if not fmt.in_chinese() else title
        for key, (_playbook, title, title_en) in ordering.titles().items()
    }


def plan_titles() -> dict[str, str]:
    return catalog.plan_titles(english=not fmt.in_chinese())


def value_text(one: Definition, value: float | None) -> str:
    if value is None:
        return fmt.DASH
    match one.unit:
        case Unit.TIME:
            return fmt.span(round(value))
        case Unit.SHARE:
            return f"{100 * value:.1f}%"
    return f"{round(value):,}"


def target_text(one: Definition, target: float | None) -> str:
    """The target in words: 目标 ≥ 95%."""
    if target is None or not one.better:
        return ""
    sign = "≥" if one.better == "high" else "≤"
    shown = f"{100 * target:g}%" if one.unit is Unit.SHARE else fmt.span(target)
    return _("目标 %(sign)s %(value)s") % {"sign": sign, "value": shown}


def tone_of(one: Definition, value: float | None, target: float | None) -> str:
    passed = reporting.passes(one, value, target)
    return "" if passed is None else "ok" if passed else "late"


def definitions(goals: Mapping[str, float]) -> list[tuple[str, str, str, str]]:
    return [
        (str(one.title), str(one.words), target_text(one, goals.get(one.key)), one.about)
        for one in DEFINITIONS
    ]


def tables(
    actor: Actor, choice: Choice, goals: Mapping[str, float], query: QueryDict | None = None
) -> list[Table]:
    """The tables of a time: by branch, business, plan and grid, causes, work by post and person."""
    asked = choice.asked
    found = []
    plans = {**choice.plans, "": _("没有套餐")}
    groups: list[tuple[str, str, str, Callable[[Any], str]]] = [
        ("plan", _("套餐"), "key", lambda key: plans.get(key, key)),
        ("action", _("业务"), "action", lambda key: choice.actions.get(key, key)),
        ("grid", _("网格"), "key", lambda key: key or _("没有网格")),
    ]
    if len(choice.branches) > 1:
        groups.insert(
            0, ("branch", _("分公司"), "branch", lambda key: choice.branches.get(key, ""))
        )
    for key, head, group, name in groups:
        shown = [BY_KEY[k] for k in SHOWN]
        if key == "grid":  # histograms are not kept by grid
            shown = [one for one in shown if one.unit is not Unit.TIME]
        of = asked
        if key == "action":
            of = Asked(
                grain=asked.grain,
                start=asked.start,
                branch_id=asked.branch_id,
                offering=asked.offering,
            )
        by = Cut.GRID if key == "grid" else Cut.PLAN
        rows = reporting.buckets(actor, of, group=group, by=by)
        if key == "grid" and asked.offering:
            continue
        ordered = sorted(
            rows.items(), key=lambda pair: (-pair[1].sums.get("received", 0), str(pair[0]))
        )
        found.append(
            Table(
                key,
                _("按%(what)s") % {"what": head},
                (head, *(str(one.title) for one in shown)),
                tuple(
                    Row(name(value), tuple(_cells(shown, bucket, goals)))
                    for value, bucket in ordered
                ),
            )
        )
    found.append(_causes(actor, asked))
    found.append(_work(actor, asked))
    return found


# ---- inside --------------------------------------------------------------------------------------


def _cells(shown: Sequence[Definition], bucket: Bucket, goals: Mapping[str, float]) -> list[Cell]:
    cells = []
    for one in shown:
        value = bucket.value(one)
        tone = tone_of(one, value, goals.get(one.key))
        cells.append(Cell(value_text(one, value), "late" if tone == "late" else "", str(one.title)))
    return cells


def _causes(actor: Actor, asked: Asked) -> Table:
    rows = reporting.causes(actor, asked)
    whole = sum(one.count for one in rows) or 1
    say = _any_words()
    demand = {str(value): str(label) for value, label in DemandReason.choices}
    heads = (_("原因"), _("大类"), _("结果"), _("订单"), _("占比"))
    return Table(
        "cause",
        _("退单、撤单、不予受理的原因"),
        heads,
        tuple(
            Row(
                demand.get(one.cause) or say(one.cause) or _("没有写明"),
                (
                    Cell(say(one.group) or fmt.DASH, label=heads[1], words=True),
                    Cell(str(Outcome(one.outcome).label), label=heads[2], words=True),
                    Cell(f"{one.count:,}", label=heads[3]),
                    Cell(f"{100 * one.count / whole:.1f}%", label=heads[4]),
                ),
            )
            for one in rows
        ),
    )


def _work(actor: Actor, asked: Asked) -> Table:
    posts = post_names()
    heads = (
        _("岗位、人员"), _("办结"), _("按时率"), _("被退回"), _("平均等候接单"), _("平均办理用时"),
    )  # fmt: skip
    rows = []
    for one in reporting.work(actor, asked):
        name = posts.get(one.post, one.post)
        if one.person or one.name:
            name = "　" + (one.name or _("已删除的人员"))
        rows.append(
            Row(
                name,
                (
                    Cell(f"{one.done:,}", label=heads[1]),
                    Cell(
                        f"{100 * one.on_time / one.timed:.1f}%" if one.timed else fmt.DASH,
                        label=heads[2],
                    ),
                    Cell(f"{one.sent_back:,}", label=heads[3]),
                    Cell(_spent(one.waited), label=heads[4]),
                    Cell(_spent(one.held), label=heads[5]),
                ),
            )
        )
    return Table("work", _("岗位和人员的工作量"), heads, tuple(rows))


def _spent(seconds: float) -> str:
    return fmt.span(round(seconds)) if seconds >= 1 else fmt.DASH


def _any_words() -> Callable[[str], str]:
    """Words of whichever playbook knows them."""
    known = [words(key) for key in sorted({told[0] for told in ordering.titles().values()})]

    def say(text: str) -> str:
        for one in known:
            if (told := one(text)) != text:
                return told
        return text

    return say


def _tile(
    one: Definition,
    now: Bucket,
    before: Bucket,
    series: Sequence[Bucket | None],
    goals: Mapping[str, float],
    query: QueryDict,
    current: bool,
) -> Tile:
    value, was = now.value(one), before.value(one)
    target = goals.get(one.key)
    told = target_text(one, target)
    if not told and was is not None:
        told = _("上期 %(value)s") % {"value": value_text(one, was)}
    values = [bucket.value(one) if bucket else None for bucket in series]
    label = fmt.mark("，").join(value_text(one, v) for v in values if v is not None)
    return Tile(
        key=one.key,
        title=str(one.title),
        value=value_text(one, value),
        unit="",
        tone=tone_of(one, value, target),
        note=told,
        spark=charts.spark(values, label),
        url=_to(query, figure=one.key),
        current=current,
        words=str(one.words),
    )


def _chosen(
    one: Definition,
    series: Mapping[date, Bucket],
    starts: Sequence[date],
    target: float | None,
    asked: Asked,
    query: QueryDict,
) -> Chosen:
    values = [series[s].value(one) if s in series else None for s in starts]
    names = [_short(asked.grain, s) for s in starts]
    told = fmt.mark("，").join(
        f"{name} {value_text(one, value)}"
        for name, value in zip(names, values, strict=True)
        if value is not None
    )
    label = f"{one.title}{fmt.mark('：')}{told}" if told else str(one.title)
    rows = [
        (
            name,
            value_text(one, value),
            f"{series[s].whole(one):,}" if s in series and one.unit is not Unit.COUNT else "",
        )
        for name, value, s in zip(names, values, starts, strict=True)
    ]
    return Chosen(
        title=str(one.title),
        words=str(one.words),
        target=target_text(one, target),
        chart=trends.line(
            list(zip(names, values, strict=True)),
            say=lambda value: value_text(one, value),
            label=label,
            target=target if one.better else None,
            target_text=target_text(one, target),
            passed=[reporting.passes(one, value, target) for value in values],
        ),
        rows=tuple(reversed(rows)),
        drill=f"{reverse('web:figure_orders')}{_to(query, figure=one.key)}",
    )


def _volume(series: Mapping[date, Bucket], starts: Sequence[date], grain: str) -> SafeString:
    columns = []
    for start in starts:
        sums = series[start].sums if start in series else {}
        parts = [
            ("ok", float(sums.get("completed", 0))),
            ("soon", float(sums.get("withdrawn", 0))),
            ("late", float(sums.get("failed", 0))),
            ("wait", float(sums.get("rejected", 0))),
        ]
        columns.append((_short(grain, start), parts))
    return charts.columns(columns, label=_("每期结束的订单，按结果"))


def _short(grain: str, start: date) -> str:
    return f"{start:%Y-%m}" if grain == Grain.MONTH else f"{start:%m-%d}"


def _starts(grain: str, first: date, last: date) -> list[date]:
    found = [first]
    while found[-1] < last:
        found.append(reporting.next_start(grain, found[-1]))
    return found


def _filters(query: QueryDict, choice: Choice) -> list[Filter]:
    found = [
        choose(query, "period", _("时间"), [("month", _("按月"))], everything=_("按周")),
    ]
    found += of_branch(query, choice.branches)
    usual = "open" if "open" in choice.actions else ""
    options = [(key, title) for key, title in choice.actions.items() if key != usual]
    if usual:
        options.append(("all", _("全部业务")))
    found.append(
        choose(
            query,
            "action",
            _("业务"),
            options,
            everything=choice.actions[usual] if usual else _("全部业务"),
        )
    )
    found.append(choose(query, "plan", _("套餐"), list(choice.plans.items()), everything=_("全部")))
    return found


def _to(query: QueryDict, **changed: str) -> str:
    found = query.copy()
    for key, value in changed.items():
        found[key] = value
    return "?" + found.urlencode()


# ---- the orders behind a figure ------------------------------------------------------------------


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
    say = _any_words()
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
