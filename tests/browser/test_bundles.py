"""融合套餐 on the pages: what clerk and installer see of its parts, and a customer's line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kaitong.activation import services as activation
from kaitong.charging import services as charging
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service
from kaitong.inventory.services import TerminalRow, add_terminals
from kaitong.ordering import services as ordering
from kaitong.org.actor import Actor
from kaitong.process import worker
from kaitong.web.tests.world import request, resident_number
from tests.browser.conftest import PHONE
from tests.browser.test_phone import appointed
from tests.path import bundles_kit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("KAITONG_SHOTS", "")


def shot(page, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_a_bundle_on_the_pages(county, sit, no_sideways, monkeypatch):
    network = bundles_kit.Network()
    bundles_kit.install(monkeypatch, network)
    for key in ("aaa", "voice", "dhcp"):
        activation.register_element(
            key=key, kind=key, title=key, branch_id=county.branch.id, connection={}, secret={}
        )
    actor = Actor.system(branch_id=county.branch.id)
    boxes = [TerminalRow("STB00000001", "EC6110", kind="set-top")]
    add_terminals(actor=actor, branch_id=county.branch.id, rows=boxes)
    asked = request(1, county.addresses[0])
    item = replace(asked.items[0], specification="", offering="home-300-bundle")
    order = ordering.submit(actor=county.actor("clerk"), request=replace(asked, items=(item,)))
    worker.drain_all()
    appointed(county, order)
    found = {s.specification: s for s in Service.objects.filter(order_id=order.id)}
    number = found["voice"].account

    installer = sit("installer", size=PHONE)
    installer.goto("/m/?tab=pool")
    installer.get_by_role("button", name="接单").click()
    installer.get_by_role("heading", name="上门安装").wait_for()
    installer.get_by_text(number).first.wait_for()
    installer.get_by_label("机顶盒串号").wait_for()
    no_sideways(installer)
    shot(installer, "phone-job")
    secret = inventory.reveal_password(actor=actor, service_id=found["voice"].pk, reason="test")
    assert secret not in installer.content()
    installer.get_by_role("button", name="查看密码").click()
    installer.get_by_text(secret, exact=True).wait_for()
    no_sideways(installer)
    shot(installer, "phone-passwords")
    installer.reload()
    installer.get_by_role("button", name="查看密码").wait_for()
    assert secret not in installer.content()
    if SHOTS:
        for theme, language in (("dark", "zh-hans"), ("light", "en")):
            page = sit("installer", size=PHONE, theme=theme, language=language)
            page.goto(installer.url)
            page.locator("#entries button").click()
            page.get_by_text(secret, exact=True).wait_for()
            shot(page, f"phone-passwords-{theme}-{language}")

    clerk = sit("clerk")
    clerk.goto("/intake/")
    shot(clerk, "intake")
    for tab in ("items", "proof"):
        clerk.goto(f"/orders/{order.id}/?tab={tab}")
        clerk.get_by_text("IPTV 高清").first.wait_for()
        no_sideways(clerk)
        shot(clerk, f"order-{tab}")
    Service.objects.filter(order_id=order.id).update(
        state=ServiceState.ACTIVE, started_at=order.ordered_at
    )
    type(order).objects.filter(pk=order.pk).update(state="completed")
    order.items.update(state="completed")
    line = found["access"]
    clerk.goto(f"/services/{line.pk}/")
    clerk.get_by_text(f"{number}").first.wait_for()
    shot(clerk, "line")
    clerk.goto(f"/services/{line.pk}/do/suspend/")
    clerk.get_by_role("textbox", name="宽带账号").fill(line.account)
    clerk.get_by_role("textbox", name="开户证件号码").fill(resident_number(1))
    clerk.get_by_role("button", name="核对").click()
    clerk.get_by_text(f"同时停机：固定电话 {number}、IPTV 高清。").wait_for()
    no_sideways(clerk)
    shot(clerk, "suspend")
    clerk.goto(f"/services/{found['voice'].pk}/")
    clerk.get_by_role("link", name="看主业务").wait_for()
    shot(clerk, "part")
    if SHOTS:
        for name, size, theme, language in (
            ("dark", {"width": 1440, "height": 900}, "dark", "zh-hans"),
            ("phone-en", PHONE, "light", "en"),
        ):
            page = sit("clerk", size=size, theme=theme, language=language)
            page.goto(f"/services/{line.pk}/do/suspend/")
            shot(page, f"suspend-{name}")
            page.goto(f"/orders/{order.id}/?tab=proof")
            no_sideways(page)
            shot(page, f"proof-{name}")
            page.goto(f"/orders/{order.id}/?tab=items")
            shot(page, f"items-{name}")
            page.goto(f"/services/{line.pk}/")
            shot(page, f"line-{name}")


def test_a_number_is_picked_and_one_part_comes_and_leaves(county, sit, no_sideways, monkeypatch):
    network = bundles_kit.Network()
    bundles_kit.install(monkeypatch, network)
    for key in ("aaa", "voice", "dhcp"):
        activation.register_element(
            key=key, kind=key, title=key, branch_id=county.branch.id, connection={}, secret={}
        )
    clerk = sit("clerk")
    clerk.goto("/intake/")
    clerk.get_by_text("300M 宽带加固话").click()
    clerk.locator("#f-ending").wait_for()
    clerk.locator("#f-ending").press_sequentially("88")
    clerk.get_by_role("button", name="05597550188").wait_for()
    no_sideways(clerk)
    shot(clerk, "pick")
    clerk.get_by_role("button", name="05597550188").click()
    clerk.get_by_text("已预占").first.wait_for()
    clerk.locator("#telephone b", has_text="05597550188").wait_for()
    shot(clerk, "picked")
    other = sit("supervisor")
    line = county.line(1)
    charging.void_due(actor=Actor.system(), order_id=line.order_id)

    def prove(page, procedure: str) -> None:
        page.goto(f"/services/{line.id}/do/{procedure}/")
        page.get_by_role("textbox", name="宽带账号").fill(line.account)
        page.get_by_role("textbox", name="开户证件号码").fill(resident_number(1))
        page.get_by_role("button", name="核对").click()

    prove(other, "add-part")
    other.get_by_text("固定电话", exact=True).click()
    other.locator("#f-telephone").press_sequentially("88")
    other.get_by_role("button", name="05597550288").wait_for()
    assert other.get_by_role("button", name="05597550188").count() == 0  # the clerk's customer's
    shot(other, "add-part")
    other.get_by_role("button", name="05597550288").click()
    other.locator("#found-telephone").get_by_text("已预占").wait_for()
    no_sideways(other)
    shot(other, "add-part-picked")
    other.get_by_role("combobox", name="原因").select_option("customer.wanted")
    other.locator("#submit").click()
    other.wait_for_url("**/orders/**")
    worker.drain_all()
    telephone = Service.objects.get(lead_id=line.id)
    assert telephone.account == "05597550288"
    other.reload()
    other.get_by_role("button", name="查看密码").click()
    secret = inventory.reveal_password(
        actor=Actor.system(branch_id=county.branch.id), service_id=telephone.pk, reason="test"
    )
    other.get_by_text(secret, exact=True).wait_for()
    shot(other, "added")
    network.seen.add(telephone.account)
    for _look in range(40):
        worker.drain_all()
        telephone.refresh_from_db()
        if telephone.state == ServiceState.ACTIVE:
            break
        other.wait_for_timeout(250)
    assert telephone.state == ServiceState.ACTIVE
    prove(other, "end-part")
    other.get_by_text("固定电话 05597550288").wait_for()
    no_sideways(other)
    shot(other, "end-part")
    if SHOTS:
        for name, size, theme, language in (
            ("dark", {"width": 1440, "height": 900}, "dark", "zh-hans"),
            ("phone-en", PHONE, "light", "en"),
        ):
            page = sit("supervisor", size=size, theme=theme, language=language)
            page.goto(f"/services/{line.id}/do/end-part/")
            no_sideways(page)
            shot(page, f"end-part-{name}")
            page = sit("clerk", size=size, theme=theme, language=language)
            page.goto(clerk.url)
            no_sideways(page)
            shot(page, f"picked-{name}")
