"""Every address there is, for who has no business there: who is not signed in, who holds no post,
and another branch's staff with every post. What is named in an address is really there."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from kaitong.activation.models import Difference, NetworkElement
from kaitong.assurance.models import CommonCause, HandOver
from kaitong.charging import accounts
from kaitong.charging import services as charging
from kaitong.charging.models import (
    Account,
    CashClosing,
    Charge,
    Invoice,
    PayChannel,
    Payment,
    PayRequest,
)
from kaitong.core.clock import now
from kaitong.documents import services as documents
from kaitong.documents.models import Paper
from kaitong.hall import services as hall
from kaitong.inventory.models import Resource
from kaitong.inventory.stock_models import StockCount
from kaitong.messaging.models import Notice
from kaitong.ordering import drafts
from kaitong.ordering.models import Demand, FailedRefund, Order
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.models import Absence, Delegation, Post, SavedView, Shift, Staff
from kaitong.process import queries as process
from kaitong.process.models import Incident, Suspension, WorkItem
from kaitong.surveys.models import Invitation, Rules
from kaitong.tmf.services import issue_token
from kaitong.tmf.urls import APIS
from kaitong.transfer.models import Job
from kaitong.web import access
from kaitong.web.tests import fault_world as faults
from kaitong.web.tests.test_access import pages, url_of
from kaitong.web.tests.world import resident_number
from kaitong.web.urls import urlpatterns

# What nobody has to sign in for: a survey is answered by its link, a device paired by its code, the
# payment channel's message counts by its signature, and light or dark is a cookie.
PUBLIC = {
    "survey_answer": {"GET": 404, "POST": 404},
    "device_pair": {"GET": 200, "POST": 422},
    "pay_callback": {"GET": 405, "POST": 401},
    "theme": {"GET": 405, "POST": 302},
}
# What a post is not asked for: the beginning, an empty workbench, presence, light and dark.
POSTLESS = access.POSTLESS
ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Procedures are the system's, no branch's.
SHARED = {"bpmn", "handbook"}
# What is its owner's alone, and so not even a colleague's; forms nobody has filled in yet, a fee
# that is none to be waived.
OWN = {
    *("intake_draft", "intake_addresses", "intake_numbers", "transfer_result"),
    *("hall_form_told", "hall_form_sheet", "waive_fee"),
}
PICTURE = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def house(world, things, greeter):
    """`things`, and one of each else that an address may name."""
    faults.menders(world)
    clerk, here = world.actor("clerk"), world.branch
    order = Order.objects.get(pk=things["order_id"])
    item = order.items.get()
    open_item = process.open_items_of(Actor.system(), [order.pk])[order.pk][0].id
    work = WorkItem.objects.get(pk=open_item)
    first = faults.report(world, faults.line(world, 3))
    faults.report(world, faults.line(world, 4))
    cause = CommonCause.objects.get()
    charging.pay(
        actor=clerk, order_id=order.pk, method="cash", key="paid", customer_id=order.party_id
    )
    payment = Payment.objects.get(order_id=order.pk)
    account = Account.objects.create(branch=here, customer_id=order.party_id)
    paid_in = accounts.deposit(
        actor=clerk, account_id=account.pk, method="cash", amount_fen=100, key="in"
    )
    staff = Staff.objects.get(pk=clerk.id)
    draft = drafts.open_draft(actor=clerk, draft_id=uuid4(), data={})
    return things | {
        "item_id": open_item,
        "fault_id": first.pk,
        "cause_id": cause.pk,
        "payment_id": payment.pk,
        "draft_id": draft.pk,
        "charge_id": Charge.objects.filter(order_id=order.pk).first().pk,
        "paper_id": Paper.objects.filter(order_id=order.pk).first().pk,
        "notice_id": Notice.objects.filter(branch=here).first().pk,
        "node_id": Resource.objects.filter(branch=here).first().pk,
        "row_id": HandOver.objects.create(
            branch=here, number="J1", given_by=clerk.id, to_id=clerk.id, key="k"
        ).pk,
        "incident_id": Incident.objects.create(
            branch=here, instance_id=item.instance_id, token_id=uuid4(), node="Install", tries=1,
            business_id=order.pk, post="installer", cause="data",
        ).pk,
        "demand_id": Demand.objects.create(
            branch=here, specification="home-broadband.access", reason="no-free-port"
        ).pk,
        "refund_id": FailedRefund.objects.create(
            branch=here, order=order, item=item, amount_fen=100, failed_for="x"
        ).pk,
        "job_id": Job.objects.create(
            branch=here, asked_by=staff, kind="export.orders", name="x", state="done",
            result=b"x", result_name="x.xlsx",
        ).pk,
        "closing_id": CashClosing.objects.create(
            branch=here, clerk_id=clerk.id, day=date(2026, 1, 1), expected_fen=0, counted_fen=0,
            closed_at=now(),
        ).pk,
        "device_id": hall.add_device(actor=Actor.system(), title="平板", branch_id=here.pk)[0].pk,
        "view_id": SavedView.objects.create(
            branch=here, staff=staff, place="workbench", name="x", query="", made_by=staff.pk
        ).pk,
        "absence_id": Absence.objects.create(
            staff=staff, since=now(), until=now() + timedelta(days=1)
        ).pk,
        "delegation_id": Delegation.objects.create(
            principal=staff, delegate=Staff.objects.get(username="supervisor"), since=now(),
            until=now() + timedelta(days=1), reason="x",
        ).pk,
        "shift_id": Shift.objects.create(
            branch=here, staff=staff, post="clerk", since=now(), until=now() + timedelta(hours=4)
        ).pk,
        "suspension_id": Suspension.objects.create(
            workitem=work, reason_code="customer.away", since=now(), until_expected=now()
        ).pk,
        **_elements(here),
        "attachment_id": documents.store(
            actor=clerk, branch_id=here.pk, kind="evidence", owner_type="ordering.order",
            owner_id=order.pk, data=PICTURE,
        ).pk,
        "count_id": StockCount.objects.create(
            branch=here, key="c", counted_by=clerk.id, counted_at=now(), expected=0, found=0
        ).pk,
        "survey_id": Invitation.objects.create(
            branch=here, rules=Rules.objects.first(), key="s", ask="hall", source="hall",
            way="device", business_id=uuid4(), counter=1,
            happened_at=now(), expires_at=now() + timedelta(days=1),
        ).pk,
        "invoice_id": Invoice.objects.create(
            branch=here, order_id=order.pk, payment=payment, kind="blue", amount_fen=100, key="i",
            buyer_kind="individual", buyer="x", buyer_name="x", state="failed",
        ).pk,
        "request_id": PayRequest.objects.create(
            branch=here, account=account,
            channel=PayChannel.objects.create(
                key="none", branch=here, title="x", notify_url="u", secret="x",
                url="http://127.0.0.1:1",
            ),
            key="k", number="n", amount_fen=100, currency="CNY",
        ).pk,
        "ticket_id": hall.take(actor=world.actor("greeter"), kind="open", key="t").pk,
        "fault ticket": first.pk,
        "paid in": paid_in.pk,
    }  # fmt: skip


def _elements(here):
    element = NetworkElement.objects.create(key="e", kind="aaa", title="AAA", branch=here)
    row = Difference.objects.create(
        element=element, branch=here, account="a", kind="extra", seen_at=now()
    )
    return {"element_id": element.pk, "difference_id": row.pk}


def address(pattern, house):
    given = house
    if pattern.name == "ticket":
        given = house | {"ticket_id": house["fault ticket"]}
    if pattern.name in ("money_back", "money_invoice"):
        given = house | {"payment_id": house["paid in"]}
    return url_of(pattern, given)


def asked(client, url, *, parts=True):
    """What each way of asking is answered: as a page, as an act, and as a part of a page."""
    photo = SimpleUploadedFile("x.png", PICTURE, "image/png")
    answers = {
        "GET": client.get(url).status_code,
        "POST": client.post(url, {"first": "1", "photo": photo}).status_code,
    }
    if parts:
        answers["part"] = client.get(url, headers={"HX-Request": "true"}).status_code
    return answers


def everything():
    """A digest of each table, but for sessions and who looked at what."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select tablename from pg_tables where schemaname = 'public'"
            " and tablename not in ('django_session', 'axes_accessattempt', 'axes_accesslog',"
            " 'surveys_guess')"
        )
        names = sorted(name for (name,) in cursor.fetchall())
        found = {}
        for name in names:
            cursor.execute(f"select md5(string_agg(t::text, '|' order by t::text)) from {name} t")
            found[name] = cursor.fetchone()[0]
    return found


def changed(before):
    after = everything()
    return [name for name in before if before[name] != after[name]]


def test_who_is_not_signed_in_is_led_to_the_door(house):
    client, wrong, before = Client(), [], everything()
    for pattern in urlpatterns:
        url = address(pattern, house)
        answers = asked(client, url, parts=False)
        if pattern.name in PUBLIC:
            if answers != PUBLIC[pattern.name]:
                wrong.append((pattern.name, answers))
        elif set(answers.values()) != {302}:
            wrong.append((pattern.name, answers))
        elif not client.get(url).url.startswith(("/accounts/login/?", "/work/")):
            wrong.append((pattern.name, client.get(url).url))
    assert not wrong, "\n".join(map(str, wrong))
    assert changed(before) == []


def test_who_has_no_post_opens_nothing_of_the_branch(house, world, signed_in):
    org.ensure_staff(
        username="nobody", name="无岗", branch=world.branch, password="x" * 12, posts=()
    )
    client, before = signed_in("nobody"), everything()
    wrong = []
    for pattern in pages():
        answers = set(asked(client, address(pattern, house), parts=False).values())
        if pattern.name not in POSTLESS | {*PUBLIC} and answers != {403}:
            wrong.append((pattern.name, answers))
        if pattern.name in POSTLESS and 403 in answers:
            wrong.append((pattern.name, answers))
    assert not wrong, "\n".join(map(str, wrong))
    assert changed(before) == []


def test_another_branch_with_every_post_finds_nothing_that_is_named(house, world, signed_in):
    posts = tuple(Post.objects.exclude(key="hall-device").values_list("key", flat=True))
    for name, branch in (("stranger", world.other), ("insider", world.branch)):
        org.ensure_staff(username=name, name=name, branch=branch, password="x" * 12, posts=posts)
    client, insider, before = signed_in("stranger"), signed_in("insider"), everything()
    wrong, absent = [], []
    for pattern in pages():
        names = {name for name in pattern.pattern.converters if name.endswith("_id")}
        if not names or pattern.name in SHARED:
            continue
        url = address(pattern, house)
        answers = asked(client, url)
        if set(answers.values()) <= {403, 404, 405}:
            continue
        # else nothing may tell what is there from what is not
        if answers != asked(client, re.sub(ID, lambda _found: str(uuid4()), url)):
            wrong.append((pattern.name, answers))
    assert not wrong, "\n".join(map(str, wrong))
    assert changed(before) == []
    for pattern in pages():  # and it was there all the time
        if pattern.name in OWN or not pattern.pattern.converters:
            continue
        status = insider.get(address(pattern, house)).status_code
        if status not in (200, 302, 405, 409):  # 409: this work has nothing to go back to
            absent.append((pattern.name, status))
    assert not absent, "\n".join(map(str, absent))


# Where a customer's name, telephone and document stand in clear: his own rows, by which counters
# find him. A document's number is sealed even there.
PARTY = {
    "name": {"party_party", "party_identitydocument"},
    "phone": {"party_partyphone"},
    "document": set(),
}


def test_what_a_customer_told_stands_in_clear_with_him_and_nowhere_else(house):
    """Neither in audits, notes, variables, commands, jobs, messages, notices nor sheets."""
    told = {"name": "张志伟|陈志伟", "phone": "1385590000[34]", "document": ""}
    told["document"] = "|".join(resident_number(serial) for serial in (3, 4))
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        tables = sorted(name for (name,) in cursor.fetchall())
        for kind, pattern in told.items():
            where = set()
            for table in tables:
                cursor.execute(
                    f"select exists(select from {table} t where t::text ~ %s)", [pattern]
                )
                if cursor.fetchone()[0]:
                    where.add(table)
            assert where == PARTY[kind], kind


def _below(resolver, before=""):
    for one in resolver.url_patterns:
        place = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _below(one, place)
        elif isinstance(one, URLPattern):
            yield place, one


# Signing in and out, asking for a new password, and pages that only say a sentence (that signing up
# is closed); the interfaces describe themselves to anybody.
OPEN = (
    *("accounts/login/", "accounts/logout/", "accounts/password/reset/", "accounts/inactive/"),
    *("accounts/confirm-email/", "accounts/signup/", "i18n/setlang/", "admin/login/"),
    "openapi.json",
)


def test_outside_the_pages_nothing_is_open_but_what_is_listed(house):
    """Administration, sign-in and whatever an installed package may bring with an upgrade."""
    client, wrong, found = Client(), [], 0
    for place, pattern in _below(get_resolver()):
        if pattern in urlpatterns:
            continue
        filled = re.sub(r"<(\w+:)?\w+>", str(uuid4()), re.sub(r"\(\?P<\w+>[^)]*\)", "x", place))
        url = "/" + re.sub(r"\\Z|[\^$\\?]", "", filled)
        found += 1
        answers = {client.get(url).status_code, client.post(url).status_code}
        if not answers <= {301, 302, 401, 403, 404, 405} and not any(o in url for o in OPEN):
            wrong.append((url, answers))
    assert found > 60
    assert not wrong, "\n".join(map(str, wrong))
    people = Staff.objects.count()
    told = {"username": "me", "email": "me@example.com", "password1": "long-enough-9", "name": "x"}
    client.post("/accounts/signup/", told | {"password2": "long-enough-9"})
    assert Staff.objects.count() == people


def test_the_interfaces_answer_nobody_nothing_and_another_branch_not_found(house, world):
    order = Order.objects.get(pk=house["order_id"])
    token = issue_token(actor=Actor.system(), staff_username="foreigner")
    there = {"serviceOrder": order.pk, "service": house["service_id"]}
    there["troubleTicket"] = house["fault ticket"]
    client, wrong, before = Client(), [], None
    stranger = {"Authorization": f"Bearer {token}"}
    for api in APIS:
        for path, ways in api.get_openapi_schema()["paths"].items():
            resource = path.rstrip("/").split("/")[-2 if "{id}" in path else -1]
            url = path.replace("{id}", str(there.get(resource, uuid4())))
            for way in ways:
                call = getattr(client, way)
                given = {"data": "{}", "content_type": "application/json"}
                given = {} if way in ("get", "delete") else given
                unknown = call(url, **given).status_code
                told = call(url, **given, headers=stranger)
                if unknown != 401:
                    wrong.append((way, url, unknown))
                if "{id}" in path and told.status_code not in (404, 400, 405):
                    wrong.append((way, url, told.status_code))
                if way == "get" and "{id}" not in path and told.json() != []:
                    wrong.append((way, url, told.json()))
            before = before or everything()
    assert not wrong, "\n".join(map(str, wrong))
    assert set(changed(before)) <= {"tmf_apitoken"}
