"""对账 by its pages: who reads it, both sides, filters, and a repair that must not be done."""

from __future__ import annotations

import pytest

from kaitong.activation import services as activation
from kaitong.activation.models import Difference, Reconciliation
from kaitong.core.clock import now
from kaitong.process import services as process
from kaitong.process import worker
from kaitong.process.models import WorkItem


@pytest.fixture
def element(world):
    """An AAA server whose database answers nobody."""
    return activation.register_element(
        key="radius",
        kind="aaa",
        title="认证系统",
        branch_id=world.branch.id,
        connection={
            "host": "127.0.0.1",
            "auth_port": 1,
            "database": {"host": "127.0.0.1", "port": 1, "name": "radius", "user": "oss"},
        },
        secret={"radius": "testing-only", "database": "testing-only"},
    )


def plant(world, element, account, kind, **more):
    return Difference.objects.create(
        element=element, branch=world.branch, account=account, kind=kind, seen_at=now(), **more
    )


@pytest.fixture
def planted(world, element):
    service = world.line(1)
    fields = {"plan": ["home-300", "free-riders"], "state": ["open", "arrears"]}
    fields["password"] = ["", ""]
    return [
        plant(world, element, service.account, "different", service_id=service.id, fields=fields),
        plant(world, element, "ghost@kd", "extra", fields={"groups": ["", "home-100"]}),
        plant(world, element, "gone@kd", "missing", closed_at=now(), closed_how="gone"),
    ]


@pytest.mark.parametrize("who", ["network", "supervisor"])
def test_both_sides_of_what_stands_are_listed(world, planted, signed_in, who):
    html = signed_in(who).get("/reconciliation/").content.decode()
    for said in (planted[0].account, "home-300", "free-riders", "正常", "arrears", "ghost@kd"):
        assert said in html, said
    assert "gone@kd" not in html
    ended = signed_in(who).get("/reconciliation/?tab=ended").content.decode()
    assert "gone@kd" in ended
    assert "自行一致" in ended
    assert "ghost@kd" not in ended


def test_its_work_is_called_by_the_account_and_the_server(world, planted, signed_in, part):
    process.publish(
        name="account-differs",
        key=str(planted[1].pk),
        sender_id="differs",
        values={"business_id": str(planted[1].pk), "difference_id": str(planted[1].pk)},
        branch_id=world.branch.id,
    )
    worker.drain_all()
    client = signed_in("network")
    html = client.get("/work/").content.decode()
    assert "ghost@kd" in html
    assert "认证系统" in html
    item = WorkItem.objects.get(instance__business_id=planted[1].pk)
    drawer = client.get(f"/work/{item.pk}/", headers=part).content.decode()
    assert "ghost@kd" in drawer
    assert f"/reconciliation/{planted[1].pk}/" in drawer
    assert f"/orders/{planted[1].pk}/" not in drawer


def test_kinds_are_filtered(world, planted, signed_in):
    html = signed_in("network").get("/reconciliation/?kind=extra").content.decode()
    assert "ghost@kd" in html
    assert planted[0].account not in html


@pytest.mark.parametrize("who", ["clerk", "installer"])
def test_the_wrong_person_is_refused_everywhere(world, planted, signed_in, who):
    client, row = signed_in(who), planted[1]
    assert client.get("/reconciliation/").status_code == 403
    assert client.get(f"/reconciliation/{row.pk}/").status_code == 403
    for act in ("resend", "remove"):
        assert client.post(f"/reconciliation/{row.pk}/{act}").status_code == 403
    assert 'href="/reconciliation/"' not in client.get("/customers/").content.decode()


def test_another_branch_finds_nothing(world, planted, signed_in):
    foreigner = signed_in("foreigner")
    assert "ghost@kd" not in foreigner.get("/reconciliation/").content.decode()
    assert foreigner.get(f"/reconciliation/{planted[1].pk}/").status_code == 404
    for act in ("resend", "remove"):
        answer = foreigner.post(f"/reconciliation/{planted[1].pk}/{act}", {"seen": "x"})
        assert answer.status_code == 404


def test_each_kind_offers_its_own_repair(world, planted, signed_in):
    different, extra, closed = (
        signed_in("network").get(f"/reconciliation/{row.pk}/").content.decode() for row in planted
    )
    assert 'id="resend"' in different
    assert 'id="remove"' not in different
    assert 'id="remove"' in extra
    assert 'id="resend"' not in extra
    assert 'id="resend"' not in closed
    assert 'id="remove"' not in closed


def test_what_was_not_looked_at_is_not_taken_out(world, planted, signed_in):
    row, client = planted[1], signed_in("network")
    answer = client.post(f"/reconciliation/{row.pk}/remove", {"seen": "something else"})
    assert answer.status_code == 409
    assert "刚刚变化过" in answer.content.decode()
    row.refresh_from_db()
    assert row.closed_at is None


def test_the_server_away_is_said_and_the_difference_stands(world, planted, signed_in):
    row = planted[0]
    answer = signed_in("network").post(f"/reconciliation/{row.pk}/resend")
    assert answer.status_code == 409
    assert "没有应答" in answer.content.decode()
    row.refresh_from_db()
    assert row.closed_at is None


def test_the_list_costs_the_same_for_more_differences(
    world, element, planted, signed_in, queries_of
):
    client = signed_in("network")
    client.get("/reconciliation/")
    few = queries_of(lambda: client.get("/reconciliation/"))
    for number in range(5):
        plant(world, element, f"ghost{number}@kd", "extra", fields={"groups": ["", ""]})
    assert queries_of(lambda: client.get("/reconciliation/")) == few


def test_the_last_run_is_that_of_the_readers_own_server(world, element, signed_in):
    Reconciliation.objects.create(element=element, ended_at=now(), compared=4711)
    assert "4711" in signed_in("network").get("/reconciliation/").content.decode()
    html = signed_in("foreigner").get("/reconciliation/").content.decode()
    assert "4711" not in html
    assert "还没有对过账" in html
