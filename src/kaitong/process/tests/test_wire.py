"""Several statements in one exchange: each with its snapshot; all or nothing, come what may."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from kaitong.core import db, wire
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.process import services, store, wakeup
from kaitong.process.errors import ProcessConflict
from kaitong.process.models import History, Instance, WorkItem
from kaitong.process.tests.shell_kit import item_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scratch():
    db.execute("create table wire_scratch (id int primary key, body text)")
    yield
    db.execute("drop table wire_scratch")


@pytest.fixture
def other():
    """A second connection, as another process has."""
    connection.ensure_connection()
    facts = connection.get_connection_params()
    known = {name: facts[name] for name in ("host", "port", "user", "password", "dbname")}
    with psycopg.connect(**known, autocommit=True) as raw:
        yield raw


def bodies() -> dict[int, str]:
    return {row["id"]: row["body"] for row in db.rows("select id, body from wire_scratch")}


INSERT = "insert into wire_scratch values (%s, %s)"


def test_rows_of_each_statement_by_their_types(scratch):
    moment, identifier = now(), uuid7()
    written, read, nothing = wire.ask(
        (INSERT, (1, "中文 '%'")),
        (
            "select id, body, %s::uuid, %s::timestamptz, true, null, '{\"a\": 1.50}'::jsonb"
            " from wire_scratch",
            (identifier, moment),
        ),
        ("select 1 where false", ()),
    )
    assert written == []
    assert read == [(1, "中文 '%'", identifier, moment, True, None, '{"a": 1.50}')]
    assert nothing == []


def test_what_fails_in_the_middle_commits_nothing_and_leaves_the_connection_usable(scratch):
    with pytest.raises(DataError), transaction.atomic():
        wire.ask(
            (INSERT, (1, "before")),
            ("select 1 / %s::int", (0,)),
            (INSERT, (2, "after")),
            commit=True,
        )
    assert bodies() == {}
    wire.ask((INSERT, (3, "again")))
    assert bodies() == {3: "again"}


def test_the_commit_goes_with_the_last_exchange(scratch, other):
    with transaction.atomic():
        wire.ask((INSERT, (1, "kept")), commit=True)
        assert other.execute("select body from wire_scratch").fetchall() == [("kept",)]
        hooked = []
        transaction.on_commit(lambda: hooked.append(1))
    assert hooked == [1]
    with transaction.atomic():  # the next transaction is a transaction again
        wire.ask((INSERT, (2, "undone")))
        transaction.set_rollback(True)
    assert bodies() == {1: "kept"}


def test_a_check_at_the_commit_is_an_error_and_nothing_is_kept(scratch):
    db.execute(
        "alter table wire_scratch add column of int references wire_scratch"
        " deferrable initially deferred"
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        wire.ask(("insert into wire_scratch values (1, 'x', 99)", ()), commit=True)
    assert bodies() == {}


def test_a_statement_alone_is_its_own_transaction(scratch, other):
    for number in range(wire.PREPARE_AT + 2):  # first by its text, then by its name
        with transaction.atomic():
            wire.ask((INSERT, (number, "kept")), commit=True)
            assert wire.idle()
        assert other.execute("select count(*) from wire_scratch").fetchone() == (number + 1,)
    with transaction.atomic():
        wire.ask((INSERT, (98, "stays")), apart=True)  # begins nothing, so nothing takes it back
        wire.ask((INSERT, (99, "undone")))
        assert not wire.idle()
        transaction.set_rollback(True)
    assert sorted(bodies()) == [*range(wire.PREPARE_AT + 2), 98]


def test_a_statement_alone_hears_what_its_commit_refuses(scratch):
    db.execute(
        "alter table wire_scratch add column of int references wire_scratch"
        " deferrable initially deferred"
    )
    text = "insert into wire_scratch values (%s, 'x', %s)"
    for number in range(1, wire.PREPARE_AT + 2):
        with transaction.atomic():
            wire.ask((text, (number, number)), commit=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            wire.ask((text, (-number, 99)), commit=True)
    assert sorted(bodies()) == list(range(1, wire.PREPARE_AT + 2))


def test_the_second_statement_sees_what_was_committed_while_the_first_waited(scratch, other):
    db.execute(INSERT, [1, "old"])
    seen = []

    def reader() -> None:
        try:
            with transaction.atomic():
                _locked, found = wire.ask(
                    ("select id from wire_scratch where id = 1 for no key update", ()),
                    ("select body from wire_scratch where id = 1", ()),
                )
                seen.append(found[0][0])
        finally:
            connection.close()

    with other.transaction():
        other.execute("update wire_scratch set body = 'new' where id = 1")
        thread = threading.Thread(target=reader)
        thread.start()
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        for _attempt in range(200):
            if db.one(waiting)["count"]:
                break
            time.sleep(0.02)
        else:
            pytest.fail("the reader does not wait")
    thread.join(10)
    assert seen == ["new"]


def test_a_connection_lost_in_the_middle_is_an_error_and_the_next_one_works(scratch, other):
    db.execute(INSERT, [1, "old"])
    other.execute("begin")
    other.execute("select 1 from wire_scratch for update")
    pid = connection.connection.info.backend_pid

    def kill() -> None:
        while not other.execute("select pg_blocking_pids(%s)", (pid,)).fetchone()[0]:
            time.sleep(0.02)
        other.execute("select pg_terminate_backend(%s)", (pid,))

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(OperationalError), transaction.atomic():
        wire.ask(
            (INSERT, (2, "lost")),
            ("update wire_scratch set body = 'lost' where id = 1", ()),
            commit=True,
        )
    killer.join(10)
    other.execute("rollback")
    connection.close_if_unusable_or_obsolete()
    assert bodies() == {1: "old"}
    wire.ask((INSERT, (3, "again")))
    assert bodies() == {1: "old", 3: "again"}


def test_texts_are_prepared_once_they_are_frequent_and_stay_so_over_a_rollback(scratch):
    text = "select body from wire_scratch where id = %s /* often */"
    named = "select statement from pg_prepared_statements where statement like '%/* often */'"
    for _time in range(wire.PREPARE_AT - 1):
        wire.ask((text, (1,)))
    assert db.rows(named.replace("%", "%%"), []) == []
    wire.ask((text, (1,)))
    with pytest.raises(DataError), transaction.atomic():
        wire.ask((text, (1,)), ("select 1 / 0", ()))
    assert len(db.rows(named.replace("%", "%%"), [])) == 1
    assert wire.ask((text, (1,))) == [[]]


def test_names_somebody_dropped_are_made_again(scratch):
    text = "select body from wire_scratch where id = %s /* dropped */"
    for _time in range(wire.PREPARE_AT):
        wire.ask((text, (1,)))
    db.execute("deallocate all")
    with pytest.raises(ProgrammingError):
        wire.ask((text, (1,)))
    for _time in range(wire.PREPARE_AT + 1):
        assert wire.ask((text, (1,))) == [[]]


def test_a_column_that_a_migration_gives_another_type_is_read_anew(scratch):
    wire.ask((INSERT, (7, "12")))
    text = "select body from wire_scratch where id = %s /* retyped */"
    for _time in range(wire.PREPARE_AT):
        assert wire.ask((text, (7,))) == [[("12",)]]
    db.execute("alter table wire_scratch alter column body type int using body::int")
    with pytest.raises(NotSupportedError):
        wire.ask((text, (7,)))
    for _time in range(wire.PREPARE_AT + 1):
        assert wire.ask((text, (7,))) == [[(12,)]]


def test_only_the_latest_texts_stay_prepared(monkeypatch):
    monkeypatch.setattr(wire, "KEPT", 3)
    for number in range(8):
        for _time in range(wire.PREPARE_AT):
            assert wire.ask((f"select {number} /* few */", ())) == [[(number,)]]
    wire.ask(("select 1", ()))
    names = db.rows("select 1 from pg_prepared_statements where strpos(statement, '/* few */') > 0")
    assert len(names) <= 3


def test_more_than_a_socket_takes_goes_both_ways(scratch):
    large = "长" * 3_000_000
    _written, read = wire.ask((INSERT, (1, large)), ("select body from wire_scratch", ()))
    assert read == [(large,)]


def test_text_with_nul_is_refused_before_anything_is_sent(scratch):
    with pytest.raises(DataError):
        wire.ask((INSERT, (1, "a")), (INSERT, (2, "a\0b")))
    assert bodies() == {}


# ---- steps -----------------------------------------------------------------------------------


def test_completing_a_step_takes_two_exchanges_of_one_statement(begin, crew, receiver, monkeypatch):
    item = item_of(begin(), "Check")
    asked = []
    ask = wire.Line.ask

    def counted(self, *statements, **how):
        asked.append((len(statements), how))
        return ask(self, *statements, **how)

    monkeypatch.setattr(wire.Line, "ask", counted)
    with CaptureQueriesContext(connection) as others:
        services.complete(actor=crew.clerk, item_id=item.pk, values={"port": "1"})
    assert [count for count, _how in asked] == [1, 1]  # look; write
    assert not asked[0][1]["begin"]
    assert asked[1][1]["commit"]
    assert [q["sql"] for q in others.captured_queries if q["sql"] not in ("BEGIN", "COMMIT")] == []
    assert WorkItem.objects.get(pk=item.pk).state == "done"


def test_a_step_within_anothers_transaction_is_not_committed_by_it(begin, crew):
    told = begin()
    with transaction.atomic():
        services.complete(actor=crew.clerk, item_id=item_of(told, "Check").pk, values={})
        transaction.set_rollback(True)
    assert item_of(told, "Check").state == "todo"
    assert item_of(told, "Visit") is None


def test_another_version_commits_nothing(begin, monkeypatch):
    told = begin()
    monkeypatch.setattr(wakeup, "_last", 0.0)
    before = Instance.objects.get(pk=told)
    change = store.Change(state="running", open_waits=7, variables={"spoiled": True})
    change.history.append(("x", ""))
    change.notify = True

    @transaction.atomic
    def spoil() -> None:
        loaded = store.take(told)
        loaded.version -= 1
        store.write(loaded, change, now=now(), last=True)

    with pytest.raises(ProcessConflict):
        spoil()
    after = Instance.objects.get(pk=told)
    assert (after.version, after.open_waits, after.variables) == (
        before.version,
        before.open_waits,
        before.variables,
    )
    assert not History.objects.filter(instance_id=told, kind="x").exists()
    assert wakeup.due()  # who comes next says what this step did not


def test_what_the_database_refuses_in_the_last_exchange_is_not_written(begin):
    told = begin()

    @transaction.atomic
    def orphan() -> None:
        loaded = store.take(told)
        store.write(loaded, store.Change(state="running", open_waits=0), now=now(), last=True)

    with pytest.raises(IntegrityError, match="process_instance_no_orphan"):
        orphan()
    assert Instance.objects.get(pk=told).open_waits == 1
    assert item_of(told, "Check").state == "todo"


def test_one_who_locks_what_is_not_there_hears_so():
    with transaction.atomic():
        assert store.take(uuid7()) is None
        assert store.take_by("workitem", uuid7()) is None
