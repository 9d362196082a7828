"""The pages of the clerk's manual (营业员手册), each opened as a clerk sees it.

With `KAITONG_PICTURES=FOLDER` their pictures are written there, for the manual in `docs/`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from kaitong.inventory import services as inventory
from kaitong.inventory.choices import SuspensionKind
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Procedure
from kaitong.org.actor import Actor
from kaitong.web.tests.world import resident_number

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOLDER = os.environ.get("KAITONG_PICTURES", "")
SIZE = {"width": 1200, "height": 720}
# Changes that a line without parts or a bound number is refused, and what is said.
ALONE = {
    "end-part": "没有可以单独退订的业务",
    "add-part": "没有可以加装的业务",
    "change-case": "没有可办的营销案",
}


def picture(page, key: str) -> None:
    """Keep what the page shows, in a palette: a manual of many pictures stays small."""
    if not FOLDER:
        return
    drawn = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    drawn.quantize(96).save(Path(FOLDER) / f"{key}.png", optimize=True)


def prove(page, service, kind: str, serial: int) -> None:
    """Answer as the customer would."""
    page.get_by_role("textbox", name="宽带账号").fill(service.account)
    if kind == "account-password":
        password = inventory.reveal_password(
            actor=Actor.system(), service_id=service.id, reason="手册"
        )
        page.get_by_label("宽带密码").fill(password)
    else:
        page.get_by_role("textbox", name="开户证件号码").fill(resident_number(serial))
    page.get_by_role("button", name="核对").click()


def test_every_page_of_the_manual_opens(sit, county, no_sideways):
    working, still = county.line(1), county.line(2)
    for line in (working, still):  # nothing is owed
        ordering.pay(
            actor=county.actor("clerk"), order_id=line.order_id, method="cash", key=str(line.id)
        )
    inventory.suspend(
        actor=Actor.system(), service_id=still.id, kind=SuspensionKind.REQUEST, reason="外出"
    )
    page = sit("clerk", size=SIZE)
    for key, place in {
        "workbench": "/work/",
        "customers": f"/customers/?q={working.account}",
        "customer": f"/customers/{working.customer_id}/",
        "service": f"/services/{working.id}/",
        "intake": "/intake/",
    }.items():
        assert page.goto(place).ok, place
        page.locator("html[data-ready]").wait_for()
        no_sideways(page)
        picture(page, key)
    changes = Procedure.objects.filter(retired_at=None).exclude(counter={})
    asked = [p for p in changes if not p.counter.get("machine")]
    assert len(asked) >= 10
    for procedure in sorted(asked, key=lambda p: p.key):
        line, serial = (working, 1) if "working" in procedure.counter["from"] else (still, 2)
        assert page.goto(f"/services/{line.id}/do/{procedure.key}/").ok
        kinds = procedure.counter.get("authenticate", ())
        if procedure.key in ALONE:  # said before anybody is asked who he is
            page.get_by_text(ALONE[procedure.key]).wait_for()
            no_sideways(page)
            continue
        if kinds and not page.get_by_text("已通过").count():
            prove(page, line, kinds[0], serial)
            page.get_by_text("已通过").wait_for()
        page.get_by_role("heading", name=f"办理{procedure.title}").wait_for()
        no_sideways(page)
        picture(page, procedure.key)
