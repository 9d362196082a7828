"""The network does not do what a change asked of it: a person of the network decides, in the flow.

Against the real AAA server whose rule for suspended accounts is broken, as a hand might break it.
"""

from __future__ import annotations

import psycopg
import pytest

from kaitong.activation.adapters.wire import RadiusClient
from kaitong.inventory import services as inventory
from kaitong.inventory.models import Service, Suspension
from kaitong.ordering import life
from kaitong.ordering.models import ServiceChange
from kaitong.process import queries as process
from tests.path.moves_kit import SYSTEM, ask, fresh, opened

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]
PASSWORD = {"password": "Fresh-2026", "password_again": "Fresh-2026"}


@pytest.fixture
def line(office, radius, lab, modem):
    made = opened(office, lab, modem)
    modem.stop(made.account)
    return made


@pytest.fixture
def open_door(lab):
    """Suspended accounts are let in; what is called mends it again."""
    rule = "SELECT groupname, attribute, op, value FROM radgroupcheck WHERE value = 'Reject'"
    owner = lab.cluster.dsn(lab.settings().database)
    with psycopg.connect(owner, autocommit=True) as database:
        rules = database.execute(rule).fetchall()
        assert rules
        database.execute("DELETE FROM radgroupcheck WHERE value = 'Reject'")

        def mend() -> None:
            for row in rules if not database.execute(rule).fetchall() else ():
                database.execute(
                    "INSERT INTO radgroupcheck (groupname, attribute, op, value)"
                    " VALUES (%s, %s, %s, %s)",
                    row,
                )

        yield mend
        mend()


def password_of(line) -> str:
    return inventory.reveal_password(actor=SYSTEM, service_id=line.id, reason="test")


def let_in(lab, line) -> bool:
    settings = lab.settings()
    client = RadiusClient(settings.host, settings.auth_port, settings.secret)
    return bool(client.login(line.account, password_of(line)).accepted)


def wait_for(office, order, node: str, post: str) -> None:
    """A person's task of that post, in words; no incident."""
    office.work_until(order, node)
    assert office.item(order, node).post == post
    assert not process.incidents(SYSTEM, business_id=order.id).rows
    assert office.show(order)["state"] == "inProgress"


def test_a_suspension_that_does_not_take_effect_is_mended_or_taken_back(
    line, office, lab, open_door
):
    order = ask(office, line, "suspend", reason="customer.away")
    wait_for(office, order, "LoginAccepted", "network")
    assert "认证系统仍接受登录" in fresh(line.id).reason
    office.complete(order, "LoginAccepted", decision="undo", found="认证系统检修，改日再停")
    office.work_until_state(order, "failed")
    assert (fresh(line.id).state, let_in(lab, line)) == ("active", True)
    assert not Suspension.objects.filter(ended_at=None).exists()
    assert not ServiceChange.objects.filter(ended_at=None).exists()

    again = ask(office, line, "suspend", reason="customer.away")
    wait_for(office, again, "LoginAccepted", "network")
    office.complete(again, "LoginAccepted", decision="by-hand", found="以为已经改好")
    wait_for(office, again, "LoginAccepted", "network")  # nobody's word is a proof
    open_door()
    office.complete(again, "LoginAccepted", decision="by-hand", found="拒绝规则已补上")
    office.work_until_state(again, "completed")
    assert (fresh(line.id).state, let_in(lab, line)) == ("inactive", False)
    assert Suspension.objects.count() == 2


@pytest.mark.parametrize("way", ["retry", "by-hand", "undo"])
def test_a_password_of_a_suspended_line_that_is_let_in(line, office, lab, open_door, way):
    inventory.suspend(actor=SYSTEM, service_id=line.id, kind="request", reason="外出")
    former = password_of(line)
    order = ask(office, line, "reset-password", **PASSWORD)
    wait_for(office, order, "PasswordTrouble", "network")
    open_door()
    office.complete(order, "PasswordTrouble", decision=way, found="拒绝规则已补上")
    office.work_until_state(order, "failed" if way == "undo" else "completed")
    assert password_of(line) == (former if way == "undo" else "Fresh-2026")
    assert (fresh(line.id).state, let_in(lab, line)) == ("inactive", False)
    assert ServiceChange.objects.get().sealed is None
    back = ask(office, line, "resume", reason="customer.back")
    office.work_until_state(back, "completed")
    assert (fresh(line.id).state, let_in(lab, line)) == ("active", True)


def test_a_line_that_is_gone_when_it_shall_be_suspended(line, office, monkeypatch):
    """Between the request and its first step something else has ended the line."""
    prepare = life._prepare

    def ended(subject, kept, key):
        Service.objects.filter(pk=line.id).update(state="terminated")
        prepare(subject, kept, key)

    monkeypatch.setattr(life, "_prepare", ended)
    order = ask(office, line, "suspend", reason="customer.away")
    wait_for(office, order, "StateTrouble", "clerk")
    office.complete(order, "StateTrouble", decision="refuse", found="这条宽带已拆机")
    assert office.show(order)["state"] == "failed"
    assert not Suspension.objects.exists()
    assert not ServiceChange.objects.filter(ended_at=None).exists()
