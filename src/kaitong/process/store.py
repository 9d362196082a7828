"""One step in the database: lock, read, (advance), write. Raw SQL, because it is the hot path.

A claim or a completion reads without a lock (`look`) and lets the write assert that nobody was
faster; all else goes so:

1. `lock_…` takes `FOR NO KEY UPDATE` on the instance row and nothing else.
2. `load` is a second statement: under READ COMMITTED it has a snapshot of its own, taken after the
   lock was granted, and therefore sees what the previous holder of the lock wrote. Were lock and
   read one statement, the second of two completers would read old tokens and miss the join.
3. `write` is one data-modifying CTE; every arm hangs on the instance's own update, which asserts
   the version, so either everything is written or nothing.

One or two rows of a kind travel as parameters, more as one jsonb document (`statement`); each text
is prepared once per connection. Lock and read are two statements of one exchange (`wire`), and so
are write and commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar, get_args
from uuid import UUID

import psycopg
from django.db import DataError
from django.utils.translation import gettext as _

from kaitong.core import wire
from kaitong.core.ids import uuid7, uuid_of
from kaitong.process import scopes, values, wakeup
from kaitong.process.arms import ARMS, CHANGED
from kaitong.process.errors import ProcessConflict
from kaitong.process.model import State, Token, WaitKind
from kaitong.process.statement import FEW, Arms, Part

RowKind = Literal[
    "workitem", "command", "incident", "timer", "subscription", "inbox", "call", "phase"
]

LOCK = "select id from process_instance where id = %s for no key update"
LOCK_FREE = LOCK + " skip locked"
LOCK_BY_ROW = """select i.id from process_{0} r join process_instance i on i.id = r.instance_id
 where r.id = %s for no key update of i"""
LOAD = """select i.definition_id, i.branch_id, i.business_id, i.state, i.variables, i.parameters,
 i.version, i.seq, i.open_waits, i.started_at, i.parent_id,
 (select string_agg(concat_ws(E'\\x1f', t.id, t.node, t.wait, t.scope, t.arrived_by), E'\\x1e')
 from process_token t where t.instance_id = i.id), i.scopes,
 case when i.open_waits > 1 then exists (select from process_workitem w
 where w.instance_id = i.id and w.state = 'suspended') end{0}
 from process_instance i where i.id = %s"""
# a process called by another is asked for this besides; a step of most need not open that table
CATCHES = "select catches from process_call where child_id = %s"
LOAD_WITH = ", (select row_to_json(r)::text from process_{0} r where r.id = %s)"
# What claiming and completing ask of a piece of work, as `row_to_json` tells it.
LOOKED_AT = (
    *("id", "node", "token_id", "branch_id", "post", "only_department", "passage", "state"),
    *("candidate", "assigned_by", "claimed_by", "due_at"),
)
_IDENTIFIERS = {"id", "token_id", "branch_id", "candidate", "assigned_by", "claimed_by"}
_LOOKED_FROM = 14  # the columns of LOAD before them
# the instance's identifier is found anew: this statement is asked together with the lock
_OF_ROW = "i.id = (select r.instance_id from process_{0} r where r.id = %s)"

Row = dict[str, Any]
T = TypeVar("T")


@dataclass(slots=True)
class Loaded:
    """An instance as it stood after the lock was granted. `row` is what the verb acts on."""

    id: UUID
    definition_id: UUID
    branch_id: UUID
    business_id: UUID | None
    state: str
    variables: dict[str, Any]
    parameters: dict[str, Any]
    version: int
    seq: int
    open_waits: int
    started_at: datetime
    tokens: tuple[Token, ...]
    row: Row | None = None
    new: bool = False  # not in the database yet: `write` inserts it
    parent_id: UUID | None = None  # the instance that called this one
    catches: frozenset[str] = frozenset()  # error codes the caller catches
    scopes: Row | None = None  # those inside the instance, as they are kept
    suspended: bool = False  # some of its work is, and there are several waits
    locked: bool = True  # else only looked at: the version alone tells whether it has moved

    @property
    def running(self) -> bool:
        return self.state == "running"

    def as_state(self) -> State:
        inside, opened = scopes.read(self.scopes)
        return State(
            tokens=self.tokens,
            variables=self.variables,
            running=self.running,
            catches=self.catches,
            scopes=inside,
            opened=opened,
        )


class Moved(ProcessConflict):
    """Somebody wrote the instance since it was read; nothing of this step is written.

    Who read it without its lock may try again with it (`at_first_sight`).
    """

    def __init__(self) -> None:
        super().__init__(_("流程实例被同时修改，本次未保存。"), _("请刷新后重试。"))


class Change:
    """Everything one step writes besides the instance's own row. Rows are keyed as in `ARMS`.

    A list is made when it is first asked for: a step has a few kinds of some forty.
    """

    tokens_added: list[Row]
    tokens_removed: list[Row]
    tokens_changed: list[Row]
    work_opened: list[Row]
    work_changed: list[Row]
    work_closed: list[Row]
    suspensions_opened: list[Row]
    suspensions_ended: list[Row]
    suspensions_voided: list[Row]
    phases_begun: list[Row]
    phases_ended: list[Row]
    phases_changed: list[Row]
    feedback_added: list[Row]
    timers_opened: list[Row]
    timers_moved: list[Row]
    timers_closed: list[Row]
    subscriptions_opened: list[Row]
    subscriptions_closed: list[Row]
    messages_published: list[Row]
    messages_woken: list[Row]
    inbox_woken: list[Row]
    signals_thrown: list[Row]
    signals_begun: list[Row]
    signals_kept: list[Row]
    commands_opened: list[Row]
    commands_changed: list[Row]
    commands_closed: list[Row]
    calls_opened: list[Row]
    calls_closed: list[Row]
    children_told: list[Row]
    caller_told: list[Row]
    incidents_opened: list[Row]
    incidents_changed: list[Row]
    incidents_closed: list[Row]
    # lines: kind, node, token, facts; what is empty at the end is left out
    history: list[tuple[Any, ...]]

    def __init__(
        self,
        *,
        state: str,
        open_waits: int,
        variables: dict[str, Any] | None = None,
        actor_id: UUID | None = None,
    ) -> None:
        self.state = state
        self.open_waits = open_waits
        self.variables = variables  # None: as they were
        self.scopes: Row | None = None  # None: as they were
        self.ended_at: datetime | None = None
        self.actor_id = actor_id  # who stands in the history
        self.notify = False
        self.patched: Row | None = None  # the new columns of the one changed row; None: look at all

    def __getattr__(self, name: str) -> Any:
        if name not in ARMS:
            raise AttributeError(name)
        rows: list[Any] = []
        self.__dict__[name] = rows
        return rows

    def has(self, *names: str) -> bool:
        """Whether there are rows of any of these kinds."""
        made = self.__dict__
        return any(name in made and made[name] for name in names)


def _as_text(column: str) -> str:
    """A column of a piece of work; identifiers as `row_to_json` tells them."""
    return f"r.{column}::text" if column in _IDENTIFIERS else f"r.{column}"


_INSERT = """p as (insert into process_instance (id, created_at, branch_id, definition_id,
 business_id, parent_id, parameters, variables, scopes, version, seq, open_waits, state, started_at,
 ended_at) values (%s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, 1, %s, %s, %s, %s, %s)
 returning id)"""
_UPDATE = """p as (update process_instance set version = version + 1, seq = %s,
 open_waits = %s, state = %s, ended_at = %s{0} where id = %s and version = %s returning id)"""
_UPDATE_PLAIN = _UPDATE.format("")
_UPDATE_VARIABLES = _UPDATE.format(", variables = %s::jsonb")
_UPDATE_SCOPES = _UPDATE.format(", variables = coalesce(%s::jsonb, variables), scopes = %s::jsonb")
_STATEMENT = Arms(ARMS, CHANGED)
# The last select counts what the instance's update wrote, which must be 1. Where the commit follows
# in the same exchange nobody can look before it, so a count of 0 is an error by itself.
_COUNTS = {False: "count(*)", True: "1 / count(*)"}
_ENDS = {
    (notify, commit): f" select {_COUNTS[commit]}"
    + (f", pg_notify('{wakeup.CHANNEL}', '')" if notify else "")
    + " from p"
    for notify in (False, True)
    for commit in (False, True)
}
_ROW_KINDS: tuple[RowKind, ...] = get_args(RowKind)
HOLD = "select version from process_instance where id = %s for no key update"
# Rows that nobody adds or changes without writing their instance. A step of nothing else may be
# written by who only looked: had any of them changed since, the version would have moved. Others
# are read by the write itself (who listens, which called process has begun), and its snapshot
# may be older than the lock it waits for.
_OF_VERSION = frozenset(
    {
        "tokens_moved",
        "tokens_added",
        "tokens_removed",
        "tokens_changed",
        "work_opened",
        "work_changed",
        "work_closed",
        "phases_begun",
        "phases_ended",
        "timers_opened",
        "timers_moved",
        "timers_closed",
        "commands_opened",
        "calls_opened",
        "incidents_opened",
        "history",
    }
)
_BY_ROW = {
    kind: (
        LOCK_BY_ROW.format(kind),
        LOAD.format(LOAD_WITH.format(kind) + ", i.id").replace("i.id = %s", _OF_ROW.format(kind)),
    )
    for kind in _ROW_KINDS
}


_LOOK = (
    LOAD.format("".join(f", {_as_text(name)}" for name in LOOKED_AT) + ", i.id")
    .replace(
        "from process_instance i where",
        "from process_workitem r join process_instance i on i.id = r.instance_id where",
    )
    .replace("i.id = %s", "r.id = %s")
)


def lock(instance_id: UUID) -> UUID | None:
    """Lock an instance; None when there is none. Must run inside a transaction."""
    return _lock(LOCK, instance_id)


def lock_if_free(instance_id: UUID) -> UUID | None:
    """Lock an instance unless somebody holds it; batches never wait, so they never deadlock."""
    return _lock(LOCK_FREE, instance_id)


def lock_by(kind: RowKind, row_id: UUID) -> UUID | None:
    """Lock the instance to which a work item, command, incident... belongs."""
    return _lock(LOCK_BY_ROW.format(kind), row_id)


def _lock(sql: str, row_id: UUID) -> UUID | None:
    (found,) = wire.ask((sql, (row_id,)), within=True)
    return found[0][0] if found else None


def take(instance_id: UUID) -> Loaded | None:
    """Lock an instance and read it, two statements of one exchange; None when there is none."""
    locked, found = wire.ask((LOCK, (instance_id,)), (LOAD.format(""), (instance_id,)), within=True)
    return _loaded(instance_id, found[0], None) if locked and found else None


def take_by(kind: RowKind, row_id: UUID) -> Loaded | None:
    """Lock the instance of a work item, command... and read both, two statements of one exchange:
    the second has a snapshot of its own, taken after the lock was granted."""
    lock, load = _BY_ROW[kind]
    locked, found = wire.ask((lock, (row_id,)), (load, (row_id, row_id)), within=True)
    return _loaded(found[0][-1], found[0], kind) if locked and found else None


def take_if_free(instance_id: UUID, kind: RowKind, row_id: UUID) -> Loaded | None:
    """As `take_by` for a batch, which never waits: None while somebody holds the lock."""
    load = LOAD.format(LOAD_WITH.format(kind))
    locked, found = wire.ask(
        (LOCK_FREE, (instance_id,)), (load, (row_id, instance_id)), within=True
    )
    return _loaded(instance_id, found[0], kind) if locked and found else None


def load(instance_id: UUID, kind: RowKind | None = None, row_id: UUID | None = None) -> Loaded:
    """Read a locked instance, and the row the verb acts on, in one statement of its own."""
    if kind is None:
        (found,) = wire.ask((LOAD.format(""), (instance_id,)))
    else:
        (found,) = wire.ask((LOAD.format(LOAD_WITH.format(kind)), (row_id, instance_id)))
    if not found:
        raise ProcessConflict(_("流程实例已不存在。"))
    return _loaded(instance_id, found[0], kind)


def look(item_id: UUID) -> Loaded | None:
    """Read an instance and a piece of its work without a lock, in one statement outside of any
    transaction. Whoever goes on from it writes if nobody else has written, else hears `Moved`."""
    (rows,) = wire.ask((_LOOK, (item_id,)), apart=True)
    if not rows:
        return None
    found = rows[0]
    loaded = _loaded(found[-1], found, None)
    loaded.row = dict(zip(LOOKED_AT, found[_LOOKED_FROM:], strict=False))
    loaded.locked = False
    return loaded


def hold(loaded: Loaded) -> None:
    """Lock an instance that was looked at; `Moved` where somebody has written it since. What is in
    the way of a step before its write (an action, a row of another package) needs the lock."""
    if loaded.locked or loaded.new:
        return
    (found,) = wire.ask((HOLD, (loaded.id,)), within=True)
    if not found or found[0][0] != loaded.version:
        raise Moved
    loaded.locked = True


def at_first_sight(verb: Callable[[bool], T]) -> T:
    """A verb that first looks, and locks only where somebody was faster: `verb(False)`, then
    `verb(True)`. Within somebody's transaction it locks at once, as he expects."""
    if not wire.in_transaction():
        try:
            return verb(False)
        except Moved:
            pass  # by now the other one may be heard: with the lock
    return verb(True)


def _loaded(instance_id: UUID, found: tuple[Any, ...], kind: RowKind | None) -> Loaded:
    return Loaded(
        id=instance_id,
        definition_id=found[0],
        branch_id=found[1],
        business_id=found[2],
        state=found[3],
        variables=_json(found[4]),
        parameters=_parameters(found[5]),
        version=found[6],
        seq=found[7],
        open_waits=found[8],
        started_at=found[9],
        tokens=_tokens(found[11]),
        row=_json(found[14]) if kind is not None else None,
        scopes=_json(found[12]),
        suspended=bool(found[13]),
        parent_id=found[10],
        catches=frozenset() if found[10] is None else _catches(instance_id),
    )


def _catches(instance_id: UUID) -> frozenset[str]:
    """The error codes that the caller of this process catches."""
    (found,) = wire.ask((CATCHES, (instance_id,)), apart=True)
    return frozenset(_json(found[0][0]) or ()) if found else frozenset()


_WAITS = {kind.value: kind for kind in WaitKind}
_seen: dict[str, dict[str, Any]] = {}  # parameters by their text: those of a playbook's version


def _parameters(text: Any) -> dict[str, Any]:
    """An operator's figures: what most instances share is read once. Nobody changes them."""
    found = _seen.get(text)
    if found is None:
        if len(_seen) >= 200:
            _seen.clear()
        found = _seen[text] = _json(text)
    return dict(found)


def _tokens(text: str | None) -> tuple[Token, ...]:
    """In the order in which they were made. No name of a drawing holds such separators: XML has no
    control characters."""
    if not text:
        return ()
    found = []
    for line in sorted(text.split("\x1e")):
        token_id, node, wait, scope, arrived_by = line.split("\x1f")
        name = uuid_of(int(token_id.replace("-", ""), 16))
        found.append(Token(name, node, _WAITS[wait], scope, arrived_by))
    return tuple(found)


def _json(value: Any) -> Any:
    """Django's connection hands jsonb over as text; a plain psycopg one as Python values."""
    return values.load(value) if isinstance(value, str | bytes) else value


def write(loaded: Loaded, change: Change, *, now: datetime, last: bool = False) -> None:
    """Write a step in one statement; ProcessConflict if the version moved (a broken lock).

    `last`: the verb asks the database for nothing after this in its transaction. Where that
    transaction is the verb's own, the commit goes with the statement in one exchange; a statement
    that fails, or found another version, commits nothing.
    """
    kinds = _moved(vars(change))
    order = _STATEMENT.order
    names = sorted((n for n in kinds if n in order and kinds[n]), key=order.__getitem__)
    if not loaded.locked and not _OF_VERSION.issuperset(names):
        hold(loaded)
    seq = loaded.seq + len(change.history)
    params: list[Any]
    if loaded.new:
        head = _INSERT
        params = [
            loaded.id,
            now,
            loaded.branch_id,
            loaded.definition_id,
            loaded.business_id,
            loaded.parent_id,
            values.written(loaded.parameters),
            values.written(loaded.variables if change.variables is None else change.variables),
            None if change.scopes is None else values.written(change.scopes),
            seq,
            change.open_waits,
            change.state,
            loaded.started_at,
            change.ended_at,
        ]
    else:
        params = [seq, change.open_waits, change.state, change.ended_at]
        head = _UPDATE_PLAIN
        if change.scopes is not None:
            head = _UPDATE_SCOPES
            kept = None if change.variables is None else values.written(change.variables)
            params += [kept, values.written(change.scopes)]
        elif change.variables is not None:
            head = _UPDATE_VARIABLES
            params.append(values.written(change.variables))
        params += [loaded.id, loaded.version]
    parts: list[Part] = []
    document = {}
    for name in names:
        rows = kinds[name]
        if name == "history":
            rows = [_step(loaded, change, now)]
        patch: tuple[str, ...] = ()
        if change.patched and _STATEMENT.rewrites(name):
            patch = _STATEMENT.patch(name, tuple(change.patched))
            if not patch:
                continue
            rows = rows[:1]
        few = len(rows) if len(rows) <= FEW else 0
        parts.append((name, few, patch))
        if few:
            params += _STATEMENT.values(name, patch, rows)
        else:
            document[name] = rows
    if document:
        params.insert(0, values.written(document))
    notify = change.notify and wakeup.due()
    commit = last and wire.own_transaction()
    # alone in its transaction it needs no error to commit nothing: nothing is what it wrote
    text = _STATEMENT.text(head, tuple(parts), _ENDS[notify, commit and not wire.idle()])
    try:
        (found,) = wire.ask((text, params), commit=commit, typed=True)
    except DataError as error:
        if not isinstance(error.__cause__, psycopg.errors.DivisionByZero):
            raise
        found = []  # no row was written, so nothing was committed
    if not found or found[0][0] != 1:
        if notify:
            wakeup.unsaid()
        raise Moved


def _moved(kinds: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tokens that are gone and others that are new, as far as they are as many, as rows that move:
    mostly a token leaves one step and stands at the next."""
    removed, added = kinds.get("tokens_removed"), kinds.get("tokens_added")
    if not removed or not added:
        return kinds
    pairs = list(zip(removed, added, strict=False))
    return {
        **kinds,
        "tokens_moved": [{"was": old["id"], **new} for old, new in pairs],
        "tokens_removed": removed[len(pairs) :],
        "tokens_added": added[len(pairs) :],
    }


def _step(loaded: Loaded, change: Change, now: datetime) -> Row:
    """The one row of history that a step writes; numbered by its first line."""
    return {
        "id": uuid7(),
        "seq": loaded.seq + 1,
        "actor_id": change.actor_id,
        "at": now,
        "lines": change.history,
    }
