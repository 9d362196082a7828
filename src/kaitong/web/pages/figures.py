"""运营指标: figures by branch, week or month, business and plan, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.org.actor import Actor
from kaitong.reporting import queries as reporting
from kaitong.reporting.choices import Grain
from kaitong.reporting.definitions import BY_KEY, DEFINITIONS, Definition, Unit
from kaitong.reporting.queries import Asked, Bucket
from kaitong.web import charts, trends
from kaitong.web import format as fmt
from kaitong.web.pages import figure_opinions, figure_visits
from kaitong.web.pages.figure_tables import (
    Choice,
    Table,
    definitions,
    period_title,
    read,
    scope_title,
    short,
    starts,
    tables,
    target_text,
    tone_of,
    value_text,
)
from kaitong.web.pages.parts import Filter, choose, of_branch

BACK = 12  # so many weeks or months before the one asked about stand in the charts
MAIN = "on_time"


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


def figures_page(actor: Actor, query: QueryDict) -> FiguresPage:
    choice = read(actor, query)
    asked = choice.asked
    goals = reporting.targets()
    first = reporting.previous_start(asked.grain, asked.start, BACK)
    series = reporting.buckets(actor, asked, group="start", since=first)
    times = starts(asked.grain, first, asked.start)
    now = series.get(asked.start, Bucket())
    before = series.get(times[-2], Bucket())
    chosen = BY_KEY.get(query.get("figure", ""), BY_KEY[MAIN])
    under_way = reporting.under_way(actor, asked)
    said = figure_opinions.tables(actor, choice, goals)
    hall = figure_visits.tables(actor, asked, choice.branches, goals)
    return FiguresPage(
        title=period_title(asked),
        scope=scope_title(choice),
        filters=tuple(_filters(query, choice)),
        earlier=_to(query, at=times[-2].isoformat()),
        later=_to(query, at=asked.end.isoformat())
        if asked.end <= reporting.this_start(asked.grain)
        else "",
        running=asked.start == reporting.this_start(asked.grain),
        tiles=tuple(
            _tile(one, now, before, [series.get(s) for s in times], goals, query, one is chosen)
            for one in DEFINITIONS
        ),
        chosen=_chosen(chosen, series, times, goals.get(chosen.key), asked, query),
        volume=_volume(series, times, asked.grain),
        open=(str(under_way.total), str(under_way.late)),
        tables=(*tables(actor, choice, goals), *said, *hall),
        definitions=tuple(definitions(goals)),
        as_of=reporting.as_of(),
        empty=not hall and not said and not any(bucket.sums.get("n") for bucket in series.values()),
        query=query.urlencode(),
    )


# ---- inside --------------------------------------------------------------------------------------


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
    times: Sequence[date],
    target: float | None,
    asked: Asked,
    query: QueryDict,
) -> Chosen:
    values = [series[s].value(one) if s in series else None for s in times]
    names = [short(asked.grain, s) for s in times]
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
        for name, value, s in zip(names, values, times, strict=True)
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


def _volume(series: Mapping[date, Bucket], times: Sequence[date], grain: str) -> SafeString:
    columns = []
    for start in times:
        sums = series[start].sums if start in series else {}
        parts = [
            ("ok", float(sums.get("completed", 0))),
            ("soon", float(sums.get("withdrawn", 0))),
            ("late", float(sums.get("failed", 0))),
            ("wait", float(sums.get("rejected", 0))),
        ]
        columns.append((_below(grain, start), parts))
    return charts.columns(columns, label=_("每期结束的订单，按结果"))


def _below(grain: str, start: date) -> str:
    """What stands below a column, no wider than it: of months the year at its January only."""
    if grain != Grain.MONTH or start.month == 1:
        return short(grain, start)
    return f"{start:%b}" if wording.english() else f"{start.month}月"


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
