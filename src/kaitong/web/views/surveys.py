"""满意度: the public page of a link, the hall's rating device, the quality desk."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.errors import BadInput, Forbidden, KaitongError, NotFound
from kaitong.hall import rules as hall
from kaitong.org import queries as org
from kaitong.surveys import queries
from kaitong.surveys import services as surveys
from kaitong.surveys.errors import NoSuchSurvey, SurveyOver, TooManyTries
from kaitong.web import format as fmt
from kaitong.web.pages import surveys as pages
from kaitong.web.pages.survey_parts import form_of
from kaitong.web.views.common import (
    SignedIn,
    View,
    in_words,
    page,
    refusal_as_page,
    render_page,
)

CONFLICT, REFUSED, GONE, TOO_MANY = 409, 422, 404, 429


# ---- the customer's own page ---------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """A link from a short message: answered once, by whoever has it, without signing in. What is no
    link, and what was one, answer with one page; opening it uses nothing up."""
    client = _client(request)
    try:
        row = surveys.opened(token, client=client)
    except TooManyTries as refused:
        return _told(request, refused, TOO_MANY)
    except NoSuchSurvey as refused:
        return _told(request, refused, GONE)
    language = "" if "django_language" in request.COOKIES else row.language
    with override(language or get_language()):
        try:
            surveys.require_open(row)
        except SurveyOver as refused:
            thanked = refused.code == "answered"
            return _told(request, refused, 200 if thanked else GONE, thanked=thanked)
        return _asked(request, row, token)


def _client(request: HttpRequest) -> str:
    """Whose tries are counted. Behind the operator's TLS proxy (KAITONG_HTTPS) everybody comes from
    one address: there it is the one the proxy itself adds last, which nobody can choose."""
    seen = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return seen.rpartition(",")[2].strip()[:60] or request.META.get("REMOTE_ADDR", "")


def _asked(request: HttpRequest, row: pages.Invitation, token: str) -> HttpResponse:
    given: dict[str, str] = {}
    faults: tuple = ()  # type: ignore[type-arg]
    if request.method == "POST":
        given = {key: str(value).replace("\0", "") for key, value in request.POST.items()}
        try:
            kept = surveys.answer_link(token=token, given=given)
        except BadInput as bad:
            faults = tuple(bad.faults)
        except KaitongError as refused:  # answered in another window a moment ago
            return _told(request, refused, CONFLICT)
        else:
            context = {"done": True, "bad": kept.bad, "branch": _branch(row.branch_id)}
            return _private(render(request, "web/survey/answer.html", context))
    context = {
        "form": form_of(row, given, faults),
        "number": row.number,
        "at": row.happened_at,
        "branch": _branch(row.branch_id),
        "url": reverse("web:survey_answer", args=[token]),
    }
    status = REFUSED if faults else 200
    return _private(render(request, "web/survey/answer.html", context, status=status))


def _told(
    request: HttpRequest, refused: KaitongError, status: int, *, thanked: bool = False
) -> HttpResponse:
    context = {"what": refused.what, "remedy": refused.remedy, "thanked": thanked, "branch": ""}
    return _private(render(request, "web/survey/answer.html", context, status=status))


def _private(answer: HttpResponse) -> HttpResponse:
    """The address is a secret of one person: kept by no one, told to nobody, found by no search."""
    answer["Cache-Control"] = "private, no-store"
    answer["Referrer-Policy"] = "same-origin"  # none at all, and its own form is not believed
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _branch(branch_id: UUID) -> str:
    found = org.branch(branch_id)
    return found.name if fmt.in_chinese() else found.name_en or found.name


# ---- the hall's device ---------------------------------------------------------------------------


def at_device(view: View) -> View:
    """For the hall's devices, and people who give out numbers there."""
    return page(never_cache(refusal_as_page(view)))


@at_device
@require_GET
def rate(request: SignedIn) -> HttpResponse:
    """Who was just served, to be tapped; asks again by itself. `counter` is where the device
    stands; without it, all counters of the hall."""
    hall.require(_may_rate(request))
    found = pages.rate_page(request.actor, _counter(request))
    return render(request, "web/hall/rate.html", {"page": found})


@at_device
@require_http_methods(["GET", "POST"])
def rate_one(request: SignedIn, survey_id: UUID) -> HttpResponse:
    hall.require(_may_rate(request))
    actor, counter = request.actor, _counter(request)
    row = queries.to_rate_one(actor, survey_id)
    status, more = 200, {}
    given: dict[str, str] = {}
    if request.method == "POST":
        given = {key: str(value) for key, value in request.POST.items()}
        try:
            surveys.answer_at_hall(actor=actor, invitation_id=survey_id, given=given)
        except BadInput as bad:
            status, more = REFUSED, {"faults": bad.faults}
        except SurveyOver as over:
            status, more = CONFLICT, {"over": in_words(over)}
        else:
            more = {"done": True}
    found = pages.rate_one_page(actor, row, counter, given=given, **more)  # type: ignore[arg-type]
    return render(request, "web/hall/rate_one.html", {"page": found}, status=status)


def _may_rate(request: SignedIn) -> bool:
    rules = hall.current()
    return hall.may_give(request.actor, rules) or hall.may_serve(request.actor, rules)


def _counter(request: SignedIn) -> int | None:
    text = request.GET.get("counter", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


# ---- the quality desk ----------------------------------------------------------------------------


def at_desk(view: View) -> View:
    return page(never_cache(refusal_as_page(view)))


@at_desk
@require_GET
def desk(request: SignedIn) -> HttpResponse:
    """What is to be called, what is bad, what was answered; one of them beside the list."""
    return _desk(request)


@at_desk
@require_POST
def take(request: SignedIn, survey_id: UUID) -> HttpResponse:
    """开始回访: the number in clear, and nobody else calls meanwhile. Never by an address: what it
    shows stands in no history of a browser."""

    def act() -> HttpResponse:
        _row, phone = surveys.take(actor=request.actor, invitation_id=survey_id)
        return _desk(request, survey_id, pages.Answering(phone=phone or "—"))

    return _tried(request, survey_id, act)


@at_desk
@require_POST
def record(request: SignedIn, survey_id: UUID) -> HttpResponse:
    """What came of the call; then the next."""
    given = {key: str(value) for key, value in request.POST.items()}
    seen = given.get("seen", "")
    tried = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 4 else -1

    def act() -> HttpResponse:
        surveys.record(
            actor=request.actor,
            invitation_id=survey_id,
            seen=tried,
            result=given.get("result", ""),
            given=given,
        )
        return redirect(pages.next_of(request.actor, request.GET))

    return _tried(request, survey_id, act, given)


def _tried(
    request: SignedIn,
    survey_id: UUID,
    act: Callable[[], HttpResponse],
    given: dict[str, str] | None = None,
) -> HttpResponse:
    try:
        return act()
    except (Forbidden, NotFound):
        raise
    except BadInput as bad:  # who is on the telephone keeps what was entered
        _row, phone = surveys.take(actor=request.actor, invitation_id=survey_id)
        call = pages.Answering(phone=phone or "—", given=given, faults=bad.faults)
        return _desk(request, survey_id, call, REFUSED)
    except KaitongError as refused:
        return _desk(request, survey_id, pages.Answering(fault=in_words(refused)), CONFLICT)


def _desk(
    request: SignedIn,
    item: UUID | None = None,
    call: pages.Answering | None = None,
    status: int = 200,
) -> HttpResponse:
    found = pages.desk_page(request.actor, request.GET, item=item, call=call)
    context = {"page": found}
    return render_page(request, "web/survey/desk.html", context, place="surveys", status=status)


__all__ = ["answer", "desk", "rate", "rate_one", "record", "take"]
