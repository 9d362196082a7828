"""满意度: the quality desk's lists with the telephone beside them; the hall's rating device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.masking import mask_mobiles
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as party
from kaitong.surveys import queries as surveys
from kaitong.surveys.choices import MOMENTS, Outcome, Source, State, Way
from kaitong.surveys.errors import NoSuchSurvey
from kaitong.surveys.models import Invitation
from kaitong.web.pages import customers
from kaitong.web.pages.intake_parts import branch_name
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import (
    Empty,
    Filter,
    Pager,
    Person,
    Tab,
    branch_asked,
    choose,
    of_branch,
    page_number,
)
from kaitong.web.pages.survey_parts import TONES, Form, Said, form_of, said_of, title_of

PAGE = 50
_ABOUT = {
    Source.ORDER: "web:order",
    Source.VISIT: "web:order",
    Source.FAULT: "web:fault",
    Source.COMPLAINT: "web:fault",
}
assert set(MOMENTS.values()) == {*_ABOUT, Source.HALL}


@dataclass(frozen=True, slots=True)
class Row:
    id: UUID
    url: str
    current: bool
    title: str
    number: str
    customer: str
    way: str
    state_text: str
    tone: str
    said: Said | None
    at: datetime
    who: str
    note: str  # tried before, being called, what came of it
    note_tone: str = "wait"


@dataclass(frozen=True, slots=True)
class Item:
    """The one that is looked at: who, about what, and how it is answered or was."""

    id: UUID
    row: Row
    customer: Person | None
    phone: str
    about_url: str
    source: str
    post: str
    happened_at: datetime
    expires_at: datetime
    tries: int
    calls: tuple[tuple[datetime, str, bool], ...]
    may_take: bool
    form: Form | None
    outcome: str
    outcome_note: str
    ticket_url: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DeskPage:
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[Row, ...]
    total: int
    pager: Pager
    empty: Empty
    item: Item | None
    query: str


@dataclass(frozen=True, slots=True)
class Answering:
    """A call under way: the number in clear, and what was entered if it was refused."""

    phone: str = ""
    given: Mapping[str, str] | None = None
    faults: Iterable[InputFault] = ()
    fault: str = ""


def desk_page(
    actor: Actor, query: QueryDict, *, item: UUID | None = None, call: Answering | None = None
) -> DeskPage:
    """A constant number of queries, whatever the length of the list."""
    tab = query.get("tab", "")
    tab = tab if tab in surveys.LISTS else "call"
    names = org.branch_names(actor)
    number = page_number(query)
    found, total = surveys.desk(
        actor, tab, _asked(query, branch_asked(query, names)),
        offset=(number - 1) * PAGE, limit=PAGE,
    )  # fmt: skip
    chosen = item or _uuid(query.get("item", ""))
    one = None
    if chosen is not None:
        with suppress(NoSuchSurvey):
            one = surveys.invitation(actor, chosen)
    people = party.summaries({r.party_id for r in (*found, *([one] if one else [])) if r.party_id})
    ids = [i for r in (*found, *([one] if one else [])) for i in (r.person_id, r.held_by)]
    staff = org.staff_names(ids)
    counts = surveys.counts(actor)
    labels = {
        "call": _("待回访"),
        "bad": _("不满意"),
        "answered": _("已答复"),
        "waiting": _("等客户答复"),
        "none": _("没有答复"),
    }
    return DeskPage(
        tabs=tuple(Tab(key, word, counts.get(key), key == tab) for key, word in labels.items()),
        filters=tuple(_filters(query, names)),
        rows=tuple(_row(actor, row, people, staff, query, chosen) for row in found),
        total=total,
        pager=Pager(number, PAGE, total),
        empty=_empty(tab),
        item=_item(actor, one, people, staff, query, call or Answering()) if one else None,
        query="?" + query.urlencode() if query else "",
    )


def next_of(actor: Actor, query: QueryDict) -> str:
    """Where the desk goes on after a call: the first of the list that is to be called now."""
    asked = _asked(query, branch_asked(query, org.branch_names(actor)))
    found, _total = surveys.desk(actor, "call", asked, limit=20)
    moment = now()
    due = [row for row in found if row.next_at is None or row.next_at <= moment]
    to = query.copy()
    to.pop("item", None)
    if due:
        to["item"] = str(due[0].pk)
    return reverse("web:surveys") + (f"?{to.urlencode()}" if to else "")


# ---- the hall's device ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RatePage:
    branch: str
    counter: int | None
    rows: tuple[tuple[UUID, str, int | None, str], ...]  # id, number, counter, clerk
    form: Form | None = None
    number: str = ""
    id: UUID | None = None
    done: bool = False
    over: str = ""


def rate_page(actor: Actor, counter: int | None) -> RatePage:
    """Who was just served here and may say how it was."""
    rows = surveys.to_rate(actor, counter)
    names = org.staff_names(row.person_id for row in rows)
    return RatePage(
        branch=branch_name(actor),
        counter=counter,
        rows=tuple(
            (row.pk, row.number, row.counter, names.get(row.person_id, "") if row.person_id else "")
            for row in rows
        ),
    )


def rate_one_page(
    actor: Actor,
    row: Invitation,
    counter: int | None,
    *,
    given: Mapping[str, str] | None = None,
    faults: Iterable[InputFault] = (),
    done: bool = False,
    over: str = "",
) -> RatePage:
    return RatePage(
        branch=branch_name(actor),
        counter=counter,
        rows=(),
        form=form_of(row, given or {}, faults),
        number=row.number,
        id=row.pk,
        done=done,
        over=over,
    )


# ---- inside --------------------------------------------------------------------------------------


def _asked(query: QueryDict, branch_id: UUID | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if query.get("source", "") in Source.values:
        found["source"] = query["source"]
    if query.get("way", "") in Way.values:
        found["way"] = query["way"]
    if query.get("score", "") in ("1", "2", "3", "4", "5"):
        found["answer__score"] = int(query["score"])
    if query.get("done", "") in ("yes", "no") and query.get("tab") == "bad":
        found["instance_id__isnull"] = False  # who rated at the hall left no name to call
        found["outcome" if query["done"] == "no" else "outcome__gt"] = ""
    if branch_id is not None:
        found["branch_id"] = branch_id
    return found


def _filters(query: QueryDict, names: Mapping[UUID, str]) -> Iterable[Filter]:
    everything = _("全部")
    yield choose(
        query, "source", _("调查内容"), [(str(s), str(s.label)) for s in Source],
        everything=everything,
    )  # fmt: skip
    tab = query.get("tab", "call")
    if tab != "call":
        ways = [(str(w), str(w.label)) for w in Way]
        yield choose(query, "way", _("方式"), ways, everything=everything)
    if tab in ("bad", "answered"):
        scores = [(str(n), _("%(n)s 分") % {"n": n}) for n in (5, 4, 3, 2, 1)]
        yield choose(query, "score", _("评分"), scores, everything=everything)
    if tab == "bad":
        done = [("no", _("还没有处理")), ("yes", _("已处理"))]
        yield choose(query, "done", _("处理"), done, everything=everything)
    yield from of_branch(query, names)


def _row(
    actor: Actor,
    row: Invitation,
    people: Mapping[UUID, party.Summary],
    staff: Mapping[UUID, str],
    query: QueryDict,
    chosen: UUID | None,
) -> Row:
    to = query.copy()
    to["item"] = str(row.pk)
    customer = people.get(row.party_id) if row.party_id else None
    note, tone = _note(actor, row, staff)
    return Row(
        id=row.pk,
        url=f"?{to.urlencode()}",
        current=row.pk == chosen,
        title=title_of(row),
        number=row.number,
        customer=customer.name if customer else "",
        way=str(Way(row.way).label),
        state_text=str(State(row.state).label),
        tone=TONES[State(row.state)],
        said=said_of(row),
        at=row.asked_at,
        who=staff.get(row.person_id, "") if row.person_id else "",
        note=note,
        note_tone=tone,
    )


def _note(actor: Actor, row: Invitation, staff: Mapping[UUID, str]) -> tuple[str, str]:
    moment = now()
    if row.outcome:
        return str(Outcome(row.outcome).label), "ok"
    if row.state == State.ANSWERED and row.instance_id:
        return _("待处理"), "late"
    if row.state != State.OPEN or row.way != Way.CALL:
        return "", "wait"
    if row.held_by and row.held_until and row.held_until > moment:
        if row.held_by == actor.id:
            return _("我正在回访"), "you"
        return _("%(name)s 正在回访") % {"name": staff.get(row.held_by, "")}, "you"
    if row.next_at and row.next_at > moment:
        return _("打过 %(n)s 次，稍后再打") % {"n": row.tries}, "wait"
    if row.tries:
        return _("打过 %(n)s 次") % {"n": row.tries}, "soon"
    return _("待拨打"), "you"


def _item(
    actor: Actor,
    row: Invitation,
    people: Mapping[UUID, party.Summary],
    staff: Mapping[UUID, str],
    query: QueryDict,
    call: Answering,
) -> Item:
    customer = people.get(row.party_id) if row.party_id else None
    about = _ABOUT.get(Source(row.source))
    calls = list(row.calls.order_by("number"))
    callers = org.staff_names(one.actor_id for one in calls)
    open_call = row.state == State.OPEN and row.way == Way.CALL
    shown = _row(actor, row, people, staff, query, row.pk)
    return Item(
        id=row.pk,
        row=shown,
        customer=customers.masked(customer, scope="survey") if customer else None,
        phone=call.phone,
        about_url=reverse(about, args=[row.business_id]) if about else "",
        source=str(Source(row.source).label),
        post=post_names().get(row.post, row.post),
        happened_at=row.happened_at,
        expires_at=row.expires_at,
        tries=row.tries,
        calls=tuple(
            (one.at, callers.get(one.actor_id, "") if one.actor_id else "", one.reached)
            for one in calls
        ),
        may_take=open_call and not call.phone,
        form=form_of(row, call.given or {}, call.faults) if open_call and call.phone else None,
        outcome=shown.note if row.outcome else "",
        outcome_note=mask_mobiles(row.outcome_note or ""),
        ticket_url=reverse("web:fault", args=[row.ticket_id]) if row.ticket_id else "",
        fault=call.fault,
    )


def _empty(tab: str) -> Empty:
    match tab:
        case "call":
            text = _("要电话回访的客户列在这里；短信没有答复的也会转来。")
            return Empty("circle-check", _("没有要回访的客户"), text)
        case "bad":
            text = _("评价不满意的列在这里，并按时限由客服回访。")
            return Empty("circle-check", _("没有不满意的评价"), text)
        case _:
            text = _("请客户评价之后，答复列在这里。")
            return Empty("inbox", _("这里还没有评价"), text)


def _uuid(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text[:40])
    return None
