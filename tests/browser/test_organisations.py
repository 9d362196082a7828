"""A firm's line at the counter in a real browser: given to it, then changed by its handler."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from kaitong.charging import services as charging
from kaitong.inventory import queries as inventory
from kaitong.ordering import changes
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.party.models import Party
from kaitong.web.tests.test_organisations import CODE, FIRM, HANDLER
from kaitong.web.tests.world import resident_number
from tests.browser.test_photos import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def test_a_firm_gets_a_line_and_changes_it_by_its_handler(county, sit, no_sideways):
    line = county.line(1)
    charging.void_due(actor=SYSTEM, order_id=line.order_id)
    page = sit("clerk")

    def prove(procedure: str, document: str) -> None:
        page.goto(f"/services/{line.id}/do/{procedure}/")
        page.locator("#s-proof [name=account]").fill(line.account)
        page.locator("#s-proof [name=document_number]").fill(document)
        page.locator("#s-proof button[type=submit]").click()
        page.locator("#s-change").wait_for()

    def photo(name: str) -> None:
        taken = page.locator(f"[data-photo={name}]")
        taken.locator("input[type=file]").set_input_files(jpeg())
        expect(taken).to_have_attribute("data-state", "stored")

    def handler(prefix: str = "") -> None:
        for name in ("name", "phone", "number", "valid_until"):
            page.locator(f"[name={prefix}handler_{name}]").fill(HANDLER[f"handler_{name}"])
        page.locator(f"[name={prefix}handler_kind]").select_option("resident-id")
        page.locator(f"[name={prefix}handler_reader]").check()

    prove("transfer", resident_number(1))
    expect(page.locator("[name=agent_name]")).to_be_hidden()
    expect(page.locator("[name=licence_kind]")).to_be_hidden()
    page.locator("[name=owner_kind]").select_option("passport")  # a slip, taken back by the next
    page.get_by_text("单位", exact=True).click()
    expect(page.locator("[name=owner_kind]")).to_be_hidden()
    page.locator("[name=owner_name]").fill(FIRM)
    page.locator("[name=owner_phone]").fill("05597512345")
    page.locator("[name=licence_kind]").select_option("business-licence")
    page.locator("[name=owner_number]").fill(CODE)
    page.locator("[name=long_term]").check()
    photo("licence")
    handler("owner_")
    page.locator("[name=password]").fill("Owner-2026")
    page.locator("[name=password_again]").fill("Owner-2026")
    page.locator("[name=reason]").select_option("customer.company")
    no_sideways(page)
    page.locator("#submit").click()
    page.get_by_text("新单位介绍信没有拍").wait_for()
    expect(page.locator("[name=owner_handler_name]")).to_have_value(HANDLER["handler_name"])
    photo("owner_letter")
    page.locator("[name=password]").fill("Owner-2026")
    page.locator("[name=password_again]").fill("Owner-2026")
    page.locator("#submit").click()
    page.wait_for_url("**/orders/**")
    firm = Party.objects.get(pk=inventory.service(SYSTEM, line.id).customer_id)
    assert firm.name == FIRM
    changes.end(Order.objects.get(items__change__procedure="transfer").items.get().pk)

    # its own change: the handler is asked for, and nobody asks whether an agent came
    prove("change-data", CODE)
    expect(page.locator("[name=acting_by]")).to_have_count(0)
    handler()
    photo("letter")
    page.locator("[name=phone]").fill("05597554321")
    page.locator("#submit").click()
    page.wait_for_url("**/orders/**")
    order = Order.objects.filter(items__change__procedure="change-data").get()
    assert (order.agent.name, order.introduction_letter) == (HANDLER["handler_name"], True)
