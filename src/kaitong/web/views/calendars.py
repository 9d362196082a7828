"""The calendar editor (工作日历): look, change a day or the hours, import a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.transfer import calendars as verbs
from kaitong.transfer.columns import Fault
from kaitong.transfer.templates import template as template_of
from kaitong.web.pages import calendars as pages
from kaitong.web.views.common import SignedIn, is_part, page, render_page
from kaitong.web.views.transfers import LARGEST, file_answer
from kaitong.web.why import LETTERS
from kaitong.worktime import queries as worktime
from kaitong.worktime.calendars import WEEKDAYS, Day, parse_hours
from kaitong.worktime.errors import CalendarError
from kaitong.worktime.models import WorkCalendar

CONFLICT, REFUSED = 409, 422
_FAULTS_SHOWN = 100


@page
@require_GET
def calendars(request: SignedIn) -> HttpResponse:
    found = pages.calendar_page(
        request.actor, request.GET.get("calendar", "")[:40], request.GET.get("year", "")
    )
    return render_page(request, "web/calendar/page.html", {"page": found}, place="calendars")


# ---- a day ---------------------------------------------------------------------------------------


@page
@require_http_methods(["GET", "POST"])
def day(request: SignedIn, key: str, day: str) -> HttpResponse:
    """One day: how it stands; with POST it becomes another. `trial` only says what would move."""
    found = _day_of(key, day)
    if request.method != "POST":
        return _dialog(request, "day", found)
    choice = request.POST.get("choice", "")
    name = request.POST.get("name", "").strip()[:40]
    reason = request.POST.get("reason", "").strip()[:200]
    trial = "trial" in request.POST
    try:
        entry = _entry(choice, name)
        if trial:
            effect = verbs.effect_of_days(key, {found.date: entry})
            return HttpResponse(pages.effect_text(effect))
        verbs.edit_day(actor=request.actor, key=key, day=found.date, entry=entry, reason=reason)
    except NotFound:
        raise
    except KaitongError as refused:
        if trial:
            return HttpResponse(_sentence(refused))
        given = replace(found, choice=choice, name=name, reason=reason, fault=_sentence(refused))
        return _dialog(request, "day", given, CONFLICT)
    return _saved(request, key, found.date.year)


def _day_of(key: str, text: str) -> pages.DayForm:
    try:
        return pages.day_form(key, date.fromisoformat(text))
    except (ValueError, CalendarError):
        raise NotFound(_("没有这个工作日历或日子。"), _("请从页面上选择。")) from None


def _entry(choice: str, name: str) -> Day | None:
    match choice:
        case "off":
            return Day(False, name)
        case "work":
            return Day(True, name)
        case "pattern":
            return None
    raise BadInput([InputFault("choice", _("没有选这一天怎么算。"), _("请选择一项。"))])


# ---- hours ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoursForm:
    key: str
    calendar: str
    rows: tuple[tuple[str, str, str], ...]  # name of the field, weekday, hours
    makeup: str
    year: int
    reason: str = ""
    fault: str = ""


@page
@require_http_methods(["GET", "POST"])
def hours(request: SignedIn, key: str) -> HttpResponse:
    """The weekly hours of a calendar; `trial` only says how much would move."""
    row = _calendar(key)
    year = pages.year_of(request.GET.get("year", ""))
    if request.method != "POST":
        return _dialog(request, "hours", _hours_form(row, row.hours, row.makeup_hours, year))
    given = {one: request.POST.get(one, "").strip()[:80] for one in WEEKDAYS}
    makeup = request.POST.get("makeup", "").strip()[:80]
    reason = request.POST.get("reason", "").strip()[:200]
    trial = "trial" in request.POST
    try:
        _check_hours(given, makeup)
        if trial:
            return HttpResponse(pages.effect_text(verbs.effect_of_hours(key, given, makeup)))
        verbs.edit_hours(
            actor=request.actor, key=key, hours=given, makeup_hours=makeup, reason=reason
        )
    except KaitongError as refused:
        if trial:
            return HttpResponse(_sentence(refused))
        form = _hours_form(row, given, makeup, year)
        shown = replace(form, reason=reason, fault=_sentence(refused))
        return _dialog(request, "hours", shown, CONFLICT)
    return _saved(request, key, year)


def _hours_form(row: WorkCalendar, hours: Mapping[str, str], makeup: str, year: int) -> HoursForm:
    rows = tuple(
        (one, _("周%(a)s") % {"a": LETTERS[number]}, hours.get(one, ""))
        for number, one in enumerate(WEEKDAYS)
    )
    return HoursForm(row.key, row.name, rows, makeup, year)


def _check_hours(given: Mapping[str, str], makeup: str) -> None:
    """Every field whose hours cannot be read or do not follow each other, by its label."""
    labels = {one: _("周%(a)s") % {"a": LETTERS[at]} for at, one in enumerate(WEEKDAYS)}
    remedy = _("请写成 08:30-12:00,14:00-17:30，先后有序，不过午夜。")
    faults = []
    for name, text in {**given, "makeup": makeup}.items():
        try:
            rows = parse_hours(text)
        except CalendarError:
            rows = ((0, 0),)
        times = [minute for row in rows for minute in row]
        idle = any(opening == closing for opening, closing in rows)
        if idle or times != sorted(times) or times[-1:] > [1440]:
            label = labels.get(name) or _("调休上班日")
            faults.append(InputFault(name, _("%(day)s的时间不对。") % {"day": label}, remedy))
    if not faults and not (makeup and any(given.values())):
        what = _("至少一天要有营业时间，调休上班日也要有。")
        faults.append(InputFault("makeup", what, _("请补上。")))
    if faults:
        raise BadInput(faults)


# ---- a year from a sheet -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportForm:
    key: str
    calendar: str
    year: int
    fault: str = ""
    faults: tuple[Fault, ...] = ()
    more: int = 0
    days: tuple[verbs.DayChange, ...] = ()
    effect: str = ""
    packed: str = ""
    seen: str = ""
    reason: str = ""
    same: bool = False


@page
@require_http_methods(["GET", "POST"])
def bring_in(request: SignedIn, key: str, year: int) -> HttpResponse:
    """A sheet is read whole: its faults by row and column, or what would change and how much would
    move. Nothing is saved here."""
    form = _import_form(request, key, year)
    if request.method != "POST":
        return _dialog(request, "import", form)
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > LARGEST:
        text = _("没有收到文件，或文件过大。")
        return _dialog(request, "import", replace(form, fault=text), REFUSED)
    try:
        entries, faults = verbs.read_year(file.read(), file.name or "", year)
    except KaitongError as refused:
        return _dialog(request, "import", replace(form, fault=_sentence(refused)), REFUSED)
    if faults:
        told = tuple(faults[:_FAULTS_SHOWN])
        shown = replace(form, faults=told, more=max(0, len(faults) - len(told)))
        return _dialog(request, "import", shown, REFUSED)
    effect = verbs.effect_of_days(key, {e.date: Day(e.working, e.name) for e in entries}, year=year)
    shown = replace(
        form,
        days=effect.days,
        effect=pages.effect_text(effect),
        packed=verbs.pack(entries),
        seen=verbs.fingerprint(key, year),
        same=effect.same,
    )
    return _dialog(request, "import", shown)


@page
@require_POST
def enter_year(request: SignedIn, key: str, year: int) -> HttpResponse:
    """Save what the preview showed, if nobody has changed that year since."""
    form = _import_form(request, key, year)
    reason = request.POST.get("reason", "").strip()[:200]
    try:
        verbs.enter_year(
            actor=request.actor,
            key=key,
            year=year,
            entries=verbs.unpack(request.POST.get("packed", "")),
            seen=request.POST.get("seen", ""),
            reason=reason,
        )
    except NotFound:
        raise
    except KaitongError as refused:
        shown = replace(form, fault=_sentence(refused), reason=reason)
        return _dialog(request, "import", shown, CONFLICT)
    return _saved(request, key, year)


@page
@require_GET
def template(request: SignedIn) -> HttpResponse:
    return file_answer(template_of(verbs.SHEET), f"{verbs.SHEET.title}.xlsx")


def _import_form(request: SignedIn, key: str, year: int) -> ImportForm:
    row = _calendar(key)
    if not verbs.may_edit(request.actor) or not 2000 <= year <= 2100:
        raise NotFound(_("没有这个工作日历。"), _("请从列表中选择。"))
    return ImportForm(row.key, row.name, year)


# ---- shared --------------------------------------------------------------------------------------


def _calendar(key: str) -> WorkCalendar:
    try:
        return worktime.calendar_row(key)
    except CalendarError:
        raise NotFound(_("没有这个工作日历。"), _("请从列表中选择。")) from None


def _dialog(request: SignedIn, name: str, form: Any, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "editing": verbs.may_edit(request.actor),
        "part": f"web/calendar/{name}_form.html",
    }
    if is_part(request):
        return render(request, "web/calendar/dialog.html", context, status=status)
    context["whole"] = True
    return render_page(
        request, "web/calendar/dialog_page.html", context, place="calendars", status=status
    )


def _saved(request: SignedIn, key: str, year: int) -> HttpResponse:
    url = f"{reverse('web:calendars')}?calendar={key}&year={year}"
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _sentence(refused: KaitongError) -> str:
    faults = getattr(refused, "faults", ())
    if faults:
        return " ".join(f"{fault.what} {fault.remedy}".strip() for fault in faults)
    return str(refused)
