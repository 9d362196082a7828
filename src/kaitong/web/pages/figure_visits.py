"""The hall's figures (QA-06) as tables: this time beside the one before, by business and branch,
by clerk, by hour; for the page, the sheet and the workbook alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from django.utils.translation import gettext as _

from kaitong.org.actor import Actor
from kaitong.reporting import queries as reporting
from kaitong.reporting import visits
from kaitong.reporting.definitions import VISITS, Definition
from kaitong.reporting.queries import Asked, Bucket
from kaitong.web import format as fmt
from kaitong.web.pages import figure_tables as shape
from kaitong.web.pages.figure_tables import Cell, Row, Table


def kind_titles() -> dict[str, str]:
    chinese = fmt.in_chinese()
    return {key: zh if chinese else en or zh for key, (zh, en) in visits.titles().items()}


def tables(
    actor: Actor, asked: Asked, branches: Mapping[object, str], goals: Mapping[str, float]
) -> list[Table]:
    """Nothing where nobody took a number."""
    before = reporting.previous_start(asked.grain, asked.start)
    series = visits.buckets(actor, asked, group="start", since=before)
    if not series:
        return []
    found = [_both(series.get(asked.start, Bucket()), series.get(before, Bucket()), goals)]
    titles = kind_titles()
    groups = [("kind", _("业务"), titles)]
    if len(branches) > 1:
        groups.append(("branch", _("分公司"), branches))  # type: ignore[arg-type]
    for group, head, names in groups:
        rows = visits.buckets(actor, asked, group=group)
        listed = sorted(rows.items(), key=lambda pair: (-pair[1].sums.get("n", 0), str(pair[0])))
        found.append(
            Table(
                f"hall-{group}",
                _("营业厅排队，按%(what)s") % {"what": head},
                (head, *(str(one.title) for one in VISITS)),
                tuple(
                    Row(names.get(key, str(key)), tuple(_cells(bucket, goals)))
                    for key, bucket in listed
                ),
            )
        )
    people, hours = visits.served(actor, asked)
    heads = (_("办结量"), _("平均办理用时"), _("每小时办结"))
    found.append(
        _served("hall-clerk", _("窗口人员"), (_("人员"), *heads), people, lambda one: one.name)
    )
    found.append(
        _served(
            "hall-hour",
            _("窗口各时段"),
            (_("时段"), *heads[:2]),
            hours,
            lambda one: f"{one.hour:02d}:00–{one.hour + 1:02d}:00",
        )
    )
    return found


def lines(
    actor: Actor, asked: Asked, since: date, names: Mapping[object, str]
) -> Iterator[tuple[str, date, Definition, Bucket]]:
    """Each figure of each week or month, of all branches and of each, for the workbook."""
    ways: list[tuple[str, Asked]] = [("", asked)]
    if len(names) > 1:
        ways += [
            (title, Asked(grain=asked.grain, start=asked.start, branch_id=key))  # type: ignore[arg-type]
            for key, title in names.items()
        ]
    for title, way in ways:
        for start, bucket in sorted(visits.buckets(actor, way, group="start", since=since).items()):
            for one in VISITS:
                yield title, start, one, bucket


def _both(now: Bucket, was: Bucket, goals: Mapping[str, float]) -> Table:
    heads = (_("指标"), _("本期"), _("上期"), _("目标"))
    rows = []
    for one in VISITS:
        value, target = now.value(one), goals.get(one.key)
        late = shape.tone_of(one, value, target) == "late"
        rows.append(
            Row(
                str(one.title),
                (
                    Cell(shape.value_text(one, value), "late" if late else "", heads[1]),
                    Cell(shape.value_text(one, was.value(one)), label=heads[2]),
                    Cell(shape.target_text(one, target) or fmt.DASH, label=heads[3]),
                ),
                str(one.words),
            )
        )
    return Table("hall", _("营业厅排队"), heads, tuple(rows))


def _cells(bucket: Bucket, goals: Mapping[str, float]) -> Iterator[Cell]:
    for one in VISITS:
        value = bucket.value(one)
        late = shape.tone_of(one, value, goals.get(one.key)) == "late"
        yield Cell(shape.value_text(one, value), "late" if late else "", str(one.title))


def _served(key, title, heads, rows, name) -> Table:  # type: ignore[no-untyped-def]
    made = []
    for one in rows:
        rate = f"{one.an_hour:.1f}" if one.an_hour is not None else fmt.DASH
        cells = [
            Cell(f"{one.count:,}", label=heads[1]),
            Cell(fmt.span(round(one.mean)) if one.mean is not None else fmt.DASH, label=heads[2]),
            Cell(rate, label=heads[3] if len(heads) > 3 else ""),
        ]
        made.append(Row(name(one) or _("已删除的人员"), tuple(cells[: len(heads) - 1])))
    return Table(key, title, heads, tuple(made))
