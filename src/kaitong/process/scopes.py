"""Scopes inside an instance: sub-processes, repeated activities, what compensation may undo.

A token is (instance, scope, node). Scopes form a tree whose root is the instance itself; each has
variables of its own. *Reading* a variable looks in the scope, then outwards. *Writing* goes to the
innermost scope, from the writer outwards, that declares the variable; what none declares is the
instance's. A scope declares: the inputs (`kaitong:in`) of a sub-process; of each instance of a
repeated activity its `loopCounter`, item and result; of the repeated activity itself the numbers
of instances (BPMN 2.0.2, table 10.30).

The tree is stored as one small document beside the instance, empty for most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

ROOT = "root"  # the scope of the instance itself
TokenId = UUID | int


@dataclass(frozen=True, slots=True)
class Repeat:
    """How often an activity is done (BPMN 2.0.2, 10.3.8): a standard loop or multi-instance.

    `many` tells multi-instance from a loop. `item` and `result` are variables of each single
    instance; the values of `result` are gathered in the list `results`.
    """

    many: bool
    parallel: bool = False
    cardinality: Any = None  # Expression
    collection: Any = None  # Expression
    item: str = ""
    results: str = ""
    result: str = ""
    until: Any = None  # Expression: completionCondition
    condition: Any = None  # Expression: loopCondition
    test_before: bool = False
    maximum: int | None = None


class ScopeKind(StrEnum):
    SUB = "sub"  # of an embedded or event sub-process
    MANY = "many"  # of a repeated activity: holds the instances
    ONE = "one"  # of one instance of a repeated activity, or of one handler of a compensation
    UNDO = "undo"  # of a compensation throw: holds the handlers, one after the other


@dataclass(frozen=True, slots=True)
class Done:
    """A completed activity that compensation may undo; `inner` those of a sub-process.

    `again`: the order was returned (退回) to before it. What it did stands until it is done again,
    which then counts in its place.
    """

    node: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    inner: tuple[Done, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """How far a repeated activity has come. `total` is None for a standard loop."""

    total: int | None
    begun: int = 0
    done: int = 0
    items: tuple[Any, ...] = ()
    results: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope inside an instance: where tokens of one passage of an activity live.

    `host` is the token at the activity that waits for the scope; a `ONE` has none, its parent has.
    """

    kind: ScopeKind
    node: str
    parent: str
    host: TokenId | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)  # those declared here
    loop: Loop | None = None
    at: int = 0  # of a ONE: its place among the instances
    done: tuple[Done, ...] = ()  # completed here, in order
    pending: tuple[Done, ...] = ()  # of an UNDO: what is to be undone; of a handler: what it undoes


_WHOLE = Scope(ScopeKind.SUB, "", "")


class ScopeTree:
    """The scopes of one step. `opened` numbers them: an identifier is never used again."""

    def __init__(self, scopes: Mapping[str, Scope], opened: int) -> None:
        self.scopes: dict[str, Scope] = dict(scopes)
        self.opened = opened

    def __bool__(self) -> bool:
        return bool(self.scopes)

    def __getitem__(self, scope_id: str) -> Scope:
        return self.scopes[scope_id]

    def open(self, scope: Scope) -> str:
        self.opened += 1
        scope_id = f"s{self.opened}"
        self.scopes[scope_id] = scope
        return scope_id

    def change(self, scope_id: str, **changes: Any) -> Scope:
        """Change a scope; the root has an entry only once something is kept in it."""
        made = replace(self.scopes.get(scope_id, _WHOLE), **changes)
        self.scopes[scope_id] = made
        return made

    def done(self, scope_id: str) -> tuple[Done, ...]:
        return self.scopes.get(scope_id, _WHOLE).done

    def hosted(self, token: TokenId) -> str | None:
        """The scope a token waits for."""
        return next((id_ for id_, scope in self.scopes.items() if scope.host == token), None)

    def owner(self, scope_id: str) -> str:
        """The scope whose host waits for this one: itself, or for one of many what holds it."""
        scope = self.scopes[scope_id]
        return scope.parent if scope.kind is ScopeKind.ONE else scope_id

    def within(self, scope_id: str) -> set[str]:
        """The scope and everything inside it."""
        found = {scope_id}
        for id_, scope in self.scopes.items():  # in the order of opening: the outer come first
            if scope.parent in found:
                found.add(id_)
        return found

    def outwards(self, scope_id: str) -> Iterator[str]:
        """The scope, then those around it; the root is the last."""
        while scope_id != ROOT and scope_id in self.scopes:
            yield scope_id
            scope_id = self.scopes[scope_id].parent
        yield ROOT

    def forget(self, scope_ids: Iterable[str]) -> None:
        for scope_id in scope_ids:
            self.scopes.pop(scope_id, None)

    # ---- variables

    def seen(self, scope_id: str, whole: Mapping[str, Any]) -> Mapping[str, Any]:
        """The variables as they are read in a scope; `whole` are the instance's."""
        return seen(self.scopes, scope_id, whole)

    def assign(
        self, scope_id: str, values: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Set what scopes on the way out declare; what is left for the instance, and what was set.

        The second is by scope.
        """
        left = dict(values)
        made: dict[str, dict[str, Any]] = {}
        for id_ in self.outwards(scope_id):
            if id_ == ROOT or not left:
                break
            own = {n: left.pop(n) for n in list(left) if n in self.scopes[id_].variables}
            if own:
                self.change(id_, variables={**self.scopes[id_].variables, **own})
                made[id_] = own
        return left, made


def seen(scopes: Mapping[str, Scope], scope_id: str, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables as they are read in a scope: its own before those further out."""
    layers = []
    while scope_id != ROOT and scope_id in scopes:
        if scopes[scope_id].variables:
            layers.append(scopes[scope_id].variables)
        scope_id = scopes[scope_id].parent
    if not layers:
        return whole
    merged = dict(whole)
    for layer in reversed(layers):
        merged.update(layer)
    return merged


def sight(scopes: Mapping[str, Scope], token: TokenId, scope_id: str) -> str:
    """The scope in which what a token waits for is evaluated: the one it opened, else its own."""
    return next((id_ for id_, scope in scopes.items() if scope.host == token), scope_id)


# ---- as they are kept ----------------------------------------------------------------------------


def kept(
    scopes: Mapping[str, Scope], opened: int, name: Callable[[TokenId], UUID]
) -> dict[str, Any] | None:
    """The document that is stored; None where the instance never opened a scope."""
    if not scopes and not opened:
        return None
    return {"opened": opened, "scopes": {id_: _scope(s, name) for id_, s in scopes.items()}}


def _scope(scope: Scope, name: Callable[[TokenId], UUID]) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": scope.kind, "node": scope.node, "parent": scope.parent}
    if scope.host is not None:
        row["host"] = str(name(scope.host))
    if scope.variables:
        row["variables"] = dict(scope.variables)
    if scope.loop is not None:
        loop = scope.loop
        results = [[at, value] for at, value in loop.results.items()]
        row["loop"] = [loop.total, loop.begun, loop.done, list(loop.items), results]
    if scope.at:
        row["at"] = scope.at
    if scope.done:
        row["done"] = [_done(one) for one in scope.done]
    if scope.pending:
        row["pending"] = [_done(one) for one in scope.pending]
    return row


def _done(one: Done) -> list[Any]:
    row: list[Any] = [one.node, dict(one.variables), [_done(inner) for inner in one.inner]]
    return [*row, True] if one.again else row


def read(document: Mapping[str, Any] | None) -> tuple[dict[str, Scope], int]:
    """The scopes of a stored document, in the order of opening, and how many were opened."""
    if not document:
        return {}, 0
    rows = sorted(document["scopes"].items(), key=lambda pair: _number(pair[0]))
    return {id_: _read(row) for id_, row in rows}, document["opened"]


def _number(scope_id: str) -> int:
    return 0 if scope_id == ROOT else int(scope_id[1:])


def _read(row: Mapping[str, Any]) -> Scope:
    loop = None
    if "loop" in row:
        total, begun, done, items, results = row["loop"]
        loop = Loop(total, begun, done, tuple(items), dict(results))
    return Scope(
        kind=ScopeKind(row["kind"]),
        node=row["node"],
        parent=row["parent"],
        host=UUID(row["host"]) if "host" in row else None,
        variables=row.get("variables", {}),
        loop=loop,
        at=row.get("at", 0),
        done=tuple(_read_done(one) for one in row.get("done", ())),
        pending=tuple(_read_done(one) for one in row.get("pending", ())),
    )


def _read_done(one: list[Any]) -> Done:
    return Done(one[0], one[1], tuple(_read_done(inner) for inner in one[2]), len(one) > 3)
