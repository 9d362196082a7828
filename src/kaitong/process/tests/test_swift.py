"""A swift transaction is a transaction like Django's, whichever way it ends."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from kaitong.core import db, wire
from kaitong.core.swift import swift

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def table():
    db.execute("create table swift_rows (n int primary key)")
    yield
    db.execute("drop table swift_rows")


def rows() -> list[int]:
    return [row["n"] for row in db.rows("select n from swift_rows order by n")]


def put(n: int, *, commit: bool = False) -> None:
    wire.ask(("insert into swift_rows values (%s)", (n,)), commit=commit)


def at_rest() -> bool:
    return (
        not connection.in_atomic_block
        and connection.get_autocommit()
        and connection.connection.autocommit
        and not connection.atomic_blocks
    )


def test_committed_with_its_last_statement():
    told = []
    with swift():
        transaction.on_commit(lambda: told.append(at_rest()))
        put(1)
        put(2, commit=True)
    assert rows() == [1, 2]
    assert told == [True]
    assert at_rest()


def test_committed_as_the_block_ends():
    told = []
    with swift():
        transaction.on_commit(lambda: told.append(at_rest()))
        db.execute("insert into swift_rows values (1)")
        assert told == []
    assert (rows(), told) == ([1], [True])
    assert at_rest()


def failing(*steps: Callable[[], object], block: Callable[[], Any] = swift) -> None:
    with block():
        for step in steps:
            step()
        raise KeyError


def test_what_raises_undoes_everything():
    told = []
    with pytest.raises(KeyError):
        failing(lambda: transaction.on_commit(lambda: told.append(1)), lambda: put(1))
    assert (rows(), told) == ([], [])
    assert at_rest()
    with pytest.raises(IntegrityError):
        failing(lambda: put(1), lambda: put(1, commit=True))
    assert rows() == []
    assert at_rest()


def test_marked_for_rollback_it_is_rolled_back():
    with swift():
        put(1)
        transaction.set_rollback(True)
    assert rows() == []
    assert at_rest()


def test_within_another_it_is_a_savepoint():
    with transaction.atomic():
        put(1)
        with pytest.raises(KeyError):
            failing(lambda: put(2))
        with swift():
            put(3)
    assert rows() == [1, 3]
    with swift():
        put(4)
        with pytest.raises(KeyError):
            failing(lambda: put(5), block=transaction.atomic)
    assert rows() == [1, 3, 4]
    assert at_rest()


def test_a_lost_connection_is_made_anew():
    with pytest.raises(KeyError):
        failing(lambda: put(1), connection.close)
    assert rows() == []
    assert at_rest()
