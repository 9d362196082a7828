"""异常统计: what came up in the last weeks, by cause, step, version and week."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import BinaryIO
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import fallout_figures, heat
from kaitong.process import queries as process
from kaitong.process.choices import Cause
from kaitong.process.fallout_figures import Figure
from kaitong.transfer.book import Book, OutColumn
from kaitong.web import charts
from kaitong.web import format as fmt
from kaitong.web.pages.parts import Filter, branch_asked, choose, of_branch
from kaitong.web.pages.processes import words

WEEKS = {"4": 4, "12": 12, "26": 26}
USUAL = 12


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    total: int
    bar: SafeString
    share: str
    still: int
    retried: int
    corrected: int
    by_hand: int
    gone: int
    again: str
    middle: str
    longest: str


@dataclass(frozen=True, slots=True)
class Table:
    key: str
    title: str
    head: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class FiguresPage:
    filters: tuple[Filter, ...]
    cells: tuple[tuple[str, str, str], ...]
    chart: SafeString | str
    tables: tuple[Table, ...]
    weeks: int
    export: str


def figures_page(actor: Actor, query: QueryDict) -> FiguresPage:
    weeks, branches, names = _asked(actor, query)
    found = fallout_figures.figures(actor, since=_since(weeks), branch_ids=branches)
    whole = found.whole
    filters = [
        choose(
            query,
            "weeks",
            _("时间"),
            [("4", _("近 4 周")), ("26", _("近 26 周"))],
            everything=_("近 12 周"),
        )
    ]
    filters += of_branch(query, names)
    cells: tuple[tuple[str, str, str], ...] = ()
    if whole is not None:
        solved = whole.total - whole.still
        cells = (
            (_("发生"), str(whole.total), ""),
            (_("还没解决"), str(whole.still), "late" if whole.still else ""),
            (_("一半开了"), fmt.span(whole.middle), ""),
            (_("最久"), fmt.span(whole.longest), ""),
            (_("重试解决"), _percent(whole.retried, solved), ""),
            (_("改正解决"), _percent(whole.corrected, solved), ""),
            (_("人工处理"), _percent(whole.by_hand, solved), ""),
            (_("再次发生"), _percent(whole.again, whole.total), ""),
        )
    return FiguresPage(
        filters=tuple(filters),
        cells=cells,
        chart=_chart(found.week, weeks) if whole else "",
        tables=tuple(_tables(found)),
        weeks=weeks,
        export=query.urlencode(),
    )


def figures_book(actor: Actor, query: QueryDict, target: str | BinaryIO) -> int:
    """The same figures as a workbook: one row for each line of each table."""
    weeks, branches, _names = _asked(actor, query)
    found = fallout_figures.figures(actor, since=_since(weeks), branch_ids=branches)
    columns = (
        OutColumn(_("按"), 12),
        OutColumn(_("项目"), 36),
        OutColumn(_("发生"), 8, "whole"),
        OutColumn(_("还没解决"), 10, "whole"),
        OutColumn(_("重试解决"), 10, "whole"),
        OutColumn(_("改正解决"), 10, "whole"),
        OutColumn(_("人工处理"), 10, "whole"),
        OutColumn(_("其他结束"), 10, "whole"),
        OutColumn(_("再次发生"), 10, "whole"),
        OutColumn(_("一半开了（分钟）"), 16, "whole"),
        OutColumn(_("平均开了（分钟）"), 16, "whole"),
        OutColumn(_("最久（分钟）"), 14, "whole"),
    )
    with Book(target, _("异常统计"), columns) as book:
        for title, rows, name in _parts(found):
            for one in rows:
                spans = (one.middle, one.mean, one.longest)
                book.add(
                    (
                        title,
                        name(one),
                        one.total,
                        one.still,
                        one.retried,
                        one.corrected,
                        one.by_hand,
                        one.gone,
                        one.again,
                        *(round(seconds / 60) for seconds in spans),
                    )
                )
        count = book.rows
    audit.record(
        "exported",
        actor_id=actor.id,
        subject_type="export.incident-figures",
        subject_id=None,
        branch_id=actor.branch_id,
        data={"rows": count},
    )
    return count


# ---- inside --------------------------------------------------------------------------------------


def _asked(actor: Actor, query: QueryDict) -> tuple[int, list[UUID] | None, dict[UUID, str]]:
    names = org.branch_names(actor)
    branch = branch_asked(query, names)
    weeks = WEEKS.get(query.get("weeks", ""), USUAL)
    return weeks, [branch] if branch else None, names


def _since(weeks: int) -> datetime:
    return timezone.make_aware(datetime.combine(heat.first_day(weeks), time()))


def _parts(
    found: fallout_figures.Figures,
) -> list[tuple[str, tuple[Figure, ...], Callable[[Figure], str]]]:
    versions = {str(row.pk): row for row in process.definitions(retired=True)}
    said: dict[str, Callable[[str], str]] = {}

    def step(one: Figure) -> str:
        for row in versions.values():
            told = said.setdefault(row.playbook, words(row.playbook))(one.title)
            if told != one.title:
                return told
        return one.title or one.key

    def version(one: Figure) -> str:
        row = versions.get(one.key)
        if row is None:
            return _("不知道")
        say = said.setdefault(row.playbook, words(row.playbook))
        return f"{say(row.title)} {row.hash[:8]} {fmt.short(row.deployed_at)}"

    return [
        (_("原因类别"), found.cause, lambda one: str(Cause(one.key).label)),
        (_("环节"), found.node, step),
        (_("流程版本"), found.definition, version),
        (_("周"), found.week, lambda one: _("%(day)s 起") % {"day": one.key}),
    ]


def _tables(found: fallout_figures.Figures) -> list[Table]:
    tables = []
    keys = ("cause", "node", "definition", "week")
    for key, (head, rows, name) in zip(keys, _parts(found), strict=True):
        most = max((one.total for one in rows), default=0) or 1
        whole = sum(one.total for one in rows) or 1
        tables.append(
            Table(
                key,
                _("按%(what)s") % {"what": head},
                head,
                tuple(
                    Row(
                        name=name(one),
                        total=one.total,
                        bar=charts.bar(one.total / most),
                        share=_percent(one.total, whole),
                        still=one.still,
                        retried=one.retried,
                        corrected=one.corrected,
                        by_hand=one.by_hand,
                        gone=one.gone,
                        again=_percent(one.again, one.total),
                        middle=fmt.span(one.middle),
                        longest=fmt.span(one.longest),
                    )
                    for one in rows
                ),
            )
        )
    return tables


def _chart(rows: tuple[Figure, ...], weeks: int) -> SafeString:
    of = {one.key: one for one in rows}
    first = heat.first_day(weeks)
    columns = []
    for n in range(weeks):
        day = first + timedelta(weeks=n)
        one = of.get(day.isoformat())
        parts: list[tuple[str, float]] = []
        if one is not None:
            ways = one.retried, one.corrected, one.by_hand, one.gone, one.still
            parts = list(zip(("ok", "you", "soon", "wait", "late"), map(float, ways), strict=True))
        columns.append((f"{day:%m-%d}", parts))
    told = fmt.mark("，").join(f"{one.key} {one.total}" for one in rows)
    return charts.columns(columns, label=_("每周发生的异常单：%(told)s") % {"told": told})


def _percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)}%" if whole else fmt.DASH
