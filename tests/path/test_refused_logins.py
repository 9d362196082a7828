"""What the fault desk sees while the customer is on the telephone: why his modem's last logins were
refused, by the AAA server's own word; our own proofs and other accounts are none of it."""

from __future__ import annotations

import pytest
from django.test import Client

from kaitong.activation.refusals import Why, refusals
from kaitong.org.models import Staff
from tests.path import moves_kit
from tests.path.moves_kit import fresh, text_of

pytestmark = [pytest.mark.radius, pytest.mark.django_db(transaction=True)]


def test_the_last_refusals_of_a_line_are_told_with_their_reason(office, radius, lab, modem):
    line = moves_kit.opened(office, lab, modem)
    where = text_of(lab, line)
    assert refusals(line) == []  # its account was proven by a wrong password, which is ours
    modem.stop(line.account)
    for chap in (False, True):
        assert not modem.start(line.account, where, password="a-wrong-one-99", chap=chap).ok
    order = moves_kit.ask(office, line, "suspend", reason="customer.away")
    office.work_until_state(order, "completed")
    assert not modem.start(line.account, where).ok
    found = refusals(fresh(line.id))
    assert [one.why for one in found] == [Why.BARRED, Why.PASSWORD, Why.PASSWORD]
    assert "a-wrong-one-99" not in str(found)
    clerk = Client()
    backend = "django.contrib.auth.backends.ModelBackend"
    clerk.force_login(Staff.objects.get(username="clerk"), backend=backend)
    told = clerk.post(f"/faults/look/{line.id}").content.decode()
    assert told.count("拨号被拒绝") == 3
    assert ("账号已停机" in told, told.count("密码不对")) == (True, 2)
    lab.stop_database()
    away = clerk.post(f"/faults/look/{line.id}")
    assert (away.status_code, "拨号被拒绝" in away.content.decode()) == (200, False)
    lab.up()
