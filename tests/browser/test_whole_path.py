"""From the counter to the proven line, as clerk, installer, network post and supervisor.

The order comes in, its document was not read; the clerk mends that. The AAA server is down when
data is produced: the supervisor sees the incident, the network post retries it. The installer makes
an appointment; the customer's modem first comes up on a wrong port and the light is too weak: the
live check refuses the completion and says so. Moved to the right port it goes through, the line is
proven by itself, and the call-back completes the order.
"""

from __future__ import annotations

import time

import pytest

from kaitong.activation import nasport
from kaitong.activation.queries import line_of_account
from kaitong.documents import pictures
from kaitong.inventory import queries as inventory
from kaitong.lab.session import other_port
from kaitong.ordering import sessions
from kaitong.process import worker

pytestmark = [
    pytest.mark.browser,
    pytest.mark.radius,
    pytest.mark.django_db(transaction=True),
]
expect = pytest.importorskip("playwright.sync_api").expect


def line_text(lab, line) -> str:
    return nasport.pattern(lab.settings().nas_port_pattern).format(line)


def work_until(page, text: str, seconds: float = 40) -> None:
    """Let the machines work until the open page, which renews itself, says so."""
    deadline = time.monotonic() + seconds
    while True:
        sessions.watch()
        worker.drain_all()
        page.reload()
        if text in page.locator("#order-head").inner_text():
            return
        assert time.monotonic() < deadline, page.locator("#order-head").inner_text()
        time.sleep(0.3)


def claim(page, number: str) -> None:
    page.goto("/work/")
    row = page.locator("tr[data-row]", has_text=number)
    row.hover()
    row.locator("[data-claim]").click()
    expect(page.locator("#drawer .kt-state")).to_have_text("处理中")


def complete(page) -> None:
    page.locator("#drawer [data-main]").click()
    expect(page.locator("#drawer")).to_be_hidden()


def test_whole_path(county, radius, lab, modem, sit, tmp_path):
    order = county.order(1, read=False)

    clerk = sit("clerk")
    claim(clerk, order.number)
    expect(clerk.locator("#drawer h2").first).to_have_text("证件复核")
    clerk.locator("#drawer").get_by_text("已补正", exact=True).click()
    for box in clerk.locator("#drawer .kt-form input[type=checkbox]").all():
        box.check()
    complete(clerk)

    lab.down()
    network = sit("network")
    network.goto(f"/orders/{order.id}/")
    work_until(network, "异常单", seconds=120)
    lab.up()

    supervisor = sit("supervisor")
    supervisor.goto("/incidents/")
    expect(supervisor.locator("tr[data-row]")).to_contain_text(order.number)
    network.goto("/incidents/")
    network.locator("tr[data-row]", has_text=order.number).click()
    network.locator("#drawer [data-main]").click()
    expect(network.locator("#toasts")).to_contain_text("已安排重试")
    network.goto(f"/orders/{order.id}/")
    work_until(network, "账号已验证")

    installer = sit("installer")
    claim(installer, order.number)
    soon = installer.evaluate("new Date(Date.now() + 864e5).toISOString().slice(0, 10)")
    installer.locator("#f-appointment_start").fill(f"{soon}T10:00")
    installer.locator("#drawer").get_by_text("2 小时", exact=True).click()
    installer.locator("#f-contacted").check()
    complete(installer)

    claim(installer, order.number)
    for box in installer.locator("#drawer .kt-form input[type=checkbox]").all():
        box.check()
    installer.locator("#f-terminal_serial").fill("HWTC00000001")
    picture = tmp_path / "photo.jpg"
    for serial, field in enumerate(("label_photo", "signature")):
        picture.write_bytes(pictures.tiny(serial + 40))
        installer.locator(f"#f-{field}").set_input_files(picture)
        stored = installer.locator(f"[data-photo={field}]")
        expect(stored).to_have_attribute("data-state", "stored")
    account = inventory.services_of_order(order.id)[0].account
    right = line_of_account(account)
    wrong = other_port(right)
    assert modem.start(account, line_text(lab, wrong)).ok
    installer.locator("#f-power_dbm").fill("-29")
    installer.locator("#drawer [data-main]").click()
    expect(installer.locator("#e-power_dbm")).to_contain_text("低于 −27")
    expect(installer.locator("#drawer .kt-note.is-late")).to_contain_text(wrong.pon_port)
    installer.locator("#f-power_dbm").fill("-19.2")
    assert modem.start(account, line_text(lab, right)).ok
    complete(installer)

    network.goto(f"/orders/{order.id}/")
    work_until(network, "线路已验证", seconds=60)
    network.goto(f"/orders/{order.id}/?tab=proof")
    expect(network.get_by_role("tabpanel")).to_contain_text(right.pon_port)

    service = sit("service")
    claim(service, order.number)
    service.locator("#f-confirmed").check()
    choice = service.locator("[name=satisfaction]")
    if choice.first.evaluate("e => e.tagName") == "SELECT":
        choice.select_option("5")
    else:
        service.locator("#drawer").get_by_text("很满意", exact=True).click()
    complete(service)

    supervisor.goto(f"/orders/{order.id}/")
    work_until(supervisor, "已竣工")
    head = supervisor.locator("#order-head")
    expect(head).to_contain_text("线路已验证")
    expect(head).to_contain_text("不等谁")
    assert str(inventory.services_of_order(order.id)[0].state) == "active"
