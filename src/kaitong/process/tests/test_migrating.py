"""Running instances carried over to another version: what they wait for stays, or nothing moves."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from kaitong.core.clock import frozen, now
from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.process import definitions, migrating, queries, replay, services, worker
from kaitong.process.models import (
    Command,
    History,
    Incident,
    Instance,
    Subscription,
    Timer,
    Token,
    WorkItem,
)
from kaitong.process.tests.shell_kit import INSTALLATION, drawing, item_of
from kaitong.process.tests.test_scopes import SITE
from kaitong.worktime.services import seed_calendar

pytestmark = pytest.mark.django_db

LATER = (
    INSTALLATION.replace("user Visit", "user Install")
    .replace("Visit", "Install")
    .replace("user Confirm service", "manual Call service\nuser Confirm service")
    .replace("Join > Confirm", "Join > Call > Confirm")
)
RENAMED = {"Visit": "Install"}


def deployed(text: str):
    definitions.forget()
    return services.deploy(playbook="kit", key="kit", data=drawing(text), file="kit.bpmn").pk


def carry(crew, instance_id, text, names=None, **more):
    to = deployed(text)
    return migrating.migrate(
        actor=more.pop("actor", crew.supervisor),
        instance_id=instance_id,
        to=to,
        names=names or {},
        reason=more.pop("reason", "改流程"),
        **more,
    )


def done(actor, instance_id, node, **values):
    return services.complete(actor=actor, item_id=item_of(instance_id, node).pk, values=values)


@pytest.fixture
def visiting(begin, crew, receiver):
    """The visit is claimed and has a time limit; the data writing is pending."""
    seed_calendar()
    instance_id = begin(
        parameters={
            "check_within": "PT1H",
            "install_within": {"kind": "elapsed", "amount": "48 hours"},
        }
    )
    done(crew.clerk, instance_id, "Check")
    services.claim(actor=crew.installer, item_id=item_of(instance_id, "Visit").pk)
    return instance_id


def test_claim_clock_and_history_stay_and_the_new_way_is_taken(visiting, crew):
    before = item_of(visiting, "Visit")
    carry(crew, visiting, LATER, RENAMED)
    after = WorkItem.objects.get(pk=before.pk)
    assert after.node == "Install"
    assert after.title == "Install环节"
    assert (after.claimed_by, after.due_at, after.due_basis) == (
        before.claimed_by,
        before.due_at,
        before.due_basis,
    )
    lines = list(History.objects.filter(instance_id=visiting).order_by("seq"))
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert [line.kind for line in lines[-2:]] == ["migrated", "moved"]
    assert lines[-2].data["names"] == RENAMED
    assert lines[-2].actor_id == crew.supervisor.id
    done(crew.installer, visiting, "Install")
    worker.drain_all()
    done(crew.service, visiting, "Call")  # a step the old version had not
    with pytest.raises(Forbidden):  # four eyes see through the new name
        done(crew.installer, visiting, "Confirm")


def test_the_step_table_and_the_history_speak_of_the_new_names(visiting, crew):
    done(crew.installer, visiting, "Visit")
    carry(crew, visiting, LATER, RENAMED)
    steps = {row.node: row for row in queries.steps(visiting)}
    assert steps["Install"].status == "done"
    assert steps["Install"].visits == 1
    lines = queries.history(visiting)
    assert "Visit" not in {row.node for row in lines}
    assert {row.title for row in lines if row.node == "Install"} == {"Install环节"}
    tokens = sorted(Token.objects.filter(instance_id=visiting).values_list("node", flat=True))
    assert list(replay.frames(lines)[-1].tokens) == tokens


def test_a_plan_says_what_would_happen_and_changes_nothing(visiting, begin, crew):
    other = begin()
    to = deployed(LATER)
    before = list(Token.objects.order_by("id").values())
    seen = {p.instance_id: p for p in migrating.plans(crew.supervisor, to)}
    assert not seen[visiting].possible
    assert "Visit" in str(seen[visiting].plan.faults[0])
    assert seen[other].possible  # it stands at a step both versions have
    named = {p.instance_id: p for p in migrating.plans(crew.supervisor, to, names=RENAMED)}
    assert named[visiting].possible
    assert {m.node for m in named[visiting].plan.moves} == {"Install", "Data"}
    assert list(Token.objects.order_by("id").values()) == before
    assert list(migrating.plans(crew.stranger, to)) == []
    only = Instance.objects.get(pk=other).business_id
    alone = list(migrating.plans(crew.supervisor, to, names=RENAMED, business_ids=[only]))
    assert [p.instance_id for p in alone] == [other]


def test_a_step_without_a_counterpart_is_refused_and_nothing_moves(visiting, crew):
    before = list(Token.objects.filter(instance_id=visiting).order_by("id").values())
    with pytest.raises(Refused) as refused:
        carry(crew, visiting, LATER)
    assert "--map Visit=" in str(refused.value)
    assert list(Token.objects.filter(instance_id=visiting).order_by("id").values()) == before
    with pytest.raises(Refused):
        carry(crew, visiting, LATER, {"Visit": "Nowhere"})
    with pytest.raises(Refused) as refused:
        carry(crew, visiting, LATER, {**RENAMED, "Slip": "Install"})
    assert "Slip" in str(refused.value)


def test_a_command_under_way_keeps_its_key_and_is_neither_renamed_nor_exchanged(
    visiting, crew, receiver
):
    key = Command.objects.get(instance_id=visiting).idempotency_key
    with pytest.raises(Refused) as refused:
        carry(crew, visiting, INSTALLATION.replace("Data", "Write"), {"Data": "Write"})
    assert "幂等键" in str(refused.value)
    with pytest.raises(Refused):
        carry(crew, visiting, INSTALLATION.replace("action=write-data", "action=other"))
    carry(crew, visiting, LATER, RENAMED)
    worker.drain_all()
    assert receiver.effects == {key: 1}


def test_a_token_at_a_join_finds_its_flow_in_the_new_version(visiting, crew):
    worker.drain_all()  # the data branch waits at the join
    carry(crew, visiting, LATER, RENAMED)
    done(crew.installer, visiting, "Install")
    assert {t.node for t in Token.objects.filter(instance_id=visiting)} == {"Call"}


def test_an_incident_goes_on_being_one(begin, crew, receiver):
    receiver.answers = [ValueError("kaputt")]
    instance_id = begin()
    done(crew.clerk, instance_id, "Check")
    worker.drain_all()
    incident = Incident.objects.get(instance_id=instance_id)
    carry(crew, instance_id, LATER, RENAMED)
    services.retry_incident(actor=crew.supervisor, incident_id=incident.pk)
    worker.drain_all()
    assert list(receiver.effects.values()) == [1]


WATCHED = """
start S a
user U clerk form=f
on-timer Old clerk host=U after=PT1H keep=yes
end E a
end Told a
S > U > E
Old > Told
"""


def test_boundary_events_stay_go_and_come(begin, crew):
    instance_id = begin(WATCHED)
    timer = Timer.objects.get(instance_id=instance_id)
    later = WATCHED.replace("Old", "Late").replace("after=PT1H", "after=PT2H")
    carry(crew, instance_id, later, {"Old": "Late"})
    kept = Timer.objects.get(instance_id=instance_id)
    assert (kept.pk, kept.node, kept.due_at) == (timer.pk, "Late", timer.due_at)
    with frozen(now() + timedelta(minutes=10)) as moment:
        carry(
            crew,
            instance_id,
            later.replace("Late", "Other").replace("after=PT2H", "after=PT3H"),
        )
        rows = {row.node: row for row in Timer.objects.filter(instance_id=instance_id)}
        assert rows["Late"].state == "cancelled"
        assert rows["Other"].state == "open"
        assert rows["Other"].due_at == moment + timedelta(hours=3)


def test_another_message_or_kind_of_step_is_refused(begin, crew):
    hearing = "start S a\nreceive R a message=seen key=account\nend E a\nS > R > E"
    instance_id = begin(hearing, account="1")
    with pytest.raises(Refused) as refused:
        carry(crew, instance_id, hearing.replace("message=seen", "message=heard"))
    assert "heard" in str(refused.value)
    with pytest.raises(Refused):
        carry(
            crew,
            instance_id,
            hearing.replace("receive R a message=seen key=account", "user R a form=f"),
        )
    carry(crew, instance_id, hearing.replace(" R ", " Q "), {"R": "Q"})
    assert Subscription.objects.get(instance_id=instance_id).node == "Q"
    services.publish(name="seen", key="1", sender_id="x", values={})
    worker.drain_all()
    assert Instance.objects.get(pk=instance_id).state == "completed"


def test_work_of_another_post_goes_back_to_the_queue(visiting, crew):
    posts = {"posts": {"rigger": {"department": "安装"}}}
    carry(
        crew,
        visiting,
        LATER.replace("Install installer", "Install rigger"),
        RENAMED,
        parameters=lambda pinned: {**pinned, **posts},
    )
    item = WorkItem.objects.get(instance_id=visiting, node="Install")
    assert (item.post, item.department, item.state, item.claimed_by) == (
        "rigger",
        "安装",
        "todo",
        None,
    )


def test_who_may_and_what_may_not(visiting, crew, begin):
    with pytest.raises(Forbidden):
        carry(crew, visiting, LATER, RENAMED, actor=crew.installer)
    with pytest.raises(NotFound):
        carry(crew, visiting, LATER, RENAMED, actor=crew.stranger)
    with pytest.raises(Refused):
        carry(crew, visiting, LATER, RENAMED, reason=" ")
    foreign = services.deploy(
        playbook="kit", key="other", data=drawing(LATER, "other"), file="other.bpmn"
    )
    with pytest.raises(Refused):
        migrating.migrate(
            actor=crew.supervisor, instance_id=visiting, to=foreign.pk, names=RENAMED, reason="x"
        )
    services.cancel(actor=crew.supervisor, instance_id=visiting, reason="撤")
    with pytest.raises(Conflict):
        carry(crew, visiting, LATER, RENAMED)


def test_twice_is_once(visiting, crew):
    carry(crew, visiting, LATER, RENAMED)
    lines = History.objects.filter(instance_id=visiting).count()
    assert carry(crew, visiting, LATER, RENAMED).moves == []
    assert History.objects.filter(instance_id=visiting).count() == lines


@pytest.mark.django_db(transaction=True)
def test_carried_over_while_the_work_is_completed(begin, crew, receiver):
    """Whoever has the lock first: the work is completed once, on one version or the other."""
    for turn in range(6):
        instance_id = begin()
        done(crew.clerk, instance_id, "Check")
        item_id = item_of(instance_id, "Visit").pk
        to = deployed(LATER)
        definitions.model_of(to)
        gate, failures = threading.Barrier(2), []

        def run(verb, gate=gate, failures=failures):
            gate.wait()
            try:
                verb()
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        threads = [
            threading.Thread(
                target=run,
                args=(
                    lambda i=item_id: services.complete(actor=crew.installer, item_id=i, values={}),
                ),
            ),
            threading.Thread(
                target=run,
                args=(
                    lambda i=instance_id, t=to: migrating.migrate(
                        actor=crew.supervisor, instance_id=i, to=t, names=RENAMED, reason="x"
                    ),
                ),
            ),
        ]
        for thread in threads[:: 1 if turn % 2 else -1]:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        worker.drain_all()
        assert Instance.objects.get(pk=instance_id).definition_id == to
        assert {t.node for t in Token.objects.filter(instance_id=instance_id)} == {"Call"}
        services.cancel(actor=crew.supervisor, instance_id=instance_id, reason="x")


def test_inside_a_sub_process_scope_variables_and_watch_go_along(begin, crew, receiver):
    instance_id = begin(SITE, building="7")
    done(crew.clerk, instance_id, "Check")
    timer = Timer.objects.get(instance_id=instance_id)
    later = SITE
    for old, new in (("Site", "Place"), ("Visit", "Fit"), ("Late", "Slow")):
        later = later.replace(old, new)
    with pytest.raises(Refused) as refused:  # the sub-process has no counterpart
        carry(crew, instance_id, later, {"Visit": "Fit", "Late": "Slow"})
    assert "Site" in str(refused.value)
    carry(crew, instance_id, later, {"Site": "Place", "Visit": "Fit", "Late": "Slow"})
    row = Instance.objects.get(pk=instance_id)
    assert {s["node"] for s in row.scopes["scopes"].values()} == {"Place"}
    assert Timer.objects.get(pk=timer.pk).node == "Slow"
    worker.drain_all()
    done(crew.installer, instance_id, "Fit", room="8")
    assert {t.node for t in Token.objects.filter(instance_id=instance_id)} == {"Confirm"}
    row.refresh_from_db()
    assert row.variables["done_in"] == "8"
    assert Timer.objects.get(pk=timer.pk).state == "cancelled"


def test_a_step_of_another_sub_process_is_no_counterpart(begin, crew, receiver):
    instance_id = begin(SITE, building="7")
    done(crew.clerk, instance_id, "Check")
    worker.drain_all()
    with pytest.raises(Refused):
        carry(crew, instance_id, SITE.replace("form=d", "form=e"), {"Visit": "Confirm"})
