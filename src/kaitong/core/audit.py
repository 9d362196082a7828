"""Who did what, and why: the context that the audit of tables carries, and recorded acts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pghistory
import pgtrigger
from django.db import connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from kaitong.core import plain
from kaitong.core.models import AuditEntry

M = TypeVar("M", bound=type[models.Model])

_acting: ContextVar[tuple[UUID | None, str]] = ContextVar("kaitong_acting", default=(None, ""))


class _Context:
    """Who acts and why, as the triggers of audited tables read it.

    It is set for a transaction, before the first statement that may change anything. That it is set
    is kept among the transaction's commit hooks: Django drops those that a rollback undoes, and a
    rollback undoes the setting too, so what is known stays true through savepoints.
    """

    def __init__(self, actor_id: UUID | None, reason: str) -> None:
        told = {"actor": str(actor_id) if actor_id else "system", "reason": reason}
        self.params = (str(uuid4()), json.dumps(told))

    def __call__(self) -> None:
        """As a commit hook: nothing is left to do."""

    def is_set(self, connection: BaseDatabaseWrapper) -> bool:
        last = (hook[1] for hook in reversed(connection.run_on_commit))
        return next((hook for hook in last if isinstance(hook, _Context)), None) is self


_context: ContextVar[_Context | None] = ContextVar("kaitong_audit_context", default=None)

# pghistory's triggers read these settings, which last as long as the transaction.
SET = (
    "select set_config('pghistory.context_id', %s, true),"
    " set_config('pghistory.context_metadata', %s, true)"
)
# Statements that fire no trigger of an audited table; savepoints are most of them.
_CHANGES_NOTHING = (
    "select", "savepoint", "release", "rollback", "begin", "start", "commit", "set", "reset",
    "show", "listen", "unlisten", "notify", "lock", "declare", "fetch", "close", "explain",
    "create", "alter", "drop", "vacuum", "analyze", "checkpoint", "reindex",
)  # fmt: skip


def _telling(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Sets the surrounding context before a statement that may change something."""
    told = _context.get()
    if told is None or str(sql).lstrip()[:12].lower().startswith(_CHANGES_NOTHING):
        return execute(sql, params, many, context)
    on: BaseDatabaseWrapper = context["connection"]
    if not on.in_atomic_block:
        with transaction.atomic(using=on.alias):
            execute(SET, told.params, False, context)
            return execute(sql, params, many, context)
    if not told.is_set(on):
        execute(SET, told.params, False, context)
        on.on_commit(told)
    return execute(sql, params, many, context)


def untold(on: BaseDatabaseWrapper) -> _Context | None:
    """The surrounding context, where this transaction has not been told it: for a statement that
    passes no cursor of Django's. Whoever sends `SET` with it says so to `on.on_commit`."""
    told = _context.get()
    return None if told is None or told.is_set(on) else told


def tell() -> None:
    """Set the surrounding context for this transaction, before rows come in by COPY: no wrapper
    hears of that."""
    told = untold(connection)
    if told is not None and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(SET, told.params)
        connection.on_commit(told)


@contextmanager
def acting(actor_id: UUID | None, reason: str = "") -> Iterator[None]:
    """Within the block every change of an audited table carries this actor and reason."""
    acting_before = _acting.set((actor_id, reason))
    context_before = _context.set(_Context(actor_id, reason))
    try:
        if _telling in connection.execute_wrappers:
            yield
        else:
            with connection.execute_wrapper(_telling):
                yield
    finally:
        _context.reset(context_before)
        _acting.reset(acting_before)


def current_actor_id() -> UUID | None:
    """The actor of the surrounding `acting` block; None for machines."""
    return _acting.get()[0]


# as `core.masking.mask_mobiles`, in PostgreSQL's words
_MASKS = (
    "NEW.{0} := regexp_replace(NEW.{0},"
    " '(?<![0-9A-Za-z])((?:\\+?86)?1[3-9][0-9])[0-9]{{4}}([0-9]{{4}})(?![0-9A-Za-z])',"
    " '\\1****\\2', 'g');"
)


def tracked(
    *, exclude: list[str] | None = None, masked: list[str] | None = None
) -> Callable[[M], M]:
    """Audit a model's inserts, updates and deletes by database triggers (django-pghistory).

    `exclude` names encrypted columns: an audit never holds copies of secrets. Of columns that are
    `masked` it holds the text with mobile numbers masked: a number given up is nobody's to read
    in what was. The rows are no chain of digests: what masks those that stand (`transfer.veiling`)
    changes nothing else of them, and neither do restores.
    """
    meta: dict[str, Any] = {}
    if masked:
        lines = " ".join(_MASKS.format(name) for name in masked)
        meta["triggers"] = [
            pgtrigger.Trigger(
                name="mask_mobiles",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=f"{lines} RETURN NEW;",
            )
        ]

    def decorate(model: M) -> M:
        track = pghistory.track(
            pghistory.InsertEvent(),
            pghistory.UpdateEvent(),
            pghistory.DeleteEvent(),
            exclude=exclude or [],
            meta=meta,
        )
        tracked_model: M = track(model)
        plain.audited.add(tracked_model)
        return tracked_model

    return decorate


def entries(subject_ids: Iterable[UUID], *, limit: int = 200) -> list[AuditEntry]:
    """Recorded acts on these things, newest first. The caller has checked that they are visible."""
    rows = AuditEntry.objects.filter(subject_id__in=list(subject_ids)).order_by("-at")
    return list(rows[:limit])


def record(
    kind: str,
    *,
    actor_id: UUID | None,
    subject_type: str,
    subject_id: UUID | None,
    branch_id: UUID | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append an act to the audit trail, in the caller's transaction."""
    AuditEntry.objects.create(
        kind=kind,
        actor_id=actor_id,
        subject_type=subject_type,
        subject_id=subject_id,
        branch_id=branch_id,
        data=dict(data or {}),
    )
