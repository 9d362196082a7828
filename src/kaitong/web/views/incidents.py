"""The fallout desk (异常单): what machines could not do, and the ways out of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kaitong.core.errors import BadInput, Conflict, KaitongError, NotFound
from kaitong.documents import services as documents
from kaitong.documents.choices import AttachmentKind
from kaitong.org import queries as org
from kaitong.org.actor import actor_for
from kaitong.process import bounds, queries, services
from kaitong.process.choices import ProposalKind
from kaitong.web.pages import incident_fix
from kaitong.web.pages import incidents as pages
from kaitong.web.pages.facts import facts_of
from kaitong.web.views.common import SignedIn, is_part, page, part, render_page, toast
from kaitong.web.views.work import CONFLICT, REFUSED

MOST_AT_ONCE = 500
LONGEST = float(bounds.GROUP_RETRY_SECONDS)  # what is left is said, and the next click goes on
FILES_MOST, FILE_MOST = 5, 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one row of many."""

    order_number: str
    step: str
    tone: str
    text: str


@page
@require_GET
def incident_list(request: SignedIn) -> HttpResponse:
    if is_part(request, "list"):
        return HttpResponse(_list(request))
    try:
        detail = pages.incident_detail(request.actor, UUID(request.GET.get("item", "")))
    except (ValueError, NotFound):
        detail = None
    context = {"page": pages.incident_page(request.actor, request.GET), "detail": detail}
    return render_page(request, "web/incident/page.html", context, place="incidents")


@page
@require_GET
def incident(request: SignedIn, incident_id: UUID) -> HttpResponse:
    if not is_part(request):
        return redirect(f"{reverse('web:incidents')}?item={incident_id}")
    return HttpResponse(_drawer(request, incident_id))


@page
@require_POST
def retry_one(request: SignedIn, incident_id: UUID) -> HttpResponse:
    def act() -> str:
        services.retry_incident(
            actor=request.actor, incident_id=incident_id, tries=_number(request, "tries")
        )
        return _("已安排重试")

    return _done(request, incident_id, act)


@page
@require_POST
def retry(request: SignedIn) -> HttpResponse:
    """Retry the picked ones, or all that are the same: each in its own transaction; what came of
    each is told. Whoever presses twice, or after somebody else, retries nothing twice."""
    actor, outcomes, left = request.actor, [], 0
    rows, seen = _chosen(request)
    facts = facts_of(actor, [row.business_id for row, _tries in rows if row is not None])
    until = time.monotonic() + LONGEST
    for row, tries in rows:
        of = facts.get(row.business_id) if row is not None and row.business_id else None
        number = of.number if of else ""
        step = (of.say(row.title) if of else row.title) if row is not None else ""
        if time.monotonic() > until:
            left += 1
            continue
        try:
            if row is None:
                raise NotFound(_("没有这张异常单。"), _("请刷新页面。"))
            if seen is not None and (row.retried_at or row.created_at) >= seen:
                raise Conflict(_("这张刚刚发生或刚刚重试过。"), _("请看结果后再决定。"))
            services.retry_incident(actor=actor, incident_id=row.id, tries=tries)
        except KaitongError as refused:
            outcomes.append(Outcome(number, step, "late", str(refused)))
        else:
            outcomes.append(_what_came(queries.incident(actor, row.id), number, step))
    done = sum(one.tone != "late" for one in outcomes)
    context = {"outcomes": outcomes, "done": done, "failed": len(outcomes) - done, "left": left}
    box = render_to_string("web/incident/results.html", context, request)
    return HttpResponse(_list(request) + _rail(request) + part("#dialog", box, "innerHTML"))


@page
@require_POST
def by_hand(request: SignedIn, incident_id: UUID) -> HttpResponse:
    """已人工处理: evidence in words and files, for a second person to agree to."""
    actor = request.actor
    settling = queries.settling(actor, incident_id)
    try:
        files = _files(request)
        values = incident_fix.results(settling, request.POST) if settling else {}
        with transaction.atomic():
            services.propose(
                actor=actor,
                incident_id=incident_id,
                kind=ProposalKind.BY_HAND,
                text=request.POST.get("evidence", ""),
                values=values,
            )
            _keep_files(request, incident_id, files)
    except NotFound:
        raise
    except KaitongError as refused:
        named = refused.field in ("evidence", "files")
        html = _drawer(
            request,
            incident_id,
            fault="" if named else str(refused),
            errors={refused.field: str(refused)} if named else {},
            values={"evidence": request.POST.get("evidence", "")},
            asking="hand",
        )
        return HttpResponse(html, status=REFUSED)
    return _answer(request, incident_id, _("已提出，等另一人复核"))


@page
@require_POST
def correct(request: SignedIn, incident_id: UUID) -> HttpResponse:
    """改正后重试; where the playbook wants four eyes, a proposal."""
    actor = request.actor
    settling = queries.settling(actor, incident_id)
    reason = request.POST.get("reason", "")
    if settling is None:
        raise NotFound(_("这一步没有可以改正的内容。"), _("请刷新页面。"))
    try:
        values = incident_fix.corrected(settling, request.POST)
        changed = {n: v for n, v in values.items() if settling.values.get(n) != v}
        if settling.needs_second:
            services.propose(
                actor=actor,
                incident_id=incident_id,
                kind=ProposalKind.CORRECT,
                text=reason,
                values=changed,
            )
        else:
            services.correct_incident(
                actor=actor,
                incident_id=incident_id,
                values=changed,
                reason=reason,
                tries=_number(request, "tries"),
            )
    except NotFound:
        raise
    except KaitongError as refused:
        faults = refused.faults if isinstance(refused, BadInput) else ()
        named = refused.field == "reason"
        html = _drawer(
            request,
            incident_id,
            fault="" if named or faults else str(refused),
            errors={"reason": str(refused)} if named else {},
            values={"reason": reason},
            asking="correct",
            typed=incident_fix.typed(settling, request.POST),
            faults=faults,
        )
        return HttpResponse(html, status=REFUSED)
    said = _("已提出，等另一人复核") if settling.needs_second else _("已改正，并安排重试")
    return _answer(request, incident_id, said)


@page
@require_POST
def review(request: SignedIn, incident_id: UUID) -> HttpResponse:
    """复核: the second person agrees, or says why not; who asked takes it back."""

    def act() -> str:
        if request.POST.get("verdict") == "agree":
            made = queries.proposal(request.actor, incident_id)
            if made is None:
                raise Conflict(_("没有在等复核的申请。"), _("请刷新页面。"))
            services.agree_proposal(
                actor=request.actor,
                incident_id=incident_id,
                proposer=org.actor_of_id(made.by),
            )
            return _("已同意，流程往下走")
        services.decline_proposal(
            actor=request.actor, incident_id=incident_id, remark=request.POST.get("remark", "")
        )
        return _("申请已退回，异常单仍待处理")

    return _done(request, incident_id, act, asking="review")


@page
@require_POST
def hold(request: SignedIn, incident_id: UUID) -> HttpResponse:
    """认领, 放回, 指派."""

    def act() -> str:
        verb = request.POST.get("verb", "")
        if verb == "release":
            services.release_incident(actor=request.actor, incident_id=incident_id)
            return _("已放回")
        if verb == "assign":
            person = pages.able(request.actor, incident_id, request.POST.get("to", ""))
            if person is None:
                raise Conflict(_("没有选人。"), _("请选择本岗位的同事或班长。"))
            services.assign_incident(
                actor=request.actor, incident_id=incident_id, to=actor_for(person)
            )
            return _("已指派给 %(who)s") % {"who": person.name}
        services.claim_incident(actor=request.actor, incident_id=incident_id)
        return _("已认领")

    return _done(request, incident_id, act)


@page
@require_POST
def note(request: SignedIn, incident_id: UUID) -> HttpResponse:
    """备注."""

    def act() -> str:
        text = request.POST.get("text", "")
        services.add_note(actor=request.actor, incident_id=incident_id, text=text)
        return _("已记下")

    return _done(request, incident_id, act, asking="note")


# ---- inside --------------------------------------------------------------------------------------


def _done(
    request: SignedIn, incident_id: UUID, act: Callable[[], str], asking: str = ""
) -> HttpResponse:
    """Do it; the drawer and the list as they are then, or the drawer with why not."""
    try:
        said = act()
    except NotFound:
        raise
    except KaitongError as refused:
        html = _drawer(request, incident_id, fault=str(refused), asking=asking)
        return HttpResponse(html + part("#list", _list(request)), status=CONFLICT)
    return _answer(request, incident_id, said)


def _answer(request: SignedIn, incident_id: UUID, said: str) -> HttpResponse:
    return HttpResponse(
        _drawer(request, incident_id)
        + part("#list", _list(request))
        + _rail(request)
        + toast(request, said)
    )


def _chosen(
    request: SignedIn,
) -> tuple[list[tuple[queries.IncidentRow | None, int | None]], datetime | None]:
    """The rows to retry, each with how often the page showed it was; and when that page was."""
    actor = request.actor
    if same := request.POST.get("group", "")[:32]:
        most = _number(request, "most") or 0
        found = queries.group_rows(actor, same, limit=MOST_AT_ONCE)
        try:
            seen = datetime.fromisoformat(request.POST.get("seen", ""))
        except ValueError:
            seen = None
        # one that was retried oftener than any was on the page has been retried since
        return [(row, row.tries if row.tries <= most else -1) for row in found], (
            seen if seen is not None and seen.tzinfo else None
        )
    picked: dict[UUID | str, int | None] = {}
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        name, _colon, tries = text.partition(":")
        try:
            picked[UUID(name)] = int(tries) if tries.isdecimal() else None
        except ValueError:
            picked[name] = None
    rows = queries.incident_rows(actor, [one for one in picked if isinstance(one, UUID)])
    return [(rows.get(one), tries) for one, tries in picked.items()], None  # type: ignore[arg-type]


def _what_came(row: queries.IncidentRow, number: str, step: str) -> Outcome:
    if row.state == "open":
        return Outcome(number, step, "late", row.message)
    if row.state == "retrying":
        return Outcome(number, step, "wait", _("已安排重试"))
    return Outcome(number, step, "ok", _("已办成，流程往下走"))


def _files(request: SignedIn) -> list[tuple[str, bytes]]:
    """The evidence files, refused as a sentence before they are read into memory."""
    sent = request.FILES.getlist("files")
    if len(sent) > FILES_MOST:
        raise Conflict(
            _("最多 %(n)s 个文件。") % {"n": FILES_MOST}, _("请选重要的。"), field="files"
        )
    for file in sent:
        if (file.size or 0) > FILE_MOST:
            raise Conflict(
                _("%(name)s 超过 20 MB。") % {"name": file.name}, _("请另选文件。"), field="files"
            )
    return [(str(file.name or ""), file.read()) for file in sent]


def _keep_files(request: SignedIn, incident_id: UUID, files: list[tuple[str, bytes]]) -> None:
    branch = queries.incident(request.actor, incident_id).branch_id
    for name, data in files:
        try:
            documents.store(
                actor=request.actor,
                data=data,
                kind=AttachmentKind.EVIDENCE,
                owner_type="incident",
                owner_id=incident_id,
                branch_id=branch,
                title=name,
            )
        except KaitongError as refused:
            raise Conflict(f"{name}: {refused}", field="files") from None


def _number(request: SignedIn, name: str) -> int | None:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


def _list(request: SignedIn) -> str:
    context = {"page": pages.incident_page(request.actor, request.GET), "detail": None}
    return render_to_string("web/incident/list.html", context, request)


def _rail(request: SignedIn) -> str:
    """The number on the rail, as it is now."""
    stuck = queries.incidents(request.actor, limit=0).total
    html = f'<span class="kt-rail-n is-late" id="rail-incidents">{stuck or ""}</span>'
    return part("#rail-incidents", html)


def _drawer(
    request: SignedIn,
    incident_id: UUID,
    *,
    typed: object = None,
    faults: object = (),
    **more: object,
) -> str:
    detail = pages.incident_detail(
        request.actor,
        incident_id,
        typed=typed,  # type: ignore[arg-type]
        faults=faults,
    )
    return render_to_string("web/incident/drawer.html", {"detail": detail, **more}, request)
