"""The fallout desk: what machines could not do, retry one or many, done by hand by two people."""

from __future__ import annotations

import pytest

from kaitong.process import queries as process
from kaitong.process.worker import drain_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db, nothing_kept):
    """Commands run outside transactions, so these tests commit."""
    from kaitong.web.tests import world as making

    return making.build(rooms=6, boxes=1)


@pytest.fixture
def stuck(world):
    """An order whose data could not be made: no network element is registered."""
    order = world.order(1)
    while drain_once():
        pass
    found = process.incidents(world.actor("supervisor"), business_id=order.id).rows
    assert len(found) == 1
    return order, found[0]


def state(world, incident):
    rows = process.incidents(
        world.actor("supervisor"), state=None, business_id=incident.business_id
    ).rows
    return next(row for row in rows if row.id == incident.id)


def test_the_desk_lists_cause_order_and_message(world, stuck, signed_in):
    order, incident = stuck
    html = signed_in("network").get("/incidents/").content.decode()
    assert order.number in html
    assert incident.message in html
    head = signed_in("clerk").get(f"/orders/{order.id}/").content.decode()
    assert "异常单" in head


def test_retrying_one_tells_the_person_what_came_of_it(world, stuck, signed_in, part):
    _order, incident = stuck
    answer = signed_in("network").post(f"/incidents/{incident.id}/retry", headers=part)
    assert answer.status_code == 200
    assert state(world, incident).state in ("retrying", "open")


def test_retrying_many_counts_what_was_refused(world, stuck, signed_in, part):
    _order, incident = stuck
    picked = {"pick": [str(incident.id), "nonsense"]}
    html = signed_in("network").post("/incidents/retry", picked, headers=part).content.decode()
    assert "1 条已安排重试" in html
    assert "1 条没有办成" in html


def test_another_post_may_look_but_not_settle(world, stuck, signed_in, part):
    _order, incident = stuck
    client = signed_in("service")
    drawer = client.get(f"/incidents/{incident.id}/", headers=part).content.decode()
    assert "data-main" not in drawer
    answer = client.post(f"/incidents/{incident.id}/retry", headers=part)
    assert answer.status_code == 409
    assert state(world, incident).state == "open"


def test_by_hand_needs_evidence_and_somebody_else(world, stuck, signed_in, part):
    _order, incident = stuck
    client = signed_in("network")
    url = f"/incidents/{incident.id}/by-hand"
    own = str(world.actor("network").id)
    other = str(world.actor("supervisor").id)
    alone = client.post(url, {"evidence": "在网管上做了", "second": own}, headers=part)
    assert alone.status_code == 422
    assert "没有选核对人" in alone.content.decode()
    bare = client.post(url, {"evidence": " ", "second": other}, headers=part)
    assert bare.status_code == 422
    assert state(world, incident).state == "open"
    done = client.post(url, {"evidence": "在网管上做了", "second": other}, headers=part)
    assert done.status_code == 200
    settled = state(world, incident)
    assert (settled.state, settled.evidence) == ("resolved", "在网管上做了")
    assert settled.second_name == "方建国"


def test_another_branch_sees_no_incident(world, stuck, signed_in, part):
    order, incident = stuck
    client = signed_in("foreigner")
    assert order.number not in client.get("/incidents/").content.decode()
    assert client.get(f"/incidents/{incident.id}/", headers=part).status_code == 404
    assert client.post(f"/incidents/{incident.id}/retry", headers=part).status_code == 404
    assert state(world, incident).state == "open"
