"""The trade's verbs: who may, what changes, what is recorded; and the whole path of an instance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.process import queries, services, worker
from kaitong.process.models import Feedback, History, Instance, Suspension, Token
from kaitong.process.tests.shell_kit import item_of
from kaitong.worktime.services import seed_calendar

pytestmark = pytest.mark.django_db
HEARING = """
start S a
receive R a message=seen key=account
user U clerk form=f
end E a
S > R > U > E
"""


def kinds(instance_id):
    return list(
        History.objects.filter(instance_id=instance_id)
        .order_by("seq")
        .values_list("kind", flat=True)
    )


def last(instance_id, kind):
    return History.objects.filter(instance_id=instance_id, kind=kind).order_by("seq").last()


def done(actor, instance_id, node, **values):
    return services.complete(actor=actor, item_id=item_of(instance_id, node).pk, values=values)


@pytest.fixture
def visiting(begin, crew, receiver):
    """An instance whose check is done: the visit is open, the data writing pending."""
    instance_id = begin()
    done(crew.clerk, instance_id, "Check")
    return instance_id


def test_the_whole_path(begin, crew, receiver):
    instance_id = begin(plan="300M")
    assert done(crew.clerk, instance_id, "Check", port="1/2").state == "running"
    assert {t.node: t.wait for t in Token.objects.filter(instance_id=instance_id)} == {
        "Visit": "work",
        "Data": "command",
    }
    assert worker.drain_all() == 1
    assert receiver.calls[0].business_id == Instance.objects.get(pk=instance_id).business_id
    assert {t.node: t.wait for t in Token.objects.filter(instance_id=instance_id)} == {
        "Visit": "work",
        "Join": "join",
    }
    done(crew.installer, instance_id, "Visit", power="-18.5")
    progress = done(crew.service, instance_id, "Confirm", satisfied=True)
    assert progress.state == "completed"
    instance = Instance.objects.get(pk=instance_id)
    assert instance.open_waits == 0
    assert instance.ended_at is not None
    assert instance.variables == {
        "plan": "300M",
        "port": "1/2",
        "written": True,
        "power": "-18.5",
        "satisfied": True,
    }
    seqs = list(History.objects.filter(instance_id=instance_id).values_list("seq", flat=True))
    assert sorted(seqs) == list(range(1, instance.seq + 1))


def test_completing_an_unclaimed_item_claims_it(begin, crew):
    instance_id = begin()
    done(crew.clerk, instance_id, "Check")
    item = item_of(instance_id, "Check")
    assert (item.state, item.claimed_by, item.completed_by) == (
        "done",
        crew.clerk.id,
        crew.clerk.id,
    )
    assert last(instance_id, "claimed").actor_id == crew.clerk.id


def test_history_holds_the_names_of_answers_not_the_answers(begin, crew):
    instance_id = begin()
    done(crew.clerk, instance_id, "Check", remark="王先生下午在家")
    assert last(instance_id, "completed").data["keys"] == ["remark"]
    assert "王先生" not in str(list(History.objects.values_list("data", flat=True)))


def test_within_is_called_under_the_lock_and_its_values_count(begin, crew):
    instance_id = begin(plan="300M")
    item_id = item_of(instance_id, "Check").pk
    seen = []

    def within(context):
        seen.append(context)
        return {"party": "p-1"}

    services.complete(actor=crew.clerk, item_id=item_id, values={"a": 1}, within=within)
    assert (seen[0].node.form, seen[0].variables, seen[0].values) == (
        "check",
        {"plan": "300M"},
        {"a": 1},
    )
    assert Instance.objects.get(pk=instance_id).variables == {
        "plan": "300M",
        "a": 1,
        "party": "p-1",
    }


def test_what_within_raises_undoes_the_completion(begin, crew):
    instance_id = begin()
    before = kinds(instance_id)

    def within(context):
        raise Refused("没有空闲端口。")

    with pytest.raises(Refused, match="没有空闲端口"):
        services.complete(
            actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={}, within=within
        )
    assert item_of(instance_id, "Check").state == "todo"
    assert kinds(instance_id) == before


def test_another_branch_does_not_see_the_item(begin, crew):
    instance_id = begin()
    item_id = item_of(instance_id, "Check").pk
    for act in (
        lambda: services.claim(actor=crew.stranger, item_id=item_id),
        lambda: services.complete(actor=crew.stranger, item_id=item_id, values={}),
        lambda: services.urge(actor=crew.stranger, item_id=item_id),
        lambda: queries.work_item(crew.stranger, item_id),
    ):
        with pytest.raises(NotFound):
            act()
    assert item_of(instance_id, "Check").state == "todo"


def test_another_post_may_not_act(begin, crew):
    instance_id = begin()
    item_id = item_of(instance_id, "Check").pk
    for act in (services.claim, lambda **kw: services.complete(values={}, **kw)):
        with pytest.raises(Forbidden):
            act(actor=crew.installer, item_id=item_id)
    assert item_of(instance_id, "Check").claimed_by is None


def test_a_second_claim_is_a_conflict_and_the_same_again_is_nothing(visiting, crew):
    item = item_of(visiting, "Visit")
    services.claim(actor=crew.installer, item_id=item.pk)
    lines = kinds(visiting)
    services.claim(actor=crew.installer, item_id=item.pk)
    assert kinds(visiting) == lines
    with pytest.raises(Conflict):
        services.claim(actor=crew.other_installer, item_id=item.pk)
    with pytest.raises(Conflict):
        done(crew.other_installer, visiting, "Visit")
    done(crew.installer, visiting, "Visit")
    with pytest.raises(Conflict):
        done(crew.installer, visiting, "Visit")


def test_a_machine_claims_nothing(begin, crew):
    instance_id = begin()
    with pytest.raises(Refused):
        services.claim(actor=Actor.system(), item_id=item_of(instance_id, "Check").pk)
    assert item_of(instance_id, "Check").state == "todo"


def test_a_supervisor_completes_what_another_claimed(visiting, crew):
    services.claim(actor=crew.installer, item_id=item_of(visiting, "Visit").pk)
    done(crew.supervisor, visiting, "Visit")
    item = item_of(visiting, "Visit")
    assert (item.claimed_by, item.completed_by) == (crew.installer.id, crew.supervisor.id)


def test_release_gives_the_item_back(visiting, crew):
    item_id = item_of(visiting, "Visit").pk
    services.claim(actor=crew.installer, item_id=item_id)
    with pytest.raises(Forbidden):
        services.release(actor=crew.other_installer, item_id=item_id)
    services.release(actor=crew.installer, item_id=item_id, reason="下班")
    item = item_of(visiting, "Visit")
    assert (item.state, item.claimed_by) == ("todo", None)
    assert last(visiting, "released").data["reason"] == "下班"


def test_dispatch_binds_the_person(visiting, crew):
    item_id = item_of(visiting, "Visit").pk
    with pytest.raises(Forbidden):  # nobody dispatches what he has not in hand
        services.dispatch(actor=crew.installer, item_id=item_id, to=crew.other_installer.id)
    with pytest.raises(Refused, match="不在这张工单的岗位上"):
        services.dispatch(actor=crew.supervisor, item_id=item_id, to=crew.clerk.id)
    services.dispatch(
        actor=crew.supervisor, item_id=item_id, to=crew.other_installer.id, reason="就近"
    )
    with pytest.raises(Forbidden):
        services.claim(actor=crew.installer, item_id=item_id)
    services.claim(actor=crew.other_installer, item_id=item_id)
    services.dispatch(actor=crew.other_installer, item_id=item_id, to=crew.installer.id)
    line = last(visiting, "redispatched")
    assert (line.actor_id, line.data["to"]) == (crew.other_installer.id, str(crew.installer.id))
    done(crew.installer, visiting, "Visit")


def test_transfer_moves_the_item_to_another_post(visiting, crew):
    item_id = item_of(visiting, "Visit").pk
    services.claim(actor=crew.installer, item_id=item_id)
    services.transfer(actor=crew.installer, item_id=item_id, post="network", reason="要跳纤")
    item = item_of(visiting, "Visit")
    assert (item.post, item.state, item.claimed_by) == ("network", "todo", None)
    with pytest.raises(Forbidden):
        services.claim(actor=crew.installer, item_id=item_id)
    with pytest.raises(Refused):
        services.transfer(actor=crew.supervisor, item_id=item_id, post="no-such-post")


def test_return_goes_back_to_an_earlier_step(visiting, crew, receiver):
    worker.drain_all()
    item_id = item_of(visiting, "Visit").pk
    with pytest.raises(Refused, match="原因"):
        services.return_to(actor=crew.installer, item_id=item_id, node="Check", reason=" ")
    with pytest.raises(Refused, match="不能退回"):
        services.return_to(actor=crew.installer, item_id=item_id, node="Confirm", reason="x")
    services.return_to(actor=crew.installer, item_id=item_id, node="Check", reason="地址不对")
    assert item_of(visiting, "Visit").state == "returned"
    again = item_of(visiting, "Check")
    assert (again.state, again.returned_from, again.candidate) == ("todo", "Visit", crew.clerk.id)
    assert {t.node for t in Token.objects.filter(instance_id=visiting)} == {"Check"}
    assert last(visiting, "returned").data["reason"] == "地址不对"
    done(crew.clerk, visiting, "Check")
    worker.drain_all()
    assert len(receiver.effects) == 2  # the data was written again, for another visit of the step
    done(crew.installer, visiting, "Visit")
    assert done(crew.service, visiting, "Confirm").state == "completed"


def test_four_eyes(visiting, crew, receiver):
    worker.drain_all()
    done(crew.installer, visiting, "Visit")
    with pytest.raises(Forbidden, match="他人复核"):
        done(crew.installer, visiting, "Confirm")
    assert item_of(visiting, "Confirm").state == "todo"
    assert done(crew.other_installer, visiting, "Confirm").state == "completed"


def test_suspension_moves_the_due_time_and_stands_in_the_ledger(begin, crew, receiver):
    seed_calendar("cn", [2026])
    monday = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
    parameters = {"install_within": {"kind": "elapsed", "amount": "48 hours"}}
    with frozen(monday):
        instance_id = begin(parameters=parameters)
        done(crew.clerk, instance_id, "Check")
        item = item_of(instance_id, "Visit")
        assert item.due_at == monday + timedelta(hours=48)
        assert item.due_basis["name"] == "install_within"
        for until, code in [(monday, "customer-absent"), (monday + timedelta(days=9), "lazy")]:
            with pytest.raises(Refused):
                services.suspend(
                    actor=crew.installer, item_id=item.pk, reason_code=code, until=until
                )
        services.claim(actor=crew.installer, item_id=item.pk)
        services.suspend(
            actor=crew.installer,
            item_id=item.pk,
            reason_code="customer-absent",
            note="出差",
            until=monday + timedelta(hours=24),
        )
        item = item_of(instance_id, "Visit")
        assert (item.state, item.due_at) == ("suspended", monday + timedelta(hours=72))
        with pytest.raises(Conflict, match="已挂起"):
            done(crew.installer, instance_id, "Visit")
    with frozen(monday + timedelta(hours=10)):
        services.resume(actor=crew.installer, item_id=item.pk)
        item = item_of(instance_id, "Visit")
        assert (item.state, item.claimed_by) == ("claimed", crew.installer.id)
        assert item.due_at == monday + timedelta(hours=58)
        assert queries.explain_due(crew.installer, item.pk).due_at == item.due_at
        with pytest.raises(Conflict):
            services.resume(actor=crew.installer, item_id=item.pk)
    line = Suspension.objects.get(workitem_id=item.pk)
    assert (line.reason_code, line.stops_customer, line.ended - line.since) == (
        "customer-absent",
        True,
        timedelta(hours=10),
    )
    assert "出差" not in str(list(History.objects.values_list("data", flat=True)))


def test_a_suspended_item_wakes_on_its_date(visiting, crew):
    item_id = item_of(visiting, "Visit").pk
    services.suspend(
        actor=crew.installer,
        item_id=item_id,
        reason_code="no-port",
        until=now() + timedelta(days=2),
    )
    with frozen(now() + timedelta(days=1)):
        worker.drain_all()
        assert item_of(visiting, "Visit").state == "suspended"
    with frozen(now() + timedelta(days=3)):
        worker.drain_all()
    assert item_of(visiting, "Visit").state == "todo"
    assert not Suspension.objects.get(workitem_id=item_id).stops_customer
    assert last(visiting, "resumed").actor_id is None


def test_an_agreed_later_time_becomes_the_due_time(begin, crew, receiver):
    seed_calendar("cn", [2026])
    with frozen(datetime(2026, 3, 2, 1, tzinfo=UTC)):
        instance_id = begin(parameters={"install_within": "48 hours"})
        done(crew.clerk, instance_id, "Check")
        at = datetime(2026, 3, 9, 6, tzinfo=UTC)
        services.agree(actor=crew.installer, item_id=item_of(instance_id, "Visit").pk, at=at)
        assert item_of(instance_id, "Visit").due_at == at


def test_a_missing_calendar_leaves_no_due_time_and_says_so(begin, crew):
    instance_id = begin(parameters={"check_within": "2 working days", "calendar": "nowhere"})
    item = item_of(instance_id, "Check")
    assert item.due_at is None
    assert "nowhere" in item.due_basis["problem"]


def test_urging_and_feedback_are_recorded(visiting, crew):
    item_id = item_of(visiting, "Visit").pk
    assert services.urge(actor=crew.clerk, item_id=item_id, note="客户来电") == 1
    assert services.urge(actor=crew.clerk, item_id=item_id) == 2
    services.feedback(actor=crew.installer, item_id=item_id, text="已到小区，等物业开门")
    assert item_of(visiting, "Visit").urged == 2
    assert Feedback.objects.get().text == "已到小区，等物业开门"
    assert "物业" not in str(last(visiting, "feedback").data)
    detail = queries.work_item(crew.installer, item_id)
    assert [f.text for f in detail.feedback] == ["已到小区，等物业开门"]


def test_cancelling_closes_every_wait(visiting, crew, receiver):
    with pytest.raises(NotFound):
        services.cancel(actor=crew.stranger, instance_id=visiting, reason="x")
    progress = services.cancel(actor=crew.clerk, instance_id=visiting, reason="客户撤单")
    assert progress.state == "cancelled"
    assert item_of(visiting, "Visit").state == "cancelled"
    assert not Token.objects.filter(instance_id=visiting).exists()
    assert worker.drain_all() == 0
    assert receiver.calls == []
    with pytest.raises(Conflict):
        services.cancel(actor=crew.clerk, instance_id=visiting, reason="again")


def test_least_loaded_is_proposed_and_binds_nobody(begin, crew):
    text = (
        "start S installer\nuser V installer form=v pick=least-loaded\nend E installer\nS > V > E"
    )
    first, second = begin(text), begin(text)
    proposed = [item_of(first, "V").candidate, item_of(second, "V").candidate]
    assert proposed == [crew.installer.id, crew.other_installer.id]
    done(crew.other_installer, first, "V")


def test_an_early_message_is_kept_and_a_repeated_one_counts_once(begin, crew):
    told = {"name": "seen", "key": "hsd001", "sender_id": "radius-7", "values": {"port": "0/3/6"}}
    assert services.publish(**told)
    assert not services.publish(**told)
    worker.drain_all()
    instance_id = begin(HEARING, account="hsd001")
    worker.drain_all()
    assert Instance.objects.get(pk=instance_id).variables["port"] == "0/3/6"
    assert item_of(instance_id, "U").state == "todo"
    later = begin(HEARING, account="hsd001")
    worker.drain_all()
    assert Token.objects.get(instance_id=later).wait == "message"  # one message, one receiver


def test_an_inbox_event_reaches_another_instance_once(begin, crew):
    instance_id = begin(HEARING, account="x")
    event = {"kind": "message", "name": "seen", "values": {"from": "sibling"}}
    assert services.tell(instance_id=instance_id, key="k1", event=event)
    assert not services.tell(instance_id=instance_id, key="k1", event=event)
    worker.drain_all()
    assert Instance.objects.get(pk=instance_id).variables["from"] == "sibling"
    services.tell(instance_id=instance_id, key="k2", event={"kind": "cancel", "reason": "整单撤销"})
    worker.drain_all()
    assert Instance.objects.get(pk=instance_id).state == "cancelled"
    services.tell(instance_id=instance_id, key="k3", event=event)
    assert worker.drain_all() == 1  # read and put aside: the instance has ended


def test_unknown_items_are_not_found(crew):
    with pytest.raises(NotFound):
        services.claim(actor=crew.clerk, item_id=uuid7())
    with pytest.raises(NotFound):
        services.retry_incident(actor=crew.clerk, incident_id=uuid7())
