"""A real Chromium in front of a live server on the test database."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kaitong.activation import services as activation
from kaitong.conftest import lacking
from kaitong.lab.tests.conftest import lab, modem, running_lab, silent
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.web.tests import world as making
from kaitong.worktime import queries as worktime

__all__ = ["lab", "modem", "running_lab", "silent"]

VENDOR = Path(making.__file__).resolve().parents[1] / "static" / "vendor"
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# What a browser says of answers that the test itself provokes (422, 409) or cuts off.
_EXPECTED = ("Failed to load resource",)


@pytest.fixture(scope="module")
def chromium():
    """The machine's own Chromium; nothing is downloaded.

    It ends with its module: its event loop must not stand in the thread of other tests.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        lacking("Chromium", "apt-get install chromium")
    if not (VENDOR / "icons.svg").exists():
        lacking(
            "the pages' third-party files",
            "npm ci --ignore-scripts; python -m kaitong.web.vendor node_modules " + VENDOR.name,
        )
    # Playwright's event loop stands in this thread; the tests' own queries are made between acts.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    sync_api.expect.set_options(timeout=20_000)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def county(transactional_db):
    """A county with staff, plant and the playbook, committed so that the server sees it."""
    keepers = (playbooks, definitions, worktime)
    for keeper in keepers:
        keeper.forget()
    yield making.build(rooms=12, boxes=2)
    for keeper in keepers:
        keeper.forget()


@pytest.fixture
def radius(county, lab, silent):
    """The AAA server of the lab, registered for the county."""
    settings = lab.settings()
    return activation.register_element(
        key="radius",
        kind="aaa",
        title="认证系统",
        branch_id=county.branch.id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )


@pytest.fixture
def sit(chromium, county, live_server):
    """`sit("installer")` signs in through the page and gives the page. Faults of scripts and
    breaches of the content policy fail the test."""
    faults: list[str] = []
    contexts = []

    def at(username: str, *, size: dict = DESK, language: str = "zh-hans", theme: str = "light"):
        context = chromium.new_context(viewport=size, base_url=live_server.url, locale="zh-CN")
        context.set_default_timeout(30_000)
        context.add_cookies(
            [
                {"name": "kt_theme", "value": theme, "url": live_server.url},
                {"name": "django_language", "value": language, "url": live_server.url},
            ]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if message.type == "error" and not message.text.startswith(_EXPECTED)
                else None
            ),
        )
        page.goto("/accounts/login/")
        page.get_by_label("用户名" if language != "en" else "User name").fill(username)
        page.locator("#id_password").fill(making.PASSWORD)
        page.locator("form[action='/accounts/login/'] button[type=submit]").click()
        page.wait_for_url("**/work/")
        page.locator("html[data-ready]").wait_for()  # a key pressed before goes unheard
        return page

    yield at
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def no_sideways():
    """A page never scrolls sideways."""

    def check(page) -> None:
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{page.url} is {over} px too wide"

    return check
