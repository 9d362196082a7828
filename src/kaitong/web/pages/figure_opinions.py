"""What customers think (QA-07) as tables: by source beside the time before, by branch, plan,
person and post, and why they are not content; for the page, the sheet and the workbook alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from django.utils.translation import gettext as _

from kaitong.org.actor import Actor
from kaitong.reporting import adding, opinions
from kaitong.reporting import queries as reporting
from kaitong.reporting.definitions import OPINIONS
from kaitong.reporting.queries import Bucket
from kaitong.surveys.choices import Source
from kaitong.web import format as fmt
from kaitong.web.pages import figure_tables as shape
from kaitong.web.pages.figure_tables import Cell, Choice, Row, Table
from kaitong.web.pages.names import post_names

_CONTENT = next(one for one in OPINIONS if one.key == "opinion_content")


def tables(actor: Actor, choice: Choice, goals: Mapping[str, float]) -> list[Table]:
    """Nothing where nobody was asked. Five statements."""
    asked = choice.asked
    before = reporting.previous_start(asked.grain, asked.start)
    series = opinions.by_source(actor, asked, since=before)
    if not series:
        return []
    sources = {str(key): str(label) for key, label in Source.choices}
    said = _("满意度评价，按%(what)s")
    found = [_sources(_("满意度评价，按调查内容"), sources, series, choice, goals)]
    if len(choice.branches) > 1:
        rows = opinions.by_branch(actor, asked)
        named = ((choice.branches.get(key, ""), bucket) for key, bucket in rows.items())
        found.append(_table("opinion-branch", said, _("分公司"), named, goals))
    cuts = opinions.by_cut(actor, asked)
    plans: dict[str, Bucket] = {}
    for (_source, key), bucket in cuts.get(adding.PLAN, {}).items():
        plans[key] = _sum(plans.get(key), bucket)
    named = ((choice.plans.get(key, key), bucket) for key, bucket in plans.items())
    found.append(_table("opinion-plan", said, _("套餐"), named, goals))
    posts = post_names()
    people = [
        (
            posts.get(one.post, one.post)
            if not one.person
            else "　" + (one.name or _("已删除的人员")),
            one.bucket,
        )
        for one in opinions.by_person(actor, asked)
    ]
    found.append(_table("opinion-person", said, _("岗位、人员"), people, goals, ordered=True))
    found.append(_reasons(sources, cuts.get(adding.REASON, {})))
    return [table for table in found if table.rows]


# ---- inside --------------------------------------------------------------------------------------


def _sources(
    title: str,
    sources: Mapping[str, str],
    series: Mapping[str, Mapping[object, Bucket]],
    choice: Choice,
    goals: Mapping[str, float],
) -> Table:
    asked = choice.asked
    before = reporting.previous_start(asked.grain, asked.start)
    last = _("上期满意率")
    rows = []
    for key, label in sources.items():
        if key not in series:
            continue
        now, was = (series[key].get(at, Bucket()) for at in (asked.start, before))
        text = shape.value_text(_CONTENT, was.value(_CONTENT))
        rows.append(Row(label, (*_cells(now, goals), Cell(text, label=last))))
    heads = (_("调查内容"), *(str(one.title) for one in OPINIONS), last)
    return Table("opinion", title, heads, tuple(rows))


def _table(
    key: str,
    title: str,
    head: str,
    rows: Iterable[tuple[str, Bucket]],
    goals: Mapping[str, float],
    *,
    ordered: bool = False,
) -> Table:
    listed = list(rows)
    if not ordered:
        listed.sort(key=lambda pair: (-pair[1].sums.get("n", 0), pair[0]))
    return Table(
        key,
        title % {"what": head},
        (head, *(str(one.title) for one in OPINIONS)),
        tuple(Row(name, tuple(_cells(bucket, goals))) for name, bucket in listed),
    )


def _cells(bucket: Bucket, goals: Mapping[str, float]) -> Iterator[Cell]:
    for one in OPINIONS:
        value = bucket.value(one)
        late = shape.tone_of(one, value, goals.get(one.key)) == "late"
        yield Cell(shape.value_text(one, value), "late" if late else "", str(one.title))


def _reasons(sources: Mapping[str, str], found: Mapping[tuple[str, str], Bucket]) -> Table:
    heads = (_("原因"), _("大类"), _("调查内容"), _("人次"), _("占比"), _("平均分"))
    rows = sorted(found.items(), key=lambda pair: (-pair[1].sums["n"], pair[0]))
    whole = sum(bucket.sums["n"] for _key, bucket in rows) or 1
    say = shape.any_words()
    made = []
    for (source, key), bucket in rows:
        group, _colon, reason = key.partition(adding.BETWEEN)
        count, answered = bucket.sums["n"], bucket.sums["answered"]
        mean = f"{bucket.sums['score'] / answered:.2f}" if answered else fmt.DASH
        made.append(
            Row(
                say(reason),
                (
                    Cell(say(group) or fmt.DASH, label=heads[1], words=True),
                    Cell(sources.get(source, source), label=heads[2], words=True),
                    Cell(f"{count:,}", label=heads[3]),
                    Cell(f"{100 * count / whole:.1f}%", label=heads[4]),
                    Cell(mean, label=heads[5]),
                ),
            )
        )
    return Table("opinion-reason", _("客户不满意的原因"), heads, tuple(made))


def _sum(one: Bucket | None, other: Bucket) -> Bucket:
    if one is None:
        return other
    return Bucket({key: one.sums.get(key, 0) + value for key, value in other.sums.items()})
