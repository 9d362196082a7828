# ruff: noqa: F401, F811 (fixtures of another module)
"""Backup, destroy, restore: an order's paper opens and its history is whole."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from kaitong.core.database import state_url
from kaitong.documents import services as documents
from kaitong.inventory import services as inventory
from kaitong.inventory.models import Service
from kaitong.ordering import papers, timeline
from kaitong.ordering import queries as orders
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.process import queries as process
from kaitong.transfer.backup import making, restoring, tables, upgrading
from kaitong.transfer.errors import BackupRefused
from kaitong.transfer.tests.states import elsewhere, folder
from kaitong.web.tests import world as making_worlds
from kaitong.worktime import queries as worktime

PASSPHRASE = "correct horse battery"


@pytest.fixture
def world(transactional_db, folder):
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()
    yield making_worlds.build(rooms=8, boxes=1)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM process_history")
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()


def counted() -> dict[str, int]:
    with psycopg.connect(state_url()) as server:
        return {
            name: server.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
            ).fetchone()[0]
            for name in tables.table_columns(server)
        }


@pytest.mark.server
def test_backup_destroy_restore(world, folder, elsewhere):
    system = Actor.system()
    order = world.order(1)
    paper = papers.paper_of(system, order, "receipt")
    before = documents.pdf(system, paper.id)
    lines = len(timeline.timeline(system, order))
    service = Service.objects.get(order_id=order.pk)
    password = inventory.reveal_password(actor=system, service_id=service.pk, reason="test")
    rows = counted()
    target = folder / "state.zip"
    with connection.cursor() as cursor:  # somebody's own table is no part of the state
        cursor.execute("CREATE TABLE scratch AS SELECT 1 AS number")

    made = making.make(target, passphrase=PASSPHRASE)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE scratch")
    elsewhere()
    done = restoring.restore(target, passphrase=PASSPHRASE)

    assert made.rows == done.rows == sum(rows.values())
    assert (made.files, done.files, done.upgraded) == (1, 1, 0)
    assert target.stat().st_mode & 0o077 == 0
    assert counted() == rows
    assert documents.pdf(system, paper.id) == before
    assert before[:5] == b"%PDF-"
    found = orders.order(system, order.pk)
    assert found.number == order.number
    assert len(timeline.timeline(system, found)) == lines > 0
    assert inventory.reveal_password(actor=system, service_id=service.pk, reason="t") == password
    assert process.check() == []
    # what the schema forbids is forbidden again
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'")
        assert cursor.fetchone()[0] == 0
    # over what is here now nothing is restored unasked; asked, it is replaced
    with pytest.raises(BackupRefused) as caught:
        restoring.restore(target, passphrase=PASSPHRASE)
    assert "--replace" in str(caught.value)
    # a newer version of this state's folders is in use: the schema is up to date
    upgrading.ready(lambda text: pytest.fail(text))
