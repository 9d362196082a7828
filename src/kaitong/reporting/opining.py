"""What figures need to know of what customers think (QA-07), from surveys and call-backs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from kaitong.assurance.facts import SurveyRow, TicketRow
from kaitong.ordering.facts import levels
from kaitong.process.facts import WorkRow
from kaitong.surveys.asking import handler
from kaitong.surveys.facts import OpinionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A row of `OpinionFact`, by its columns."""

    asked_id: UUID
    business_id: UUID
    branch_id: UUID
    source: str
    asked_day: date
    offering: str = ""
    person: UUID | None = None
    post: str = ""
    reached: bool
    score: int | None
    reason_group: str = ""
    reason: str = ""


def of_survey(row: OpinionRow, *, day_of: Callable[[datetime], date]) -> Opinion:
    group, reason = levels(row.reason)
    return Opinion(
        asked_id=row.id,
        business_id=row.id,
        branch_id=row.branch_id,
        source=row.source,
        asked_day=day_of(row.asked_at),
        offering=row.offering,
        person=row.person,
        post=row.post,
        reached=row.reached,
        score=row.score,
        reason_group=group,
        reason=reason,
    )


def of_ticket(
    ticket: TicketRow,
    calls: Sequence[SurveyRow],
    *,
    work: Iterable[WorkRow],
    day_of: Callable[[datetime], date],
) -> Iterator[Opinion]:
    """A ticket's own call-backs: calls that reached nobody belong to the one after them, so that
    somebody called three times was asked once. What he was asked about is whose work ended it."""
    done = list(work)
    row = handler((w for w in done if w.state == "done"), ticket.resolved_at)
    for asked in _askings(calls):
        last = asked[-1]
        group, reason = levels(last.reason)
        yield Opinion(
            asked_id=asked[0].id,
            business_id=ticket.id,
            branch_id=ticket.branch_id,
            source=ticket.kind,
            asked_day=day_of(last.asked_at),
            person=row.completed_by if row else None,
            post=row.post if row else "",
            reached=last.reached,
            score=last.score,
            reason_group=group,
            reason=reason,
        )


def _askings(calls: Sequence[SurveyRow]) -> Iterator[list[SurveyRow]]:
    one: list[SurveyRow] = []
    for call in calls:
        one.append(call)
        if call.reached:
            yield one
            one = []
    if one:
        yield one
