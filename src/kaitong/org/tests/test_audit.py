"""Who changed an audited table, and why, whatever transactions and savepoints lie between."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from kaitong.core import wire
from kaitong.core.audit import acting
from kaitong.org.models import Post

ANNA, BAI = UUID(int=1), UUID(int=2)


def told(key: str) -> list[tuple[str, str]]:
    """Actor and reason of every event of a post, in their order."""
    events: Any = Post.pgh_event_model.objects.filter(key=key)  # type: ignore[attr-defined]
    return [
        (event.pgh_context.metadata["actor"], event.pgh_context.metadata["reason"])
        if event.pgh_context
        else ("", "")
        for event in events.select_related("pgh_context").order_by("pgh_id")
    ]


def make(key: str) -> None:
    Post.objects.create(key=key, name=key)


@transaction.atomic
def _made_and_refused(key: str) -> None:
    make(key)
    raise LookupError


def undone(key: str) -> None:
    """Make a post and roll it back."""
    with pytest.raises(LookupError):
        _made_and_refused(key)


def test_each_block_tells_its_own_and_the_outer_one_goes_on(db: None) -> None:
    with acting(ANNA, "outer"):
        make("a")
        with acting(None, "inner"):
            make("b")
        make("c")
    make("d")
    assert told("a") == told("c") == [(str(ANNA), "outer")]
    assert told("b") == [("system", "inner")]
    assert told("d") in ([("", "")], [(str(ANNA), "outer")])  # the same transaction, no block


def test_a_savepoint_rolled_back_takes_the_context_with_it_only_inside(db: None) -> None:
    with acting(ANNA, "first words in a savepoint"), transaction.atomic():
        undone("gone")
        make("after")
        with acting(BAI, "refused"):
            undone("refused")
        make("again")
        with transaction.atomic():
            make("kept")
    assert told("gone") == told("refused") == []
    expected = [(str(ANNA), "first words in a savepoint")]
    assert told("after") == told("again") == told("kept") == expected


@pytest.mark.django_db(transaction=True)
def test_every_transaction_is_told_and_only_once(monkeypatch) -> None:
    statements: list[str] = []
    ask = wire.Line.ask

    def watched(execute: Any, sql: str, *more: Any) -> Any:
        statements.append(sql)
        return execute(sql, *more)

    def by_wire(self: Any, *asked: Any, **how: Any) -> Any:
        statements.extend(text for text, _params in asked)
        return ask(self, *asked, **how)

    with acting(ANNA, "several"):
        with connection.execute_wrapper(watched), monkeypatch.context() as patch:
            patch.setattr(wire.Line, "ask", by_wire)
            for number in range(2):
                with transaction.atomic():
                    make(f"x{number}")
                    make(f"y{number}")
        make("alone")  # no transaction around it
        undone("rolled back")
        with transaction.atomic():
            make("next")
    assert sum("pghistory.context_id" in sql for sql in statements) == 2
    for key in ("x0", "y0", "x1", "y1", "alone", "next"):
        assert told(key) == [(str(ANNA), "several")], key
    with acting(BAI, "later"):
        Post.objects.filter(key="x0").update(name="other")
    make("nobody")
    assert told("x0")[1] == (str(BAI), "later")
    assert told("nobody") == [("", "")]
