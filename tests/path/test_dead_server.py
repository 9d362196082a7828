"""FreeRADIUS, or its database, down in the middle of every flow: each waits and says for what, and
when it is up again each ends proven, applied once."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils.html import escape

from kaitong.activation.models import NetworkElement
from kaitong.org.models import Staff
from tests.path.flows_kit import FLOWS, TROUBLES, begin, cases, disagreements, finish

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plant_size() -> dict[str, int]:
    return {"ports": 24, "rooms": 40}


def patient(seconds: float) -> None:
    """How long a login may take: nothing waits long for a server that is known to be away."""
    for element in NetworkElement.objects.filter(kind="aaa"):
        element.connection["login_timeout"] = seconds
        element.save(update_fields=["connection"])


@pytest.mark.parametrize("what", ["server", "database"])
def test_every_flow_waits_for_it_in_words_and_ends_proven_once(office, radius, lab, modem, what):
    # without its server an access server takes long to say that it ends nothing: one has to ask it
    online = None if what == "database" else {"suspend"}
    made = cases(office, lab, modem, online=online)
    getattr(lab, f"stop_{what}")()
    patient(0.03)
    for case in made:
        begin(case)
    for _attempt in range(5):  # the longest back-off is five minutes
        with made[0].time.on(301):
            office.work()
    clerk = Client()
    clerk.force_login(
        Staff.objects.get(username="clerk"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    for case in made:
        shown, person = office.show(case.order), office.nodes(case.order) & TROUBLES
        causes = {incident.cause for incident in case.incidents()}
        # retries have run out: an incident that names the network, or a person's task of it
        assert (causes == {"network"}) != bool(person), (case.flow, shown)
        if causes and case.flow != "withdraw":
            assert shown["state"] == "held", (case.flow, shown)
        page = clerk.get(f"/orders/{case.order.id}/").content.decode()
        for wait in shown["waiting"]:
            assert wait["reason"], (case.flow, wait)
            assert wait["title"] in page, (case.flow, wait)
            if wait["kind"] != "work":
                assert escape(wait["reason"]) in page, (case.flow, wait)
    lab.up()
    patient(2.0)
    for case in made:
        finish(case)
    ended = {case.flow: case.end() for case in made}
    assert ended == {flow: FLOWS[flow].end() for flow in FLOWS}
    assert disagreements(made) == []
