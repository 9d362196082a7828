"""The fallout desk's verbs from the command line: done by hand takes two people there too."""

from __future__ import annotations

import pytest

from kaitong.cli import incidents
from kaitong.cli.__main__ import parser
from kaitong.core.errors import Forbidden, NotFound, Refused
from kaitong.documents import pictures
from kaitong.documents import queries as documents
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process import services
from kaitong.process.worker import drain_once
from kaitong.web.tests import world as making

pytestmark = [pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def run(*words: str) -> None:
    asked = parser().parse_args(["incident", *words])
    module, _dot, name = asked.handler.partition(".")
    assert module == "incidents"
    getattr(incidents, name)(asked)


@pytest.fixture
def stuck():
    """No network element is registered: data cannot be made."""
    order = making.build(rooms=4, boxes=1).order(1)
    while drain_once():
        pass
    return process.incidents(SYSTEM, business_id=order.id).rows[0]


def now_is(row):
    rows = process.incidents(SYSTEM, state=None, business_id=row.business_id).rows
    return next(one for one in rows if one.id == row.id)


def test_two_people_settle_an_incident_on_the_command_line(stuck, tmp_path, capsys):
    at = str(stuck.id)
    shot = tmp_path / "网管.jpg"
    shot.write_bytes(pictures.tiny())
    run("claim", at, "--as", "network")
    run("note", at, "--text", "网元在检修", "--as", "service")
    with pytest.raises(Refused):
        run("agree", at, "--as", "supervisor")  # nothing was asked yet
    run("by-hand", at, "--evidence", "已在网管上做好", "--file", str(shot), "--as", "network")
    assert now_is(stuck).state == "open"
    with pytest.raises(Forbidden):
        run("agree", at, "--as", "network")
    with pytest.raises(NotFound):
        run("agree", at, "--as", "foreigner")
    run("agree", at, "--as", "supervisor")
    settled = now_is(stuck)
    assert (settled.state, settled.resolution, settled.evidence) == (
        "resolved",
        "done-by-hand",
        "已在网管上做好",
    )
    assert [f.title for f in documents.attachments(SYSTEM, [stuck.id])[stuck.id]] == ["网管.jpg"]
    assert "running" in capsys.readouterr().out


def test_a_file_that_is_not_there_asks_for_nothing(stuck):
    with pytest.raises(Refused):
        run("by-hand", str(stuck.id), "--evidence", "x", "--file", "/no/file", "--as", "network")
    assert process.proposal(SYSTEM, stuck.id) is None


def test_retrying_and_declining_on_the_command_line(stuck, capsys):
    at = str(stuck.id)
    run("by-hand", at, "--evidence", "做了", "--as", "network")
    run("decline", at, "--reason", "没有截图", "--as", "supervisor")
    assert process.proposal(SYSTEM, stuck.id) is None
    services.claim_incident(actor=making_actor("network"), incident_id=stuck.id)
    run("release", at, "--as", "network")
    run("retry", at, "--as", "network")
    assert now_is(stuck).tries == 1
    with pytest.raises(Refused):
        run("retry", "nonsense", "--as", "network")


def making_actor(username: str) -> Actor:
    from kaitong.org import queries as org

    return org.actor_of(username)
