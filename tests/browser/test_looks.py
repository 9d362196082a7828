"""Every page at once, as a phone and as a small tablet see it: nothing scrolls sideways or stands
out of its card, no script fails, everything operated has a name, nothing is left untranslated.

One walk for all: a page is loaded once, in English and dark, and looked at in three widths. What is
wrong is found by `seen.js`; the whole list of faults is told at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from babel.messages.pofile import read_po

import kaitong
from kaitong.charging.billing import last_month
from kaitong.core.home import library
from kaitong.ordering import rents
from kaitong.process import queries as process
from kaitong.process.worker import drain_once

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEEN = Path(__file__).with_name("seen.js").read_text()
WIDTHS = (390, 768, 1024)


@pytest.fixture
def living(county):
    """A county with something on every page; addresses of its pages by who opens them."""
    stuck, line = county.order(1), county.line(2)
    county.order(4, read=False)  # a clerk is to look at the document
    while drain_once():
        pass
    clerk, supervisor = county.actor("clerk"), county.actor("supervisor")
    order = county.order(3)
    month = last_month()
    rents.begin(actor=clerk, order=order, item=order.items.get(), since=month)
    rents.bill(actor=supervisor, month=month)
    todo = process.work_items(clerk, tab="todo").rows[0]
    visit = process.work_items(county.actor("installer"), tab="todo").rows[0]
    incident = process.incidents(supervisor).rows[0]
    pages = {
        "clerk": f"""
            /work/ /work/?item={todo.id} /intake/ /orders/ /orders/{stuck.id}/
            /orders/{stuck.id}/items/ /orders/{stuck.id}/timeline/ /orders/{stuck.id}/money/
            /orders/{stuck.id}/papers/ /orders/{stuck.id}/proof/
            /orders/{stuck.id}/audit/ /orders/{stuck.id}/duty/
            /orders/{stuck.id}/reappoint /orders/{stuck.id}/withdraw /orders/{stuck.id}/replay
            /customers/ /customers/?q=138 /customers/{order.party_id}/ /services/{line.id}/
            /services/{line.id}/do/move/ /services/{line.id}/do/change-plan/
            /services/{line.id}/do/transfer/ /money/ /money/?tab=owing /money/{order.party_id}/
            /money/closing/ /refunds/ /demands/ /notices/ /presence/ /search/?q=138
            /search/?q=nothing /nowhere/ /queue/ /queue/board/""",
        "supervisor": f"""
            /work/?tab=open /figures/ /figures/orders/ /calendars/ /transfers/ /incidents/
            /incidents/?item={incident.id} /incidents/figures/ /processes/
            /processes/home-broadband/open/ /reconciliation/ /presence/?tab=team /faults/
            /faults/new/ /faults/causes/ /faults/hand-over/ /plant/ /stock/""",
        "installer": f"/m/ /m/?tab=pool /m/terminals/ /m/me/ /m/work/{visit.id}/ /work/",
    }
    return {who: listed.split() for who, listed in pages.items()}


@pytest.fixture(scope="module")
def ours() -> set[str]:
    """Every Chinese text that has an English one: none of them stands on an English page."""
    catalogue = Path(kaitong.__file__).parent / "locale" / "en" / "LC_MESSAGES" / "django.po"
    with catalogue.open("rb") as file:
        known = {str(m.id).strip() for m in read_po(file) if m.id and m.string}
    words = library() / "home-broadband" / "locale" / "en.yaml"
    return known | set(yaml.safe_load(words.read_text(encoding="utf-8")))


def test_no_page_is_broken_in_small_windows_or_in_english(living, sit, ours):
    wrong = []
    for who, addresses in living.items():
        page = sit(who, language="en", theme="dark")
        for address in addresses:
            page.goto(address)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                seen = page.evaluate(SEEN, True)
                left = [text for text in seen["chinese"] if text in ours]
                faults = [*seen["faults"], *(f"is not English: {text}" for text in left)]
                wrong += [f"{who} {address} at {width}: {fault}" for fault in faults]
    assert wrong == [], "\n".join(wrong)
