"""Every verb of the trade from the command line, as the person named; refused as pages refuse."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.cli import work
from kaitong.cli.__main__ import parser
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, NotFound, Refused
from kaitong.ordering import queries as orders
from kaitong.ordering.timeline import timeline
from kaitong.org.actor import Actor
from kaitong.process import queries as process

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def run(*words: str) -> None:
    asked = parser().parse_args(["work", *words])
    getattr(work, asked.handler.removeprefix("work."))(asked)


@pytest.fixture
def item(office):
    order = office.submit()
    rows = process.open_items_of(SYSTEM, [order.id])[order.id]
    return next(row for row in rows if row.node == "Appoint")


def seen(item):
    return process.work_item(SYSTEM, item.id)


def test_each_verb_does_what_it_says_and_stands_on_the_timeline(office, item, capsys):
    at = str(item.id)
    run("claim", at, "--as", "installer")
    assert seen(item).claimed_by == office.people["installer"].id
    assert "处理中 installer" in capsys.readouterr().out
    run("urge", at, "--as", "clerk", "--reason", "客户来问")
    run("help", at, "--to", "network", "--as", "installer", "--reason", "核对端口")
    run("feedback", at, "--text", "已联系客户", "--as", "network")
    until = f"{now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    run("suspend", at, "--reason-code", "customer-away", "--until", until, "--as", "installer")
    assert seen(item).state == "suspended"
    run("resume", at, "--as", "installer")
    run("release", at, "--as", "installer", "--reason", "换班")
    run("dispatch", at, "--to", "installer", "--as", "supervisor")
    run("transfer", at, "--post", "network", "--as", "supervisor", "--reason", "误派")
    assert (seen(item).post, seen(item).urged) == ("network", 1)
    order = orders.order(SYSTEM, item.business_id)
    told = [e.text for e in timeline(office.people["clerk"], order) if e.kind == "work"][::-1]
    for text in ("接单", "催办：客户来问", "请 network 协办：核对端口", "阶段反馈", "解挂",
                 "放回待接单：换班", "派给 installer", "转派给 网络部门：误派"):  # fmt: skip
        assert text in told, (text, told)
    assert any(text.startswith("挂起至") for text in told)


def test_return_goes_to_an_earlier_step(office, item):
    order = orders.order(SYSTEM, item.business_id)
    office.complete(order, "Appoint")
    rows = process.open_items_of(SYSTEM, [order.id])[order.id]
    install = next(row for row in rows if row.node == "Install")
    back = ["return", str(install.id), "--step", "Appoint", "--reason", "时间不对"]
    run(*back, "--as", "installer")
    assert "Appoint" in office.nodes(order)


def test_refusals_are_those_of_the_verbs(office, item, other_county, staff_of):
    staff_of(other_county, "stranger", "installer", "supervisor")
    at = str(item.id)
    with pytest.raises(NotFound):
        run("claim", at, "--as", "stranger")
    with pytest.raises(Forbidden):
        run("claim", at, "--as", "clerk")
    with pytest.raises(Forbidden):
        run("feedback", at, "--text", "x", "--as", "service")
    with pytest.raises(BadInput):
        run("suspend", at, "--reason-code", "x", "--until", "morgen", "--as", "installer")
    with pytest.raises(Refused):
        run("transfer", at, "--post", "nobody", "--as", "supervisor")
    assert (seen(item).state, seen(item).post) == ("todo", "installer")
