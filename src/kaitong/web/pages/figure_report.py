"""The printed report of a week or month (运营月报), and its workbook: the figures of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, BinaryIO

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now as clock_now
from kaitong.documents import render
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.reporting import queries as reporting
from kaitong.reporting.choices import Grain, Outcome
from kaitong.reporting.definitions import BY_KEY, DEFINITIONS, Definition, Unit
from kaitong.reporting.queries import Bucket
from kaitong.transfer.book import Book, OutColumn
from kaitong.web import format as fmt
from kaitong.web.pages import figure_opinions, figure_visits
from kaitong.web.pages.figure_tables import (
    Choice,
    definitions,
    period_title,
    scope_title,
    short,
    starts,
    tables,
    target_text,
    value_text,
)

TEMPLATE = "common/papers/figures.typ"
TREND = ("received", "completed", "time_median", "time_p90", "on_time", "one_visit", "failed")
# Columns that fit a sheet.
PRINTED = (
    "received", "completed", "time_median", "on_time", "kept", "one_visit", "right_first",
    "sent_back", "failed",
)  # fmt: skip
BACK = 12
_ENDED = (Outcome.COMPLETED, Outcome.WITHDRAWN, Outcome.FAILED, Outcome.REJECTED)


def to_pdf(actor: Actor, choice: Choice) -> bytes:
    """The report as a sheet, as of now. It is no numbered paper: it is never issued."""
    data = sheet(actor, choice)
    made = render.render(TEMPLATE, data)
    _recorded(actor, choice, "pdf")
    return made


def sheet(actor: Actor, choice: Choice) -> dict[str, Any]:
    """What the sheet prints, as its template takes it."""
    asked = choice.asked
    goals = reporting.targets()
    series, times = _series(actor, choice)
    now, before = series.get(asked.start, Bucket()), series.get(times[-2], Bucket())
    monthly = asked.grain == Grain.MONTH
    branch = org.branch(asked.branch_id or actor.branch_id) if actor.branch_id else None
    trend = [BY_KEY[key] for key in TREND]
    return {
        "paper": {
            "title": _("运营月报") if monthly else _("运营周报"),
            "number": f"{asked.start:%Y-%m}" if monthly else f"{asked.start:%G-W%V}",
            "operator": (branch.name if fmt.in_chinese() else branch.name_en or branch.name)
            if branch
            else "",
            "branch": "",
            "form": "KT-02",
            "printed_at": f"{timezone.localtime(clock_now()):%Y-%m-%d %H:%M}",
            "printed_by": actor.name,
        },
        "words": {
            "figures": _("指标"),
            "figure": _("指标"),
            "now": _("本期"),
            "before": _("上期"),
            "target": _("目标"),
            "verdict": _("达标"),
            "ended": _("结束的订单"),
            "trend": _("走势"),
            "none": _("（无）"),
            "meaning": _("各指标的口径"),
        },
        "period": period_title(asked),
        "scope": scope_title(choice),
        "figures": [_line(one, now, before, goals) for one in DEFINITIONS],
        "outcomes": [str(one.label) for one in _ENDED],
        "trend": [
            {
                "name": short(asked.grain, start),
                "parts": [
                    int(series[start].sums.get(str(one), 0)) if start in series else 0
                    for one in _ENDED
                ],
            }
            for start in times
        ],
        "trend-heads": [_("期"), *(str(one.title) for one in trend)],
        "trend-rows": [
            [
                short(asked.grain, start),
                *(value_text(one, series.get(start, Bucket()).value(one)) for one in trend),
            ]
            for start in reversed(times)
        ],
        "tables": [
            {
                "title": table.title,
                "heads": list(table.heads),
                "rows": [[row.name, *(cell.text for cell in row.cells)] for row in table.rows],
            }
            for table in (
                *tables(actor, choice, goals, of=PRINTED),
                *figure_opinions.tables(actor, choice, goals),
                *figure_visits.tables(actor, asked, choice.branches, goals),
            )
            if table.rows
        ],
        "meaning": [
            f"{title}{fmt.mark('：')}{words}" for title, words, _goal, _row in definitions(goals)
        ],
    }


def to_book(actor: Actor, choice: Choice, target: str | BinaryIO) -> int:
    """The same as a workbook: a row for each figure of each thing, numbers as numbers."""
    asked = choice.asked
    goals = reporting.targets()
    columns = (
        OutColumn(_("分项"), 24),
        OutColumn(_("项目"), 30),
        OutColumn(_("期"), 12, "day"),
        OutColumn(_("指标"), 26),
        OutColumn(_("数值"), 14, "whole"),
        OutColumn(_("单位"), 10),
        OutColumn(_("共"), 10, "whole"),
        OutColumn(_("目标"), 18),
        OutColumn(_("口径"), 90),
    )
    series, _times = _series(actor, choice)
    with Book(target, period_title(asked), columns) as book:
        for start in sorted(series):
            for one in DEFINITIONS:
                _add(book, _("走势"), scope_title(choice), start, one, series[start], goals)
        groups = [(_("按%(what)s") % {"what": _("套餐")}, "key", choice.plans)]
        groups.append((_("按%(what)s") % {"what": _("业务")}, "action", choice.actions))
        if len(choice.branches) > 1:
            named: Mapping[Any, str] = choice.branches
            groups.append((_("按%(what)s") % {"what": _("分公司")}, "branch", named))
        for title, group, names in groups:
            for key, bucket in reporting.buckets(actor, asked, group=group).items():
                for one in DEFINITIONS:
                    _add(book, title, names.get(key, str(key)), asked.start, one, bucket, goals)
        since = reporting.previous_start(asked.grain, asked.start, BACK)
        for branch, start, one, bucket in figure_visits.lines(actor, asked, since, choice.branches):
            name = branch or scope_title(choice)
            _add(book, _("营业厅排队，按期"), name, start, one, bucket, goals)
        hall = figure_visits.tables(actor, asked, choice.branches, goals)
        said = figure_opinions.tables(actor, choice, goals)
        for table in (*tables(actor, choice, goals), *said, *hall):
            if table.key in ("hall", "plan", "action", "branch", "grid"):
                continue
            for row in table.rows:
                for head, cell in zip(table.heads[1:], row.cells, strict=True):
                    text = cell.text.replace(",", "")
                    whole = int(text) if text.isdigit() else None
                    name = row.name.strip("　")
                    book.add(
                        (table.title, name, asked.start, head, whole,
                         "" if whole is not None else cell.text, None, "", row.words)
                    )  # fmt: skip
        count = book.rows
    _recorded(actor, choice, "xlsx", rows=count)
    return count


# ---- inside --------------------------------------------------------------------------------------


def _series(actor: Actor, choice: Choice) -> tuple[dict[date, Bucket], Sequence[date]]:
    asked = choice.asked
    first = reporting.previous_start(asked.grain, asked.start, BACK)
    found = reporting.buckets(actor, asked, group="start", since=first)
    return found, starts(asked.grain, first, asked.start)


def _line(
    one: Definition, now: Bucket, before: Bucket, goals: Mapping[str, float]
) -> dict[str, str]:
    value, goal = now.value(one), goals.get(one.key)
    passed = reporting.passes(one, value, goal)
    return {
        "title": str(one.title),
        "now": value_text(one, value),
        "before": value_text(one, before.value(one)),
        "target": target_text(one, goal) or fmt.DASH,
        "verdict": "" if passed is None else _("达标") if passed else _("未达标"),
    }


def _add(
    book: Book,
    title: str,
    name: str,
    start: date,
    one: Definition,
    bucket: Bucket,
    goals: Mapping[str, float],
) -> None:
    value = bucket.value(one)
    if value is None:
        return
    match one.unit:
        case Unit.SHARE:
            number, unit = round(100 * value, 2), "%"
        case Unit.TIME:
            number, unit = round(value / 3600, 2), _("小时")
        case _:
            number, unit = value, _("单")
    whole = bucket.whole(one) if one.unit is not Unit.COUNT else None
    book.add(
        (title, name, start, str(one.title), number, unit, whole,
         target_text(one, goals.get(one.key)), str(one.words))
    )  # fmt: skip


def _recorded(actor: Actor, choice: Choice, kind: str, **more: int) -> None:
    audit.record(
        "exported",
        actor_id=actor.id,
        subject_type="export.figures",
        subject_id=None,
        branch_id=choice.asked.branch_id or actor.branch_id,
        data={"as": kind, "start": choice.asked.start.isoformat(), **more},
    )
