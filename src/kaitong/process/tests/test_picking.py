"""候选规则: who is proposed, why, and that two at once go to two people."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.org import standing_in
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.process import picking, queries, services, telling
from kaitong.process.models import History, WorkItem
from kaitong.process.tests.shell_kit import crowd, item_of
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def process_of(rule, more=""):
    return f"""
start S clerk
user Visit installer form=b pick={rule} {more}
user Confirm service form=c four-eyes-with=Visit pick=least-loaded
end E clerk
S > Visit > Confirm > E
"""


@pytest.fixture
def team(county, staff_of):
    """Three installers and their supervisor."""
    people = {name: staff_of(county, name, "installer", "service") for name in ("an", "bo", "chen")}
    return people | {"boss": staff_of(county, "boss", "supervisor")}


def proposed(instance_id, node="Visit"):
    line = History.objects.filter(instance_id=instance_id, kind="proposed", node=node).last()
    return item_of(instance_id, node).candidate, line


def shift(team, name, *, start=-HOUR, length=8 * HOUR):
    begin = now() + start
    row = standing_in.ShiftRow(name, "installer", begin, begin + length)
    branch = team["boss"].branch_id
    return standing_in.put_shifts(actor=team["boss"], branch_id=branch, rows=[row])


def answers_for(team, grid, *names):
    rows = [standing_in.GridHolderRow(grid, "installer", name) for name in names]
    branch = team["boss"].branch_id
    return standing_in.put_grid_holders(actor=team["boss"], branch_id=branch, rows=rows)


def away(team, name, deputy=None):
    return standing_in.report_absence(
        actor=team[name],
        staff_id=team[name].id,
        since=now() - HOUR,
        until=now() + HOUR,
        deputy_id=team[deputy].id if deputy else None,
    )


def by(line):
    return [step["by"] for step in line.data["why"]]


def test_rules_are_filters_and_one_way_to_choose():
    for rule in ("least-loaded", "grid", "grid,roster", "grid,roster,round-robin", "roster grid"):
        assert picking.well_formed(rule), rule
    for rule in ("", "random", "least-loaded,grid", "round-robin,least-loaded", "grid,"):
        assert not picking.well_formed(rule), rule


def test_by_turns_everybody_gets_as_much(begin, team):
    seen = [proposed(begin(process_of("round-robin")))[0] for _ in range(7)]
    counts = Counter(seen)
    assert set(counts) == {team[n].id for n in ("an", "bo", "chen")}
    assert sorted(counts.values()) == [2, 2, 3]
    assert seen[:3] == [team[n].id for n in ("an", "bo", "chen")]
    assert seen[3:6] == seen[:3]


def test_who_is_absent_is_passed_over_and_the_reason_is_kept(begin, team):
    away(team, "an")
    person, line = proposed(begin(process_of("least-loaded")))
    assert person == team["bo"].id
    assert by(line) == ["absent", "least-loaded"]
    assert line.data["to"] == str(team["bo"].id)


def test_the_grid_names_its_people_and_a_deputy_stands_in(begin, team):
    answers_for(team, "G01", "chen")
    assert proposed(begin(process_of("grid"), grid="G01"))[0] == team["chen"].id
    away(team, "chen", deputy="bo")
    person, line = proposed(begin(process_of("grid"), grid="G01"))
    assert person == team["bo"].id
    assert by(line) == ["grid", "deputy", "absent"]
    rows = queries.history(line.instance_id)
    told = next(row for row in rows if row.kind == "proposed")
    text = telling.sentence(told, names=telling.people(rows), titled=False)
    assert text == "系统提议 bo（网格 G01 的责任人 1 位，代 chen，缺勤 1 位）"


def test_a_grid_without_anybody_is_passed_over_and_says_so(begin, team):
    answers_for(team, "G01", "chen")
    away(team, "chen")
    person, line = proposed(begin(process_of("grid,least-loaded"), grid="G01"))
    assert person == team["an"].id
    assert line.data["why"][0] == {"by": "grid", "passed": True, "grid": "G01"}
    person, line = proposed(begin(process_of("grid,least-loaded"), grid="nowhere"))
    assert person == team["bo"].id  # the first has one already


def test_grid_roster_and_load_together(begin, team):
    answers_for(team, "G01", "an", "bo")
    shift(team, "bo")
    shift(team, "chen")
    shift(team, "an", start=2 * HOUR)  # not yet
    person, line = proposed(begin(process_of("grid,roster,least-loaded"), grid="G01"))
    assert person == team["bo"].id
    assert [(s["by"], s.get("people")) for s in line.data["why"]] == [
        ("grid", 2),
        ("roster", 1),
        ("least-loaded", None),
    ]
    person, _line = proposed(begin(process_of("roster,round-robin"), grid="G01"))
    assert person == team["bo"].id
    person, _line = proposed(begin(process_of("roster,round-robin"), grid="G01"))
    assert person == team["chen"].id


def test_nobody_on_duty_leaves_everybody(begin, team):
    person, line = proposed(begin(process_of("roster,least-loaded")))
    assert person == team["an"].id
    assert line.data["why"][0] == {"by": "roster", "passed": True}


def test_nobody_there_proposes_nobody_and_says_so(begin, team):
    for name in ("an", "bo", "chen"):
        away(team, name)
    person, line = proposed(begin(process_of("round-robin")))
    assert person is None
    assert by(line) == ["absent", "nobody"]


def test_who_did_the_other_step_is_not_proposed(begin, team):
    instance_id = begin(process_of("least-loaded"))
    item = item_of(instance_id, "Visit")
    services.complete(actor=team["an"], item_id=item.pk, values={})
    person, line = proposed(instance_id, "Confirm")
    assert person == team["bo"].id
    assert "four-eyes" in by(line)


def test_returned_work_of_somebody_absent_goes_to_the_deputy(begin, team):
    instance_id = begin(
        """
start S clerk
user Visit installer form=b
user Confirm service form=c
end E clerk
S > Visit > Confirm > E
"""
    )
    services.complete(actor=team["an"], item_id=item_of(instance_id, "Visit").pk, values={})
    away(team, "an", deputy="chen")
    plan = queries.return_plan(team["bo"], item_of(instance_id, "Confirm").pk)
    assert plan.person_name == "chen"
    services.return_to(actor=team["bo"], item_id=plan.item_id, node="Visit", reason="x")
    assert item_of(instance_id, "Visit").candidate == team["chen"].id


def test_work_of_a_department_is_proposed_and_shown_within_it(begin, team, county):
    from kaitong.org import services as org
    from kaitong.org.models import Staff

    east = org.ensure_department(branch=county, key="东区", name="东区")
    Staff.objects.filter(username="chen").update(department=east)
    chen, an = actor_of("chen"), team["an"]
    scoped = {"posts": {"installer": {"department": "东区", "scope": "department"}}}
    instance_id = begin(process_of("least-loaded"), parameters=scoped)
    item = item_of(instance_id, "Visit")
    assert (item.candidate, item.only_department) == (chen.id, "东区")
    assert [r.id for r in queries.work_items(chen).rows] == [item.pk]
    assert queries.work_items(an).total == 0
    assert queries.counts(an)["todo"] == queries.counts(an)["open"] == 0
    assert queries.work_items(team["boss"]).total == 1
    assert not queries.work_item(an, item.pk).may_act
    with pytest.raises(Exception, match="东区"):
        services.claim(actor=an, item_id=item.pk)
    services.claim(actor=chen, item_id=item.pk)


@pytest.mark.django_db(transaction=True)
def test_by_turns_two_items_at_once_go_to_two_people(begin, team):
    """The first holds its step open; the second must not wait, nor take the same person."""
    first = begin(process_of("round-robin"))  # deploys
    definition_id = queries.work_item(team["boss"], item_of(first, "Visit").pk).definition_id
    branch = team["boss"].branch_id
    from django.db import transaction

    started, go_on = threading.Event(), threading.Event()
    made = {}

    def start():
        return services.start(
            actor=Actor.system(),
            definition_id=definition_id,
            business_id=uuid7(),
            branch_id=branch,
            variables={},
            parameters={},
        )

    def slow():
        with transaction.atomic():
            made["slow"] = start()
            started.set()
            assert go_on.wait(10)

    def quick():
        assert started.wait(10)
        made["quick"] = start()
        go_on.set()

    assert at_once(slow, quick) == [None, None]
    people = {item_of(made[name], "Visit").candidate for name in made}
    assert len(people) == 2


@pytest.mark.django_db(transaction=True)
def test_by_turns_many_threads_are_fair(begin, team):
    first = begin(process_of("round-robin"))
    definition_id = queries.work_item(team["boss"], item_of(first, "Visit").pk).definition_id
    branch = team["boss"].branch_id

    def some():
        for _ in range(15):
            services.start(
                actor=Actor.system(),
                definition_id=definition_id,
                business_id=uuid7(),
                branch_id=branch,
                variables={},
                parameters={},
            )

    assert at_once(some, some) == [None, None]
    counts = Counter(WorkItem.objects.values_list("candidate", flat=True))
    assert sum(counts.values()) == 31
    assert max(counts.values()) - min(counts.values()) <= 2


def test_the_load_of_people_is_counted_by_indexes(team):
    """In hand or proposed, also what stands suspended: never by reading all open work."""
    with CaptureQueriesContext(connection) as asked:
        picking.loads(person.id for person in team.values())
    with transaction.atomic():
        crowd(team["boss"].branch_id)
        db.execute("set local enable_seqscan = off")
        plans = [
            "\n".join(str(row) for row in db.rows("explain " + query["sql"]))
            for query in asked.captured_queries
        ]
        transaction.set_rollback(True)
    for plan, index in zip(
        plans, ("process_workitem_claimed", "process_workitem_proposed"), strict=True
    ):
        assert index in plan
        assert "Index Cond" in plan
