"""Who opens which page: every address that answers GET, for every post, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from django.urls import reverse
from django.urls.resolvers import URLPattern

from kaitong.web.access import RULES
from kaitong.web.tests.world import STAFF
from kaitong.web.urls import urlpatterns

COUNTER = frozenset({"clerk", "supervisor"})
# `service` (客服回访) takes in faults by the playbook, and looks the customer up for it
CUSTOMERS = frozenset({"clerk", "service", "supervisor"})
DESK = frozenset({"monitor", "supervisor"})
PLANNING = frozenset({"clerk", "resource", "supervisor"})
NETWORK = frozenset({"network", "supervisor"})
PLANT = frozenset({"resource", "network", "monitor", "supervisor"})

# Whom a page lets in; an address that is in no row is everybody's.
ALLOWED = {
    "customers": CUSTOMERS,
    "customer": CUSTOMERS,
    "service": CUSTOMERS,
    "change": COUNTER,
    "change_addresses": COUNTER,
    "change_numbers": COUNTER,
    "money": COUNTER,
    "money_customer": COUNTER,
    "money_back": COUNTER,
    "money_waiting": COUNTER,
    "closing": COUNTER,
    "closing_sheet": COUNTER,
    "refunds": COUNTER,
    "refund": COUNTER,
    "intake": frozenset({"clerk"}),
    "intake_draft": frozenset({"clerk"}),
    "intake_addresses": frozenset({"clerk"}),
    "intake_numbers": frozenset({"clerk"}),
    "demands": PLANNING,
    "demands_export": PLANNING,
    "demand_withdraw": PLANNING,
    "transfer_template": frozenset({"resource", "supervisor"}),
    "plant": PLANT,
    "plant_node": PLANT,
    "withdraw": COUNTER,
    "stock": PLANT,
    "stock_counted": PLANT,
    "reconciliation": NETWORK,
    "difference": NETWORK,
    "elements": NETWORK,
    "element": NETWORK,
    "element_live": NETWORK,
    "figures": frozenset({"supervisor"}),
    "figure_sheet": frozenset({"supervisor"}),
    "figure_book": frozenset({"supervisor"}),
    "figure_orders": frozenset({"supervisor"}),
    "fault_new": CUSTOMERS,
    "devices": frozenset({"supervisor"}),
    "hand_overs": DESK,
    "hand_over": DESK,
    # a greeter, too, who is not of this world's staff: tests of the hall
    "hall": COUNTER,
    "hall_board": COUNTER,
    "hall_blank": COUNTER,
    "hall_take": frozenset({"clerk"}),
    "hall_forms": frozenset({"clerk"}),
}
# What a neighbouring branch's clerk must not find, though his post may open it at home.
FOREIGN = ("customer", "service", "change", "money_customer", "order")


def pages() -> Iterator[URLPattern]:
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        # nobody is signed in there: a signature counts, or the link itself
        if pattern.name not in ("pay_callback", "survey_answer"):
            yield pattern


def url_of(pattern: URLPattern, things: dict) -> str:
    words = {
        name: things.get(name, "cn" if name == "key" else uuid4())
        for name in pattern.pattern.converters
    }
    if pattern.name == "process":
        words["key"] = "open"
    elif "key" in words and pattern.name in ("change_photo", "change_numbers", "change_number"):
        words["key"] = uuid4()
    return reverse(f"web:{pattern.name}", kwargs=words)


def test_every_page_opens_to_its_posts_and_is_refused_to_the_others(things, signed_in):
    clients = {post: signed_in(post) for post in STAFF}
    wrong = []
    for pattern in pages():
        url = url_of(pattern, things)
        if pattern.name in ALLOWED:
            answers = {post: client.get(url).status_code for post, client in clients.items()}
            let_in = {post for post, status in answers.items() if status != 403}
            if let_in != ALLOWED[pattern.name] or not set(answers.values()) <= {200, 302, 403, 404}:
                wrong.append((pattern.name, answers))
        elif (
            pattern.name.startswith("hall") and pattern.name != "hall_strip"
        ):  # the hall's own posts (its playbook says which)
            if clients["installer"].get(url).status_code not in (403, 404, 405):
                wrong.append((pattern.name, "installer"))
        else:  # everybody's, or an act, which is refused whatever the method
            status = clients["installer"].get(url).status_code
            if status not in (200, 302, 404, 405) and pattern.name not in RULES:
                wrong.append((pattern.name, status))
            if status == 403 and clients["installer"].post(url).status_code != 403:
                wrong.append((pattern.name, "POST"))
            if status == 200 and pattern.name in RULES:
                wrong.append((pattern.name, "no row here"))
    assert wrong == []


def test_the_menu_leads_nobody_to_a_page_that_refuses_him(world, signed_in):
    for post in STAFF:
        client = signed_in(post)
        html = client.get("/work/").content.decode()
        for name, posts in ALLOWED.items():
            pattern = next(one for one in pages() if one.name == name)
            if not pattern.pattern.converters and post not in posts:
                assert f'href="{reverse(f"web:{name}")}"' not in html, (post, name)


def test_another_branch_finds_nothing(things, signed_in):
    client = signed_in("foreigner")
    for pattern in pages():
        if pattern.name in FOREIGN:
            assert client.get(url_of(pattern, things)).status_code == 404, pattern.name
