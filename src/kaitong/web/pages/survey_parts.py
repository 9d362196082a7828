"""What a survey asks, as a form shows it; and what was answered, for a customer's page and for
whoever calls him after a bad score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import InputFault
from kaitong.core.masking import mask_mobiles
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.surveys import queries as surveys
from kaitong.surveys import rules as tables
from kaitong.surveys.choices import SCORES, State, Way
from kaitong.surveys.models import Answer, Invitation
from kaitong.surveys.schema import SCORE
from kaitong.web import format as fmt
from kaitong.web.pages.customer import Look
from kaitong.web.pages.parts import Note, Pager, page_number

PAGE = 20
TONES = {
    State.OPEN: "wait",
    State.ANSWERED: "ok",
    State.EXPIRED: "wait",
    State.UNREACHED: "soon",
    State.REFUSED: "soon",
}
SCORE_TONES = {5: "ok", 4: "ok", 3: "soon", 2: "late", 1: "late"}
FACES = {5: "mood-happy", 4: "mood-smile", 3: "mood-empty", 2: "mood-sad", 1: "mood-cry"}


@dataclass(frozen=True, slots=True)
class Question:
    key: str
    title: str
    kind: str  # score, yes-no, text
    value: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The questions of one survey. `reasons` are asked of a bad score: one of `bad`, or less."""

    title: str
    questions: tuple[Question, ...]
    scores: tuple[tuple[int, str, str, bool], ...]  # score, word, face, whether it is bad
    reasons: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    reason: str = ""
    reason_error: str = ""
    wants: bool = False


def form_of(row: Invitation, given: Mapping[str, str], faults: Iterable[InputFault] = ()) -> Form:
    entry = tables.ask_of(row)
    wrong = {fault.field: f"{fault.what}{fmt.mark('')}{fault.remedy}" for fault in faults}

    def say(text: str) -> str:
        return tables.say(row.rules, text)

    return Form(
        title=say(entry["title"]),
        questions=tuple(
            Question(
                key=one["key"],
                title=say(one["title"]),
                kind=one["kind"],
                value=given.get(one["key"], ""),
                error=wrong.get(one["key"], ""),
            )
            for one in entry["questions"]
        ),
        scores=tuple((n, str(word), FACES[n], n <= entry["bad"]) for n, word in SCORES),
        reasons=tuple(
            (
                say(group["title"]),
                tuple(
                    (f"{group['key']}.{one['key']}", say(one["title"])) for one in group["reasons"]
                ),
            )
            for group in tables.reasons_of(row)
        ),
        reason=given.get("reason", ""),
        reason_error=wrong.get("reason", ""),
        wants=bool(given.get("wants")),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What one person answered; words with telephone numbers masked."""

    score: int
    score_text: str
    tone: str
    reason: str
    words: str
    answers: tuple[tuple[str, str], ...]
    wants: bool
    at: datetime
    way: str


def said_of(row: Invitation) -> Said | None:
    answer: Answer | None = getattr(row, "answer", None)
    if answer is None:
        return None
    entry = tables.ask_of(row)
    word = {"yes": _("是"), "no": _("否")}
    return Said(
        score=answer.score,
        score_text=str(dict(SCORES)[answer.score]),
        tone=SCORE_TONES[answer.score],
        reason=tables.say(row.rules, answer.reason_title),
        words=mask_mobiles(answer.words or ""),
        answers=tuple(
            (tables.say(row.rules, one["title"]), word[answer.answers[one["key"]]])
            for one in entry["questions"]
            if answer.answers.get(one["key"]) in word
        ),
        wants=answer.wants_ticket,
        at=answer.answered_at,
        way=str(Way(answer.way).label),
    )


def title_of(row: Invitation) -> str:
    return tables.say(row.rules, str(tables.ask_of(row)["title"]))


def notes(actor: Actor, variables: Mapping[str, Any]) -> Iterator[Note]:
    """For whoever calls a customer after a bad score: what he said."""
    number = variables.get("survey_id")
    row = next(iter(surveys.by_ids(actor, [UUID(str(number))])), None) if number else None
    said = said_of(row) if row is not None else None
    if said is None:
        return
    parts = [said.reason, *(f"{q} {a}" for q, a in said.answers), said.words]
    told = fmt.mark("；").join(part for part in parts if part)
    strong = _("客户打 %(n)s 分（%(word)s）。") % {"n": said.score, "word": said.score_text}
    yield Note("late", "star", strong, told)


# ---- on a customer's and a line's page -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SurveyRow:
    title: str
    number: str
    way: str
    state_text: str
    tone: str
    said: Said | None
    outcome: str
    asked_at: datetime
    who: str


@dataclass(frozen=True, slots=True)
class SurveysPane:
    rows: tuple[SurveyRow, ...]
    total: int
    pager: Pager
    template: str = "web/customer/surveys.html"


def surveys_pane(look: Look) -> SurveysPane:
    key = {"service_id": look.service.id} if look.service else {"party_id": look.party_id}
    number = page_number(look.query)
    rows, total = surveys.history(look.actor, offset=(number - 1) * PAGE, limit=PAGE, **key)
    names = org.staff_names(row.person_id for row in rows)
    return SurveysPane(
        tuple(
            SurveyRow(
                title=title_of(row),
                number=row.number,
                way=str(Way(row.way).label),
                state_text=str(State(row.state).label),
                tone=TONES[State(row.state)],
                said=said_of(row),
                outcome=row.get_outcome_display() if row.outcome else "",
                asked_at=row.asked_at,
                who=names.get(row.person_id, "") if row.person_id else "",
            )
            for row in rows
        ),
        total,
        Pager(number, PAGE, total),
    )


__all__ = ["SCORE", "Form", "Question", "Said", "form_of", "notes", "said_of", "surveys_pane"]
