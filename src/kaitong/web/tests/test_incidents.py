"""The fallout desk: what machines could not do, retry one or many, done by hand by two people."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from python_calamine import CalamineWorkbook

from kaitong.core import clock
from kaitong.documents import pictures
from kaitong.process import queries as process
from kaitong.process import services
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
    url = f"/incidents/{incident.id}/retry"
    answer = signed_in("network").post(url, {"tries": "0"}, headers=part)
    assert answer.status_code == 200
    assert state(world, incident).state in ("retrying", "open")
    assert state(world, incident).tries == 1
    again = signed_in("supervisor").post(url, {"tries": "0"}, headers=part)  # the page of before
    assert again.status_code == 409
    assert state(world, incident).tries == 1


def test_retrying_many_tells_what_came_of_each(world, stuck, signed_in, part):
    order, incident = stuck
    picked = {"pick": [f"{incident.id}:0", "nonsense"]}
    html = signed_in("network").post("/incidents/retry", picked, headers=part).content.decode()
    assert "1 条已安排或已办成" in html
    assert "1 条没有办成" in html
    assert order.number in html
    assert "已安排重试" in html
    again = signed_in("network").post("/incidents/retry", picked, headers=part).content.decode()
    assert "2 条没有办成" in again
    assert state(world, incident).tries == 1


@pytest.fixture
def three_stuck(world):
    orders = [world.order(n) for n in (1, 2, 3)]
    while drain_once():
        pass
    return orders


def test_equal_incidents_are_one_line_and_the_whole_group_is_retried_once(
    world, three_stuck, signed_in, part
):
    client = signed_in("network")
    html = client.get("/incidents/").content.decode()
    assert "3 张订单" in html
    assert three_stuck[0].number not in html
    (group,) = process.incident_groups(world.actor("supervisor")).rows
    html = client.get(f"/incidents/?group={group.sameness}").content.decode()
    assert all(order.number in html for order in three_stuck)
    seen = clock.now().isoformat()
    sent = {"group": group.sameness, "most": "0", "seen": seen}
    one = process.group_rows(world.actor("supervisor"), group.sameness, limit=9)[0]
    services.retry_incident(actor=world.actor("supervisor"), incident_id=one.id)  # somebody else
    while drain_once():
        pass  # ... and it failed again
    first = client.post("/incidents/retry", sent, headers=part).content.decode()
    assert "2 条已安排或已办成" in first
    assert "刚刚发生或刚刚重试过" in first
    second = client.post("/incidents/retry", sent, headers=part).content.decode()
    assert "0 条已安排或已办成" in second
    rows = process.incidents(world.actor("supervisor"), state="retrying").rows
    assert [row.tries for row in rows] == [1, 1]


def test_causes_are_facets_with_counts(world, three_stuck, signed_in):
    html = signed_in("network").get("/incidents/").content.decode()
    cause = process.incidents(world.actor("supervisor")).rows[0].cause
    assert f'href="?cause={cause}"' in html
    assert '<span class="kt-n">3</span>' in html
    other = signed_in("network").get("/incidents/?cause=timeout").content.decode()
    assert "没有符合的异常单" in other


@pytest.mark.parametrize("address", ["?view=each", "?sort=due", "?sort=age&mine=1", "?group=no"])
def test_any_way_of_listing_answers(world, stuck, signed_in, address):
    assert signed_in("network").get(f"/incidents/{address}").status_code == 200


def test_another_post_may_look_but_not_settle(world, stuck, signed_in, part):
    _order, incident = stuck
    client = signed_in("service")
    drawer = client.get(f"/incidents/{incident.id}/", headers=part).content.decode()
    assert "data-main" not in drawer
    for verb, data in [
        ("retry", {}),
        ("hold", {"verb": "claim"}),
        ("by-hand", {"evidence": "x"}),
    ]:
        answer = client.post(f"/incidents/{incident.id}/{verb}", data, headers=part)
        assert answer.status_code in (409, 422), verb
    assert state(world, incident).state == "open"
    assert state(world, incident).claimed_by is None


def test_by_hand_needs_evidence_and_another_persons_word(world, stuck, signed_in, part):
    _order, incident = stuck
    first, second = signed_in("network"), signed_in("supervisor")
    url, review = f"/incidents/{incident.id}/by-hand", f"/incidents/{incident.id}/review"
    assert first.post(url, {"evidence": " "}, headers=part).status_code == 422
    shot = SimpleUploadedFile("网管截图.jpg", pictures.tiny(), content_type="image/jpeg")
    sent = first.post(url, {"evidence": "在网管上做了", "files": [shot]}, headers=part)
    assert sent.status_code == 200
    assert state(world, incident).state == "open"
    alone = first.post(review, {"verdict": "agree"}, headers=part)
    assert alone.status_code == 409
    assert "不能自己复核" in alone.content.decode()
    assert state(world, incident).state == "open"
    drawer = second.get(f"/incidents/{incident.id}/", headers=part).content.decode()
    assert "在网管上做了" in drawer
    assert "网管截图.jpg" in drawer
    assert second.post(review, {"verdict": "agree"}, headers=part).status_code == 200
    settled = state(world, incident)
    assert (settled.state, settled.evidence) == ("resolved", "在网管上做了")
    assert settled.second_name == "方建国"


def test_what_is_no_picture_is_no_evidence_and_nothing_is_proposed(world, stuck, signed_in, part):
    _order, incident = stuck
    file = SimpleUploadedFile("a.exe", b"MZ nothing", content_type="image/jpeg")
    answer = signed_in("network").post(
        f"/incidents/{incident.id}/by-hand", {"evidence": "做了", "files": [file]}, headers=part
    )
    assert answer.status_code == 422
    assert "a.exe" in answer.content.decode()
    assert process.proposal(world.actor("network"), incident.id) is None


def test_the_second_person_may_decline_and_who_asked_may_take_it_back(
    world, stuck, signed_in, part
):
    _order, incident = stuck
    first, second = signed_in("network"), signed_in("supervisor")
    url, review = f"/incidents/{incident.id}/by-hand", f"/incidents/{incident.id}/review"
    first.post(url, {"evidence": "做了"}, headers=part)
    assert second.post(review, {"verdict": "decline"}, headers=part).status_code == 409
    sent = {"verdict": "decline", "remark": "没有截图"}
    assert second.post(review, sent, headers=part).status_code == 200
    assert "没有截图" in first.get(f"/incidents/{incident.id}/", headers=part).content.decode()
    first.post(url, {"evidence": "补了"}, headers=part)
    assert first.post(review, {"verdict": "withdraw"}, headers=part).status_code == 200
    assert process.proposal(world.actor("network"), incident.id) is None
    assert state(world, incident).state == "open"


def test_claiming_noting_and_giving_to_somebody(world, stuck, signed_in, part):
    _order, incident = stuck
    client = signed_in("network")
    hold = f"/incidents/{incident.id}/hold"
    assert client.post(hold, {"verb": "claim"}, headers=part).status_code == 200
    assert state(world, incident).claimed_name == world.actor("network").name
    mine = client.get("/incidents/?mine=1").content.decode()
    assert str(incident.id) in mine
    client.post(f"/incidents/{incident.id}/note", {"text": "等网元恢复"}, headers=part)
    assert "等网元恢复" in client.get(f"/incidents/{incident.id}/", headers=part).content.decode()
    to = str(world.actor("supervisor").id)
    assert client.post(hold, {"verb": "assign", "to": to}, headers=part).status_code == 200
    assert state(world, incident).claimed_name == "方建国"
    nobody = str(world.actor("service").id)  # not of the post
    assert client.post(hold, {"verb": "assign", "to": nobody}, headers=part).status_code == 409


def test_the_desk_costs_the_same_whatever_the_number(world, three_stuck, signed_in, queries_of):
    client = signed_in("network")
    client.get("/incidents/?view=each")
    three = queries_of(lambda: client.get("/incidents/?view=each"))
    one = queries_of(lambda: client.get("/incidents/"))
    for n in range(4, 6):
        world.order(n)
    while drain_once():
        pass
    assert queries_of(lambda: client.get("/incidents/?view=each")) == three
    assert queries_of(lambda: client.get("/incidents/")) == one


def test_another_branch_sees_no_incident(world, stuck, signed_in, part):
    order, incident = stuck
    client = signed_in("foreigner")
    assert order.number not in client.get("/incidents/").content.decode()
    assert client.get(f"/incidents/{incident.id}/", headers=part).status_code == 404
    assert client.post(f"/incidents/{incident.id}/retry", headers=part).status_code == 404
    assert state(world, incident).state == "open"


def test_the_figures_say_what_came_up_as_page_and_workbook(world, three_stuck, signed_in):
    client = signed_in("supervisor")
    html = client.get("/incidents/figures/").content.decode()
    cause = process.incidents(world.actor("supervisor")).rows[0]
    assert cause.title in html
    assert "按原因类别" in html
    assert "<svg" in html
    assert 'style="' not in html
    answer = client.get("/incidents/figures.xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(answer.streaming_content)))
    rows = book.get_sheet_by_index(0).to_python()
    assert ["环节", cause.title, 3] in [row[:3] for row in rows]
    far = signed_in("foreigner").get("/incidents/figures/?weeks=26&branch=x").content.decode()
    assert "这段时间没有异常单" in far
