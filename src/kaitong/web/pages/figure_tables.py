"""What figures are asked for and how they are worded; the tables of a time, for page and sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from kaitong.assurance.choices import SurveyKind, TicketKind
from kaitong.catalog import queries as catalog
from kaitong.ordering import facts as ordering
from kaitong.ordering.choices import DemandReason
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.reporting import complaints
from kaitong.reporting import queries as reporting
from kaitong.reporting.adding import start_of
from kaitong.reporting.choices import Cut, Grain, Outcome
from kaitong.reporting.definitions import (
    BY_KEY,
    DEFINITIONS,
    OPINIONS,
    SURVEYS,
    TICKETS,
    VISITS,
    Definition,
    Unit,
)
from kaitong.reporting.queries import Asked, Bucket
from kaitong.web import format as fmt
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import branch_asked
from kaitong.web.pages.processes import words

EARLIEST = date(2000, 1, 1)
GRAINS = {"week": Grain.WEEK, "month": Grain.MONTH}
# Columns of the tables by plan, branch, business, grid.
SHOWN = (
    "received", "completed", "time_median", "time_p90", "on_time", "contact_on_time", "kept",
    "one_visit", "right_first", "suspended", "sent_back", "failed",
)  # fmt: skip


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
    words: str = ""  # what it means


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
        case Unit.MEAN:
            return f"{value:.2f}"
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
        for one in (*DEFINITIONS, *TICKETS, *SURVEYS, *OPINIONS, *VISITS)
    ]


def tables(
    actor: Actor, choice: Choice, goals: Mapping[str, float], *, of: Sequence[str] = SHOWN
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
        shown = [BY_KEY[k] for k in of]
        if key == "grid":  # histograms are not kept by grid
            shown = [one for one in shown if one.unit is not Unit.TIME]
        wanted = asked
        if key == "action":
            wanted = Asked(
                grain=asked.grain,
                start=asked.start,
                branch_id=asked.branch_id,
                offering=asked.offering,
            )
        by = Cut.GRID if key == "grid" else Cut.PLAN
        rows = reporting.buckets(actor, wanted, group=group, by=by)
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
    found += _complaints(actor, asked, goals)
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
    say = any_words()
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


def _complaints(actor: Actor, asked: Asked, goals: Mapping[str, float]) -> list[Table]:
    """Faults, complaints, and what customers said: figures of this time beside the one before."""
    before = reporting.previous_start(asked.grain, asked.start)
    heads = (_("指标"), _("本期"), _("上期"), _("目标"))
    found = []
    groups: list[tuple[str, str, Mapping[date, Bucket], Sequence[Definition]]] = []
    titles = {str(key): str(label) for key, label in TicketKind.choices}
    kinds = complaints.tickets(actor, asked, since=before)
    groups += [
        (f"ticket-{k}", titles.get(k, k), kinds[k], TICKETS) for k in sorted(kinds, reverse=True)
    ]
    said = {str(key): str(label) for key, label in SurveyKind.choices}
    asks = complaints.surveys(actor, asked, since=before)
    groups += [
        (f"survey-{k}", f"{_('满意度')} · {said.get(k, k)}", asks[k], SURVEYS) for k in sorted(asks)
    ]
    for key, title, series, shown in groups:
        now, was = series.get(asked.start, Bucket()), series.get(before, Bucket())
        rows = []
        for one in shown:
            value, target = now.value(one), goals.get(one.key)
            tone = tone_of(one, value, target)
            rows.append(
                Row(
                    str(one.title),
                    (
                        Cell(value_text(one, value), "late" if tone == "late" else "", heads[1]),
                        Cell(value_text(one, was.value(one)), label=heads[2]),
                        Cell(target_text(one, target) or fmt.DASH, label=heads[3]),
                    ),
                    str(one.words),
                )
            )
        found.append(Table(key, title, heads, tuple(rows)))
    why = complaints.causes(actor, asked)
    whole = sum(one.count for one in why) or 1
    say = any_words()
    heads = (_("原因"), _("大类"), _("类别"), _("修复（办结）"), _("占比"))
    found.append(
        Table(
            "ticket-cause",
            _("故障和投诉的原因"),
            heads,
            tuple(
                Row(
                    say(one.cause) or _("没有写明"),
                    (
                        Cell(say(one.group) or fmt.DASH, label=heads[1], words=True),
                        Cell(titles.get(one.kind, one.kind), label=heads[2], words=True),
                        Cell(f"{one.count:,}", label=heads[3]),
                        Cell(f"{100 * one.count / whole:.1f}%", label=heads[4]),
                    ),
                )
                for one in why
            ),
        )
    )
    return found


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


def any_words() -> Callable[[str], str]:
    """Words of whichever playbook knows them."""
    known = [words(key) for key in sorted({told[0] for told in ordering.titles().values()})]

    def say(text: str) -> str:
        for one in known:
            if (told := one(text)) != text:
                return told
        return text

    return say


def short(grain: str, start: date) -> str:
    return f"{start:%Y-%m}" if grain == Grain.MONTH else f"{start:%m-%d}"


def starts(grain: str, first: date, last: date) -> list[date]:
    found = [first]
    while found[-1] < last:
        found.append(reporting.next_start(grain, found[-1]))
    return found
