"""Figures of the fallout desk: by cause, step, version and week, of one's own branch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction

from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.process import fallout_figures
from kaitong.process.models import Incident, Instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(begin, crew, county, other_county):
    """Rows as the desk leaves them; the tokens are of no process, so none is open to anybody."""
    instance = Instance.objects.get(pk=begin())
    again = uuid7()
    moment = now()

    def row(node, cause, state, resolution, hours, ago, *, token=None, branch=county):
        at = moment - timedelta(days=ago)
        Incident.objects.create(
            branch=branch, instance=instance, token_id=token or uuid7(), node=node, title=node,
            cause=cause, state=state, resolution=resolution, created_at=at,
            definition_id=instance.definition_id,
            resolved_at=at + timedelta(hours=hours),
        )  # fmt: skip

    row("Data", "network", "resolved", "retried", 1, 1)
    row("Data", "network", "cancelled", "retried", 3, 2, token=again)  # a newer one took its place
    row("Data", "network", "resolved", "corrected", 5, 1, token=again)
    row("Port", "data", "resolved", "done-by-hand", 10, 20)
    row("Port", "data", "resolved", "retried", 2, 200)  # before the period
    row("Port", "data", "resolved", "retried", 2, 1, branch=other_county)
    return instance


def test_how_many_how_long_how_solved_and_how_often_again(made, crew):
    found = fallout_figures.figures(crew.clerk, since=now() - timedelta(days=30))
    whole = found.whole
    assert (whole.total, whole.still, whole.retried, whole.corrected) == (4, 0, 1, 1)
    assert (whole.by_hand, whole.gone, whole.again) == (1, 1, 1)
    assert (round(whole.middle), round(whole.longest)) == (4 * 3600, 10 * 3600)
    assert [(one.key, one.total) for one in found.cause] == [("network", 3), ("data", 1)]
    assert [(one.key, one.total, one.again) for one in found.node] == [
        ("Data", 3, 1),
        ("Port", 1, 0),
    ]
    assert [(one.key, one.total) for one in found.definition] == [(str(made.definition_id), 4)]
    assert sum(one.total for one in found.week) == 4
    assert [one.key for one in found.week] == sorted(one.key for one in found.week)


def test_each_branch_has_its_own_figures(made, crew, county):
    far = fallout_figures.figures(crew.stranger, since=now() - timedelta(days=30))
    assert far.whole.total == 1
    asked = fallout_figures.figures(
        crew.stranger, since=now() - timedelta(days=30), branch_ids=[county.pk]
    )
    assert asked.whole is None
    assert asked.cause == asked.week == ()


def test_the_figures_read_their_index_alone(made, crew):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_bitmapscan = off")
        moment = now()
        cursor.execute(
            "explain " + fallout_figures._FIGURES.format(" and i.branch_id = any(%s)"),
            [settings.TIME_ZONE, moment, moment, moment, [made.branch_id]],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan using process_incident_figures" in plan
