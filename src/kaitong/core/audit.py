"""Who did what, and why: the context that the audit of tables carries, and recorded acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

import pghistory
from django.db import models

from kaitong.core.models import AuditEntry

M = TypeVar("M", bound=type[models.Model])

_acting: ContextVar[tuple[UUID | None, str]] = ContextVar("kaitong_acting", default=(None, ""))


@contextmanager
def acting(actor_id: UUID | None, reason: str = "") -> Iterator[None]:
    """Within the block every change of an audited table carries this actor and reason."""
    token = _acting.set((actor_id, reason))
    try:
        with pghistory.context(actor=str(actor_id) if actor_id else "system", reason=reason):
            yield
    finally:
        _acting.reset(token)


def current_actor_id() -> UUID | None:
    """The actor of the surrounding `acting` block; None for machines."""
    return _acting.get()[0]


def tracked(*, exclude: list[str] | None = None) -> Callable[[M], M]:
    """Audit a model's inserts, updates and deletes by database triggers (django-pghistory).

    `exclude` names encrypted columns: an audit never holds copies of secrets.
    """

    def decorate(model: M) -> M:
        track = pghistory.track(
            pghistory.InsertEvent(),
            pghistory.UpdateEvent(),
            pghistory.DeleteEvent(),
            exclude=exclude or [],
        )
        tracked_model: M = track(model)
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
