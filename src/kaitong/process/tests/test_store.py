"""The store: version asserted, no orphan, no gap in history, all or nothing, partitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from kaitong.core import db
from kaitong.core.clock import frozen, now
from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid7, uuid7_at
from kaitong.process import partitions, services, store, values
from kaitong.process.errors import ProcessConflict, ProcessError
from kaitong.process.model import RefusedProcess, WaitKind
from kaitong.process.models import Definition, History, Instance, Token, WorkItem
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import INSTALLATION, drawing, item_of

pytestmark = pytest.mark.django_db


def test_a_step_writes_instance_token_work_and_history(begin):
    instance_id = begin(plan="300M")
    instance = Instance.objects.get(pk=instance_id)
    assert (instance.state, instance.open_waits, instance.variables) == (
        "running",
        1,
        {"plan": "300M"},
    )
    token = Token.objects.get(instance_id=instance_id)
    assert (token.node, token.wait) == ("Check", "work")
    item = WorkItem.objects.get(instance_id=instance_id)
    assert (item.node, item.title, item.post, item.state) == ("Check", "Check环节", "clerk", "todo")
    assert item.token_id == token.pk
    lines = list(History.objects.filter(instance_id=instance_id).order_by("seq"))
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert instance.seq == len(lines)
    assert lines[0].kind == "started"


def test_load_gives_what_was_written(begin):
    instance_id = begin(price=Decimal("99.5"), count=3)
    with transaction.atomic():
        assert store.lock(instance_id) == instance_id
        loaded = store.load(instance_id, "workitem", item_of(instance_id, "Check").pk)
    assert loaded.variables == {"price": Decimal("99.5"), "count": 3}
    assert isinstance(loaded.variables["price"], Decimal)
    assert [(t.node, t.wait) for t in loaded.tokens] == [("Check", WaitKind.WORK)]
    assert loaded.row["post"] == "clerk"


def test_a_moved_version_writes_nothing(begin):
    instance_id = begin()
    with transaction.atomic():
        store.lock(instance_id)
        loaded = store.load(instance_id)
    loaded.version -= 1
    change = store.Change(state="running", open_waits=7, variables={"spoiled": True})
    change.history.append(("x", ""))
    with pytest.raises(ProcessConflict), transaction.atomic():
        store.write(loaded, change, now=now())
    instance = Instance.objects.get(pk=instance_id)
    assert (instance.open_waits, instance.variables) == (1, {})
    assert not History.objects.filter(instance_id=instance_id, kind="x").exists()


def test_the_database_refuses_a_running_instance_without_a_wait(begin):
    instance_id = begin()
    with pytest.raises(IntegrityError, match="process_instance_no_orphan"), transaction.atomic():
        Instance.objects.filter(pk=instance_id).update(open_waits=0)


def test_the_database_refuses_a_second_history_line_of_one_number(begin):
    instance_id = begin()
    with pytest.raises(IntegrityError, match="_seq"), transaction.atomic():
        _step_of_history(uuid7(), instance_id, now())


def _step_of_history(line: UUID, instance_id: UUID, at: datetime) -> None:
    db.execute(
        "insert into process_history (id, instance_id, seq, at, lines)"
        """ values (%s, %s, 1, %s, '[["x", ""]]')""",
        [line, instance_id, at],
    )


@pytest.mark.django_db(transaction=True)
def test_a_lock_needs_a_transaction():
    with pytest.raises(KaitongError, match="outside a transaction"):
        store.lock(uuid7())


def test_the_sweeper_sees_each_kind_of_damage(begin):
    instance_id = begin()
    with transaction.atomic():
        db.execute("update process_instance set open_waits = 2 where id = %s", [instance_id])
        db.execute(
            "update process_workitem set state = 'done' where instance_id = %s", [instance_id]
        )
        db.execute(
            "update process_history set lines = lines - 1 where instance_id = %s and seq = 1",
            [instance_id],
        )
        rules = {problem.rule for problem in check() if problem.instance_id == instance_id}
        assert rules == {"open_waits", "unwatched", "history"}
        db.execute(
            "update process_workitem set state = 'todo' where instance_id = %s", [instance_id]
        )
        db.execute("delete from process_token where instance_id = %s", [instance_id])
        rules = {problem.rule for problem in check() if problem.instance_id == instance_id}
        assert rules == {"open_waits", "watches nobody", "history"}
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "value",
    [{"a": Decimal("0.1")}, {"a": [1, "二", None, True]}, {"a": Decimal("123456789.25")}],
    ids=["fraction", "list", "money"],
)
def test_values_come_back_as_they_were(value):
    assert values.load(values.dump(value)) == value


@pytest.mark.parametrize(
    "value",
    [{"a": Decimal("0.12345678901234567890")}, {"a": object()}, {"a": b"secret"}],
    ids=["too many digits", "object", "bytes"],
)
def test_values_that_cannot_be_kept_are_refused(value):
    with pytest.raises(ProcessError):
        values.dump(value)


@pytest.mark.parametrize(
    "value",
    [
        {"一": Decimal("1.50"), "n": 10**30, "s": 'a"\\\n\u2028'},
        [uuid7(), now(), now().date(), WaitKind.WORK, (1, {2}), {"nested": {"x": [None, True]}}],
        {1: "a key that is no text"},
        {"a word": "null"},
    ],
    ids=["numbers and text", "the shell's own", "keys", "null"],
)
def test_the_quick_encoder_writes_what_the_careful_one_does(value):
    assert values.written(value) == values._carefully(value)


def test_an_object_is_written_by_its_fields_whatever_else_it_holds():
    @dataclass
    class Answer:
        plan: str
        _mark: int = 1

        @cached_property
        def length(self):
            return len(self.plan)

    answer = Answer("300M")
    assert answer.length == 4  # kept in the object, and no field of it
    assert values.dump({"is": answer}) == '{"is":{"plan":"300M","_mark":1}}'


def test_what_is_no_number_is_refused_not_written_as_null():
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON compliant"):
            values.dump({"speed": value, "none": None})


def test_history_lies_in_the_partition_of_its_month(begin):
    begin()
    name = partitions.name_of(now().year, now().month)
    found = db.rows("select distinct tableoid::regclass::text as name from process_history")
    assert [row["name"] for row in found] == [name]


def test_a_late_partition_takes_its_rows_from_the_rest():
    moment = datetime(2031, 5, 17, tzinfo=UTC)
    line = uuid7_at(moment)
    _step_of_history(line, uuid7(), moment)

    def home() -> str:
        return db.one(
            "select tableoid::regclass::text as t from process_history where id=%s", [line]
        )["t"]

    assert home() == partitions.DEFAULT
    with frozen(moment):
        assert partitions.ensure(months_ahead=1) == [
            "process_history_2031_05",
            "process_history_2031_06",
        ]
        assert partitions.ensure(months_ahead=1) == []
    assert home() == "process_history_2031_05"


def test_month_bounds_hold_every_identifier_of_the_month():
    low, high = partitions.month_bound(2026, 12), partitions.month_bound(2027, 1)
    first = uuid7_at(datetime(2026, 12, 1, tzinfo=UTC))
    last = UUID(int=uuid7_at(datetime(2027, 1, 1, tzinfo=UTC)).int - (1 << 80))
    assert low < first < last < high


def test_the_same_file_is_deployed_once(begin):
    first = services.deploy(playbook="kit", key="a", data=drawing(INSTALLATION), file="a.bpmn")
    again = services.deploy(playbook="kit", key="a", data=drawing(INSTALLATION), file="a.bpmn")
    other = services.deploy(
        playbook="kit",
        key="a",
        data=drawing("start S a\nuser U a form=f\nend E a\nS > U > E"),
        file="a",
    )
    assert first.pk == again.pk
    assert other.pk != first.pk


def test_a_faulty_file_is_refused_with_every_fault():
    with pytest.raises(RefusedProcess) as refused:
        services.deploy(
            playbook="kit",
            key="a",
            data=drawing("start S a\nservice X a\nuser U a\nend E a\nS > X > U > E"),
            file="a.bpmn",
        )
    assert {fault.element for fault in refused.value.faults} == {"serviceTask X", "userTask U"}
    assert not Definition.objects.filter(key="a").exists()


def test_lines_of_before_are_brought_over_step_by_step(begin):
    """The migration's own statement, on lines as an earlier version wrote them."""
    first, other = uuid7(), uuid7()
    at, later = now(), now()
    actor = uuid7()
    lines = [
        (first, 1, "started", "", None, actor, at, {"definition": "x"}),
        (first, 2, "entered", "Check", uuid7(), actor, at, {}),
        (first, 3, "claimed", "Check", None, actor, later, {"item": "1"}),
        (first, 4, "recounted", "Check", None, None, later, {"was": None}),
        (first, 5, "left", "Check", uuid7(), actor, later, {"flow": "f", "keys": ["a"]}),
        (other, 1, "started", "", None, actor, at, {}),
    ]
    db.execute(
        "create temp table process_history_before (id uuid, instance_id uuid, seq bigint,"
        " kind varchar(40), node varchar(200), token uuid, actor_id uuid, at timestamptz,"
        " data jsonb) on commit drop"
    )
    for row in lines:
        db.execute(
            "insert into process_history_before values (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
            [uuid7(), *row[:-1], values.dump(row[-1])],
        )
    db.execute(import_module("kaitong.process.migrations.0021_history_by_steps").BRING)
    told = History.objects.filter(instance_id__in=[first, other]).order_by("instance_id", "seq")
    assert [
        (x.instance_id, x.seq, x.kind, x.node, x.token, x.actor_id, x.at, x.data) for x in told
    ] == lines
    found = db.rows("select seq from process_history where instance_id = %s order by seq", [first])
    assert [row["seq"] for row in found] == [1, 3, 4, 5]


def test_many_rows_of_a_kind_are_written_as_few_are(begin):
    """Parameters for one or two, a document for more: the same rows."""
    told = []
    for count in (1, 2, 3):
        instance_id = begin()
        with transaction.atomic():
            loaded = store.take(instance_id)
            change = store.Change(state="running", open_waits=1 + count)
            for number in range(count):
                row = {"id": uuid7(), "at": now(), "node": f"N{number}", "wait": WaitKind.TIMER}
                change.tokens_added.append({**row, "scope": "root", "arrived_by": "f"})
                timer = {"id": uuid7(), "at": now(), "token": row["id"], "node": row["node"]}
                change.timers_opened.append({**timer, "due_at": now(), "count": 2})
            store.write(loaded, change, now=now())
            again = store.take(instance_id)
        told.append([(t.node, t.wait, t.scope, t.arrived_by) for t in again.tokens][1:])
        timers = db.rows(
            "select node, count, state from process_timer where instance_id = %s order by node",
            [instance_id],
        )
        assert timers == [{"node": f"N{n}", "count": 2, "state": "open"} for n in range(count)]
    assert told == [[(f"N{n}", "timer", "root", "f") for n in range(c)] for c in (1, 2, 3)]
