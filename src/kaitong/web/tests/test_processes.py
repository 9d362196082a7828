"""Processes: the list, the heat map of each, what a branch and a post may follow from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.process import figures
from kaitong.process import queries as process
from kaitong.process import services as verbs

pytestmark = pytest.mark.django_db

HEAT = "/processes/home-broadband/open/"


@pytest.fixture
def three(world):
    moment = now()
    made = []
    for hours in (5, 2, 1):
        with frozen(moment - timedelta(hours=hours)):
            made.append(world.order(hours))
    return made


def text_of(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_says_how_many_run(world, three, signed_in):
    html = text_of(signed_in("clerk").get("/processes/"))
    row = html[html.index(f'data-href="{HEAT}"') :]
    assert "家庭宽带新装" in row
    assert row.index(">3</td>") < row.index("</tr>")
    assert 'data-href="/processes/home-broadband/withdraw/"' in html


def test_each_step_says_how_many_wait_and_how_long(world, three, signed_in):
    client = signed_in("installer")
    html = text_of(client.get(HEAT))
    row = html[html.index('id="n-Appoint"') :]
    row = row[: row.index("</tr>")]
    assert "预约派单" in row
    assert "<b>3</b>" in row
    assert "2时" in row  # half of them longer
    assert "5时" in row  # the longest
    assert "step=%E9%A2%84" in row  # leads to this person's work
    assert '"heat": {' in html
    part = text_of(client.get(HEAT, headers={"HX-Request": "true", "KT-Part": "heat"}))
    assert part.startswith('<section class="kt-panel" id="heat"')


def test_who_does_not_hold_the_post_is_not_led_to_its_work(world, three, signed_in):
    html = text_of(signed_in("service").get(HEAT))
    row = html[html.index('id="n-Appoint"') :]
    assert "<a " not in row[: row.index("</tr>")]


def test_a_foreign_branch_sees_nothing_waiting(world, three, signed_in):
    html = text_of(signed_in("foreigner").get(HEAT))
    assert "现在没有在等的" in html
    assert 'id="n-Appoint"' not in html


def test_filters_narrow_and_nonsense_is_passed_over(world, three, signed_in):
    client = signed_in("supervisor")
    with frozen(now() + timedelta(days=2)):
        assert "现在没有在等的" in text_of(client.get(HEAT + "?since=1"))
        assert 'id="n-Appoint"' in text_of(client.get(HEAT + "?since=7"))
    version = process.definitions(playbook="home-broadband")
    one = next(row for row in version if row.key == "open")
    assert 'id="n-Appoint"' in text_of(client.get(f"{HEAT}?version={one.pk}"))
    assert 'id="n-Appoint"' in text_of(client.get(f"{HEAT}?version=x&since=y&branch=z&view=q"))
    assert client.get("/processes/home-broadband/nothing/").status_code == 404


def test_the_weeks_past_say_how_long_each_step_took(world, three, signed_in):
    item = process.open_items_of(world.actor("supervisor"), [three[0].id])[three[0].id][0]
    start = (now() + timedelta(days=1)).replace(hour=2, minute=0, second=0, microsecond=0)
    verbs.complete(
        actor=world.actor("installer"),
        item_id=item.id,
        values={"appointment_start": start.isoformat(), "contacted": True},
    )
    client = signed_in("supervisor")
    assert "这段时间没有经过的环节" in text_of(client.get(HEAT + "?view=4"))
    figures.add_up()
    html = text_of(client.get(HEAT + "?view=4"))
    row = html[html.index('id="n-Appoint"') :]
    row = row[: row.index("</tr>")]
    assert ">1</td>" in row
    assert "5时" in row
    assert "<rect" in row


def test_the_heat_costs_the_same_whatever_the_number(world, three, signed_in, queries_of):
    client = signed_in("supervisor")
    client.get(HEAT)
    few = queries_of(lambda: client.get(HEAT))
    for n in (6, 7, 8):
        world.order(n)
    assert queries_of(lambda: client.get(HEAT)) == few
