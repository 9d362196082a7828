"""责任历时: the tab, the workbook and the printed sheet say the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.clock import now as clock_now
from kaitong.documents import render
from kaitong.ordering import responsibility
from kaitong.ordering.choices import OrderState
from kaitong.ordering.responsibility import IDLE, MACHINE, OURS, Sheet
from kaitong.org import queries as org
from kaitong.process.choices import Cause
from kaitong.process.models import Suspension
from kaitong.process.shares import Kind
from kaitong.transfer.book import Book, OutColumn
from kaitong.web import format as fmt
from kaitong.web.pages.names import post_names
from kaitong.web.pages.reading import Reading

TEMPLATE = "common/papers/responsibility.typ"
_TONES = {
    Kind.WORK: "you",
    Kind.INCIDENT: "late",
    Kind.SUSPENDED: "wait",
    Kind.MACHINE: "ok",
    Kind.WAIT: "wait",
    Kind.SYSTEM: "wait",
}
_PARTY_TONES = {OURS: "you", MACHINE: "ok", "customer": "soon"}


@dataclass(frozen=True, slots=True)
class DutyRow:
    start: datetime
    end: datetime
    going: bool
    who: str
    team: str
    step: str
    why: str
    tone: str
    elapsed: int  # seconds
    business: int
    counted: int
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DutyTotal:
    party: str
    tone: str
    counted: int
    percent: str
    width: str  # of its bar, of a hundred


@dataclass(frozen=True, slots=True)
class LedgerRow:
    start: datetime
    end: datetime | None
    expected: datetime
    step: str
    why: str
    cause: str
    clocks: str
    who: str
    note: str
    void: str  # who put it right, when and why
    evidence: tuple[str, ...]
    correct_url: str


@dataclass(frozen=True, slots=True)
class DutyPane:
    start: datetime
    end: datetime
    ended: bool
    gross: int
    net: int
    totals: tuple[DutyTotal, ...]
    rows: tuple[DutyRow, ...]
    ledger: tuple[LedgerRow, ...]
    csv_url: str
    xlsx_url: str
    pdf_url: str
    template: str = "web/order/duty.html"


def clock_text(seconds: int) -> str:
    """Hours, minutes and seconds, so that a reader can add them up: `26:03:41`."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def pane(reading: Reading) -> DutyPane:
    order, say = reading.order, reading.facts.say
    sheet = responsibility.sheet(order)
    posts = post_names()
    return DutyPane(
        start=sheet.start,
        end=sheet.end,
        ended=sheet.ended,
        gross=_seconds(sheet.gross),
        net=_seconds(sheet.net),
        totals=tuple(_totals(sheet, posts, order.branch_id)),
        rows=tuple(_rows(sheet, posts, order.branch_id, say)),
        ledger=tuple(_ledger(sheet, say, reading.actor.is_supervisor)),
        csv_url=reverse("web:duty_csv", args=[order.id]),
        xlsx_url=reverse("web:duty_xlsx", args=[order.id]),
        pdf_url=reverse("web:duty_pdf", args=[order.id]),
    )


def causes() -> dict[str, str]:
    """Whose time a suspension is."""
    return {
        "customer": _("客户原因"),
        "resource": _("等待资源"),
        "third-party": _("第三方原因"),
        "force": _("不可抗力"),
        "own": _("我方原因"),
    }


def _rows(
    sheet: Sheet, posts: dict[str, str], branch_id: UUID, say: Callable[[str], str]
) -> Iterable[DutyRow]:
    teams = org.department_names(branch_id)
    for row in sheet.rows:
        held = row.holding
        match held.kind:
            case Kind.WORK:
                why = _("在办") if held.person else _("待接单")
                who = row.person or posts.get(held.post, held.post)
            case Kind.INCIDENT:
                why = _("异常：%(cause)s") % {"cause": _cause(held.reason)}
                who = row.person or posts.get(held.post, held.post)
            case Kind.SUSPENDED:
                words = {"cause": causes().get(held.cause, held.cause), "reason": say(row.reason)}
                why = _("挂起：%(reason)s（%(cause)s）") % words
                who = causes().get(held.cause, held.cause)
            case Kind.MACHINE:
                why = wording.read(row.reason) or _("自动执行")
                who = _("系统")
            case Kind.WAIT:
                why, who = _("等待"), _("系统")
            case _:
                why, who = _("环节之间"), _("系统")
        team = " · ".join(
            filter(
                None,
                (
                    posts.get(held.post, held.post) if held.post else "",
                    teams.get(held.department, held.department),
                ),
            )
        )
        yield DutyRow(
            start=held.start,
            end=held.end,
            going=held.open,
            who=who,
            team=team if team != who else "",
            step=say(held.title),
            why=why,
            tone=_TONES[held.kind],
            elapsed=_seconds(held.elapsed),
            business=_seconds(row.business),
            counted=_seconds(held.counted),
            evidence=tuple(reverse("web:attachment", args=[one]) for one in held.evidence),
        )


def _totals(sheet: Sheet, posts: dict[str, str], branch_id: UUID) -> Iterable[DutyTotal]:
    teams = org.department_names(branch_id)
    whole = _seconds(sheet.gross) or 1
    names = {MACHINE: _("机器执行"), IDLE: _("等待与间隙"), **causes()}
    for total in sheet.totals:
        party = names.get(total.party, "")
        if total.party == OURS:
            party = " · ".join(
                filter(
                    None,
                    (posts.get(total.post, total.post), teams.get(total.department, "")),
                )
            ) or _("未指定岗位")
        counted = _seconds(total.counted)
        yield DutyTotal(
            party=party,
            tone=_PARTY_TONES.get(total.party, "wait"),
            counted=counted,
            percent=f"{counted * 100 / whole:.1f}%",
            width=f"{max(0.6, counted * 100 / whole):.1f}",
        )


def _ledger(sheet: Sheet, say: Callable[[str], str], boss: bool) -> Iterable[LedgerRow]:
    for line in sheet.ledger:
        void = ""
        if line.voided_at is not None:
            void = _("%(who)s 于 %(at)s 更正：%(why)s") % {
                "who": _name(sheet, line.voided_by),
                "at": fmt.short(line.voided_at),
                "why": line.void_reason,
            }
        yield LedgerRow(
            start=line.since,
            end=line.ended,
            expected=line.until_expected,
            step=say(line.workitem.title),
            why=say(sheet.titles.get(line.reason_code, line.reason_code)),
            cause=causes().get(line.cause, line.cause),
            clocks=_clocks(line),
            who=_name(sheet, line.suspended_by),
            note=line.note,
            void=void,
            evidence=tuple(reverse("web:attachment", args=[one]) for one in line.evidence or ()),
            correct_url=reverse("web:suspension_correct", args=[line.workitem.business_id, line.pk])
            if boss and line.voided_at is None
            else "",
        )


def _clocks(line: Suspension) -> str:
    """Which clocks a line stopped."""
    stopped = [
        name
        for name, stops in ((_("客户时限"), line.stops_customer), (_("环节时限"), line.stops_step))
        if stops
    ]
    return fmt.mark("、").join(stopped) or _("都不停")


def _name(sheet: Sheet, person: UUID | None) -> str:
    return sheet.people.get(person, "") if person else _("系统")


def _cause(key: str) -> str:
    return str(Cause(key).label) if key in Cause.values else wording.read(key)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


# ---- what goes out -------------------------------------------------------------------------------


def headings() -> tuple[OutColumn, ...]:
    return (
        OutColumn(_("起"), 20),
        OutColumn(_("止"), 20),
        OutColumn(_("谁"), 16),
        OutColumn(_("岗位和部门"), 22),
        OutColumn(_("环节"), 18),
        OutColumn(_("为什么"), 36),
        OutColumn(_("历时"), 12),
        OutColumn(_("工作时间"), 12),
        OutColumn(_("计入全程"), 12),
        OutColumn(_("计入全程（秒）"), 14, "whole"),
    )


def cells(found: DutyPane) -> Iterable[tuple[Any, ...]]:
    """The rows of the sheet, and a last one that adds them up."""
    for row in found.rows:
        yield (
            _exact(row.start),
            _exact(row.end),
            row.who,
            row.team,
            row.step,
            row.why,
            clock_text(row.elapsed),
            clock_text(row.business),
            clock_text(row.counted),
            row.counted,
        )
    yield (
        _exact(found.start), _exact(found.end), _("全程历时"), "", "", "", "", "",
        clock_text(found.gross), found.gross,
    )  # fmt: skip


def to_book(found: DutyPane, target: BinaryIO) -> None:
    with Book(target, _("责任历时"), headings()) as book:
        for row in cells(found):
            book.add(row)


def to_csv(found: DutyPane) -> bytes:
    """With a mark at its beginning by which Excel knows that it is UTF-8."""
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow([column.heading for column in headings()])
    for row in cells(found):
        write.writerow([_harmless(cell) for cell in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def to_pdf(reading: Reading, found: DutyPane) -> bytes:
    """The printed sheet (责任历时单), as of now. It is no numbered paper: it is never issued."""
    order, facts = reading.order, reading.facts
    data = {
        "paper": {
            "title": _("责任历时单"),
            "number": facts.number,
            "operator": order.branch.name,
            "branch": "",
            "form": "KT-01",
            "printed_at": _exact(clock_now()),
            "printed_by": reading.actor.name,
        },
        "words": _words(),
        "order": facts.number,
        "product": facts.product,
        "state": str(OrderState(order.state).label),
        "start": _exact(found.start),
        "end": _exact(found.end) if found.ended else _("没有结束"),
        "gross": clock_text(found.gross),
        "net": clock_text(found.net),
        "due": fmt.when(facts.due_at),
        "totals": [
            {"party": t.party, "counted": clock_text(t.counted), "share": t.percent}
            for t in found.totals
        ],
        "rows": [
            {
                "from": _exact(row.start),
                "to": _("至今") if row.going else _exact(row.end),
                "who": "\n".join(filter(None, (row.who, row.team))),
                "step": row.step or "—",
                "why": row.why,
                "elapsed": clock_text(row.elapsed),
                "business": clock_text(row.business),
                "counted": clock_text(row.counted),
            }
            for row in found.rows
        ],
        "ledger": [
            {
                "from": _exact(row.start),
                "to": _exact(row.end) if row.end else _("至今"),
                "why": f"{row.why}（{row.cause}）",
                "clocks": row.clocks,
                "who": row.who,
                "note": fmt.mark("；").join(filter(None, (row.note, row.void))) or "—",
            }
            for row in found.ledger
        ],
    }
    return render.render(TEMPLATE, data)


def _words() -> dict[str, str]:
    return {
        "order": _("订单号"),
        "whole": _("全程"),
        "start": _("受理时间"),
        "end": _("结束时间"),
        "gross": _("全程历时"),
        "net": _("净历时"),
        "due": _("客户时限"),
        "totals": _("责任合计"),
        "party": _("责任方"),
        "counted": _("计入全程"),
        "share": _("占比"),
        "sum": _("合计"),
        "rows": _("经过"),
        "from_to": _("起止"),
        "who": _("谁"),
        "step": _("环节"),
        "why": _("为什么"),
        "elapsed": _("历时"),
        "business": _("工作时间"),
        "rule": _("同时有几处在办时，由先能办的一方计入全程，合计即全程历时。"),
        "ledger": _("挂起记录"),
        "clocks": _("停走的时限"),
        "note": _("说明与更正"),
        "none": _("没有挂起过"),
    }


def _exact(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


def _harmless(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@" else cell
