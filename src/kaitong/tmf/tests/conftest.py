"""A branch that can take in orders: calendar, playbook, addresses, plant, a clerk with a token."""

import json
from pathlib import Path

import pytest
from django.conf import settings

from kaitong.core.clock import now
from kaitong.core.tests.kept import kept
from kaitong.inventory.tests.conftest import Plant, build
from kaitong.org.actor import Actor
from kaitong.playbooks import services as playbooks
from kaitong.tmf.services import issue_token
from kaitong.worktime import services as worktime

EXAMPLE = Path(settings.KAITONG_REPOSITORY) / "examples/home-broadband-order.json"
ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
CANCELLATIONS = "/tmf-api/serviceOrdering/v4/cancelServiceOrder"
SERVICES = "/tmf-api/serviceInventory/v4/service"


@pytest.fixture
def body():
    """The example order as a fresh dict."""
    return json.loads(EXAMPLE.read_text())


@pytest.fixture
def branch(county):
    """The county with calendar and playbook."""
    return kept(("tmf", county.pk), lambda: _working(county))


def _working(county):
    worktime.seed_calendar(key="cn", years=range(2024, now().year + 1))
    playbooks.deploy(actor=Actor.system(), folder=playbooks.find("home-broadband"))
    return county


@pytest.fixture
def plant(branch) -> Plant:
    """Four covered rooms behind one splitter of eight ports, and addresses that are refused."""
    return kept(("tmf-plant", branch.pk), lambda: build(branch))


class Caller:
    """Calls the interface as one token."""

    def __init__(self, client, token):
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path=ORDERS, **query):
        return self.client.get(path, query, headers=self.headers)

    def query(self, text, path=ORDERS):
        return self.client.get(f"{path}?{text}", headers=self.headers)

    def post(self, body, path=ORDERS, **headers):
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.post(
            path,
            data,
            content_type="application/json",
            headers=self.headers | {k.replace("_", "-"): v for k, v in headers.items()},
        )


@pytest.fixture
def call(client, branch, staff_of):
    """The clerk's calls."""
    staff_of(branch, "li.clerk", "clerk")
    return Caller(client, issue_token(actor=Actor.system(), staff_username="li.clerk"))


@pytest.fixture
def as_stranger(client, other_county, staff_of):
    """Calls of somebody in another branch."""
    staff_of(other_county, "zhao", "clerk")
    return Caller(client, issue_token(actor=Actor.system(), staff_username="zhao"))


@pytest.fixture
def anonymous(client):
    return Caller(client, "")


@pytest.fixture
def limited(client, branch, staff_of):
    """Calls with a token that may only read services."""
    staff_of(branch, "reader", "clerk")
    token = issue_token(actor=Actor.system(), staff_username="reader", scopes=["service:read"])
    return Caller(client, token)


@pytest.fixture
def this_machine(settings):
    """The operator lets listeners live on this machine."""
    settings.CALLBACK_NETWORKS = ["127.0.0.0/8", "::1/128"]
