"""Commands: leased, run with one key, retried with back-off, waiting without failing, cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.process import actions, commands, queries, services, worker
from kaitong.process.actions import BusinessError, Transient, Wait
from kaitong.process.models import Command, History, Incident, Instance, Token
from kaitong.process.tests.shell_kit import item_of, transactional

pytestmark = pytest.mark.django_db

DATA = """
start S network
service Data network action=write-data in=account=account;speed=speed out=result=written retries=2
user After clerk form=f
end E network
S > Data > After > E
"""
CAUGHT = DATA + "on-error Oops network host=Data code=full\n"
CAUGHT += "user Expand clerk form=f\nOops > Expand > E\n"


@pytest.fixture
def pending(begin, receiver):
    return begin(DATA, account="hsd001", speed=300)


def command_of(instance_id):
    return Command.objects.get(instance_id=instance_id)


def test_an_action_gets_its_inputs_and_its_values_go_out(pending, receiver):
    assert worker.drain_all() == 1
    (context,) = receiver.calls
    assert dict(context.inputs) == {"account": "hsd001", "speed": 300}
    assert (context.attempt, context.node, context.instance_id) == (1, "Data", pending)
    variables = Instance.objects.get(pk=pending).variables
    assert variables == {"account": "hsd001", "speed": 300, "result": True}
    command = command_of(pending)
    assert (command.state, command.result, command.runs) == ("done", {"written": True}, 1)
    assert item_of(pending, "After").state == "todo"


def test_a_transient_failure_is_tried_again_with_the_same_key(pending, receiver):
    receiver.answers = [Transient("network", "AAA 数据库连不上"), {"written": True}]
    start = now()
    with frozen(start):
        assert worker.drain_all() == 1
        command = command_of(pending)
        assert (command.state, command.attempts) == ("pending", 1)
        assert command.next_attempt_at == start + timedelta(seconds=1)
        assert command.last_error == "AAA 数据库连不上"
        (fact,) = queries.waits([pending])[pending]
        assert "AAA 数据库连不上" in fact.reason
        assert fact.next_attempt_at == command.next_attempt_at
    with frozen(start + timedelta(seconds=1)):
        worker.drain_all()
    assert [c.key for c in receiver.calls] == [command.idempotency_key] * 2
    assert [c.attempt for c in receiver.calls] == [1, 2]
    assert command_of(pending).state == "done"


def test_a_failure_that_lasts_becomes_an_incident_of_its_cause(pending, receiver):
    receiver.answers = [Transient("network", "连不上") for _ in range(3)]
    moment = now()
    for _ in range(3):
        with frozen(moment):
            worker.drain_all()
        moment += timedelta(minutes=10)
    assert len(receiver.calls) == 3  # one try and two retries, as kaitong:retries says
    incident = Incident.objects.get(instance_id=pending)
    assert (incident.cause, incident.message, incident.state) == ("network", "连不上", "open")
    assert incident.command_id == command_of(pending).pk
    assert command_of(pending).state == "failed"
    assert Token.objects.get(instance_id=pending).wait == "incident"
    assert Instance.objects.get(pk=pending).open_waits == 1


def test_a_bug_is_not_repeated(pending, receiver):
    receiver.answers = [ZeroDivisionError("division by zero")]
    worker.drain_all()
    incident = Incident.objects.get(instance_id=pending)
    assert incident.cause == "bug"
    assert incident.message.startswith("ZeroDivisionError: division by zero")
    assert len(receiver.calls) == 1


def test_an_unknown_action_is_an_incident(begin, receiver):
    instance_id = begin(DATA, account="a", speed=1)
    with actions.installed(transactional("something-else", lambda context: {})):
        worker.drain_all()
    assert "write-data" in Incident.objects.get(instance_id=instance_id).message


def test_waiting_is_no_failure_and_says_why(pending, receiver):
    receiver.answers = [Wait(30, "等待用户拨号上线", {"polls": 1}) for _ in range(7)]
    moment = now()
    for _ in range(7):
        with frozen(moment):
            assert worker.drain_all() == 1
            assert worker.drain_all() == 0
            (fact,) = queries.waits([pending])[pending]
            assert (fact.kind, fact.reason) == ("command", "等待用户拨号上线")
            assert fact.next_attempt_at == moment + timedelta(seconds=30)
        moment += timedelta(seconds=30)
    command = command_of(pending)
    assert (command.state, command.attempts, command.runs) == ("waiting", 0, 7)
    with frozen(moment):
        worker.drain_all()
    assert receiver.calls[-1].memory == {"polls": 1}
    assert command_of(pending).state == "done"


def test_a_business_error_takes_its_boundary(begin, receiver):
    instance_id = begin(CAUGHT, account="a", speed=1)
    receiver.answers = [BusinessError("full", "端口已满", {"box": "POS-01"})]
    worker.drain_all()
    assert item_of(instance_id, "Expand").state == "todo"
    assert item_of(instance_id, "After") is None
    assert Instance.objects.get(pk=instance_id).variables["box"] == "POS-01"
    assert not Incident.objects.exists()


def test_an_uncaught_business_error_is_an_incident(pending, receiver):
    receiver.answers = [BusinessError("full", "端口已满")]
    worker.drain_all()
    incident = Incident.objects.get(instance_id=pending)
    assert incident.cause == "business"
    assert "端口已满" in incident.message


def test_values_that_cannot_be_kept_park_the_command(pending, receiver):
    receiver.answers = [{"written": float("nan")}]
    worker.drain_all()
    assert Incident.objects.get(instance_id=pending).cause == "bug"
    assert command_of(pending).state == "failed"


def test_a_lease_is_given_once_and_again_when_it_runs_out(pending, receiver):
    start = now()
    with frozen(start):
        (leased,) = commands.lease()
        assert commands.lease() == []
    with frozen(start + timedelta(seconds=commands.lease_seconds() + 1)):
        (again,) = commands.lease()
        assert again.context.key == leased.context.key
        assert again.context.attempt == 2
        commands.record(leased, {"written": "late"})  # the first worker comes back: too late
        assert command_of(pending).state == "running"
        commands.record(again, {"written": "in time"})
    assert Instance.objects.get(pk=pending).variables["result"] == "in time"


def test_an_action_that_kills_its_workers_ends_as_an_incident(pending, receiver):
    moment = now()
    for _ in range(3):  # one try and two retries, each dying with its worker
        with frozen(moment):
            assert len(commands.lease()) == 1
        moment += timedelta(minutes=1)
    with frozen(moment):
        worker.drain_all()
    assert receiver.calls == []
    assert Incident.objects.get(instance_id=pending).cause == "timeout"


def test_an_outcome_after_cancellation_is_kept_on_the_command(pending, receiver, crew):
    (leased,) = commands.lease()
    services.cancel(actor=crew.clerk, instance_id=pending, reason="撤单")
    commands.record(leased, {"account": "hsd001"})
    command = command_of(pending)
    assert (command.state, command.result) == ("cancelled", {"account": "hsd001"})
    assert Instance.objects.get(pk=pending).state == "cancelled"


def test_a_lease_put_back_is_free_at_once(pending, receiver):
    (leased,) = commands.lease()
    commands.put_back(leased)
    assert command_of(pending).runs == 0
    assert worker.drain_all() == 1


def test_the_outcome_stands_in_the_history(pending, receiver):
    worker.drain_all()
    line = History.objects.get(instance_id=pending, kind="command")
    assert (line.node, line.data["outcome"], line.actor_id) == ("Data", "done", None)
