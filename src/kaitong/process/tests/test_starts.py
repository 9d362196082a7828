"""Messages, signals and timers begin instances, exactly once each, by the newest version."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process import definitions, inbound, queries, services, worker
from kaitong.process.errors import ProcessConflict, ProcessRefused
from kaitong.process.models import Beginning, Instance, Message, Starter, Timer, Token
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import drawing, item_of
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
ORDERED = """
begin S clerk message=order.came out=n=number
user A clerk form=a
end E clerk
S > A > E
"""
STORM = ORDERED.replace("message=order.came", "signal=storm")
DAILY = ORDERED.replace("message=order.came out=n=number", "every=R/P1D")


@pytest.fixture
def deploy(county):
    definitions.forget()

    def make(text, *, key="kit", branch=county, parameters=None):
        return services.deploy(
            playbook="kit",
            key=key,
            data=drawing(text, key),
            file=f"{key}.bpmn",
            branch_id=branch.pk,
            parameters=parameters,
        )

    return make


def publish(sender="s1", **told):
    name = told.pop("name", "order.came")
    return services.publish(name=name, key="", sender_id=sender, values=told)


def signal(branch, sender, **told):
    return services.signal(
        actor=Actor.system(), name="storm", branch_id=branch.pk, sender_id=sender, told=told
    )


def due(starter, *, ago=HOUR):
    moment = clock_now() - ago
    Starter.objects.filter(pk=starter.pk).update(due_at=moment, next_attempt_at=moment)
    return moment


def begun():
    return list(Instance.objects.order_by("started_at", "id"))


# ---- messages


def test_a_message_begins_an_instance_once_by_its_senders_id(deploy, county):
    deploy(ORDERED, parameters={"calendar": "cn"})
    assert publish(number=7) is True
    assert publish(number=8) is False
    worker.drain_all()
    worker.drain_all()
    (instance,) = begun()
    assert instance.variables == {"n": 7}
    assert (instance.branch_id, instance.parameters) == (county.pk, {"calendar": "cn"})
    first = queries.history(instance.pk)[0]
    assert (first.kind, first.data["name"]) == ("started", "order.came")
    assert Message.objects.get().instance_id == instance.pk


def test_two_workers_and_one_message_begin_one_instance(deploy):
    deploy(ORDERED)
    for number in range(8):
        publish(f"s{number}", number=number)
    at_once(*[inbound.deliver_messages] * 4)
    worker.drain_all()
    assert sorted(i.variables["n"] for i in begun()) == list(range(8))


def test_killed_while_an_instance_begins_by_a_message(deploy):
    deploy(ORDERED)
    publish(number=1)

    class Killed(Exception):
        pass

    def die():
        with transaction.atomic():
            assert inbound.deliver_messages() == 1
            raise Killed

    with pytest.raises(Killed):
        die()
    assert begun() == []
    worker.drain_all()
    assert len(begun()) == 1


def test_who_waits_for_the_message_comes_before_what_it_begins(deploy, begin):
    waiting = begin(
        'start S clerk\ncatch W clerk message=order.came key="k"\nend E clerk\nS > W > E'
    )
    deploy(ORDERED, key="other")
    services.publish(name="order.came", key="k", sender_id="1", values={"number": 1})
    services.publish(name="order.came", key="k", sender_id="2", values={"number": 2})
    worker.drain_all()
    assert Instance.objects.get(pk=waiting).state == "completed"
    assert [i.variables for i in begun() if i.pk != waiting] == [{"n": 2}]


def test_a_message_of_another_branch_begins_nothing_here(deploy, other_county):
    deploy(ORDERED)
    services.publish(name="order.came", key="", sender_id="1", values={}, branch_id=other_county.pk)
    worker.drain_all()
    assert begun() == []
    assert Message.objects.get().state == "kept"


def test_a_message_for_a_branch_below_begins_there(deploy, county):
    deploy(ORDERED, branch=county.parent)
    services.publish(name="order.came", key="", sender_id="1", values={}, branch_id=county.pk)
    publish("2")
    worker.drain_all()
    assert [i.branch_id for i in begun()] == [county.pk, county.parent_id]
    (row,) = queries.starts()
    assert (row.kind, row.name, row.branch) == ("message", "order.came", county.parent.code)


def test_a_receive_task_begins_an_instance(deploy):
    deploy(
        """
receive R clerk message=order.came instantiate=yes out=n=number
user A clerk form=a
end E clerk
R > A > E
"""
    )
    publish(number=3)
    worker.drain_all()
    (instance,) = begun()
    assert instance.variables == {"n": 3}


def test_two_processes_begin_by_one_message_only_one_is_deployed(deploy):
    deploy(ORDERED)
    with pytest.raises(ProcessRefused, match=r"order\.came"):
        deploy(ORDERED, key="other")
    assert Starter.objects.count() == 1


def test_what_only_a_message_begins_is_not_started_by_hand(deploy, county):
    row = deploy(ORDERED)
    with pytest.raises(ProcessConflict):
        services.start(
            actor=Actor.system(),
            definition_id=row.pk,
            business_id=None,
            branch_id=county.pk,
            variables={},
            parameters={},
        )
    assert begun() == []


# ---- versions


def test_start_events_belong_to_the_newest_version(deploy):
    old = deploy(ORDERED)
    new = deploy(ORDERED.replace("user A", "user B").replace("> A >", "> B >"))
    assert list(Starter.objects.filter(state="open").values_list("definition_id", flat=True)) == [
        new.pk
    ]
    publish(number=1)
    worker.drain_all()
    assert [i.definition_id for i in begun()] == [new.pk]
    assert deploy(ORDERED).pk == old.pk  # back to the old one
    publish("s2", number=1)
    worker.drain_all()
    assert [i.definition_id for i in begun()] == [new.pk, old.pk]
    services.retire(definition_id=old.pk)
    publish("s3", number=1)
    worker.drain_all()
    assert len(begun()) == 2


def test_the_same_version_again_changes_only_figures(deploy):
    deploy(ORDERED)
    (before,) = Starter.objects.values_list("pk", flat=True)
    deploy(ORDERED, parameters={"calendar": "x"})
    row = Starter.objects.get()
    assert (row.pk, row.parameters) == (before, {"calendar": "x"})


def test_a_version_without_start_events_withdraws_the_old_ones(deploy):
    deploy(ORDERED)
    deploy(ORDERED.replace("begin S clerk message=order.came out=n=number", "start S clerk"))
    assert not Starter.objects.filter(state="open").exists()


def test_deploying_at_once_leaves_one_version_in_force(deploy):
    texts = [ORDERED.replace("user A", f"user A{n}").replace("> A >", f"> A{n} >") for n in "123"]
    outcomes = at_once(*[lambda t=t: deploy(t).pk for t in texts])
    assert len(set(outcomes)) == 3
    assert Starter.objects.filter(state="open").count() == 1


# ---- signals


def test_a_signal_begins_an_instance_where_it_was_thrown(deploy, county, other_county):
    deploy(STORM)
    assert signal(county, "1", number=4)
    assert not signal(county, "1", number=5)
    assert signal(other_county, "2", number=6)
    worker.drain_all()
    (instance,) = begun()
    assert (instance.variables, instance.branch_id) == ({"n": 4}, county.pk)
    assert Beginning.objects.get().instance_id == instance.pk


def test_a_signal_thrown_by_a_process_begins_another(deploy, begin):
    deploy(STORM, key="other")
    begin("start S clerk\nthrow T clerk signal=storm in=number=n\nend E clerk\nS > T > E", n=9)
    worker.drain_all()
    assert [i.variables for i in begun() if i.state == "running"] == [{"n": 9}]


def test_workers_begin_once_by_a_signal(deploy, county):
    deploy(STORM)
    signal(county, "1", number=1)
    at_once(*[inbound.begin_by_signals] * 4)
    worker.drain_all()
    assert len(begun()) == 1


# ---- timers


def test_a_timer_begins_an_instance_for_each_occurrence(deploy):
    deploy(DAILY)
    starter = Starter.objects.get()
    assert abs(starter.due_at - clock_now() - timedelta(days=1)) < timedelta(minutes=1)
    worker.drain_all()
    assert begun() == []
    moment = due(starter)
    worker.drain_all()
    (instance,) = begun()
    told = queries.history(instance.pk)[0].data
    assert (datetime.fromisoformat(told["due_at"]), told["count"]) == (moment, 1)
    starter.refresh_from_db()
    assert (starter.due_at, starter.count) == (moment + timedelta(days=1), 2)
    worker.drain_all()
    assert len(begun()) == 1


def test_two_workers_begin_an_occurrence_once(deploy):
    deploy(DAILY)
    starter = Starter.objects.get()
    for number in range(1, 6):
        due(starter, ago=timedelta(minutes=1))
        at_once(*[inbound.begin_by_timers] * 4)
        assert len(begun()) == number


def test_killed_while_an_instance_begins_by_a_timer(deploy):
    deploy(DAILY)
    due(Starter.objects.get())

    class Killed(Exception):
        pass

    def die():
        with transaction.atomic():
            assert inbound.begin_by_timers() == 1
            raise Killed

    with pytest.raises(Killed):
        die()
    assert begun() == []
    worker.drain_all()
    assert len(begun()) == 1


def test_an_outage_of_days_begins_an_endless_timer_once_a_counted_one_each(deploy):
    deploy(DAILY)
    deploy(DAILY.replace("R/P1D", "R3/P1D"), key="counted")
    for starter in Starter.objects.all():
        due(starter, ago=timedelta(days=10, hours=1))
    worker.drain_all()
    counts = [Instance.objects.filter(definition__key=key).count() for key in ("kit", "counted")]
    assert counts == [1, 3]
    assert Starter.objects.get(definition__key="counted").state == "spent"
    assert Starter.objects.get(definition__key="kit").due_at > clock_now()
    deploy(DAILY.replace("R/P1D", "R3/P1D"), key="counted")  # the same again does not begin anew
    assert not Starter.objects.filter(definition__key="counted", state="open").exists()


def test_a_date_begins_one_instance_and_a_past_one_none(deploy):
    deploy(DAILY.replace("every=R/P1D", "at=2020-01-01T08:00:00Z"), key="past")
    assert not Starter.objects.exists()
    deploy(DAILY.replace("every=R/P1D", "at=2999-01-01T08:00:00Z"))
    due(Starter.objects.get())
    worker.drain_all()
    worker.drain_all()
    assert len(begun()) == 1
    assert Starter.objects.get().state == "spent"


def test_a_new_version_with_the_same_timer_keeps_its_rhythm(deploy):
    deploy(DAILY)
    moment = clock_now() + timedelta(hours=3)
    Starter.objects.update(due_at=moment, next_attempt_at=moment, count=5)
    deploy(DAILY.replace("user A", "user B").replace("> A >", "> B >"))
    row = Starter.objects.get(state="open")
    assert (row.due_at, row.count) == (moment, 5)
    deploy(DAILY.replace("R/P1D", "R/PT2H"))
    row = Starter.objects.get(state="open")
    assert row.count == 1
    assert row.due_at < moment


def test_what_cannot_begin_is_tried_again(deploy):
    row = deploy(DAILY)
    starter = Starter.objects.get()
    moment = due(starter)
    good = row.bpmn
    type(row).objects.filter(pk=row.pk).update(bpmn=b"<broken/>")
    definitions.forget()
    worker.drain_all()
    starter.refresh_from_db()
    assert (begun(), starter.attempts, starter.due_at) == ([], 1, moment)
    type(row).objects.filter(pk=row.pk).update(bpmn=good)
    Starter.objects.update(next_attempt_at=clock_now())
    worker.drain_all()
    assert len(begun()) == 1


# ---- cycles at a boundary


def test_a_reminder_comes_as_often_as_its_cycle_says(begin, crew):
    one = begin(
        """
start S clerk
user Visit installer form=v
on Late installer host=Visit keep=yes every=R3/PT1H
manual Remind clerk
end E clerk
end E2 clerk
S > Visit > E
Late > Remind > E2
"""
    )
    seen = []
    for _round in range(5):
        timer = Timer.objects.get(instance_id=one)
        seen.append((timer.count, timer.state))
        Timer.objects.filter(pk=timer.pk, state="open").update(next_attempt_at=clock_now())
        worker.drain_all()
    assert seen == [(1, "open"), (2, "open"), (3, "open"), (3, "fired"), (3, "fired")]
    assert Token.objects.filter(instance_id=one, node="Remind").count() == 3
    services.complete(actor=crew.installer, item_id=item_of(one, "Visit").pk, values={})
    assert check() == []


def test_an_endless_reminder_goes_with_its_host(begin, crew):
    one = begin(
        """
start S clerk
user Visit installer form=v
on Late installer host=Visit keep=yes every=R/PT1H
end E clerk
end E2 clerk
S > Visit > E
Late > E2
"""
    )
    timer = Timer.objects.get(instance_id=one)
    first = timer.due_at
    Timer.objects.filter(pk=timer.pk).update(next_attempt_at=clock_now())
    worker.drain_all()
    timer.refresh_from_db()
    assert (timer.state, timer.count, timer.due_at) == ("open", 2, first + HOUR)
    services.complete(actor=crew.installer, item_id=item_of(one, "Visit").pk, values={})
    timer.refresh_from_db()
    assert timer.state == "cancelled"


def test_a_cycle_begins_an_event_sub_process_again_and_again(begin, crew):
    one = begin(
        """
start S clerk
user Visit installer form=v
end E clerk
{! Watch clerk
on-start Tick clerk every=R2/PT1H keep=yes
manual Remind clerk
end Z clerk
}
S > Visit > E
Tick > Remind > Z
"""
    )
    seen = []
    for _round in range(3):
        timer = Timer.objects.filter(instance_id=one, state="open").first()
        if timer is None:
            break
        seen.append(timer.count)
        Timer.objects.filter(pk=timer.pk).update(next_attempt_at=clock_now())
        worker.drain_all()
    assert seen == [1, 2]
    assert Token.objects.filter(instance_id=one, node="Remind").count() == 2
    assert not Token.objects.filter(instance_id=one, wait="listen").exists()
    assert check() == []
