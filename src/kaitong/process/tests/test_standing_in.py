"""委托, 代理人, 四眼, several at once: who acts for whom, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.core.errors import BadInput, Conflict, Forbidden, NotFound
from kaitong.org import standing_in
from kaitong.org.queries import actor_of
from kaitong.process import queries, services
from kaitong.process.models import History, WorkItem
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PAIR = """
start S clerk
user Visit installer form=b
user Confirm service form=c four-eyes-with=Visit
user Again installer form=d
end E clerk
S > Visit > Confirm > Again > E
"""


@pytest.fixture
def team(county, staff_of):
    people = {
        "an": staff_of(county, "an", "installer", "service"),
        "bo": staff_of(county, "bo", "clerk"),
        "chen": staff_of(county, "chen", "installer", "service"),
        "boss": staff_of(county, "boss", "supervisor"),
    }
    return people


def handed(team, principal="an", to="bo", **given):
    standing_in.delegate(
        actor=team[principal],
        to=team[to].id,
        **{"since": now() - DAY, "until": now() + DAY, "reason": "休假", **given},
    )
    return actor_of(to)


def done(actor, instance_id, node):
    item = item_of(instance_id, node)
    services.complete(actor=actor, item_id=item.pk, values={})
    return item_of(instance_id, node)


def test_a_delegate_sees_and_does_the_work_and_both_are_recorded(begin, team):
    instance_id = begin(PAIR)
    item = item_of(instance_id, "Visit")
    services.claim(actor=team["an"], item_id=item.pk)
    assert not queries.work_items(team["bo"], tab="mine").total
    bo = handed(team)
    assert [row.id for row in queries.work_items(bo, tab="mine").rows] == [item.pk]
    assert queries.counts(bo)["mine"] == 1
    row = done(bo, instance_id, "Visit")
    assert (row.completed_by, row.completed_for) == (bo.id, team["an"].id)
    line = History.objects.get(instance_id=instance_id, kind="completed")
    assert (line.actor_id, line.data["for"]) == (bo.id, str(team["an"].id))


def test_only_the_posts_handed_over_and_only_for_the_time(begin, team):
    instance_id = begin(PAIR)
    bo = handed(team, posts=["service"])
    with pytest.raises(Forbidden):
        services.claim(actor=bo, item_id=item_of(instance_id, "Visit").pk)
    with frozen(now() + 2 * DAY):
        assert actor_of("bo").posts == {"clerk"}
    [line] = standing_in_rows(team)
    standing_in.end_delegation(actor=team["an"], delegation_id=line.pk)
    assert actor_of("bo").posts == {"clerk"}
    with pytest.raises(Conflict):
        standing_in.end_delegation(actor=team["an"], delegation_id=line.pk)


def standing_in_rows(team):
    from kaitong.org import duty

    return duty.delegations(team["an"], of=team["an"].id)


def test_what_was_handed_over_is_not_handed_on(team):
    bo = handed(team)
    with pytest.raises(BadInput, match="自己的岗位"):
        standing_in.delegate(
            actor=bo,
            to=team["chen"].id,
            posts=["installer"],
            since=now(),
            until=now() + DAY,
            reason="x",
        )


def test_dispatched_to_the_principal_the_delegate_may_take_it(begin, team):
    instance_id = begin(PAIR)
    item = item_of(instance_id, "Visit")
    services.dispatch(actor=team["boss"], item_id=item.pk, to=team["an"].id)
    with pytest.raises(Forbidden, match="派给他人"):
        services.claim(actor=team["chen"], item_id=item.pk)
    bo = handed(team)
    assert queries.work_items(bo).total == 1
    services.claim(actor=bo, item_id=item.pk)
    line = History.objects.get(instance_id=instance_id, kind="claimed")
    assert (line.actor_id, line.data["for"]) == (bo.id, str(team["an"].id))


def test_four_eyes_hold_across_delegation_both_ways(begin, team):
    # the principal did the first: the delegate may not do the second for them
    instance_id = begin(PAIR)
    done(team["an"], instance_id, "Visit")
    bo = handed(team)
    with pytest.raises(Forbidden, match="他人复核"):
        services.complete(actor=bo, item_id=item_of(instance_id, "Confirm").pk, values={})
    with pytest.raises(Forbidden, match="他人复核"):
        services.claim(actor=bo, item_id=item_of(instance_id, "Confirm").pk)
    assert item_of(instance_id, "Confirm").state == "todo"
    assert queries.work_item(bo, item_of(instance_id, "Confirm").pk).barred
    assert not queries.work_item(team["chen"], item_of(instance_id, "Confirm").pk).barred
    # the delegate did the first for the principal: neither may do the second
    other = begin(PAIR)
    done(bo, other, "Visit")
    for actor in (bo, team["an"]):
        with pytest.raises(Forbidden, match="他人复核"):
            services.complete(actor=actor, item_id=item_of(other, "Confirm").pk, values={})
    assert done(team["chen"], other, "Confirm").state == "done"


def test_four_eyes_hold_whichever_step_comes_first(begin, team):
    """The pair is named at the earlier step, and once the later one is done that one is barred."""
    instance_id = begin(
        """
start S clerk
user Check installer form=a four-eyes-with=Enter
user Enter installer form=b
end E clerk
S > Check > Enter > E
"""
    )
    done(team["an"], instance_id, "Check")
    with pytest.raises(Forbidden, match="他人复核"):
        services.claim(actor=team["an"], item_id=item_of(instance_id, "Enter").pk)
    assert done(team["chen"], instance_id, "Enter").state == "done"


def test_absence_own_or_by_the_supervisor_never_twice(team):
    given = {"staff_id": team["an"].id, "since": now() - DAY, "until": now() + DAY}
    with pytest.raises(Forbidden):
        standing_in.report_absence(actor=team["chen"], **given)
    row = standing_in.report_absence(actor=team["boss"], **given, deputy_id=team["chen"].id)
    with pytest.raises(Conflict, match="已登记"):
        standing_in.report_absence(actor=team["an"], **given)
    with pytest.raises(BadInput, match="代理人"):
        standing_in.report_absence(
            actor=team["bo"],
            staff_id=team["bo"].id,
            since=now(),
            until=now() + DAY,
            deputy_id=team["bo"].id,
        )
    standing_in.end_absence(actor=team["an"], absence_id=row.pk)
    with pytest.raises(Conflict):
        standing_in.end_absence(actor=team["an"], absence_id=row.pk)


def test_another_branch_is_not_found(team, other_county, staff_of):
    stranger = staff_of(other_county, "stranger", "supervisor")
    with pytest.raises(NotFound):
        standing_in.report_absence(
            actor=stranger, staff_id=team["an"].id, since=now(), until=now() + DAY
        )
    handed(team)
    with pytest.raises(NotFound):
        standing_in.end_delegation(actor=stranger, delegation_id=standing_in_rows(team)[0].pk)


def test_work_in_absent_hands_is_listed_and_given_to_others(begin, team):
    items = [item_of(begin(PAIR), "Visit") for _ in range(3)]
    for item in items:
        services.claim(actor=team["an"], item_id=item.pk)
    assert queries.held_by_absent(team["boss"]) == []
    standing_in.report_absence(
        actor=team["boss"], staff_id=team["an"].id, since=now() - DAY, until=now() + DAY
    )
    held = queries.held_by_absent(team["boss"])
    assert {row.id for row in held} == {item.pk for item in items}
    assert queries.held_by_absent(team["chen"]) == []
    outcomes = services.many(
        actor=team["boss"],
        verb="dispatch",
        items=[row.id for row in held],
        to=team["chen"].id,
        reason="休假",
    )
    assert [outcome.why for outcome in outcomes] == ["", "", ""]
    assert queries.held_by_absent(team["boss"]) == []


def test_many_at_once_each_or_all_or_none(begin, team):
    items = [item_of(begin(PAIR), "Visit").pk for _ in range(3)]
    services.claim(actor=team["chen"], item_id=items[1])
    outcomes = services.many(actor=team["an"], verb="claim", items=items, all_or_none=True)
    assert [bool(o.why) for o in outcomes] == [False, True, False]
    assert "他人接单" in outcomes[1].why
    assert WorkItem.objects.filter(claimed_by=team["an"].id).count() == 0
    outcomes = services.many(actor=team["an"], verb="claim", items=items)
    assert [bool(o.why) for o in outcomes] == [False, True, False]
    assert WorkItem.objects.filter(claimed_by=team["an"].id).count() == 2
    with pytest.raises(BadInput):
        services.many(actor=team["an"], verb="claim", items=[])


@pytest.mark.django_db(transaction=True)
def test_two_bulks_of_the_same_items_at_once_one_has_them_all(begin, team):
    items = [item_of(begin(PAIR), "Visit").pk for _ in range(6)]

    def take(name, order):
        return lambda: services.many(actor=team[name], verb="claim", items=order, all_or_none=True)

    outcomes = at_once(take("an", items), take("chen", items[::-1]))
    assert all(isinstance(o, list) for o in outcomes)
    owners = set(WorkItem.objects.filter(pk__in=items).values_list("claimed_by", flat=True))
    assert owners in ({team["an"].id}, {team["chen"].id})


@pytest.mark.django_db(transaction=True)
def test_the_same_absence_entered_twice_at_once_is_entered_once(team):
    given = {"staff_id": team["an"].id, "since": now() - DAY, "until": now() + DAY}

    def enter():
        return standing_in.report_absence(actor=team["boss"], **given)

    outcomes = at_once(enter, enter)
    assert sorted(type(o).__name__ for o in outcomes) == ["Absence", "Conflict"]
