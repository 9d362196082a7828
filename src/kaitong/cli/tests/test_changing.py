"""`service changes` and `service change`: as a clerk types them, right and wrong."""

from __future__ import annotations

import json

import pytest

from kaitong.cli.__main__ import parser
from kaitong.cli.changing import service_change, service_changes
from kaitong.core.errors import BadInput, Forbidden, NotFound
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.models import Authentication, ServiceChange
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.web.tests import world as making
from kaitong.web.tests.world import resident_number
from kaitong.worktime import queries as worktime


@pytest.fixture
def line(db):
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()
    yield making.build(rooms=4, boxes=1).line(1)
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()


def typed(*words: str):
    return parser().parse_args(["service", *words])


def test_a_change_is_listed_asked_for_and_then_under_way(line, capsys):
    service_changes(typed("changes", line.account, "--as", "clerk", "--json"))
    told = {one["change"]: one for one in json.loads(capsys.readouterr().out)}
    assert told["suspend"]["possible"]
    assert "不能办理复机" in told["resume"]["why_not"]
    words = ("change", line.account, "suspend", "--as", "clerk", "--reason", "customer.away")
    service_change(typed(*words, "--document", resident_number(1), "--key", "k1"))
    change = ServiceChange.objects.get()
    assert capsys.readouterr().out.strip() == str(change.item.order_id)
    service_changes(typed("changes", line.account, "--as", "clerk"))
    assert "正在办理停机" in capsys.readouterr().out


def test_a_wrong_document_is_refused_and_counted(line):
    words = ("change", line.account, "suspend", "--as", "clerk", "--reason", "customer.away")
    with pytest.raises(BadInput, match="不符"):
        service_change(typed(*words, "--document", resident_number(2)))
    with pytest.raises(BadInput, match="--document"):
        service_change(typed(*words))
    assert Authentication.objects.filter(ok=False).count() == 1
    assert not ServiceChange.objects.exists()


def test_what_the_line_does_not_allow_is_told_before_anything_is_compared(line):
    words = ("change", line.account, "resume", "--as", "clerk", "--reason", "customer.back")
    with pytest.raises(OrderRefused, match="不能办理复机"):
        service_change(typed(*words, "--document", resident_number(2)))
    assert not Authentication.objects.exists()


def test_wrong_people_and_accounts(line):
    words = ("suspend", "--reason", "customer.away", "--document", resident_number(1))
    wrong = ("suspend", "--reason", "customer.away", "--document", resident_number(2))
    for said in (words, wrong):  # whatever he says of the customer: it is not compared
        with pytest.raises(Forbidden) as refused:
            service_change(typed("change", line.account, *said, "--as", "installer"))
        assert "不能办理" in str(refused.value)
    assert not Authentication.objects.exists()
    with pytest.raises(NotFound):
        service_change(typed("change", line.account, *words, "--as", "foreigner"))
