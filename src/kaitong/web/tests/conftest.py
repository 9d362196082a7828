"""A small county with orders, and signed-in browsers of Django's test client."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kaitong.org import services as org
from kaitong.org.models import Staff
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.web.tests import world as making
from kaitong.worktime import queries as worktime


@pytest.fixture
def nothing_kept():
    """What processes keep of a database must not outlive a test's rollback."""
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()
    yield
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()


@pytest.fixture
def world(db, nothing_kept):
    return making.build(rooms=12, boxes=2)


@pytest.fixture
def county_of_sixty(db, nothing_kept):
    return making.build(rooms=60, boxes=8)


@pytest.fixture
def queries_of():
    """How many statements an act costs."""

    def count(act) -> int:
        with CaptureQueriesContext(connection) as captured:
            act()
        return len(captured)

    return count


@pytest.fixture
def signed_in():
    """`signed_in("installer")` is a client that this member of staff has signed in with."""

    def make(username: str, **headers: str) -> Client:
        client = Client(headers=headers or None)
        client.force_login(
            Staff.objects.get(username=username),
            backend="django.contrib.auth.backends.ModelBackend",
        )
        return client

    return make


@pytest.fixture
def part():
    """Headers of an htmx request."""
    return {"HX-Request": "true"}


@pytest.fixture
def greeter(world, signed_in):
    """The hall's greeter, who is not of every world's staff."""
    org.ensure_staff(
        username="greeter", name="许静", branch=world.branch, password="x" * 12, posts=("greeter",)
    )
    return signed_in("greeter")


@pytest.fixture
def clerk(world, signed_in):
    return signed_in("clerk")


@pytest.fixture
def things(world):
    """Of addresses: an argument for every address, real where the small county has such a thing."""
    line = world.line(1)
    order = world.order(2)
    item = order.items.get()
    return {
        "party_id": line.customer_id,
        "customer_id": line.customer_id,
        "service_id": line.id,
        "procedure": "suspend",
        "order_id": order.pk,
        "tab": "money",
        "definition_id": item.procedure.definition_id,
        "playbook": "home-broadband",
        "kind": "addresses",
        "verb": "claim",
        "channel": "none",
        "year": 2026,
        "day": "2026-10-01",
    }
