"""A small county with orders, and signed-in browsers of Django's test client."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

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
