"""The calendar editor: a year at a glance, a day, the hours, a year from a sheet."""

from __future__ import annotations

import io
import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.translation import override
from python_calamine import CalamineWorkbook

from kaitong.ordering import recount
from kaitong.ordering.models import OrderNote
from kaitong.transfer import calendars as verbs
from kaitong.worktime import queries as worktime
from kaitong.worktime.models import CalendarChange, CalendarDay
from kaitong.worktime.services import define_calendar

HEAD = "日期,放假或上班,名称\n"


@pytest.fixture(autouse=True)
def forgotten():
    worktime.forget()
    yield
    worktime.forget()


def sheet(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("放假.csv", (HEAD + text).encode())


def page(client, **asked) -> str:
    return client.get(reverse("web:calendars"), asked).content.decode()


def test_the_year_stands_at_a_glance_and_says_what_is_missing(world, signed_in):
    html = page(signed_in("supervisor"), year="2026")
    assert html.count('class="kt-month"') == 12
    assert re.search(r'class="is-holiday[^"]*" href="[^"]*2026-10-01"', html)
    assert re.search(r'class="is-makeup[^"]*" href="[^"]*2026-10-10"', html)
    assert "已录入" in html
    assert "从 Excel 导入" in html
    future = page(signed_in("supervisor"), year="2031")
    assert "没有录入，暂按每周常规" in future


def test_only_some_posts_may_change_it_and_everybody_may_look(world, signed_in):
    clerk = signed_in("clerk")
    html = page(clerk, year="2026")
    assert "从 Excel 导入" not in html
    url = reverse("web:calendar_day", args=["cn", "2026-10-12"])
    assert "保存并重算" not in clerk.get(url).content.decode()
    answer = clerk.post(url, {"choice": "off", "reason": "放假"})
    assert answer.status_code == 409
    assert "您的岗位不能改工作日历" in answer.content.decode()
    assert clerk.get(reverse("web:calendar_import", args=["cn", 2026])).status_code == 404
    assert not CalendarDay.objects.filter(date=date(2026, 10, 12)).exists()


def test_a_day_is_changed_with_its_reason_and_stands_in_the_trail(world, signed_in):
    client = signed_in("supervisor")
    url = reverse("web:calendar_day", args=["cn", "2026-10-12"])
    without = client.post(url, {"choice": "off", "name": "县庆", "reason": " "})
    assert without.status_code == 409
    assert "请说明为什么" in without.content.decode()
    assert client.post(url, {"choice": "", "reason": "x"}).status_code == 409
    answer = client.post(url, {"choice": "off", "name": "县庆", "reason": "县政府通知"})
    assert answer.status_code == 302
    html = page(client, year="2026")
    assert re.search(r'class="is-holiday[^"]*" href="[^"]*2026-10-12"', html)
    assert "县政府通知" in html
    change = CalendarChange.objects.latest("created_at")
    assert change.after == {"2026-10-12": {"working": False, "name": "县庆"}}
    back = client.post(url, {"choice": "pattern", "reason": "取消"})
    assert back.status_code == 302
    assert not CalendarDay.objects.filter(date=date(2026, 10, 12)).exists()


def test_what_would_move_is_said_before_and_is_what_moves(world, signed_in):
    client = signed_in("supervisor")
    order = world.order()
    order.due_basis = {**order.due_basis, "budget": {"kind": "working-days", "amount": 3}}
    order.save(update_fields=["due_basis"])
    recount_one(order)
    day = order.due_at.astimezone(worktime.calendar("cn").zone).date()
    url = reverse("web:calendar_day", args=["cn", day.isoformat()])
    told = client.post(url, {"choice": "off", "trial": "1"}).content.decode()
    assert "1 张订单的时限会变" in told
    assert not CalendarDay.objects.filter(date=day).exists()
    client.post(url, {"choice": "off", "reason": "放假"})
    worktime.forget()
    while recount.recount_due():
        pass
    was = order.due_at
    order.refresh_from_db()
    assert order.due_at > was
    note = OrderNote.objects.get(order_id=order.pk, kind="due-moved")
    assert (note.data["why"], note.data["reason"]) == ("calendar", "放假")


def recount_one(order):
    from kaitong.ordering import clock

    order.due_at = clock.deadline_of(order.pk, order.due_basis).due_at
    order.save(update_fields=["due_at"])


def test_hours_are_changed_and_nonsense_is_refused(world, signed_in):
    client = signed_in("supervisor")
    url = reverse("web:calendar_hours", args=["cn"])
    hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-12:00,13:00-18:00")
    wrong = client.post(url, {**hours, "mon": "18-9", "makeup": "09:00-12:00", "reason": "夏令时"})
    assert wrong.status_code == 409
    said = wrong.content.decode()
    assert "18-9" in said
    assert "周一的时间不对" in said
    assert "周二的时间不对" not in said
    for nonsense in ("25:00-26:00", "09:00-09:00", "13:00-18:00,09:00-12:00", "18:00-09:00", "a"):
        refused = client.post(
            url, {**hours, "wed": nonsense, "makeup": "09:00-12:00", "reason": "x"}
        )
        assert refused.status_code == 409
        assert "周三的时间不对" in refused.content.decode(), nonsense
    assert "至少一天" in client.post(url, {"makeup": "", "reason": "x"}).content.decode()
    answer = client.post(url, {**hours, "makeup": "09:00-12:00", "reason": "夏令时"})
    assert answer.status_code == 302
    assert "09:00–12:00  13:00–18:00" in page(client)


def test_a_sheet_with_faults_writes_nothing_and_names_each(world, signed_in):
    client = signed_in("supervisor")
    before = CalendarChange.objects.count()
    faulty = (
        "2027-01-01,放假,元旦\n2027-13-01,放假,\n2026-05-01,放假,\n"
        "2027-01-01,上班,\n2027-02-20,随便,\n"
    )
    answer = client.post(reverse("web:calendar_import", args=["cn", 2027]), {"file": sheet(faulty)})
    html = answer.content.decode()
    assert answer.status_code == 422
    for part in ("2027-13-01", "不在 2027 年", "与第 2 行重复", "随便"):
        assert part in html, part
    assert re.findall(r'<tr><td class="kt-num">(\d+)</td>', html) == ["3", "4", "5", "6"]
    assert CalendarChange.objects.count() == before


def test_a_year_is_looked_at_and_then_entered_as_it_was_seen(world, signed_in):
    client = signed_in("supervisor")
    rows = "2027-01-01,放假,元旦\n2027-02-20,上班,春节\n"
    preview = client.post(
        reverse("web:calendar_import", args=["cn", 2027]), {"file": sheet(rows)}
    ).content.decode()
    assert "放假（元旦）" in preview
    assert not CalendarDay.objects.filter(date__year=2027).exists()
    packed = re.search(r'name="packed" value="([^"]*)"', preview)[1].replace("&quot;", '"')
    seen = re.search(r'name="seen" value="([^"]*)"', preview)[1]
    save = reverse("web:calendar_enter", args=["cn", 2027])
    assert client.post(save, {"packed": packed, "seen": seen}).status_code == 409  # no reason
    assert client.post(save, {"packed": "[", "seen": seen, "reason": "x"}).status_code == 409
    given = {"packed": packed, "seen": seen, "reason": "国办发"}
    assert client.post(save, given).status_code == 302
    stored = CalendarDay.objects.filter(date__year=2027).values_list("working", flat=True)
    assert sorted(stored) == [False, True]
    assert "已录入" in page(client, year="2027")
    late = client.post(save, given)  # the year has changed since it was looked at
    assert late.status_code == 409
    assert "预览以后有人改了这一年" in late.content.decode()
    again = client.post(
        reverse("web:calendar_import", args=["cn", 2027]), {"file": sheet(rows)}
    ).content.decode()
    assert "与现在录入的完全一样" in again


def test_the_template_is_what_the_import_reads(world, signed_in):
    client = signed_in("supervisor")
    data = client.get(reverse("web:calendar_template")).content
    rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    assert rows[0][:3] == ["日期", "放假或上班", "名称"]
    entries, faults = verbs.read_year(data, "x.xlsx", 2027)
    assert entries == []  # only examples
    assert len(faults) == 1


def test_a_calendar_that_follows_shows_whose_days_they_are(world, signed_in):
    define_calendar(key="desk", name="营业厅日历")
    client = signed_in("supervisor")
    client.post(
        reverse("web:calendar_day", args=["desk", "2026-10-01"]),
        {"choice": "work", "name": "营业厅照常", "reason": "黄金周营业"},
    )
    html = page(client, calendar="desk", year="2026")
    assert re.search(r'class="[^"]*is-own[^"]*" href="[^"]*desk/days/2026-10-01"', html)
    assert not re.search(r'class="[^"]*is-own[^"]*" href="[^"]*desk/days/2026-10-02"', html)
    dialog = client.get(reverse("web:calendar_day", args=["desk", "2026-10-02"])).content.decode()
    assert "放假（国庆节）" in dialog
    assert "营业厅日历" in page(client, calendar="cn", year="2026")  # among those that follow


def test_the_page_costs_the_same_whatever_stands_in_it(
    world, signed_in, django_assert_max_num_queries
):
    client = signed_in("supervisor")
    define_calendar(key="desk", name="营业厅日历")
    one = reverse("web:calendar_day", args=["cn", "2026-12-01"])
    client.post(one, {"choice": "off", "name": "x", "reason": "x"})
    page(client, year="2026")
    with django_assert_max_num_queries(40) as before:
        page(client, year="2026")
    for number in range(1, 25):
        client.post(
            reverse("web:calendar_day", args=["cn", f"2026-11-{number:02}"]),
            {"choice": "off", "name": "x", "reason": "x"},
        )
    with django_assert_max_num_queries(40) as after:
        page(client, year="2026")
    assert len(after) <= len(before)


def test_a_heading_nobody_knows_is_answered_with_those_that_are_known():
    with override("en"):
        _entries, faults = verbs.read_year(b"Date,Offf,Name\n", "x.csv", 2026)
    assert "Use one of: Date, Off or work, Name." in [fault.remedy for fault in faults]


def test_a_good_year_is_shown_before_it_is_entered_in_english_too(world, signed_in):
    client = signed_in("supervisor")
    client.cookies["django_language"] = "en"
    answer = client.post(
        reverse("web:calendar_import", args=["cn", 2026]),
        {"file": sheet("2026-12-01,放假,县庆\n2026-12-12,上班,补班\n")},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "Save and recount" in html
    assert "12-01" in html
    assert 'name="packed"' in html
