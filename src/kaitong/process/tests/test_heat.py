"""Where a process is hot, and how long it took: what one sees is one's branch, from indexes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.process import actions, figures, heat, services
from kaitong.process.models import Instance, NodeBatch, NodeDay, WorkItem
from kaitong.process.tests.shell_kit import drawing, item_of, transactional

pytestmark = pytest.mark.django_db

STEPS = """
start S clerk
user Check clerk form=f
service Assign resource action=assign
user Visit installer form=f
end E clerk
S > Check > Assign > Visit > E
"""


@pytest.fixture
def deployed():
    return services.deploy(playbook="kit", key="kit", data=drawing(STEPS), file="kit.bpmn")


@pytest.fixture
def ran(deployed, crew, county, other_county):
    """Begun 1, 2, 3, 4 and 30 hours ago: two checked since, one of them stuck; one elsewhere."""
    moment = now()
    ids = []
    for hours, branch in [(1, county), (2, county), (3, county), (4, county), (30, other_county)]:
        with frozen(moment - timedelta(hours=hours)):
            ids.append(
                services.start(
                    actor=Actor.system(), definition_id=deployed.pk, business_id=uuid7(),
                    branch_id=branch.pk, variables={}, parameters={},
                )
            )  # fmt: skip
    with frozen(moment - timedelta(minutes=30)):
        with actions.installed(transactional("assign", lambda context: {})):
            services.complete(actor=crew.clerk, item_id=item_of(ids[2], "Check").pk, values={})
        with actions.installed():
            services.complete(actor=crew.clerk, item_id=item_of(ids[3], "Check").pk, values={})
    return ids


def minutes(span):
    return round(span.total_seconds() / 60)


def test_each_node_says_how_many_wait_how_long_and_how_many_are_late(ran, deployed, crew):
    WorkItem.objects.filter(instance_id=ran[1]).update(due_at=now() - timedelta(hours=1))
    found = heat.heat(crew.clerk, [deployed.pk])
    assert {node: one.waiting for node, one in found.items()} == {
        "Check": 2,
        "Assign": 1,
        "Visit": 1,
    }
    check = found["Check"]
    assert (check.late, check.unclaimed, check.stuck) == (1, 2, 0)
    assert minutes(check.longest) == 120
    assert minutes(check.middle) in (60, 120)
    assert (found["Assign"].stuck, minutes(found["Assign"].longest)) == (1, 30)


def test_a_branch_sees_its_own_and_a_period_narrows(ran, deployed, crew, other_county):
    far = heat.heat(crew.stranger, [deployed.pk])
    assert {node: one.waiting for node, one in far.items()} == {"Check": 1}
    assert heat.heat(crew.clerk, [deployed.pk], branch_ids=[other_county.pk]) == {}
    late = heat.heat(crew.clerk, [deployed.pk], since=now() - timedelta(minutes=90))
    assert {node: one.waiting for node, one in late.items()} == {"Check": 1}


def test_processes_are_listed_with_what_runs_and_versions_are_told_apart(ran, deployed, crew):
    newer = services.deploy(
        playbook="kit", key="kit", data=drawing(STEPS.replace("Visit", "Go")), file="kit.bpmn"
    )
    services.retire(definition_id=deployed.pk)
    (one,) = heat.processes(crew.clerk)
    assert (one.key, one.running, one.stuck) == ("kit", 4, 1)
    assert [version.pk for version in one.versions] == [newer.pk, deployed.pk]
    assert heat.running_by_version(crew.clerk, [newer.pk, deployed.pk]) == {deployed.pk: 4}
    assert heat.processes(crew.stranger)[0].running == 1


def test_what_was_left_is_added_up_once_however_often(ran, deployed, crew):
    assert figures.add_up() >= 1
    first = {row.node: (row.count, round(row.seconds)) for row in NodeDay.objects.all()}
    assert first == {"Check": (2, round(2.5 * 3600 + 3.5 * 3600))}
    assert figures.add_up() <= 1  # today's stand; at most an older day is looked at
    with frozen(now() + timedelta(minutes=10)):
        figures.add_up()
    assert {row.node: (row.count, round(row.seconds)) for row in NodeDay.objects.all()} == first
    past = heat.past(crew.clerk, [deployed.pk], weeks=2)
    assert (past["Check"].count, minutes(past["Check"].mean)) == (2, 180)
    assert minutes(timedelta(seconds=past["Check"].longest)) == 210
    assert heat.past(crew.stranger, [deployed.pk], weeks=2) == {}


def test_days_that_were_never_added_up_are_in_time(ran):
    for _pass in range(figures.KEPT_DAYS + 2):
        figures.add_up()
    assert NodeBatch.objects.filter(whole=True).count() >= figures.KEPT_DAYS - 2
    count = NodeBatch.objects.count()
    assert figures.add_up() == 0
    assert NodeBatch.objects.count() == count


def test_what_runs_is_counted_from_the_index_alone(ran, deployed, crew):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_bitmapscan = off")
        cursor.execute(
            "explain " + heat._RUNNING.format(heat._BRANCH), [[Instance.objects.first().branch_id]]
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan using process_instance_of" in plan
