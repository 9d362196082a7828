"""The installer's phone at 390 wide: from the card to a completed visit, with a real network.

The customer's modem first comes up on another PON port than registered: the check says so, the
record is corrected by one confirmation, the data are sent again, and the visit completes. The
connection is away when the completion is sent: it is queued, survives a reload, and goes by itself.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kaitong.activation import nasport
from kaitong.activation.queries import line_of_account
from kaitong.documents import pictures
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import Kind
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks.services import complete_work
from kaitong.process import queries as process
from kaitong.process import worker
from tests.browser.conftest import PHONE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.radius,
    pytest.mark.django_db(transaction=True),
]
expect = pytest.importorskip("playwright.sync_api").expect
SYSTEM = Actor.system()
SHOTS = os.environ.get("KAITONG_SHOTS", "")


def shot(page, name: str) -> None:
    """A picture for whoever looks (KAITONG_SHOTS names the folder)."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def appointed(county, order) -> None:
    row = process.open_items_of(SYSTEM, [order.id])[order.id][0]
    item = process.work_item(SYSTEM, row.id)
    pinned = item.parameters["playbook"]
    data = playbooks.example_for(
        playbook=pinned["key"],
        version=pinned["hash"],
        file=item.definition.form,
        branch_id=item.branch_id,
    )
    complete_work(actor=county.actor("installer"), item_id=item.id, data=data)


def second_pon_port(county) -> None:
    """Another PON port whose splitter serves the same addresses."""
    actor = Actor.system(branch_id=county.branch.id)
    inventory_verbs.add_resources(
        actor=actor,
        branch_id=county.branch.id,
        rows=[
            inventory_verbs.ResourceRow(Kind.PON_PORT, "0/3/7", "海阳机房>OLT-01"),
            inventory_verbs.ResourceRow(
                Kind.SPLITTER, "横江花园 POS-09", "海阳机房", "海阳机房>OLT-01>0/3/7", ports=4
            ),
        ],
    )
    inventory_verbs.cover(
        actor=actor,
        branch_id=county.branch.id,
        rows=[("海阳机房>横江花园 POS-09", spot) for spot in county.addresses],
        rank=9,
    )


def test_a_visit_from_the_card_to_the_completion(
    county, radius, lab, modem, sit, no_sideways, tmp_path
):
    second_pon_port(county)
    order = county.order(1)
    worker.drain_all()
    appointed(county, order)
    service = inventory.services_of_order(order.id)[0]
    right = line_of_account(service.account)
    pattern = nasport.pattern(lab.settings().nas_port_pattern)
    there = replace(right, pon_port="0/3/7")
    assert modem.start(service.account, pattern.format(there)).ok

    page = sit("installer", size=PHONE)
    page.goto("/m/?tab=pool")
    no_sideways(page)
    shot(page, "pool")
    page.get_by_role("button", name="接单").click()
    expect(page.get_by_role("heading", name="上门安装")).to_be_visible()
    no_sideways(page)
    shot(page, "job-empty")
    page.goto("/m/")
    shot(page, "today")
    page.get_by_role("link", name="去办理").click()

    page.get_by_role("button", name="再核验").click()
    card = page.locator("#check")
    expect(card).to_contain_text("0/3/7")
    expect(card.locator(".kt-chk.is-late").first).to_contain_text("未通过")
    shot(page, "job-wrong-port")

    page.locator("#f-power_dbm").fill("-19.6")
    page.locator("#f-terminal_serial").fill("HWTCO0000001")
    page.locator("#f-terminal_serial").blur()
    expect(page.locator("[data-serial-said]").first).to_contain_text("HWTC00000001")
    page.locator("#f-terminal_serial").fill("HWTC00000001")
    page.locator("#f-terminal_serial").blur()
    for box in page.locator("#job-form .kt-ph-ticks input[type=checkbox]").all():
        box.check()
    picture = tmp_path / "label.jpg"
    picture.write_bytes(pictures.tiny(9))
    page.locator("#f-label_photo").set_input_files(picture)
    expect(page.locator("[data-photo=label_photo]")).to_have_attribute("data-state", "stored")
    sign = page.locator(".kt-sign canvas")
    sign.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = sign.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 90, steps=6)
    page.mouse.move(box["x"] + 220, box["y"] + 50, steps=6)
    page.mouse.up()
    page.get_by_role("button", name="用这个签名").click()
    expect(page.locator("[data-photo=signature]")).to_have_attribute("data-state", "stored")
    shot(page, "job-filled")

    page.reload()  # what was entered survives
    expect(page.locator("#f-power_dbm")).to_have_value("-19.6")
    expect(page.locator("#f-clearance")).to_be_checked()
    expect(page.locator("[data-photo=signature]")).to_have_attribute("data-state", "stored")

    page.locator("[data-send]").click()  # refused: the line is elsewhere
    expect(page.locator("[data-need]")).to_contain_text("PON 口与登记不一致")
    assert process.work_item(SYSTEM, _item(order)).state == "claimed"

    page.locator("#check").get_by_role("button", name="更正为 0/3/7 并重发数据").click()
    expect(page.locator("#check")).to_contain_text("正在重发")
    worker.drain_all()
    expect(page.locator("#check")).to_contain_text("数据已重发")
    expect(page.locator("#check .kt-chk.is-late")).to_have_count(0)  # checked again by itself
    expect(page.locator("#check")).to_contain_text("PON 口与登记一致：XN-HY-OLT01 0/3/7")
    shot(page, "job-corrected")
    assert inventory.services_of_order(order.id)[0].port.pon_port == "0/3/7"

    page.context.set_offline(True)
    page.locator("[data-send]").click()
    expect(page.locator("[data-queue]")).to_contain_text("已排队")
    shot(page, "job-queued")
    page.context.set_offline(False)
    page.wait_for_url("**/m/")
    shot(page, "today-done")
    nodes = {r.node for r in process.open_items_of(SYSTEM, [order.id]).get(order.id, [])}
    assert nodes == {"ResourceCheck"}
    worker.drain_all()
    nodes = {r.node for r in process.open_items_of(SYSTEM, [order.id]).get(order.id, [])}
    assert nodes == {"ResourceCheck", "Accept"}


def _item(order):
    rows = process.open_items_of(SYSTEM, [order.id])[order.id]
    return next(r.id for r in rows if r.node == "Install")
