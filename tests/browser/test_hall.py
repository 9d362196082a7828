"""The hall's queue in a real browser: tablet, wall and counter side by side."""

from __future__ import annotations

import pytest

from kaitong.org import services as org
from kaitong.web.tests.world import PASSWORD
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fits(page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_a_number_is_taken_called_on_the_wall_and_served(sit, county):
    org.ensure_staff(
        username="greeter", name="许静", branch=county.branch,
        password=PASSWORD, posts=("greeter",),
    )  # fmt: skip
    tablet = sit("greeter", size=PHONE)
    tablet.goto("/queue/take/")
    assert fits(tablet)
    tablet.get_by_role("button", name="新装宽带").click()
    assert tablet.locator(".kt-kiosk-number").inner_text() == "A001"
    tablet.get_by_role("link", name="先填申请表").click()
    tablet.locator("#f-name").fill("王志伟")
    tablet.get_by_label("装机地址").fill("横江花园")
    assert fits(tablet)
    tablet.get_by_role("button", name="填好了").click()
    wall = sit("supervisor", size={"width": 1920, "height": 1080})
    wall.goto("/queue/board/")
    assert wall.get_by_text("请取号等候").is_visible()

    page = sit("clerk")
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="排队").click()
    page.get_by_label("窗口", exact=True).select_option("3")
    page.get_by_role("button", name="坐到这个窗口").click()
    page.goto("/work/")  # the strip follows
    strip = page.locator("#hall-strip")
    strip.get_by_role("button", name="叫下一号").click()
    strip.get_by_text("叫过 1 次").wait_for()
    row = wall.locator(".kt-board-row.is-fresh")  # by itself
    row.wait_for()
    assert row.inner_text().split() == ["A001", "新装宽带", "3"]
    assert fits(wall)
    strip.get_by_role("button", name="开始办理").click()
    strip.get_by_role("link", name="申请表已填").click()
    page.wait_for_url("**/intake/*/")
    assert page.locator("[name=name]").input_value() == "王志伟"
    strip.get_by_role("button", name="办结").click()
    strip.get_by_text("没有人在等").wait_for()
    wall.get_by_text("请取号等候").wait_for()
