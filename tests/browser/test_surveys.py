"""满意度 on a customer's telephone: the page of a link, without signing in (HALL-11)."""

from __future__ import annotations

import re

import pytest

from kaitong.messaging.models import Notice
from kaitong.surveys import asking
from kaitong.surveys.models import Answer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}


def test_a_customer_rates_by_his_link_and_says_why_not(county, chromium, live_server, settings):
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    assert asking.ask(asking.events([county.line(1).order_id])) == 1
    url = re.search(r"http\S+/s/\w+", Notice.objects.get(kind="survey").text)[0]
    context = chromium.new_context(viewport=PHONE, locale="zh-CN")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url)
    why = page.get_by_text("主要是什么原因？")
    assert not why.is_visible()  # asked of a bad score only
    page.get_by_text("很满意", exact=True).click()
    assert not why.is_visible()
    page.get_by_text("不满意", exact=True).click()
    assert why.is_visible()
    page.get_by_text("等得太久").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="提交评价").click()
    page.get_by_text("很抱歉没有让您满意").wait_for()
    page.goto(url)
    page.get_by_text("这次评价已经提交过了").wait_for()
    context.close()
    assert faults == []
    answer = Answer.objects.get()
    assert (answer.score, answer.reason_code, answer.wants_ticket) == (2, "time.slow", False)
